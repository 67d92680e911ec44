//! `PL0xx`: configuration that the controller which reads it refuses.

mod knative;
mod missing;
mod text;
mod value;
mod written;

pub(super) use knative::{KNATIVE_BOTH_FORMATS, KNATIVE_DEFAULT_GATEWAY, KNATIVE_GATEWAY_ENTRY, KNATIVE_GATEWAY_LIST};
pub(super) use missing::CONFIG_MISSING;
pub(super) use text::{KSERVE_JSON, KSERVE_REQUIRED, KSERVE_TYPE};
pub(super) use value::{KSERVE_DEPLOYMENT_MODE, KSERVE_INGRESS_GATEWAY, KSERVE_PATH_TEMPLATE};
pub(super) use written::{KSERVE_EXTERNAL_NAME, KSERVE_VIRTUAL_SERVICE};
