//! What was most likely meant by configuration that is refused, tried before it is offered.

use std::sync::Arc;

use serde_json::{Value as Json, json};

use crate::finding::Remedy;
use crate::model::config_map::{CONFIG_ISTIO, ConfigMap};
use crate::model::go_struct::{Mistake, Refusal};
use crate::model::istio_config::{IstioConfig, SHIPPED_EXTERNAL};
use crate::model::kserve_config::KserveConfig;
use crate::model::names::virtual_service_gateway_error;
use crate::object::{Segment, Site};
use crate::rules::case::field;
use crate::rules::name::full_form;
use crate::rules::suggest::host_before;
use crate::rules::{derived, edit, remedy};
use crate::syntax::json;
use crate::view::{Lookup, View};
use crate::walk::ClusterFacts;

/// How many slips in one text are mended.
const SLIPS: usize = 16;

/// A refused text, and the place in it.
struct Refused<'a> {
    view: &'a View<'a>,
    facts: &'a ClusterFacts,
    refusal: &'a Refusal,
    /// The ConfigMap's site.
    site: &'a Site,
    /// The same, or that in the KnativeServing which it is written from.
    at: Site,
    text: Arc<str>,
}

pub(super) fn remedies(view: &View<'_>, facts: &ClusterFacts, site: &Site, refusal: &Refusal) -> Vec<Remedy> {
    let at = derived::source_of(view, facts, site).unwrap_or_else(|| site.clone());
    let Some(text) = derived::text_at(view, &at) else {
        return vec![remedy::by_hand(&at.object, format!("write {}", field(&at)))];
    };
    let refused = Refused { view, facts, refusal, site, at, text };
    vec![refused.remedy()]
}

impl Refused<'_> {
    fn remedy(&self) -> Remedy {
        let place = field(&self.at);
        match self.refusal.mistake {
            Mistake::KserveJson => self.edited(json_advice(&place, self.refusal), repaired(&self.text)),
            Mistake::KserveType => self.retyped(&place),
            Mistake::KserveRequired => self.required(&place),
            Mistake::KserveDeploymentMode => self.mode(&place),
            Mistake::KserveExternalName | Mistake::KserveVirtualService | Mistake::IstioEntry => self.renamed(&place),
            Mistake::IstioYaml => {
                let text = format!(
                    "write {place} as a YAML list: \"- name: GATEWAY\", then \"namespace:\" and \"service:\" indented by \
                     two spaces"
                );
                self.edited(text, as_list(&self.text))
            }
            Mistake::KserveIngressGatewayName => {
                self.edited(format!("write {place} as \"namespace/name\" of a Gateway API Gateway"), None)
            }
            Mistake::KservePathTemplate => {
                let example = "\"/serving/{{ .Namespace }}/{{ .Name }}\"";
                self.edited(format!("write {place} with double braces, as in {example}"), None)
            }
            Mistake::IstioFormats => {
                let text =
                    format!("delete {place}, or delete external-gateways and local-gateways: one format at a time");
                self.edited(text, None)
            }
            Mistake::IstioDefault => {
                let text = format!(
                    "leave exactly one entry of {place} without labelSelector: it serves what no selector matches"
                );
                self.edited(text, None)
            }
            Mistake::ConfigMissing => self.edited(format!("write {place}"), None),
        }
    }

    /// An instruction, with the edited text where the controller would accept it.
    fn edited(&self, instruction: String, edited: Option<String>) -> Remedy {
        remedy::rewrite(self.view, &self.at, instruction, edited.filter(|edited| self.is_accepted(edited)))
    }

    /// The value at the place, replaced; only where the controller would then accept the text.
    fn valued(&self, place: &str, value: &Json) -> Option<Remedy> {
        let edited = edit::replace(&self.text, self.way(), value).filter(|edited| self.is_accepted(edited))?;
        Some(remedy::rewrite(self.view, &self.at, format!("set {place} to {value}"), Some(edited)))
    }

    /// The way to the place inside the text.
    fn way(&self) -> &[Segment] {
        let path = &self.site.path.0;
        let split = path.iter().position(|segment| *segment == Segment::Text);
        split.and_then(|split| path.get(split + 1..)).unwrap_or_default()
    }

    fn value(&self) -> Option<Json> {
        edit::find(&self.text, self.way()).map(|(value, _)| value)
    }

    /// Whether the controller takes the ConfigMap with this text in it, or complains of something else.
    fn is_accepted(&self, edited: &str) -> bool {
        let site = self.site;
        let Some(Segment::Key(key)) = site.path.0.get(1) else { return false };
        let Lookup::Present(held) = self.view.config_map(&site.object.namespace, &site.object.name) else {
            return false;
        };
        let mut data = held.data.clone();
        data.insert(key.to_string(), edited.into());
        let tried = ConfigMap { meta: held.meta.clone(), data };
        let same = |refusal: &Refusal| (refusal.mistake, &refusal.path) == (self.refusal.mistake, &self.refusal.path);
        if &*site.object.name == CONFIG_ISTIO {
            let (namespace, domain) = (&self.facts.knative_namespace, &self.facts.cluster_domain);
            return IstioConfig::parse(&tried, namespace, domain, self.facts.versions).is_ok();
        }
        match KserveConfig::parse(&tried, self.facts.versions) {
            Ok(config) => !config.refused_objects().iter().any(same),
            Err(refusal) => !same(&refusal) && refusal.mistake > self.refusal.mistake,
        }
    }

    fn retyped(&self, place: &str) -> Remedy {
        let message = &self.refusal.message;
        let value = self.value().unwrap_or_default();
        let (meant, advice) = if message.ends_with("of type bool") {
            let boolean = value.as_str().and_then(|text| text.trim().to_ascii_lowercase().parse::<bool>().ok());
            (boolean.map(Json::from), format!("write true or false in {place}, without quotes"))
        } else if message.ends_with("of type []string") {
            (value.is_string().then(|| json!([value])), format!("write {place} as a list: [\"a.example.com\"]"))
        } else {
            let scalar = value.is_number() || value.is_boolean();
            (scalar.then(|| Json::from(value.to_string())), format!("write {place} as a string, in double quotes"))
        };
        meant.and_then(|meant| self.valued(place, &meant)).unwrap_or_else(|| self.edited(advice, None))
    }

    fn required(&self, place: &str) -> Remedy {
        let key = match self.way().last() {
            Some(Segment::Key(key)) => &**key,
            _ => "",
        };
        match key {
            "ingressGateway" => {
                let namespace = &self.facts.knative_namespace;
                let shipped = format!("{namespace}/{SHIPPED_EXTERNAL}");
                let exists = matches!(self.view.gateway(namespace, SHIPPED_EXTERNAL), Lookup::Present(_));
                let text = format!("set {place} to the Gateway of public traffic, as in \"{shipped}\"");
                let known = exists.then(|| self.valued(place, &Json::from(shipped))).flatten();
                known.unwrap_or_else(|| self.edited(text, None))
            }
            "defaultDeploymentMode" => self.edited(format!("set {place} to \"Serverless\" or \"RawDeployment\""), None),
            _ => self.edited(format!("give {place} a value"), None),
        }
    }

    fn mode(&self, place: &str) -> Remedy {
        // The old names are known to every release; each new one has its old one beside it.
        const MODES: [(&str, &str); 3] =
            [("Knative", "Serverless"), ("Standard", "RawDeployment"), ("ModelMesh", "ModelMesh")];
        let written = self.value().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default();
        let is = |name: &str| name.eq_ignore_ascii_case(written.trim());
        let meant = MODES.iter().find(|(new, old)| is(new) || is(old));
        let known = meant.and_then(|(new, old)| {
            let first = if is(new) { new } else { old };
            self.valued(place, &Json::from(*first)).or_else(|| self.valued(place, &Json::from(*old)))
        });
        known.unwrap_or_else(|| {
            self.edited(
                format!("set {place} to \"Serverless\" or \"RawDeployment\", which every release of KServe knows"),
                None,
            )
        })
    }

    /// A name of a Gateway or of a Service, in the form that it must have.
    fn renamed(&self, place: &str) -> Remedy {
        let key = match self.way().last() {
            Some(Segment::Key(key)) => key.to_string(),
            _ => return self.edited(format!("write {place}, with the gateways of this cluster in it"), None),
        };
        let written = self.value().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default();
        if key.ends_with("Gateway") {
            let trimmed = written.trim();
            let is_name = trimmed != written && virtual_service_gateway_error(trimmed).is_none();
            let known = is_name.then(|| self.valued(place, &Json::from(trimmed))).flatten();
            return known.unwrap_or_else(|| {
                self.edited(format!("write {place} as \"namespace/name\" of an Istio Gateway"), None)
            });
        }
        let meant = match key.to_ascii_lowercase().ends_with("service") {
            true if written.is_empty() => self.service_of_entry(),
            true => full_form(&written, self.facts),
            false => None,
        };
        let known = meant.and_then(|meant| self.valued(place, &Json::from(meant)));
        let form = if key == "labelSelector" {
            "keys and values that labels may have, and the operators In, NotIn, Exists or DoesNotExist"
        } else {
            "a value (a service is a full Service name, without a port)"
        };
        known.unwrap_or_else(|| self.edited(format!("give {place} {form}"), None))
    }

    /// The Service that leads to the Gateway of an entry of `config-istio` which names none.
    fn service_of_entry(&self) -> Option<String> {
        let (_, entry) = self.way().split_last()?;
        let named = |name: &str| {
            let way: Vec<Segment> = entry.iter().cloned().chain([Segment::Key(name.into())]).collect();
            edit::find(&self.text, &way)?.0.as_str().map(str::to_owned)
        };
        let gateway = self.view.gateway(&named("namespace")?, &named("name")?).present()?;
        host_before(self.view, self.facts, &gateway)
    }
}

/// What most often makes JSON unreadable at this place.
fn json_advice(place: &str, refusal: &Refusal) -> String {
    let message = refusal.message.as_str();
    if message.contains("null makes") {
        format!("write an object in {place}, or remove the key")
    } else if message.contains("after top-level value") {
        format!("remove what follows the closing brace in {place}")
    } else if message.contains("'/'") || message.contains("'#'") {
        format!("remove the comment in {place}: JSON has none")
    } else if message.contains("'}' looking for beginning of object key") {
        format!("remove the comma before the closing brace in {place}: JSON allows none after the last entry")
    } else {
        format!("correct the JSON in {place}, for example with `jq .`")
    }
}

/// The JSON without its slips: commas after the last entry, comments, and what follows the closing brace.
fn repaired(text: &str) -> Option<String> {
    let mut text = text.to_owned();
    for _ in 0..SLIPS {
        let Err(error) = json::parse(&text) else { return Some(text) };
        let (before, rest) = text.split_at_checked(error.offset)?;
        let is_comment = rest.starts_with("//") || rest.starts_with('#');
        let is_after = error.message.contains("after top-level value");
        text = if is_comment {
            let end = rest.find('\n').unwrap_or(rest.len());
            format!("{}{}", before.trim_end_matches([' ', '\t']), &rest[end..])
        } else if is_after {
            before.trim_end().to_owned()
        } else if rest.starts_with(['}', ']']) {
            let entry = before.trim_end().strip_suffix(',')?;
            format!("{entry}{}{rest}", &before[before.trim_end().len()..])
        } else {
            return None;
        };
    }
    None
}

/// A mapping as the only entry of a list.
fn as_list(text: &str) -> Option<String> {
    let body = text.trim_end();
    let lines = body.lines().enumerate();
    let lines = lines.map(|(index, line)| if index == 0 { format!("- {line}") } else { format!("  {line}") });
    (!body.trim_start().starts_with('-')).then(|| lines.collect::<Vec<_>>().join("\n") + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_mended_and_nothing_else() {
        let text = "{\n  \"a\": [1, 2,], // one\n  # two\n  \"b\": \"x # y\",\n}\n}";
        assert_eq!(repaired(text).as_deref(), Some("{\n  \"a\": [1, 2],\n\n  \"b\": \"x # y\"\n}"));
        assert_eq!(repaired("{\"a\" 1}"), None);
    }

    #[test]
    fn a_single_gateway_becomes_a_list_of_one() {
        assert_eq!(as_list("name: a\nservice: b\n").as_deref(), Some("- name: a\n  service: b\n"));
        assert_eq!(as_list("- name: a\n"), None);
    }
}
