/// An object of the deployed cluster, as YAML.
#[derive(Clone, Copy, Debug)]
pub(super) struct Manifest(&'static str);

pub(super) const INGRESS_SERVICE: Manifest = Manifest(include_str!("cluster/ingress-service.yaml"));
pub(super) const LOCAL_SERVICE: Manifest = Manifest(include_str!("cluster/local-service.yaml"));
pub(super) const INGRESS_GATEWAY: Manifest = Manifest(include_str!("cluster/ingress-gateway.yaml"));
pub(super) const LOCAL_GATEWAY: Manifest = Manifest(include_str!("cluster/local-gateway.yaml"));
pub(super) const SHIPPED_LOCAL_SERVICE: Manifest = Manifest(include_str!("cluster/shipped-local-service.yaml"));
pub(super) const SHIPPED_LOCAL_GATEWAY: Manifest = Manifest(include_str!("cluster/shipped-local-gateway.yaml"));
pub(super) const KNATIVE_SERVING: Manifest = Manifest(include_str!("cluster/knative-serving.yaml"));
pub(super) const CONFIG_ISTIO: Manifest = Manifest(include_str!("cluster/config-istio.yaml"));
pub(super) const CONFIG_DOMAIN: Manifest = Manifest(include_str!("cluster/config-domain.yaml"));
pub(super) const INFERENCE_SERVICE_CONFIG: Manifest = Manifest(include_str!("cluster/inferenceservice-config.yaml"));

/// What somebody does to one object.
#[derive(Clone, Debug)]
pub(super) enum Change {
    /// It gets other content.
    Write {
        /// As it is.
        before: Manifest,
        /// As it is to be.
        after: String,
    },
    /// It is created.
    Create(String),
    /// It is deleted.
    Delete(Manifest),
}

impl Manifest {
    /// As text.
    pub(super) const fn text(self) -> &'static str {
        let Self(text) = self;
        text
    }

    /// Replaces the first `from` by `to`.
    ///
    /// # Panics
    /// If there is no `from`: then the case tests nothing.
    #[track_caller]
    pub(super) fn with(self, from: &str, to: &str) -> Change {
        self.rewritten(self.text()).and(from, to)
    }

    /// Replaces all of it by another manifest of the same object.
    pub(super) fn rewritten(self, after: &str) -> Change {
        Change::Write { before: self, after: after.to_owned() }
    }

    /// Deletes it.
    pub(super) fn deleted(self) -> Change {
        Change::Delete(self)
    }
}

impl Change {
    /// What is written, or the object that is deleted.
    pub(super) fn content(&self) -> &str {
        match self {
            Self::Write { after: content, .. } | Self::Create(content) => content,
            Self::Delete(object) => object.text(),
        }
    }

    /// Replaces one more text.
    #[track_caller]
    pub(super) fn and(self, from: &str, to: &str) -> Self {
        let Self::Write { before, after } = self else { panic!("only what is written can be edited") };
        assert!(after.contains(from), "{from:?} is not in\n{after}");
        Self::Write { before, after: after.replacen(from, to, 1) }
    }
}
