//! Server hosts and the names they cover (istio `pkg/config/host`).

use std::borrow::Cow;

/// Whether a server's host covers a request's, for a VirtualService in `namespace`.
///
/// `gateway_namespace` is the Gateway's own, which the prefix `./` means. Case matters, a trailing dot is part of the
/// name, and a leading `*` stands for any text, dots included: `*.svc.cluster.local` covers `a.b.svc.cluster.local`.
#[must_use]
pub fn covers(server_host: &str, gateway_namespace: &str, host: &str, namespace: &str) -> bool {
    let (prefix, pattern) = split(server_host, gateway_namespace);
    prefix.is_none_or(|prefix| prefix == namespace) && matches(pattern, host)
}

/// Whether a server's host would cover the request's if its namespace prefix let the VirtualService in.
#[must_use]
pub fn covers_but_for_namespace(server_host: &str, gateway_namespace: &str, host: &str, namespace: &str) -> bool {
    let (prefix, pattern) = split(server_host, gateway_namespace);
    prefix.is_some_and(|prefix| prefix != namespace) && matches(pattern, host)
}

/// Splits `namespace/host`: the namespace that alone may bind, or `None` for any, and the host.
#[must_use]
pub fn split<'a>(server_host: &'a str, gateway_namespace: &'a str) -> (Option<&'a str>, &'a str) {
    match server_host.split_once('/') {
        None => (None, server_host),
        Some(("*", host)) => (None, host),
        Some((".", host)) => (Some(gateway_namespace), host),
        Some((namespace, host)) => (Some(namespace), host),
    }
}

/// A server's host as istiod keeps it: a prefix that means any namespace falls away, `./` becomes the Gateway's own.
#[must_use]
pub fn qualified<'a>(server_host: &'a str, gateway_namespace: &'a str) -> Cow<'a, str> {
    match split(server_host, gateway_namespace) {
        (None, host) => host.into(),
        (Some(namespace), host) => format!("{namespace}/{host}").into(),
    }
}

/// Whether a pattern covers a name without wildcards.
#[must_use]
pub fn matches(pattern: &str, host: &str) -> bool {
    match pattern.strip_prefix('*') {
        Some(suffix) => host.ends_with(suffix),
        None => pattern == host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What istio's `pkg/config/host` answers.
    const GOLDEN: [(&str, &str, bool); 9] = [
        ("*.online-serving", "a.online-serving", true),
        ("*.online-serving", "a.b.online-serving", true),
        ("*.online-serving", "online-serving", false),
        ("*.online-serving", "a.online-serving.svc", false),
        ("*", "anything.at.all", true),
        ("*.SVC.cluster.local", "a.b.svc.cluster.local", false),
        ("*.ns.svc.cluster.local", "a.xns.svc.cluster.local", false),
        ("a.b.", "a.b", false),
        ("a.b", "a.b", true),
    ];

    #[test]
    fn wildcards_compare_suffixes() {
        for (pattern, host, expected) in GOLDEN {
            assert_eq!(matches(pattern, host), expected, "{pattern} over {host}");
        }
    }

    #[test]
    fn a_prefix_lets_one_namespace_in() {
        let covered = |server_host| covers(server_host, "istio-system", "a.models.svc.cluster.local", "models");
        assert!(covered("*/*") && covered("models/*") && covered("*"));
        assert!(!covered("./*") && !covered("istio-system/*") && !covered("other/*"));
        assert!(covers_but_for_namespace("./*", "istio-system", "a.models", "models"));
        assert!(!covers_but_for_namespace("models/*", "istio-system", "a.models", "models"));
    }
}
