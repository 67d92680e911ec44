//! Ways out, each with the change where it is mechanical.

use serde_json::{Value as Json, json};

use super::case::{Case, field, labels as written, object};
use super::{derived, edit};
use crate::finding::{Action, Remedy};
use crate::model::Labels;
use crate::model::istio_config::GatewayEntry;
use crate::model::istio_gateway::IstioGateway;
use crate::model::kserve_config::KserveConfig;
use crate::model::service::Service;
use crate::object::{FieldPath, ObjectKey, Segment, Site};
use crate::quote::quoted;
use crate::view::View;
use crate::walk::ClusterFacts;

/// A JSON Patch in the making.
#[derive(Default)]
pub(super) struct Patch(Vec<Json>);

impl Patch {
    /// Goes on only where a value is still the one that was seen: an index or a text must not hit something newer.
    pub(super) fn test(mut self, path: &FieldPath, value: impl Into<Json>) -> Self {
        self.0.push(json!({"op": "test", "path": pointer(path), "value": value.into()}));
        self
    }

    pub(super) fn add(mut self, path: &FieldPath, value: impl Into<Json>) -> Self {
        self.0.push(json!({"op": "add", "path": pointer(path), "value": value.into()}));
        self
    }

    /// Appends to a list.
    pub(super) fn append(mut self, list: &FieldPath, value: impl Into<Json>) -> Self {
        self.0.push(json!({"op": "add", "path": format!("{}/-", pointer(list)), "value": value.into()}));
        self
    }

    pub(super) fn replace(mut self, path: &FieldPath, value: impl Into<Json>) -> Self {
        self.0.push(json!({"op": "replace", "path": pointer(path), "value": value.into()}));
        self
    }

    pub(super) fn remove(mut self, path: &FieldPath) -> Self {
        self.0.push(json!({"op": "remove", "path": pointer(path)}));
        self
    }
}

/// A JSON Pointer (RFC 6901).
fn pointer(path: &FieldPath) -> String {
    let mut pointer = String::new();
    for segment in &path.0 {
        match segment {
            Segment::Key(key) => {
                pointer.push('/');
                pointer.push_str(&key.replace('~', "~0").replace('/', "~1"));
            }
            Segment::Index(index) => {
                pointer.push('/');
                pointer.push_str(&index.to_string());
            }
            Segment::Text => {}
        }
    }
    pointer
}

/// An instruction without a mechanical change.
pub(super) fn by_hand(object: &ObjectKey, text: String) -> Remedy {
    Remedy { object: object.clone(), action: Action::Do(text), patch: None }
}

/// Changes a field of an object, or the field of the KnativeServing that the operator writes it from.
///
/// `say` makes the instruction from the field's description.
pub(super) fn change_at(
    view: &View<'_>,
    facts: &ClusterFacts,
    site: &Site,
    say: impl FnOnce(&str) -> String,
    patch: impl FnOnce(&FieldPath) -> Patch,
) -> Remedy {
    if let Some(source) = derived::source_of(view, facts, site) {
        let text = say(&field(&source));
        return patched(source.object, text, Some(patch(&source.path)));
    }
    let top = match site.path.0.get(1) {
        Some(Segment::Key(key)) => key.to_string(),
        _ => String::new(),
    };
    if let Some(owner) = derived::shipped_by(view, &site.object, &top) {
        let text = format!(
            "{}; the Knative operator ships this Gateway and would undo the edit, so write it as {}",
            say(&field(site)),
            field(&owner)
        );
        return by_hand(&owner.object, text);
    }
    patched(site.object.clone(), say(&field(site)), Some(patch(&site.path)))
}

fn patched(object: ObjectKey, text: String, patch: Option<Patch>) -> Remedy {
    Remedy { object, action: Action::Do(text), patch: patch.map(|Patch(operations)| Json::Array(operations)) }
}

/// Sets a string in the text that a ConfigMap's key holds.
pub(super) fn set_text(view: &View<'_>, facts: &ClusterFacts, site: &Site, value: &str) -> Remedy {
    replace_text(view, facts, site, &value.into())
}

/// As [`set_text`], with a value of any type.
pub(super) fn replace_text(view: &View<'_>, facts: &ClusterFacts, site: &Site, value: &Json) -> Remedy {
    let site = derived::source_of(view, facts, site).unwrap_or_else(|| site.clone());
    let site = derived::exact(view, &site);
    let shown = value.as_str().map_or_else(|| value.to_string(), quoted);
    let text = format!("set {} to {shown}", field(&site));
    // An old key holds its value bare.
    let is_bare = !site.path.0.contains(&Segment::Text);
    let patch = text_patch(view, &site, |held, way| {
        if is_bare { value.as_str().map(str::to_owned) } else { edit::replace(held, way, value) }
    });
    patched(site.object, text, patch)
}

/// Writes the text that a ConfigMap's key holds anew, where an edit of it is known.
pub(super) fn rewrite(view: &View<'_>, at: &Site, text: String, edited: Option<String>) -> Remedy {
    let patch = edited.and_then(|edited| text_patch(view, at, |_, _| Some(edited)));
    patched(at.object.clone(), text, patch)
}

/// The patch that writes an edited text back whole, where the text is still the one that was read.
fn text_patch(view: &View<'_>, site: &Site, edited: impl FnOnce(&str, &[Segment]) -> Option<String>) -> Option<Patch> {
    let split = site.path.0.iter().position(|segment| *segment == Segment::Text).unwrap_or(site.path.0.len());
    let held = derived::text_at(view, site)?;
    let (holder, way) = site.path.0.split_at(split);
    let holder = FieldPath(holder.to_vec());
    let new = edited(&held, way.get(1..).unwrap_or_default())?;
    Some(Patch::default().test(&holder, &*held).replace(&holder, new))
}

impl Case<'_> {
    /// Changes a field of an object.
    pub(super) fn change(
        &self,
        site: &Site,
        say: impl FnOnce(&str) -> String,
        patch: impl FnOnce(&FieldPath) -> Patch,
    ) -> Remedy {
        change_at(self.view(), self.facts(), site, say, patch)
    }

    /// Sets the string at a site, in a ConfigMap's text or under an old key.
    pub(super) fn set(&self, site: &Site, value: &str) -> Remedy {
        set_text(self.view(), self.facts(), site, value)
    }

    /// Sets a field of KServe's `data.ingress`.
    pub(super) fn set_kserve(&self, field: &str, value: &str) -> Remedy {
        self.set(&self.facts().kserve_config().site(KserveConfig::path(field)), value)
    }

    /// Replaces a selector.
    pub(super) fn set_selector(&self, owner: &ObjectKey, selector: &Labels) -> Remedy {
        let site = owner.site(FieldPath::of("spec.selector"));
        let value: Json = selector.iter().map(|(key, value)| (key.to_string(), Json::from(&**value))).collect();
        let say = |field: &str| format!("set {field} to {}", written(selector));
        self.change(&site, say, |path| Patch::default().add(path, value))
    }

    /// Adds a host to a server.
    pub(super) fn add_host(&self, gateway: &IstioGateway, server: usize, host: &str, namespace: &str) -> Remedy {
        let site = gateway.key.site(IstioGateway::server_path(server).key("hosts"));
        let mut to = String::new();
        let say = |field: &str| {
            field.clone_into(&mut to);
            format!("add {} to {field}", quoted(host))
        };
        let remedy = self.change(&site, say, |path| Patch::default().append(path, host));
        // Several requests may each miss a host of one list.
        let add = Action::Add { values: [host.to_owned()].into(), to, namespace: namespace.into() };
        Remedy { action: if remedy.patch.is_some() { add } else { remedy.action }, ..remedy }
    }

    /// Makes a server listen on another port of the pods.
    pub(super) fn set_number(&self, gateway: &IstioGateway, server: usize, number: u16) -> Remedy {
        let site = gateway.key.site(IstioGateway::server_path(server).key("port").key("number"));
        let old = gateway.servers.get(server).map_or(0, |server| server.number);
        let say = |field: &str| format!("set {field} to {number}");
        self.change(&site, say, |path| Patch::default().test(path, old).replace(path, number))
    }

    /// Points a Service's port at another port of the pods.
    pub(super) fn set_target(&self, service: &Service, port: u16, target: u16) -> Option<Remedy> {
        let (index, _) = service.tcp_port(port)?;
        let entry = FieldPath::of("spec.ports").index(index);
        let site = service.key.site(entry.clone().key("targetPort"));
        let say = |field: &str| format!("set {field} to {target}");
        Some(self.change(&site, say, |path| Patch::default().test(&entry.key("port"), port).add(path, target)))
    }

    /// Names another Gateway in the field at `site`: KServe's, or an entry's in `config-istio`, there with the Service that
    /// leads to it where it has to be another one too.
    pub(super) fn name_gateway(&self, site: &Site, gateway: &ObjectKey, service: Option<&ObjectKey>) -> Remedy {
        if site.object == self.facts().kserve_config() {
            return self.set(site, &gateway.qualified_name());
        }
        let Some(entry) = self.entry_at(site) else {
            let text = format!("name {} in {}", object(gateway), object(&site.object));
            return by_hand(&site.object, text);
        };
        let moved = service.filter(|service| !self.is_host_of(service, &entry.service));
        let host = moved.map_or_else(|| entry.service.clone(), |service| self.host_of(service));
        let beside = moved.map(|service| format!(" and {}", object(service))).unwrap_or_default();
        self.rewrite_entry(entry, site, gateway, &host, &beside)
    }

    /// Makes an entry of `config-istio` name a Gateway and a Service.
    fn rewrite_entry(
        &self,
        entry: &GatewayEntry,
        site: &Site,
        gateway: &ObjectKey,
        service: &str,
        beside: &str,
    ) -> Remedy {
        let config = &site.object;
        let text_of = |site: &Site| format!("name {}{beside} in {}", object(gateway), field(site));
        if entry.line.is_some() {
            // An entry of a list: its name and its namespace, in one text.
            let at = Site { object: config.clone(), path: entry.path.clone(), line: entry.line };
            let at = derived::source_of(self.view(), self.facts(), &at).unwrap_or(at);
            let patch = text_patch(self.view(), &at, |held, way| {
                let field = |name: &str| way.iter().cloned().chain([Segment::Key(name.into())]).collect::<Vec<_>>();
                let named = edit::set(held, &field("name"), &gateway.name)?;
                let placed = edit::set(&named, &field("namespace"), &gateway.namespace)?;
                if service == entry.service { Some(placed) } else { edit::set(&placed, &field("service"), service) }
            });
            return patched(at.object.clone(), text_of(&at), patch);
        }
        if entry.is_shipped_default {
            let (key, value) = self.new_entry(entry, config, gateway, service);
            let Some(serving) = derived::serving_in(self.view(), &config.namespace) else {
                let path = FieldPath::of("data").key(key);
                return patched(
                    config.clone(),
                    text_of(&config.site(path.clone())),
                    Some(Patch::default().add(&path, value)),
                );
            };
            // The operator writes what the KnativeServing says, and only that lasts.
            let section =
                serving.config_for(&config.name).map(|(section, _)| FieldPath::of("spec.config").key(section));
            let path = section.clone().unwrap_or_else(|| FieldPath::of("spec.config.istio")).key(key.as_str());
            let text = text_of(&serving.key.site(path.clone()));
            let added = match section {
                Some(_) => Patch::default().add(&path, value),
                None => Patch::default().add(&FieldPath::of("spec.config.istio"), json!({ key: value })),
            };
            return patched(serving.key.clone(), text, Some(added));
        }
        // The old format holds the Gateway's name in the key.
        let old = config.site(entry.path.clone());
        let at = derived::source_of(self.view(), self.facts(), &old).unwrap_or(old);
        let (Some((Segment::Key(key), parent)), Some(held)) =
            (at.path.0.split_last(), derived::text_at(self.view(), &at))
        else {
            return by_hand(&at.object, text_of(&at));
        };
        let prefix = if key.starts_with("local-") { "local-gateway" } else { "gateway" };
        let renamed = FieldPath(parent.to_vec()).key(format!("{prefix}.{}.{}", gateway.namespace, gateway.name));
        let text = format!("rename {} to {}{}", field(&at), renamed, beside.replacen(" and", " with", 1));
        let patch = Patch::default().test(&at.path, &*held).remove(&at.path).add(&renamed, service);
        patched(at.object, text, Some(patch))
    }

    /// The key and the value that add a gateway to a `config-istio` that lists none, in the format that it is in.
    fn new_entry(
        &self,
        entry: &GatewayEntry,
        config: &ObjectKey,
        gateway: &ObjectKey,
        service: &str,
    ) -> (String, String) {
        let is_local = matches!(entry.path.0.last(), Some(Segment::Key(key)) if &**key == "local-gateways");
        let held = self.view().config_map(&config.namespace, &config.name).present();
        let is_old = |key: &String| key.starts_with("gateway.") || key.starts_with("local-gateway.");
        if held.is_some_and(|held| held.data.keys().any(is_old)) {
            let prefix = if is_local { "local-gateway" } else { "gateway" };
            return (format!("{prefix}.{}.{}", gateway.namespace, gateway.name), service.to_owned());
        }
        let list = format!("- name: {}\n  namespace: {}\n  service: {service}\n", gateway.name, gateway.namespace);
        ((if is_local { "local-gateways" } else { "external-gateways" }).to_owned(), list)
    }

    /// The entry of `config-istio` that a site names.
    pub(super) fn entry_at(&self, site: &Site) -> Option<&GatewayEntry> {
        let istio = self.walker.configuration.istio()?;
        let mut entries = istio.local.iter().chain(&istio.external);
        entries.find(|entry| site.path.0.starts_with(&entry.path.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pointer_escapes_what_json_pointer_reserves() {
        let path = FieldPath::of("metadata.annotations").key("networking.istio.io/exportTo");
        assert_eq!(pointer(&path), "/metadata/annotations/networking.istio.io~1exportTo");
        assert_eq!(pointer(&IstioGateway::server_path(2).key("hosts")), "/spec/servers/2/hosts");
    }
}
