//! Which release of a controller is installed, and what each release reads differently.

use std::fmt;
use std::str::FromStr;

/// The label by which upstream's manifests tell their version.
pub const VERSION_LABEL: &str = "app.kubernetes.io/version";

/// A release, as far as its meaning differs: major and minor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Release {
    /// The major version.
    pub major: u16,
    /// The minor version.
    pub minor: u16,
}

/// The releases of the controllers of the walk; `None` means unknown: the newest meaning is used, and where an older
/// one would decide otherwise the answer is a warning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Versions {
    /// KServe's controller.
    pub kserve: Option<Release>,
    /// Knative Serving and net-istio, released together.
    pub knative: Option<Release>,
}

/// `text` names no release.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("{0:?} is no release: write it as 0.15 or v1.18.2")]
pub struct ReleaseError(String);

impl Release {
    /// A release.
    #[must_use]
    pub const fn new(major: u16, minor: u16) -> Self {
        Self { major, minor }
    }

    /// Reads the tag of an image reference such as `kserve/kserve-controller:v0.15.2@sha256:…`.
    #[must_use]
    pub fn from_image(image: &str) -> Option<Self> {
        let untagged = image.split('@').next()?;
        let (_, tag) = untagged.rsplit_once(':')?;
        tag.parse().ok()
    }
}

impl FromStr for Release {
    type Err = ReleaseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || ReleaseError(text.to_owned());
        let digits = text.trim().trim_start_matches("knative-").trim_start_matches('v');
        let mut parts = digits.split(['.', '-', '+']);
        let mut next = || parts.next().and_then(|part| part.parse().ok()).ok_or_else(error);
        Ok(Self { major: next()?, minor: next()? })
    }
}

impl fmt::Display for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

impl Versions {
    /// Whether KServe reads `knativeLocalGatewayService` (since 0.14).
    #[must_use]
    pub fn kserve_has_knative_local_gateway_service(self) -> bool {
        self.kserve.is_none_or(|release| release >= Release::new(0, 14))
    }

    /// Whether KServe demands `ingressService` (up to 0.13).
    #[must_use]
    pub fn kserve_requires_ingress_service(self) -> bool {
        self.kserve.is_some_and(|release| release < Release::new(0, 14))
    }

    /// Whether KServe knows the modes `Knative` and `Standard` (since 0.16).
    #[must_use]
    pub fn kserve_has_new_mode_names(self) -> bool {
        self.kserve.is_none_or(|release| release >= Release::new(0, 16))
    }

    /// Whether KServe reads the Gateway API keys (since 0.15).
    #[must_use]
    pub fn kserve_has_gateway_api(self) -> bool {
        self.kserve_is_at_least(15)
    }

    /// Whether KServe is of release `0.minor` or newer, as an unknown one counts.
    #[must_use]
    pub fn kserve_is_at_least(self, minor: u16) -> bool {
        self.kserve.is_none_or(|release| release >= Release::new(0, minor))
    }

    /// Whether net-istio reads the list keys of `config-istio` (since 1.14).
    #[must_use]
    pub fn knative_has_gateway_lists(self) -> bool {
        self.knative.is_none_or(|release| release >= Release::new(1, 14))
    }

    /// Whether an empty list in `config-istio` means no gateways (since 1.22, net-istio 0.49) rather than the defaults;
    /// `None` when the release is unknown.
    #[must_use]
    pub fn knative_empty_list_means_none(self) -> Option<bool> {
        self.knative.map(|release| release >= Release::new(1, 22))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_are_read_from_tags_and_labels() {
        assert_eq!(Release::from_image("kserve/kserve-controller:v0.15.2"), Some(Release::new(0, 15)));
        assert_eq!(
            Release::from_image("registry:5000/kserve-controller:v0.14.0-rc1@sha256:ab"),
            Some(Release::new(0, 14))
        );
        assert_eq!(Release::from_image("registry:5000/kserve-controller"), None);
        assert_eq!("1.23.0".parse(), Ok(Release::new(1, 23)));
        assert_eq!("knative-v1.18.1".parse(), Ok(Release::new(1, 18)));
        assert!("latest".parse::<Release>().is_err());
    }
}
