//! `config-istio` as net-istio reads it (net-istio `pkg/reconciler/ingress/config/istio.go`).

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Labels;
use super::config_map::ConfigMap;
use super::go_struct::{GoStruct, Mistake, Refusal, TypeError, go_kind};
use super::label_selector::LabelSelector;
use super::names::{GatewayRef, is_dns_subdomain};
use super::version::Versions;
use crate::object::FieldPath;
use crate::syntax::{Node, Value, line_column, yaml};

/// The name of the external Gateway that Knative ships.
pub const SHIPPED_EXTERNAL: &str = "knative-ingress-gateway";
/// The name of the local Gateway that Knative ships, and of its Service.
pub const SHIPPED_LOCAL: &str = "knative-local-gateway";

const EXTERNAL_KEY: &str = "external-gateways";
const LOCAL_KEY: &str = "local-gateways";
const OLD_EXTERNAL_PREFIX: &str = "gateway.";
const OLD_LOCAL_PREFIX: &str = "local-gateway.";

/// The gateways that net-istio binds Knative services to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IstioConfig {
    /// For public hosts.
    pub external: Vec<GatewayEntry>,
    /// For cluster-local hosts.
    pub local: Vec<GatewayEntry>,
    /// A list that is empty means the defaults to old releases and nothing to new ones, and the release is unknown.
    pub empty_list_is_ambiguous: bool,
}

/// One gateway of `config-istio`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GatewayEntry {
    /// The Gateway.
    pub gateway: GatewayRef,
    /// `service`: the host that Knative's placeholder Service points at.
    pub service: String,
    /// `labelSelector`; an entry without one is the default of its list.
    pub selector: Option<LabelSelector>,
    /// The entry in the ConfigMap, or the key that is not there and so means the shipped default.
    pub path: FieldPath,
    /// The entry's line in the key's text; `None` for a default or an old key.
    pub line: Option<u32>,
    /// Whether the entry is the shipped default, written nowhere.
    pub is_shipped_default: bool,
}

impl GatewayEntry {
    /// The path of a field of this entry; old keys hold the gateway's name themselves and the service as their value.
    #[must_use]
    pub fn field(&self, field: &str) -> FieldPath {
        if self.line.is_some() { self.path.clone().key(field) } else { self.path.clone() }
    }
}

impl IstioConfig {
    /// Reads the ConfigMap as this release of net-istio in `namespace` does, or says why it would refuse it.
    pub fn parse(
        config_map: &ConfigMap,
        namespace: &str,
        cluster_domain: &str,
        versions: Versions,
    ) -> Result<Self, Refusal> {
        let data = &config_map.data;
        let shipped = Shipped { namespace, cluster_domain };
        let lists = [EXTERNAL_KEY, LOCAL_KEY].map(|key| data.get_key_value(key));
        let old = |key: &String| key.starts_with(OLD_EXTERNAL_PREFIX) || key.starts_with(OLD_LOCAL_PREFIX);
        let old_key = data.keys().find(|key| old(key));
        let reads_lists = versions.knative_has_gateway_lists();
        let new_key = lists.iter().flatten().map(|(key, _)| *key).next().filter(|_| reads_lists);
        let config = match (new_key, old_key) {
            (Some(new), Some(old)) => return Err(both_formats(new, old)),
            (Some(_), None) => shipped.parse_lists(data, versions)?,
            (None, _) => Self {
                external: shipped.or_default(shipped.old_entries(data, OLD_EXTERNAL_PREFIX), EXTERNAL_KEY),
                local: shipped.or_default(shipped.old_entries(data, OLD_LOCAL_PREFIX), LOCAL_KEY),
                empty_list_is_ambiguous: false,
            },
        };
        for (label, entries) in [("gateway", &config.external), ("local gateway", &config.local)] {
            for entry in entries {
                check_entry(entry, label)?;
            }
        }
        Ok(config)
    }

    /// The local gateways of a Knative service with these labels (net-istio `GatewaysFromContext`).
    #[must_use]
    pub fn local_for<'a>(&'a self, labels: &Labels) -> Vec<&'a GatewayEntry> {
        entries_for(&self.local, labels)
    }

    /// The external gateways of a Knative service with these labels.
    #[must_use]
    pub fn external_for<'a>(&'a self, labels: &Labels) -> Vec<&'a GatewayEntry> {
        entries_for(&self.external, labels)
    }

    /// The same configuration, not knowing on which lines it is written.
    #[must_use]
    pub fn without_lines(&self) -> Self {
        let mut config = self.clone();
        for entry in config.external.iter_mut().chain(&mut config.local) {
            // A list's entry has a line, an old key's has none: which of the two it is stays known.
            entry.line = entry.line.map(|_| 0);
        }
        config
    }

    /// Whether any entry selects by labels.
    #[must_use]
    pub fn selects_by_label(&self) -> bool {
        self.external.iter().chain(&self.local).any(|entry| entry.selector.is_some())
    }
}

fn entries_for<'a>(entries: &'a [GatewayEntry], labels: &Labels) -> Vec<&'a GatewayEntry> {
    let chosen: Vec<_> = entries
        .iter()
        .filter(|entry| entry.selector.as_ref().is_some_and(|selector| selector.matches(labels)))
        .collect();
    if chosen.is_empty() { entries.iter().filter(|entry| entry.selector.is_none()).collect() } else { chosen }
}

/// What the defaults depend on.
struct Shipped<'a> {
    namespace: &'a str,
    cluster_domain: &'a str,
}

impl Shipped<'_> {
    fn parse_lists(&self, data: &BTreeMap<String, Arc<str>>, versions: Versions) -> Result<IstioConfig, Refusal> {
        let mut ambiguous = false;
        let mut list = |key: &'static str| -> Result<Vec<GatewayEntry>, Refusal> {
            let text = data.get(key).map_or("", AsRef::as_ref);
            if text.trim().is_empty() {
                return Ok(self.or_default(Vec::new(), key));
            }
            let entries = list_entries(key, text)?;
            if !entries.is_empty() {
                return Ok(entries);
            }
            match versions.knative_empty_list_means_none() {
                Some(true) => Ok(entries),
                Some(false) => Ok(self.or_default(entries, key)),
                None => {
                    ambiguous = true;
                    Ok(entries)
                }
            }
        };
        let external = list(EXTERNAL_KEY)?;
        let local = list(LOCAL_KEY)?;
        for (key, which, entries) in [(EXTERNAL_KEY, "external", &external), (LOCAL_KEY, "local", &local)] {
            let defaults: Vec<_> = entries.iter().filter(|entry| entry.selector.is_none()).collect();
            if !entries.is_empty() && defaults.len() != 1 {
                let names: Vec<_> = defaults.iter().map(|entry| entry.gateway.to_string()).collect();
                return Err(Refusal {
                    mistake: Mistake::IstioDefault,
                    message: format!(
                        "failed to parse configmap: exactly one {which} gateway with no selector can be defined, here: [{}]",
                        names.join(" ")
                    ),
                    path: ConfigMap::path(key),
                    position: Some((defaults.last().and_then(|entry| entry.line).unwrap_or(1), 1)),
                });
            }
        }
        Ok(IstioConfig { external, local, empty_list_is_ambiguous: ambiguous })
    }

    fn or_default(&self, entries: Vec<GatewayEntry>, key: &'static str) -> Vec<GatewayEntry> {
        if !entries.is_empty() {
            return entries;
        }
        let (name, service) =
            if key == LOCAL_KEY { (SHIPPED_LOCAL, SHIPPED_LOCAL) } else { (SHIPPED_EXTERNAL, "istio-ingressgateway") };
        vec![GatewayEntry {
            gateway: GatewayRef { namespace: self.namespace.to_owned(), name: name.to_owned() },
            service: format!("{service}.istio-system.svc.{}", self.cluster_domain),
            selector: None,
            path: ConfigMap::path(key),
            line: None,
            is_shipped_default: true,
        }]
    }

    fn old_entries(&self, data: &BTreeMap<String, Arc<str>>, prefix: &str) -> Vec<GatewayEntry> {
        // A map iterates in the order of its keys, as net-istio sorts them.
        let named = data.iter().filter_map(|(key, service)| {
            let name = key.strip_prefix(prefix).filter(|name| !name.is_empty())?;
            let (namespace, name) = name.split_once('.').unwrap_or((self.namespace, name));
            Some(GatewayEntry {
                gateway: GatewayRef { namespace: namespace.to_owned(), name: name.to_owned() },
                service: service.to_string(),
                selector: None,
                path: ConfigMap::path(key),
                line: None,
                is_shipped_default: false,
            })
        });
        named.collect()
    }
}

fn both_formats(new: &str, old: &str) -> Refusal {
    Refusal {
        mistake: Mistake::IstioFormats,
        message: format!(
            "invalid configmap: \"{LOCAL_KEY}\" or \"{EXTERNAL_KEY}\" can not be defined simultaneously with \
             \"{OLD_EXTERNAL_PREFIX}\" or \"{OLD_LOCAL_PREFIX}\" (here: {new:?} and {old:?})"
        ),
        path: ConfigMap::path(old),
        position: None,
    }
}

fn list_entries(key: &'static str, text: &str) -> Result<Vec<GatewayEntry>, Refusal> {
    let refuse = |message: String, path: FieldPath, offset: usize| Refusal {
        mistake: Mistake::IstioYaml,
        message: format!("failed to parse configmap: failed to parse {key:?} gateways: failed to unmarshal: {message}"),
        path,
        position: Some(line_column(text, offset)),
    };
    let node = yaml::parse(text).map_err(|error| refuse(error.message, ConfigMap::path(key), error.offset))?;
    let items = match &node.value {
        Value::Null => return Ok(Vec::new()),
        Value::Sequence(items) => items,
        other => {
            let message = format!("json: cannot unmarshal {} into Go value of type []config.Gateway", go_kind(other));
            return Err(refuse(message, ConfigMap::path(key), node.span.start));
        }
    };
    let entry = |(index, item): (usize, &Node)| {
        let path = ConfigMap::path(key).text().index(index);
        if !matches!(item.value, Value::Mapping(_) | Value::Null) {
            let message =
                format!("json: cannot unmarshal {} into Go value of type config.Gateway", go_kind(&item.value));
            return Err(refuse(message, path, item.span.start));
        }
        let fields = GoStruct { text, node: item, go_name: "Gateway" };
        let typed = |error: TypeError| refuse(error.message, path.clone().key(error.field), error.offset);
        let namespace = fields.coerced_string("namespace").map_err(typed)?.value;
        let name = fields.coerced_string("name").map_err(typed)?.value;
        let service = fields.coerced_string("service").map_err(typed)?.value;
        let mut selector = None;
        for node in fields.nodes("labelSelector") {
            // A pointer: `null` clears it.
            selector = match &node.value {
                Value::Null => None,
                _ => Some(LabelSelector::read(text, node).map_err(|error| {
                    refuse(error.message, path.clone().key("labelSelector").key(error.field), error.offset)
                })?),
            };
        }
        Ok(GatewayEntry {
            gateway: GatewayRef { namespace, name },
            service,
            selector,
            path,
            line: Some(line_column(text, item.span.start).0),
            is_shipped_default: false,
        })
    };
    items.iter().enumerate().map(entry).collect()
}

/// net-istio's `Gateway.Validate`.
fn check_entry(entry: &GatewayEntry, label: &str) -> Result<(), Refusal> {
    let service = entry.service.strip_suffix('.').unwrap_or(&entry.service);
    let (problem, field) = if entry.gateway.namespace.is_empty() {
        ("missing namespace".to_owned(), "namespace")
    } else if entry.gateway.name.is_empty() {
        ("missing name".to_owned(), "name")
    } else if entry.service.is_empty() {
        ("missing service".to_owned(), "service")
    } else if !is_dns_subdomain(service) {
        let problem =
            format!("invalid gateway service format: {:?} is no lower-case DNS name without a port", entry.service);
        (problem, "service")
    } else if let Some(error) = entry.selector.as_ref().and_then(LabelSelector::error) {
        (format!("failed to create selector from label selector: {error}"), "labelSelector")
    } else {
        return Ok(());
    };
    Err(Refusal {
        mistake: Mistake::IstioEntry,
        message: format!("invalid configuration: invalid {label} {}: {problem}", entry.gateway),
        path: entry.field(field),
        position: entry.line.map(|line| (line, 1)),
    })
}
