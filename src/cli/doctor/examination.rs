//! What the doctor looks at, in order, and what it asks for each.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use hyper::Method;
use rustls_pki_types::UnixTime;
use serde_json::{Value, json};

use super::handshake;
use super::reading::{Reading, Refusal};
use crate::doctor::backend::{self, Backend, EndpointSlice, Service};
use crate::doctor::certificate::{self, Handshake};
use crate::doctor::coverage::{self, Surroundings};
use crate::doctor::expected::{Place, WEBHOOKS};
use crate::doctor::probe::{self, Attempt, BROKEN};
use crate::doctor::registration::{Configuration, ServiceReference};
use crate::doctor::{Check, kinds, neighbours, rights};
use crate::model::config_map::INFERENCE_SERVICE_CONFIG;
use crate::object::Kind;
use crate::settings::Settings;

const REGISTRATIONS: &str = "/apis/admissionregistration.k8s.io/v1";
const VALIDATING: &str = "validatingwebhookconfigurations";
const MUTATING: &str = "mutatingwebhookconfigurations";
/// The annotation by which cert-manager fills in a CA bundle.
const INJECTION: &str = "cert-manager.io/inject-ca-from";

/// One visit to a cluster.
pub(super) struct Examination<'a> {
    reading: &'a Reading,
    kserve_namespace: String,
    knative_namespace: String,
    address: Option<&'a str>,
    account: Option<(String, String)>,
}

/// The Services behind webhooks, each with what it is and what answers there.
type Backends = BTreeMap<ServiceReference, (Option<Service>, Backend)>;

impl<'a> Examination<'a> {
    pub(super) fn new(
        reading: &'a Reading,
        settings: &Settings,
        address: Option<&'a str>,
        account: Option<(String, String)>,
    ) -> Self {
        let facts = &settings.judge.facts;
        Self {
            reading,
            kserve_namespace: facts.kserve_namespace.to_string(),
            knative_namespace: facts.knative_namespace.to_string(),
            address,
            account,
        }
    }

    pub(super) async fn run(self) -> Vec<Check> {
        let mut served = BTreeMap::new();
        for kind in kinds::KINDS {
            served.insert(kind, self.versions(kind).await);
        }
        let [validating, mutating] = [self.configurations(VALIDATING).await, self.configurations(MUTATING).await];
        let mut checks = Vec::new();
        if let Ok(validating) = &validating {
            let ours = coverage::ours(validating);
            checks.extend(self.registration(&ours, &served).await);
            let services: BTreeSet<_> = ours.iter().flat_map(|configuration| services(configuration)).collect();
            let backends = self.backends(&services).await;
            checks.extend(backends.iter().map(|(service, (_, backend))| backend::judge(service, backend)));
            checks.extend(self.certificates(&ours, &services).await);
            checks.push(self.dry_run().await);
            checks.extend(self.rights(&backends).await);
        }
        for (kind, served) in &served {
            checks.push(match served {
                Ok(versions) => kinds::judge(*kind, versions),
                Err(refusal) => kinds::unknown(*kind, &refusal.message),
            });
        }
        for (what, read) in [(VALIDATING, &validating), (MUTATING, &mutating)] {
            checks.extend(read.as_ref().err().map(|refusal| neighbours::unknown(what, &refusal.message)));
        }
        if let (Ok(validating), Ok(mutating)) = (&validating, &mutating) {
            checks.extend(self.neighbours(mutating, validating).await);
        }
        checks
    }

    async fn configurations(&self, what: &str) -> Result<Vec<Configuration>, Refusal> {
        self.reading.list(&format!("{REGISTRATIONS}/{what}")).await
    }

    /// The versions in which a kind is served.
    async fn versions(&self, kind: Kind) -> Result<Vec<String>, Refusal> {
        let path = format!("/apis/{}", kind.group());
        let group: Value = match self.reading.get(&path).await {
            Err(refusal) if refusal.is_not_found() => return Ok(Vec::new()),
            answer => answer?,
        };
        let mut versions = Vec::new();
        for version in group["versions"].as_array().into_iter().flatten().filter_map(|entry| entry["version"].as_str())
        {
            let resources: Value = self.reading.get(&format!("{path}/{version}")).await?;
            let mut names = resources["resources"].as_array().into_iter().flatten().map(|resource| &resource["name"]);
            if names.any(|name| name == kind.plural()) {
                versions.push(version.to_owned());
            }
        }
        Ok(versions)
    }

    async fn registration(
        &self,
        ours: &[&Configuration],
        served: &BTreeMap<Kind, Result<Vec<String>, Refusal>>,
    ) -> Vec<Check> {
        if ours.is_empty() {
            return vec![coverage::nothing_registered()];
        }
        let mut around = Surroundings {
            kserve_namespace: self.kserve_namespace.clone(),
            knative_namespace: self.knative_namespace.clone(),
            ..Surroundings::default()
        };
        let mut checks = Vec::new();
        match self.reading.list_metadata::<Value>("/api/v1/namespaces").await {
            Ok(namespaces) => {
                let labels = |namespace: &Value| {
                    let labels = serde_json::from_value(namespace["metadata"]["labels"].clone()).unwrap_or_default();
                    Some((Arc::from(namespace["metadata"]["name"].as_str()?), labels))
                };
                around.namespaces = Some(namespaces.iter().filter_map(labels).collect());
            }
            Err(refusal) => checks.push(neighbours::unknown("namespaces", &refusal.message)),
        }
        let everywhere = WEBHOOKS.iter().filter(|expected| expected.place == Place::Everywhere);
        for kind in everywhere.map(|expected| expected.kind) {
            let Some(Ok(versions)) = served.get(&kind) else { continue };
            let Some(version) = kind.versions().iter().find(|version| versions.iter().any(|served| served == *version))
            else {
                continue;
            };
            let path = format!("/apis/{}/{version}/{}", kind.group(), kind.plural());
            match self.reading.list_metadata::<Value>(&path).await {
                Ok(objects) => {
                    let namespaces = objects.iter().filter_map(|object| object["metadata"]["namespace"].as_str());
                    around.holders.insert(kind, namespaces.map(Arc::from).collect());
                }
                Err(refusal) => {
                    checks.push(neighbours::unknown(&format!("{}.{}", kind.plural(), kind.group()), &refusal.message));
                }
            }
        }
        checks.extend(ours.iter().flat_map(|configuration| coverage::judge(configuration, &around)));
        checks
    }

    async fn backends(&self, services: &BTreeSet<ServiceReference>) -> Backends {
        let mut backends = Backends::new();
        for reference in services {
            backends.insert(reference.clone(), self.backend(reference).await);
        }
        backends
    }

    async fn backend(&self, reference: &ServiceReference) -> (Option<Service>, Backend) {
        let ServiceReference { namespace, name, .. } = reference;
        let service: Service = match self.reading.get(&format!("/api/v1/namespaces/{namespace}/services/{name}")).await
        {
            Ok(service) => service,
            Err(refusal) if refusal.is_not_found() => return (None, Backend::Missing),
            Err(refusal) => return (None, Backend::Unread(refusal.message)),
        };
        let slices = format!(
            "/apis/discovery.k8s.io/v1/namespaces/{namespace}/endpointslices?labelSelector=kubernetes.io%2Fservice-name%3D{name}"
        );
        let backend = match self.reading.list::<EndpointSlice>(&slices).await {
            Ok(slices) => Backend::of(&service, &slices, reference.port.unwrap_or(443)),
            Err(refusal) => Backend::Unread(refusal.message),
        };
        (Some(service), backend)
    }

    async fn certificates(&self, ours: &[&Configuration], services: &BTreeSet<ServiceReference>) -> Vec<Check> {
        let now = UnixTime::now();
        let mut checks = Vec::new();
        let mut bundles = BTreeMap::<&str, (Vec<&str>, bool)>::new();
        for configuration in ours {
            let injected = configuration.metadata.annotations.contains_key(INJECTION);
            for webhook in &configuration.webhooks {
                let entry = bundles.entry(&webhook.client_config.ca_bundle).or_insert((Vec::new(), injected));
                entry.0.push(&webhook.name);
            }
        }
        let one = bundles.len() == 1;
        for (pem, (webhooks, injected)) in &bundles {
            let subject = if one { String::new() } else { webhooks.join(", ") };
            checks.push(certificate::judge_bundle(&subject, pem, *injected, now));
        }
        let pems: Vec<_> = bundles.into_keys().filter(|pem| !pem.is_empty()).collect();
        for server_name in services.iter().map(ServiceReference::server_name).collect::<BTreeSet<_>>() {
            let shown = match self.address {
                Some(address) => handshake::with(address, &server_name).await,
                None => Handshake::NotAsked,
            };
            checks.push(certificate::judge_handshake(&server_name, &shown, &pems, now));
        }
        checks
    }

    /// Sends a write that has to be refused, as a server-side dry run: it is judged like any other and never persisted.
    async fn dry_run(&self) -> Check {
        let namespace = &self.kserve_namespace;
        let collection = format!("/api/v1/namespaces/{namespace}/configmaps");
        let path = format!("{collection}/{INFERENCE_SERVICE_CONFIG}");
        let data = json!({"ingress": BROKEN});
        let sent = match self.reading.get::<Value>(&path).await {
            // What is broken already may stay so.
            Ok(found) if !parses(&found) => Err(format!(
                "data.ingress is no JSON already, and whoever leaves it so is admitted: {namespace} needs mending"
            )),
            Ok(_) => Ok(self.reading.dry_run(Method::PATCH, &path, &json!({"data": data})).await),
            Err(refusal) if refusal.is_not_found() => {
                let metadata = json!({"name": INFERENCE_SERVICE_CONFIG, "namespace": namespace});
                let object = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data});
                Ok(self.reading.dry_run(Method::POST, &collection, &object).await)
            }
            Err(refusal) => Err(format!("what is there cannot be read: {refusal}")),
        };
        let attempt = match sent {
            Err(why) => Attempt::NotSent(why),
            Ok(Ok(())) => Attempt::Admitted,
            Ok(Err(Refusal { code, message })) => Attempt::Refused { code, message },
        };
        probe::judge(&format!("ConfigMap {namespace}/{INFERENCE_SERVICE_CONFIG}"), &attempt)
    }

    async fn rights(&self, backends: &Backends) -> Vec<Check> {
        let (namespace, name) = match self.account(backends).await {
            Ok(account) => account,
            Err(why) => return vec![rights::no_account(&why)],
        };
        let user = format!("system:serviceaccount:{namespace}:{name}");
        let groups = [
            "system:serviceaccounts".to_owned(),
            format!("system:serviceaccounts:{namespace}"),
            "system:authenticated".to_owned(),
        ];
        // Whoever is that account itself may always ask.
        let own = self.whoami().await.is_some_and(|name| name == user);
        let mut answers = Vec::new();
        for question in rights::questions(&self.knative_namespace) {
            let mut spec = json!({"resourceAttributes": {
                "verb": question.verb, "group": question.group, "resource": question.resource,
                "namespace": question.namespace, "name": question.name,
            }});
            let kind = if own { "SelfSubjectAccessReview" } else { "SubjectAccessReview" };
            if !own {
                spec["user"] = user.clone().into();
                spec["groups"] = json!(groups);
            }
            let path = format!("/apis/authorization.k8s.io/v1/{}s", kind.to_lowercase());
            let review = json!({"apiVersion": "authorization.k8s.io/v1", "kind": kind, "spec": spec});
            match self.reading.review::<Value>(&path, &review).await {
                Ok(answer) => answers.push((question, answer["status"]["allowed"] == true)),
                Err(refusal) => return vec![rights::unknown(&user, &refusal.message)],
            }
        }
        rights::judge(&user, &answers)
    }

    async fn whoami(&self) -> Option<String> {
        let review = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"});
        let answer: Value =
            self.reading.review("/apis/authentication.k8s.io/v1/selfsubjectreviews", &review).await.ok()?;
        answer["status"]["userInfo"]["username"].as_str().map(str::to_owned)
    }

    /// The service account of the pods behind plumbline's Service, or of the Deployment that would make them.
    async fn account(&self, backends: &Backends) -> Result<(String, String), String> {
        if let Some(account) = &self.account {
            return Ok(account.clone());
        }
        let found = backends.iter().find_map(|(reference, (service, _))| {
            let selector = &service.as_ref()?.spec.selector;
            (!selector.is_empty()).then_some((&reference.namespace, selector))
        });
        let (namespace, selector) = found.ok_or("no Service of plumbline's selects pods")?;
        let labels = selector.iter().map(|(key, value)| format!("{key}%3D{value}").replace('/', "%2F"));
        let labels = labels.collect::<Vec<_>>().join("%2C");
        let pods = format!("/api/v1/namespaces/{namespace}/pods?labelSelector={labels}");
        let deployments = format!("/apis/apps/v1/namespaces/{namespace}/deployments");
        for (path, spec) in [(pods, "/spec"), (deployments, "/spec/template/spec")] {
            let objects = self.reading.list::<Value>(&path).await.map_err(|refusal| refusal.message)?;
            let labelled = |object: &&Value| {
                let labels = object.pointer(&spec.replace("spec/template/spec", "spec/template/metadata/labels"));
                spec == "/spec"
                    || selector.iter().all(|(key, value)| labels.is_some_and(|labels| labels[&**key] == **value))
            };
            let name =
                objects.iter().filter(labelled).find_map(|object| object.pointer(spec)?["serviceAccountName"].as_str());
            if let Some(name) = name {
                return Ok((namespace.clone(), name.to_owned()));
            }
        }
        Err(format!("no pod or Deployment in {namespace} is behind its Service"))
    }

    async fn neighbours(&self, mutating: &[Configuration], validating: &[Configuration]) -> Vec<Check> {
        let found = neighbours::find(mutating, validating);
        let services = found.iter().filter_map(|neighbour| neighbour.webhook.client_config.service.clone()).collect();
        let backends = self.backends(&services).await.into_iter();
        neighbours::judge(&found, &backends.map(|(service, (_, backend))| (service, backend)).collect())
    }
}

fn services(configuration: &Configuration) -> impl Iterator<Item = ServiceReference> {
    let references = configuration.webhooks.iter().filter_map(|webhook| webhook.client_config.service.as_ref());
    // Every webhook is sent to the same place; the path has been looked at.
    references.map(|service| ServiceReference { path: String::new(), ..service.clone() })
}

/// Whether KServe could read the settings that the dry run breaks.
fn parses(config: &Value) -> bool {
    config["data"]["ingress"].as_str().is_none_or(|text| serde_json::from_str::<Value>(text).is_ok())
}
