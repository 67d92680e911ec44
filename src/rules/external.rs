//! The way in from outside: the public counterparts of the local rules, under the same last digits.

mod entry;
mod gateway;
mod hosts;
mod listener;
mod name;
mod unrouted;

pub(super) use entry::{ENTRY_MISSING, ENTRY_PODS, ENTRY_PORT, no_entry};
pub(super) use gateway::{GATEWAY_MISSING, OTHER_PODS, OTHER_PORT};
pub(super) use hosts::{HOSTS_NOT_COVERED, NAMESPACE_KEPT_OUT, REDIRECT};
pub(super) use listener::{BOUND_ELSEWHERE, CONFLICT, NOT_HTTP};
pub(super) use name::{NAME_GONE, name_gone};
pub(super) use unrouted::{NO_GATEWAY, PATH_WITHOUT_ROUTE, no_gateway, path_without_route};
