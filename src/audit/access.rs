//! The rights that the audit needs beside those of the live source, declared once: the chart grants them.

use super::results::{OPEN_REPORTS, POLICY_REPORTS};

/// A right, as a rule of a role would say it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuditAccess {
    /// The API group.
    pub group: &'static str,
    /// The resource.
    pub resource: &'static str,
    /// Verbs of the API.
    pub verbs: &'static [&'static str],
    /// `resourceNames`; `None` for all.
    pub name: Option<&'static str>,
}

/// The name of the Lease and of the report, where no other is given; and the field manager of both.
pub const NAME: &str = "plumbline-audit";

/// In the whole cluster.
pub const ACCESS: &[AuditAccess] = &[
    // Where net-istio has put each service.
    AuditAccess { group: "networking.istio.io", resource: "virtualservices", verbs: &["list"], name: None },
    // Events stand beside what they are about.
    AuditAccess { group: "events.k8s.io", resource: "events", verbs: &["create", "patch"], name: None },
    AuditAccess { group: POLICY_REPORTS.group, resource: POLICY_REPORTS.plural, verbs: REPORT, name: Some(NAME) },
    AuditAccess { group: OPEN_REPORTS.group, resource: OPEN_REPORTS.plural, verbs: REPORT, name: Some(NAME) },
];

/// In plumbline's own namespace; the Lease is there already, since nobody can be let create one of a given name alone.
pub const LEASE_ACCESS: AuditAccess =
    AuditAccess { group: "coordination.k8s.io", resource: "leases", verbs: &["get", "update"], name: Some(NAME) };

/// A server-side apply of an object that may not be there is a patch and, of that name, a create.
const REPORT: &[&str] = &["create", "patch"];
