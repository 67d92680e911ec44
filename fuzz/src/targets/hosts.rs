//! Hosts of servers and the names that they cover.

use plumbline::data_plane::host::{covers, covers_but_for_namespace, matches, qualified, split};
use plumbline::model::names::{
    GatewayRef, is_dns_label, is_dns_subdomain, is_label_value, is_qualified_name, service_host,
    virtual_service_gateway_error,
};

/// Any four lines as a server's host, its Gateway's namespace, a request's host, and its namespace.
pub(super) fn hosts(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    let mut lines = text.split('\n');
    let [server, own, host, namespace] = [(); 4].map(|()| lines.next().unwrap_or_default());

    names(text);
    for part in [server, own, host, namespace] {
        names(part);
        let _ = service_host(part, "cluster.local");
        let gateway = GatewayRef::resolve(part, own);
        if virtual_service_gateway_error(part).is_none() && !part.contains(['/', '.']) {
            assert_eq!(gateway.namespace, own, "{part:?} is in the namespace at hand");
        }
    }

    let (covered, kept_out) =
        (covers(server, own, host, namespace), covers_but_for_namespace(server, own, host, namespace));
    assert!(!covered || !kept_out, "{text:?} is covered and kept out");
    let (prefix, pattern) = split(server, own);
    assert_eq!(covered || kept_out, matches(pattern, host), "{text:?}: a namespace decides who, not what");
    if covered {
        assert!(prefix.is_none_or(|prefix| prefix == namespace), "{text:?}");
        assert!(covers("*", own, host, namespace) && covers("*/*", own, host, namespace), "{text:?}");
    }
    let plain = |text: &str| !text.contains('/') && text != "*" && text != ".";
    if plain(own) && plain(pattern) && prefix.is_none_or(plain) {
        let whole = qualified(server, own);
        assert_eq!(covers(&whole, own, host, namespace), covered, "{server:?} and {whole:?} are one");
        assert_eq!(qualified(&whole, own), whole, "{server:?}");
        // What is qualified no longer means another namespace elsewhere.
        assert_eq!(covers(&whole, "elsewhere", host, namespace), covered, "{whole:?}");
    }

    assert!(pattern.starts_with('*') || matches(pattern, pattern), "{pattern:?} is itself");
    let wider = format!("*{}", pattern.trim_start_matches('*'));
    if matches(pattern, host) && !pattern.starts_with("**") {
        assert!(matches(&wider, host), "{wider:?} covers more than {pattern:?}");
        if pattern.starts_with('*') {
            assert!(matches(pattern, &format!("x{host}")), "a wildcard stands for any text: {text:?}");
        }
    }
}

/// Every label is a subdomain, and none of them says yes to what would break a line.
fn names(text: &str) {
    assert!(!is_dns_label(text) || is_dns_subdomain(text), "{text:?}");
    let known = is_dns_label(text) || is_dns_subdomain(text) || is_label_value(text) || is_qualified_name(text);
    assert!(!known || text.chars().all(|character| character.is_ascii_graphic()), "{text:?} passes for a name");
}
