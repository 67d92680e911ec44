//! Names as Kubernetes, DNS and Istio spell them.

use std::fmt;

/// The longest name of a DNS-1123 subdomain.
const SUBDOMAIN_MAX: usize = 253;
/// The longest domain name to Istio.
const DOMAIN_MAX: usize = 255;
/// The longest DNS-1123 label.
const LABEL_MAX: usize = 63;

/// Whether `name` is a DNS-1123 label (k8s.io/apimachinery `validation.IsDNS1123Label`).
#[must_use]
pub fn is_dns_label(name: &str) -> bool {
    name.len() <= LABEL_MAX && is_label_text(name)
}

/// Whether `name` is a DNS-1123 subdomain (k8s.io/apimachinery `validation.IsDNS1123Subdomain`): labels may be long,
/// the whole may not.
#[must_use]
pub fn is_dns_subdomain(name: &str) -> bool {
    name.len() <= SUBDOMAIN_MAX && name.split('.').all(is_label_text)
}

fn is_label_text(label: &str) -> bool {
    let alphanumeric = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = label.as_bytes();
    let (Some(&first), Some(&last)) = (bytes.first(), bytes.last()) else { return false };
    alphanumeric(first) && alphanumeric(last) && bytes.iter().all(|&byte| alphanumeric(byte) || byte == b'-')
}

/// Whether `text` is a label's key (k8s.io/apimachinery `validation.IsQualifiedName`): a name, maybe behind a DNS-1123
/// subdomain and a slash.
#[must_use]
pub fn is_qualified_name(text: &str) -> bool {
    let (prefix, name) = text.split_once('/').map_or((None, text), |(prefix, name)| (Some(prefix), name));
    prefix.is_none_or(is_dns_subdomain) && !name.is_empty() && is_label_value(name)
}

/// Whether `text` is a label's value (k8s.io/apimachinery `validation.IsValidLabelValue`); the empty one is.
#[must_use]
pub fn is_label_value(text: &str) -> bool {
    let bytes = text.as_bytes();
    let (Some(first), Some(last)) = (bytes.first(), bytes.last()) else { return true };
    text.len() <= LABEL_MAX
        && first.is_ascii_alphanumeric()
        && last.is_ascii_alphanumeric()
        && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(byte))
}

/// A Service as a host name names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServiceHost<'a> {
    /// `name.namespace.svc.D`, with or without a trailing dot.
    Cluster {
        /// The Service's name.
        name: &'a str,
        /// Its namespace.
        namespace: &'a str,
    },
    /// A name under `svc.D` that names no Service (a port suffix, more labels), or a short form such as `name.namespace`.
    Unresolvable,
    /// A name outside the cluster's domain: it may resolve, and nothing here says to what.
    Foreign,
}

/// Reads a host name as cluster DNS does: the name is absolute, so short forms resolve to nothing.
#[must_use]
pub fn service_host<'a>(host: &'a str, cluster_domain: &str) -> ServiceHost<'a> {
    let host = host.strip_suffix('.').unwrap_or(host);
    let suffix_length = ".svc.".len() + cluster_domain.len();
    let ends_with = |suffix: &str| {
        let start = host.len().checked_sub(suffix.len());
        start.and_then(|start| host.get(start..)).is_some_and(|end| end.eq_ignore_ascii_case(suffix))
    };
    if host.len() > suffix_length && ends_with(&format!(".svc.{cluster_domain}")) {
        let mut labels = host[..host.len() - suffix_length].split('.');
        return match (labels.next(), labels.next(), labels.next()) {
            (Some(name), Some(namespace), None) if !name.is_empty() && !namespace.is_empty() => {
                ServiceHost::Cluster { name, namespace }
            }
            _ => ServiceHost::Unresolvable,
        };
    }
    // `a`, `a.b` and `a.b.svc` look like Services; a name with more labels, or with a known public shape, is foreign.
    let labels: Vec<&str> = host.split('.').collect();
    match labels.as_slice() {
        [_] | [_, _] | [_, _, "svc"] => ServiceHost::Unresolvable,
        [.., last] if last.contains(':') => ServiceHost::Unresolvable,
        // An address is a name like any other to DNS, and nobody has it.
        [_, _, _, _] if labels.iter().all(|label| label.parse::<u8>().is_ok()) => ServiceHost::Unresolvable,
        // `x.y.svc.<other>`: a cluster name under a domain that this cluster does not have.
        [_, _, "svc", ..] => ServiceHost::Unresolvable,
        // Cluster DNS answers for its whole domain, and knows Services and addresses of pods only.
        _ if ends_with(&format!(".pod.{cluster_domain}")) => ServiceHost::Foreign,
        _ if ends_with(&format!(".{cluster_domain}")) => ServiceHost::Unresolvable,
        _ => ServiceHost::Foreign,
    }
}

/// A Gateway as a VirtualService names it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GatewayRef {
    /// The namespace.
    pub namespace: String,
    /// The name.
    pub name: String,
}

impl GatewayRef {
    /// Resolves a gateway name of a VirtualService in `namespace`: `ns/name`, `./name`, a bare name of the same
    /// namespace, or the old `name.ns[.svc.D]` (istio `pilot/pkg/model/config.go` `ResolveGatewayName`).
    #[must_use]
    pub fn resolve(text: &str, namespace: &str) -> Self {
        if let Some((prefix, name)) = text.split_once('/') {
            let prefix = if prefix == "." { namespace } else { prefix };
            return Self { namespace: prefix.to_owned(), name: name.to_owned() };
        }
        let mut labels = text.split('.');
        match (labels.next(), labels.next()) {
            (Some(name), Some(old_namespace)) => Self { namespace: old_namespace.to_owned(), name: name.to_owned() },
            _ => Self { namespace: namespace.to_owned(), name: text.to_owned() },
        }
    }
}

impl fmt::Display for GatewayRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

/// Why istiod's webhook would refuse `text` as a gateway of a VirtualService, or `None` where it would not (istio
/// `pkg/config/validation` `validateGatewayNames`).
#[must_use]
pub fn virtual_service_gateway_error(text: &str) -> Option<&'static str> {
    if text.is_empty() {
        return Some("it is empty");
    }
    let Some((namespace, name)) = text.split_once('/') else {
        // The old form is a fully qualified domain name.
        return (text.len() > DOMAIN_MAX || !is_istio_domain(text)).then_some("it is no domain name");
    };
    if name.contains('/') {
        return Some("it has more than one \"/\"");
    }
    if namespace.is_empty() || name.is_empty() {
        return Some("the namespace or the name is empty");
    }
    if namespace != "." && !is_istio_label(namespace) {
        return Some("the namespace is no DNS label");
    }
    // `./name` is refused too: the namespace has to be a label.
    if namespace == "." {
        return Some("\".\" is no namespace");
    }
    (!is_istio_label(name)).then_some("the name is no DNS label")
}

/// Whether istiod's webhook takes `host` for a route's destination (istio `pkg/config/validation` `validateDestination`).
#[must_use]
pub fn is_virtual_service_destination(host: &str) -> bool {
    let (first, rest) = host.split_once('.').map_or((host, None), |(first, rest)| (first, Some(rest)));
    let first = match first.strip_prefix('*') {
        Some("") if rest.is_some() => "a",
        Some(behind) => behind.strip_prefix('-').unwrap_or(behind),
        None => first,
    };
    host.len() <= DOMAIN_MAX && is_istio_label(first) && rest.is_none_or(is_istio_domain)
}

/// Istio's `agent.ValidateDNS1123Labels`: the last label may be empty, and is no number.
fn is_istio_domain(domain: &str) -> bool {
    let (rest, last) = domain.rsplit_once('.').map_or((None, domain), |(rest, last)| (Some(rest), last));
    let is_number = !last.is_empty() && last.bytes().all(|byte| byte.is_ascii_digit()) && last.parse::<i64>().is_ok();
    !is_number
        && (last.is_empty() || is_istio_label(last))
        && rest.is_none_or(|rest| rest.split('.').all(is_istio_label))
}

/// Istio's `labels.IsDNS1123Label`, which allows upper case.
fn is_istio_label(label: &str) -> bool {
    let bytes = label.as_bytes();
    let (Some(first), Some(last)) = (bytes.first(), bytes.last()) else { return false };
    label.len() <= LABEL_MAX
        && first.is_ascii_alphanumeric()
        && last.is_ascii_alphanumeric()
        && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-')
}

/// Reads an RFC 3339 time in UTC, as the API server writes it, into seconds since the epoch.
#[must_use]
pub fn seconds_since_epoch(text: &str) -> Option<i64> {
    let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
    let mut date = date.split('-').map(str::parse::<i64>);
    let (Some(Ok(year)), Some(Ok(month)), Some(Ok(day)), None) = (date.next(), date.next(), date.next(), date.next())
    else {
        return None;
    };
    let mut time = time.split('.').next()?.split(':').map(str::parse::<i64>);
    let (Some(Ok(hour)), Some(Ok(minute)), Some(Ok(second)), None) =
        (time.next(), time.next(), time.next(), time.next())
    else {
        return None;
    };
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    // Days from civil, counted in years that begin in March so that the leap day comes last.
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    let days = era * 146_097 + day_of_era - 719_468;
    Some(days * 86_400 + hour * 3_600 + minute * 60 + second)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_full_form_names_a_service() {
        let cluster = |host| service_host(host, "cluster.local");
        let full = ServiceHost::Cluster { name: "gw", namespace: "istio-system" };
        assert_eq!(cluster("gw.istio-system.svc.cluster.local"), full);
        assert_eq!(cluster("gw.istio-system.svc.cluster.local."), full);
        for short in ["gw", "gw.istio-system", "gw.istio-system.svc", "gw.istio-system.svc.cluster.local:80"] {
            assert_eq!(cluster(short), ServiceHost::Unresolvable, "{short}");
        }
        assert_eq!(cluster("gw.istio-system.svc.corp.local"), ServiceHost::Unresolvable);
        assert_eq!(cluster("models.prod.example.com"), ServiceHost::Foreign);
        for nowhere in ["gw.istio-system.sv.cluster.local", "10.0.0.1"] {
            assert_eq!(cluster(nowhere), ServiceHost::Unresolvable, "{nowhere}");
        }
        let upper = ServiceHost::Cluster { name: "GW", namespace: "ISTIO-SYSTEM" };
        assert_eq!(cluster("GW.ISTIO-SYSTEM.SVC.CLUSTER.LOCAL"), upper);
        assert_eq!(
            service_host("gw.a.svc.corp.local", "corp.local"),
            ServiceHost::Cluster { name: "gw", namespace: "a" }
        );
    }

    #[test]
    fn gateway_names_resolve_as_istiod_resolves_them() {
        let resolve = |text: &str| GatewayRef::resolve(text, "models").to_string();
        assert_eq!(resolve("istio-system/gw"), "istio-system/gw");
        assert_eq!(resolve("./gw"), "models/gw");
        assert_eq!(resolve("gw"), "models/gw");
        assert_eq!(resolve("gw.knative-serving.svc.cluster.local"), "knative-serving/gw");
    }

    #[test]
    fn istiod_refuses_these_gateway_names_in_a_virtual_service() {
        for refused in ["", "a/", "/b", "a/b/c", " a/b", "./b", "a/b.c", "0", "gw.10", "gw..ns"] {
            assert!(virtual_service_gateway_error(refused).is_some(), "{refused:?}");
        }
        for accepted in
            ["b", "gw.ns.svc.cluster.local", "gw.ns.", "1/2", "A/B", "knative-serving/knative-local-gateway"]
        {
            assert_eq!(virtual_service_gateway_error(accepted), None, "{accepted:?}");
        }
    }

    #[test]
    fn istiod_refuses_these_destinations() {
        for refused in ["", "*", "d:80", "http://d.e", "10.0.0.1", "d.0", "d_e.f", "a..b", "a.*.b", &"a.".repeat(128)] {
            assert!(!is_virtual_service_destination(refused), "{refused:?}");
        }
        for accepted in ["d", "10", "D.e", "gw.ns.svc.cluster.local.", "d.", "*.d.e", "*d", "*-d", "1.2a"] {
            assert!(is_virtual_service_destination(accepted), "{accepted:?}");
        }
    }

    #[test]
    fn times_count_from_the_epoch() {
        assert_eq!(seconds_since_epoch("1970-01-01T00:00:00Z"), Some(0));
        assert_eq!(seconds_since_epoch("2000-03-01T00:00:01Z"), Some(951_868_801));
        assert_eq!(seconds_since_epoch("2025-01-01T00:00:00Z"), Some(1_735_689_600));
        assert_eq!(seconds_since_epoch("2025-13-01T00:00:00Z"), None);
        assert_eq!(seconds_since_epoch("yesterday"), None);
    }

    #[test]
    fn labels_are_judged_as_the_api_server_judges_them() {
        for good in ["tier", "serving.kserve.io/tier", "A_b.c-D", "1"] {
            assert!(is_qualified_name(good), "{good}");
        }
        for bad in ["", "/tier", "a/", "a/b/c", "A/b", "a b", "-a", "a-", &"a".repeat(64)] {
            assert!(!is_qualified_name(bad), "{bad}");
        }
        assert!(is_label_value("") && is_label_value("Gold.v1_2") && is_label_value(&"a".repeat(63)));
        assert!(!is_label_value("a b") && !is_label_value("a/b") && !is_label_value(&"a".repeat(64)));
    }

    #[test]
    fn subdomains_are_judged_as_the_api_server_judges_them() {
        for good in ["a", "a.b", "mesh", "knative-local-gateway.istio-system.svc.cluster.local"] {
            assert!(is_dns_subdomain(good), "{good}");
        }
        for bad in ["", "a:80", "A.b", "a..b", "-a", "a_b", "a.b."] {
            assert!(!is_dns_subdomain(bad), "{bad}");
        }
    }
}
