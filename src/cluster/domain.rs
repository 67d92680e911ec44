//! The cluster's DNS domain, as the kubelet tells it to every pod.

use std::fs;
use std::sync::Arc;

const RESOLV_CONF: &str = "/etc/resolv.conf";

/// The domain of the cluster whose pod we run in: the kubelet writes `search <ns>.svc.<domain> svc.<domain> <domain> …`
/// (kubernetes `pkg/kubelet/network/dns`). `None` outside of a cluster, and for a pod with its node's DNS.
#[must_use]
pub fn detect() -> Option<Arc<str>> {
    from_resolv_conf(&fs::read_to_string(RESOLV_CONF).ok()?)
}

fn from_resolv_conf(text: &str) -> Option<Arc<str>> {
    // As in resolv.conf(5), the last `search` line counts.
    let search = text.lines().rev().map(str::split_whitespace).find_map(|mut words| {
        let keyword = words.next()?;
        (keyword == "search").then_some(words)
    })?;
    let mut domains = search.filter_map(|domain| domain.strip_prefix("svc."));
    domains.next().map(|domain| domain.trim_end_matches('.')).filter(|domain| !domain.is_empty()).map(Arc::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_domain_follows_svc_in_the_search_path() {
        let pod = "search plumbline.svc.corp.local svc.corp.local corp.local eu.example.com\nnameserver 10.96.0.10\n";
        assert_eq!(from_resolv_conf(pod).as_deref(), Some("corp.local"));
        assert_eq!(from_resolv_conf("search svc.cluster.local.\n").as_deref(), Some("cluster.local"));
        assert_eq!(from_resolv_conf("search svc.old\nsearch example.com\n"), None);
        assert_eq!(from_resolv_conf("nameserver 10.96.0.10\nsearch lan\n"), None);
        assert_eq!(from_resolv_conf(""), None);
    }
}
