use std::collections::BTreeMap;
use std::sync::Arc;

/// Whether somebody may declare a transition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Permission {
    /// Yes.
    Granted,
    /// No.
    Refused,
    /// It could not be found out, and why.
    Unasked(String),
}

/// May somebody `declare` `transitions.plumbline.dev` of this name in this namespace?
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// Who; `None` for whoever runs this process.
    pub asker: Option<Asker>,
    /// The namespace of the object that is written.
    pub namespace: Arc<str>,
    /// The transition's name, so that a Role can grant some names alone.
    pub transition: Arc<str>,
}

/// A user, as the API server authenticated them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asker {
    /// The name.
    pub user: String,
    /// What tells users of one name apart.
    pub uid: String,
    /// The groups.
    pub groups: Vec<String>,
    /// What the authenticator says besides.
    pub extra: BTreeMap<String, Vec<String>>,
}

impl Question {
    /// Who is asked about, for a message.
    #[must_use]
    pub fn who(&self) -> &str {
        self.asker.as_ref().map_or("you", |asker| &asker.user)
    }
}
