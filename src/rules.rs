//! The rules: what each code means, and how a break, a refusal or a hazard becomes a finding.
//!
//! The walk knows where a request ends; the rules know what to call that, what a client sees of it, which field says so and
//! what it should say. A rule's documentation is its doc comment, and the examples in it are tests.

mod agreement;
mod ambiguity;
mod case;
mod configuration;
mod declare;
mod derived;
mod destination;
mod edit;
mod exception;
mod explain;
mod external;
mod gateway;
mod hosts;
mod listener;
mod name;
mod ownership;
mod readiness;
mod redirect;
mod refusal;
mod remedy;
mod service;
mod suggest;

use std::fmt;

pub use ambiguity::ambiguities;
pub(crate) use exception::{beyond, futile, futile_found, mistaken, not_asked, not_permitted, open, over, overdue};
pub use explain::explain_break;
pub(crate) use ownership::left_behind;
pub use ownership::{conditions, consequences, direct_callers, example_edit};
pub use refusal::{CONTROLLER_ERROR, explain_config_missing, explain_refusal};

use crate::finding::{Code, Severity};
use crate::object::Kind;
use crate::walk::Hop;

/// The code of what can be neither shown to work nor to break.
pub const CANNOT_BE_PROVEN: Code = ambiguity::UNPROVEN.code;
/// The code of what a declared transition lets through.
pub const TRANSITION_OPEN: Code = exception::OPEN.code;
/// The code of services that are not on the gateways of their list.
pub(crate) const LEFT_BEHIND: Code = ownership::SERVICES_NOT_MOVED.code;

/// What a code means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// The code; stable, never used for something else.
    pub code: Code,
    /// A name in kebab case, for people.
    pub name: &'static str,
    /// What is wrong, in one line.
    pub summary: &'static str,
    /// How much it matters.
    pub severity: Severity,
    /// The hops at which it is found; none for what is no hop.
    pub hops: &'static [Hop],
    /// The documentation, as Markdown: the rule's doc comment.
    pub docs: &'static str,
    /// The objects and fields that decide.
    pub reads: &'static [Reads],
    /// Where in its life it is.
    pub status: Status,
}

/// What a rule reads of a kind of object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reads {
    /// The kind.
    pub kind: Kind,
    /// The fields.
    pub fields: &'static [&'static str],
}

/// The life of a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Not judged by default; may change.
    Preview,
    /// In use.
    Stable,
    /// No longer found; the code stays taken.
    Deprecated {
        /// Why, and what to look at instead.
        reason: &'static str,
    },
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Preview => f.write_str("preview"),
            Self::Stable => f.write_str("stable"),
            Self::Deprecated { reason } => write!(f, "deprecated: {reason}"),
        }
    }
}

/// The families of codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Family {
    /// `PL0xx`: a controller refuses its configuration.
    Configuration,
    /// `PL1xx`: the way of a request inside the cluster.
    Local,
    /// `PL2xx`: the way in from outside.
    External,
    /// `PL3xx`: what keeps a new service from becoming Ready.
    Readiness,
    /// `PL4xx`: the Gateway API and KServe's standard mode.
    GatewayApi,
    /// `PL5xx`: who owns an object, and what a change does not do.
    Ownership,
    /// `PL6xx`: what two objects say differently.
    Ambiguity,
    /// `PL7xx`: what is declared on an object to make an exception.
    Exception,
}

impl Family {
    /// What the family is about, in one line.
    #[must_use]
    pub const fn summary(self) -> &'static str {
        match self {
            Self::Configuration => "a controller refuses its configuration",
            Self::Local => "the way of a request inside the cluster",
            Self::External => "the way in from outside",
            Self::Readiness => "what keeps a new service from becoming Ready",
            Self::GatewayApi => "the Gateway API and KServe's standard mode",
            Self::Ownership => "who owns an object, and what a change does not do",
            Self::Ambiguity => "what two objects say differently",
            Self::Exception => "what is declared on an object to make an exception",
        }
    }
}

impl Rule {
    /// The family that the code belongs to.
    #[must_use]
    pub const fn family(&self) -> Family {
        match self.code.0 / 100 {
            0 => Family::Configuration,
            1 => Family::Local,
            2 => Family::External,
            3 => Family::Readiness,
            4 => Family::GatewayApi,
            5 => Family::Ownership,
            6 => Family::Ambiguity,
            _ => Family::Exception,
        }
    }
}

/// Every rule, by ascending code.
pub const RULES: &[Rule] = &[
    configuration::KSERVE_JSON,
    configuration::KSERVE_TYPE,
    configuration::KSERVE_REQUIRED,
    configuration::KSERVE_INGRESS_GATEWAY,
    configuration::KSERVE_PATH_TEMPLATE,
    configuration::KSERVE_DEPLOYMENT_MODE,
    configuration::KSERVE_EXTERNAL_NAME,
    configuration::KSERVE_VIRTUAL_SERVICE,
    configuration::KNATIVE_GATEWAY_LIST,
    configuration::KNATIVE_BOTH_FORMATS,
    configuration::KNATIVE_GATEWAY_ENTRY,
    configuration::KNATIVE_DEFAULT_GATEWAY,
    configuration::CONFIG_MISSING,
    name::UNRESOLVABLE,
    service::MISSING,
    service::PORT,
    service::PODS,
    listener::BOUND_ELSEWHERE,
    listener::NOT_HTTP,
    gateway::MISSING,
    gateway::OTHER_PODS,
    gateway::OTHER_PORT,
    hosts::NOT_COVERED,
    hosts::NAMESPACE_KEPT_OUT,
    listener::CONFLICT,
    redirect::LOCAL,
    destination::SPELLING,
    destination::MISSING,
    destination::PORT,
    destination::PODS,
    destination::HIDDEN,
    agreement::OTHER_PODS,
    agreement::OTHER_PORT,
    agreement::NO_LOCAL_GATEWAY,
    external::ENTRY_MISSING,
    external::ENTRY_PORT,
    external::ENTRY_PODS,
    external::BOUND_ELSEWHERE,
    external::NOT_HTTP,
    external::GATEWAY_MISSING,
    external::OTHER_PODS,
    external::OTHER_PORT,
    external::HOSTS_NOT_COVERED,
    external::NAMESPACE_KEPT_OUT,
    external::CONFLICT,
    external::REDIRECT,
    external::NO_GATEWAY,
    external::PATH_WITHOUT_ROUTE,
    external::NAME_GONE,
    readiness::GATEWAY_MISSING,
    readiness::PROBE_NOT_COVERED,
    ownership::OPERATOR_OVERWRITES,
    ownership::OVERRIDE_WITHOUT_EFFECT,
    ownership::ENTRY_SERVICE_ELSEWHERE,
    ownership::SERVICES_NOT_MOVED,
    ownership::EXAMPLE_EDIT,
    ownership::LOOK_ALIKE_KEY,
    ownership::DIRECT_CALLERS,
    ambiguity::UNPROVEN,
    ambiguity::TRANSLATION,
    ambiguity::PROTOCOL,
    ambiguity::REDIRECTING_NEIGHBOUR,
    exception::OPEN,
    exception::INCOMPLETE,
    exception::NAME,
    exception::TIME,
    exception::OVER,
    exception::TOO_LONG,
    exception::NOT_PERMITTED,
    exception::FUTILE,
];

const _: () = {
    let mut index = 1;
    while index < RULES.len() {
        assert!(RULES[index - 1].code.0 < RULES[index].code.0, "codes ascend, and each is used once");
        index += 1;
    }
};

/// Finds the rule of a code.
#[must_use]
pub fn rule(code: Code) -> Option<&'static Rule> {
    RULES.binary_search_by_key(&code, |rule| rule.code).ok().map(|index| &RULES[index])
}
