{{- /*
Refuses servers that drop matchConditions, which are on by default from 1.28. Not by Chart.yaml's kubeVersion: a helm built
without its release stamps claims to render for 1.20.0 when no cluster is asked.
*/ -}}
{{- define "plumbline.assertServer" -}}
{{- $version := .Capabilities.KubeVersion.Version -}}
{{- if and (semverCompare "<1.28.0-0" $version) (ne $version "v1.20.0") -}}
{{- fail (printf "plumbline needs Kubernetes 1.28 or newer, and this is %s" $version) -}}
{{- end -}}
{{- end -}}

{{- /* Refuses to install where the exclusion of namespaces would leave out what is to be guarded. */ -}}
{{- define "plumbline.assertGuarded" -}}
{{- $guarded := list .Values.namespaces.kserve .Values.namespaces.knative -}}
{{- if .Values.webhook.gatewayServices.enabled -}}
{{- $guarded = concat $guarded .Values.webhook.gatewayServices.namespaces -}}
{{- end -}}
{{- if has .Release.Namespace $guarded -}}
{{- fail (printf "namespace %s is one that plumbline guards, and its own namespace is exempt: install it into another one" .Release.Namespace) -}}
{{- end -}}
{{- range .Values.webhook.excludedNamespaces -}}
{{- if has . $guarded -}}
{{- fail (printf "webhook.excludedNamespaces holds %s, which plumbline guards: remove it from one of the two lists" .) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- /* One webhook, every field written out: what the API server would add is a difference to whoever compares. */ -}}
{{- define "plumbline.webhook" -}}
{{- $root := .root -}}
- name: {{ .name }}
  clientConfig:
    service:
      name: {{ include "plumbline.fullname" $root }}
      namespace: {{ $root.Release.Namespace }}
      path: /validate
      port: 443
    {{- if eq $root.Values.certificate.mode "supplied" }}
    caBundle: {{ required "certificate.supplied.caBundle is empty: the API server would refuse the serving certificate" $root.Values.certificate.supplied.caBundle | b64enc }}
    {{- end }}
  rules:
    - apiGroups: [{{ .group | quote }}]
      apiVersions: {{ toJson .versions }}
      operations: [CREATE, UPDATE, DELETE]
      resources: [{{ .resource }}]
      scope: Namespaced
  failurePolicy: {{ .failurePolicy | default $root.Values.webhook.failurePolicy }}
  matchPolicy: Equivalent
  namespaceSelector:
    matchExpressions:
      - key: kubernetes.io/metadata.name
        operator: {{ .namespaces.operator }}
        values: {{ uniq .namespaces.values | toJson }}
  objectSelector: {}
  sideEffects: None
  timeoutSeconds: {{ $root.Values.webhook.timeoutSeconds }}
  admissionReviewVersions: [v1]
{{- end -}}
