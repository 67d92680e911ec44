//! `inferenceservice-config` as KServe reads it (kserve `pkg/apis/serving/v1beta1/configmap.go`).

use std::collections::BTreeMap;
use std::sync::Arc;

use super::config_map::{COMPONENTS, ConfigMap, EXPLAINERS};
use super::go_struct::{GoStruct, Located, Mistake, Refusal, TypeError, go_kind};
use super::go_template::GoTemplate;
use super::inference_service::DeploymentMode;
use super::names::{is_dns_label, is_dns_subdomain, is_virtual_service_destination, virtual_service_gateway_error};
use super::version::Versions;
use crate::object::FieldPath;
use crate::syntax::{Node, SyntaxError, Value, json, line_column};

/// `DefaultIngressDomain`.
const DEFAULT_INGRESS_DOMAIN: &str = "example.com";

/// KServe's gateways and what else of its configuration shapes a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KserveConfig {
    /// Whether `data.ingress` exists; without it every field is its default.
    pub has_ingress: bool,
    /// `ingressGateway`.
    pub ingress_gateway: Located<String>,
    /// `localGateway`.
    pub local_gateway: Located<String>,
    /// `localGatewayService`.
    pub local_gateway_service: Located<String>,
    /// `knativeLocalGatewayService`, or what takes its place.
    pub knative_local_gateway_service: Located<String>,
    /// Whether `knativeLocalGatewayService` was empty or unknown to this release, so that `localGatewayService` counts.
    pub falls_back: bool,
    /// `ingressDomain`.
    pub ingress_domain: Located<String>,
    /// `pathTemplate`, where set.
    pub path_template: Option<GoTemplate>,
    /// `additionalIngressDomains`.
    pub additional_domains: Located<Vec<String>>,
    /// `disableIstioVirtualHost`.
    pub disable_virtual_host: Located<bool>,
    /// `urlScheme`.
    pub url_scheme: Located<String>,
    /// `data.deploy`'s `defaultDeploymentMode`; `None` where the key is absent.
    pub default_mode: Option<DeploymentMode>,
}

impl KserveConfig {
    /// Reads the ConfigMap as this release of KServe does, or says why it would refuse it.
    pub fn parse(config_map: &ConfigMap, versions: Versions) -> Result<Self, Refusal> {
        check_components(&config_map.data, versions)?;
        let default_mode = deployment_mode(&config_map.data, versions)?;
        match config_map.data.get("ingress") {
            Some(text) => Self::parse_ingress(text, default_mode, versions),
            None => Ok(Self::without_ingress(default_mode)),
        }
    }

    /// The path of a field of `data.ingress`.
    #[must_use]
    pub fn path(field: &str) -> FieldPath {
        ConfigMap::path("ingress").text().key(field)
    }

    fn without_ingress(default_mode: Option<DeploymentMode>) -> Self {
        Self {
            has_ingress: false,
            ingress_gateway: Located::default(),
            local_gateway: Located::default(),
            local_gateway_service: Located::default(),
            knative_local_gateway_service: Located::default(),
            falls_back: true,
            ingress_domain: Located::default_value(DEFAULT_INGRESS_DOMAIN.to_owned()),
            path_template: None,
            additional_domains: Located::default(),
            disable_virtual_host: Located::default(),
            url_scheme: Located::default_value("http".to_owned()),
            default_mode,
        }
    }

    fn parse_ingress(text: &str, default_mode: Option<DeploymentMode>, versions: Versions) -> Result<Self, Refusal> {
        let node = parse_object(text, "ingress", "IngressConfig", "unable to parse ingress config json")?;
        let fields = GoStruct { text, node: &node, go_name: "IngressConfig" };
        let refuse_type =
            |error: TypeError| type_refusal(text, "ingress", "unable to parse ingress config json", &error);
        let ingress_gateway = fields.string("ingressGateway").map_err(refuse_type)?;
        let local_gateway = fields.string("localGateway").map_err(refuse_type)?;
        let local_gateway_service = fields.string("localGatewayService").map_err(refuse_type)?;
        let knative_service = fields.string("knativeLocalGatewayService").map_err(refuse_type)?;
        let mut ingress_domain = fields.string("ingressDomain").map_err(refuse_type)?;
        let path_template = fields.string("pathTemplate").map_err(refuse_type)?;
        let additional_domains = fields.strings("additionalIngressDomains").map_err(refuse_type)?;
        let disable_virtual_host = fields.boolean("disableIstioVirtualHost").map_err(refuse_type)?;
        let mut url_scheme = fields.string("urlScheme").map_err(refuse_type)?;
        for field in ["domainTemplate", "ingressClassName", "kserveIngressGateway"] {
            fields.string(field).map_err(refuse_type)?;
        }
        fields.boolean("disableIngressCreation").map_err(refuse_type)?;
        for (field, since) in [("enableLLMInferenceServiceTLS", 18), ("disableHTTPRouteTimeout", 18)] {
            if versions.kserve_is_at_least(since) {
                fields.boolean(field).map_err(refuse_type)?;
            }
        }
        for (field, since) in [("modelBasedRoutingHeaderName", 19), ("modelBasedRoutingMode", 19)] {
            if versions.kserve_is_at_least(since) {
                fields.string(field).map_err(refuse_type)?;
            }
        }
        check_gateway_api(&fields, versions).map_err(|error| error.unwrap_or_else(refuse_type))?;

        require(&ingress_gateway, "ingressGateway", "invalid ingress config - ingressGateway is required")?;
        if versions.kserve_requires_ingress_service() {
            let service = fields.string("ingressService").map_err(refuse_type)?;
            require(&service, "ingressService", "invalid ingress config - ingressService is required")?;
        }
        let path_template = if path_template.value.is_empty() {
            None
        } else {
            let template = GoTemplate::parse(&path_template.value).map_err(|error| Refusal {
                mistake: Mistake::KservePathTemplate,
                message: format!("invalid ingress config, unable to parse pathTemplate: {error}"),
                path: Self::path("pathTemplate"),
                position: path_template.written_line().map(|line| (line, 1)),
            })?;
            let missing = "invalid ingress config - ingressDomain is required if pathTemplate is given";
            require(&ingress_domain, "ingressDomain", missing)?;
            Some(template)
        };
        let falls_back = knative_service.value.is_empty() || !versions.kserve_has_knative_local_gateway_service();
        if ingress_domain.value.is_empty() {
            DEFAULT_INGRESS_DOMAIN.clone_into(&mut ingress_domain.value);
        }
        if url_scheme.value.is_empty() {
            "http".clone_into(&mut url_scheme.value);
        }
        Ok(Self {
            has_ingress: true,
            ingress_gateway,
            local_gateway,
            knative_local_gateway_service: if falls_back { local_gateway_service.clone() } else { knative_service },
            local_gateway_service,
            falls_back,
            ingress_domain,
            path_template,
            additional_domains,
            disable_virtual_host,
            url_scheme,
            default_mode,
        })
    }

    /// The same configuration, not knowing on which lines it is written.
    #[must_use]
    pub fn without_lines(&self) -> Self {
        let mut config = self.clone();
        for text in [
            &mut config.ingress_gateway,
            &mut config.local_gateway,
            &mut config.local_gateway_service,
            &mut config.knative_local_gateway_service,
            &mut config.ingress_domain,
            &mut config.url_scheme,
        ] {
            text.line = 0;
        }
        config.additional_domains.line = 0;
        config.disable_virtual_host.line = 0;
        config
    }

    /// The field that names the destination of KServe's routes.
    #[must_use]
    pub fn destination_field(&self) -> &'static str {
        if self.falls_back { "localGatewayService" } else { "knativeLocalGatewayService" }
    }

    /// Why the API server or istiod would refuse the Service and the VirtualService that KServe writes for a serverless
    /// InferenceService from this configuration, worst first; nothing when it writes none.
    #[must_use]
    pub fn refused_objects(&self) -> Vec<Refusal> {
        if self.disable_virtual_host.value {
            return Vec::new();
        }
        let mut refusals = Vec::new();
        let service = &self.local_gateway_service;
        let target = service.value.strip_suffix('.').unwrap_or(&service.value);
        if !is_dns_subdomain(target) {
            let problem = if target.is_empty() { "Required value" } else { "not a lower-case DNS name without a port" };
            refusals.push(Refusal {
                mistake: Mistake::KserveExternalName,
                message: format!("spec.externalName: {:?}: {problem}", service.value),
                path: if self.has_ingress { Self::path("localGatewayService") } else { ConfigMap::path("ingress") },
                position: service.written_line().map(|line| (line, 1)),
            });
        }
        if let Some(template) = &self.path_template
            && let Some(problem) = path_problem(template)
        {
            refusals.push(Refusal {
                mistake: Mistake::KservePathTemplate,
                message: format!("KServe writes no VirtualService: the path of pathTemplate {problem}"),
                path: Self::path("pathTemplate"),
                position: None,
            });
        }
        for (field, gateway) in [("localGateway", &self.local_gateway), ("ingressGateway", &self.ingress_gateway)] {
            if let Some(problem) = virtual_service_gateway_error(&gateway.value) {
                refusals.push(self.refused_virtual_service(field, gateway, problem));
            }
        }
        let destination = &self.knative_local_gateway_service;
        if let Some(problem) = destination_error(&destination.value) {
            refusals.push(self.refused_virtual_service(self.destination_field(), destination, problem));
        }
        refusals
    }

    fn refused_virtual_service(&self, field: &'static str, value: &Located<String>, problem: &str) -> Refusal {
        Refusal {
            mistake: Mistake::KserveVirtualService,
            message: format!("istiod refuses {:?} in a VirtualService: {problem}", value.value),
            path: if self.has_ingress { Self::path(field) } else { ConfigMap::path("ingress") },
            position: value.written_line().map(|line| (line, 1)),
        }
    }
}

/// Why KServe cannot make a path of a template that parses (kserve `ingress/path.go` `GenerateUrlPath`); `None` where it can
/// or where only Go could tell.
fn path_problem(template: &GoTemplate) -> Option<String> {
    let known = [("Name", "model"), ("Namespace", "models")];
    if let Some(field) = template.fields().find(|field| known.iter().all(|(name, _)| name != field)) {
        return Some(format!("reads .{field}, and there are only .Name and .Namespace"));
    }
    let path = template.render(&known)?;
    let problem = if !path.starts_with('/') {
        "does not begin with \"/\""
    } else if path.starts_with("//") {
        "begins with a host"
    } else if path.contains(|character: char| character.is_ascii_control()) {
        "holds a control character"
    } else if path.match_indices('%').any(|(at, _)| !is_escape(&path[at + 1..])) {
        "holds a \"%\" without two hexadecimal digits"
    } else {
        return None;
    };
    Some(format!("is {path:?}, which {problem}"))
}

fn is_escape(behind: &str) -> bool {
    behind.as_bytes().first_chunk::<2>().is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
}

/// Why istiod's webhook refuses a destination host.
fn destination_error(host: &str) -> Option<&'static str> {
    if host.is_empty() {
        return Some("the destination is empty");
    }
    (!is_virtual_service_destination(host)).then_some("it is no domain name")
}

fn require(value: &Located<String>, field: &'static str, message: &str) -> Result<(), Refusal> {
    if value.value.is_empty() {
        let path = KserveConfig::path(field);
        let position = value.written_line().map(|line| (line, 1));
        return Err(Refusal { mistake: Mistake::KserveRequired, message: message.to_owned(), path, position });
    }
    Ok(())
}

/// Checks the Gateway API keys: `Err(Ok(_))` is a refusal of its own, `Err(Err(_))` a wrong type.
fn check_gateway_api(fields: &GoStruct<'_>, versions: Versions) -> Result<(), Result<Refusal, TypeError>> {
    if !versions.kserve_has_gateway_api() {
        return Ok(());
    }
    let enabled = fields.boolean("enableGatewayApi").map_err(Err)?;
    let gateway = fields.string("kserveIngressGateway").map_err(Err)?;
    if !enabled.value {
        return Ok(());
    }
    let (mistake, message) = match gateway.value.split('/').collect::<Vec<_>>().as_slice() {
        [""] => (Mistake::KserveRequired, "invalid ingress config - kserveIngressGateway is required"),
        [namespace, name] if is_dns_label(namespace) && is_dns_label(name) => return Ok(()),
        [_, _] => (Mistake::KserveIngressGatewayName, "kserveIngressGateway is not made of two DNS labels"),
        _ => (Mistake::KserveIngressGatewayName, "kserveIngressGateway must be in the form <namespace>/<name>"),
    };
    let position = gateway.written_line().map(|line| (line, 1));
    Err(Ok(Refusal {
        mistake,
        message: message.to_owned(),
        path: KserveConfig::path("kserveIngressGateway"),
        position,
    }))
}

/// Checks the keys of which KServe reads nothing that a walk needs, and without which it reconciles no InferenceService
/// (`NewInferenceServicesConfig`). Only their outermost form is checked.
fn check_components(data: &BTreeMap<String, Arc<str>>, versions: Versions) -> Result<(), Refusal> {
    let keys = [(EXPLAINERS, "ExplainersConfig", true), (COMPONENTS, "InferenceServicesConfig", false)];
    let is_known = |key: &str| key == EXPLAINERS || versions.kserve_is_at_least(15);
    for (key, go_name, takes_null) in keys.into_iter().filter(|(key, ..)| is_known(key)) {
        let Some(text) = data.get(key).filter(|text| !takes_null || text.trim() != "null") else { continue };
        parse_object(text, key, go_name, &format!("unable to unmarshall {key} json string"))?;
    }
    Ok(())
}

fn deployment_mode(data: &BTreeMap<String, Arc<str>>, versions: Versions) -> Result<Option<DeploymentMode>, Refusal> {
    let Some(text) = data.get("deploy") else { return Ok(None) };
    let node = parse_object(text, "deploy", "DeployConfig", "unable to parse deploy config json")?;
    let fields = GoStruct { text, node: &node, go_name: "DeployConfig" };
    let mode = fields
        .string("defaultDeploymentMode")
        .map_err(|error| type_refusal(text, "deploy", "unable to parse deploy config json", &error))?;
    let path = ConfigMap::path("deploy").text().key("defaultDeploymentMode");
    let position = mode.written_line().map(|line| (line, 1));
    if mode.value.is_empty() {
        let message = "invalid deploy config, defaultDeploymentMode is required".to_owned();
        return Err(Refusal { mistake: Mistake::KserveRequired, message, path, position });
    }
    let is_new_name = matches!(mode.value.as_str(), "Knative" | "Standard");
    match DeploymentMode::parse(&mode.value) {
        Some(known) if !is_new_name || versions.kserve_has_new_mode_names() => Ok(Some(known)),
        _ => {
            let modes = if versions.kserve_has_new_mode_names() {
                "Knative, Standard and ModelMesh"
            } else {
                "Serverless, RawDeployment and ModelMesh"
            };
            let message = format!("invalid deployment mode {:?}. Supported modes are {modes}", mode.value);
            Err(Refusal { mistake: Mistake::KserveDeploymentMode, message, path, position })
        }
    }
}

fn parse_object(text: &str, key: &str, go_name: &str, context: &str) -> Result<Node, Refusal> {
    let refuse = |mistake, message: String, offset| Refusal {
        mistake,
        message: format!("{context}: {message}"),
        path: ConfigMap::path(key),
        position: Some(line_column(text, offset)),
    };
    let node =
        json::parse(text).map_err(|SyntaxError { message, offset }| refuse(Mistake::KserveJson, message, offset))?;
    match node.value {
        Value::Mapping(_) => Ok(node),
        // Go sets the pointer to nil, and KServe dereferences it.
        Value::Null => Err(refuse(Mistake::KserveJson, "null makes KServe panic".to_owned(), node.span.start)),
        ref other => {
            let message = format!("json: cannot unmarshal {} into Go value of type v1beta1.{go_name}", go_kind(other));
            Err(refuse(Mistake::KserveType, message, node.span.start))
        }
    }
}

fn type_refusal(text: &str, key: &str, context: &str, error: &TypeError) -> Refusal {
    Refusal {
        mistake: Mistake::KserveType,
        message: format!("{context}: {}", error.message),
        path: ConfigMap::path(key).text().key(error.field),
        position: Some(line_column(text, error.offset)),
    }
}
