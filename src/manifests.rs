//! Manifest files: the objects they hold and where every field stands.

mod files;
mod load;
mod locate;
mod read;

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::Arc;

use crate::object::ObjectKey;
use crate::syntax::Node;
pub use locate::Located;

/// The namespace of an object that names none, unless another is asked for.
pub const DEFAULT_NAMESPACE: &str = "default";

/// What a set of manifest files holds.
#[derive(Clone, Debug, Default)]
pub struct Manifests {
    objects: BTreeMap<ObjectKey, ManifestObject>,
    /// What people should know about the files, in the order in which it was met.
    pub notes: Vec<Note>,
    /// How many objects are of kinds that decide nothing about requests.
    pub skipped: usize,
}

/// An object and the file it was read from.
#[derive(Clone, Debug)]
pub struct ManifestObject {
    /// Its name, with the namespace filled in.
    pub key: ObjectKey,
    /// The `apiVersion`, as written.
    pub api_version: String,
    /// The path of its file as it was given or found; `stdin` for standard input.
    pub file: Arc<str>,
    /// Found while its file is read, when that costs nothing.
    line: u32,
    /// How many objects were read before it.
    position: usize,
    /// The whole file.
    pub text: Arc<str>,
    /// Its content; all spans refer to `text`.
    pub node: Node,
}

/// Something about a file that is no error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// The file, as in [`ManifestObject::file`].
    pub file: Arc<str>,
    /// The line, from 1; `None` where it concerns the file as a whole.
    pub line: Option<u32>,
    /// The note.
    pub message: String,
}

/// Why files cannot be taken for manifests: everything that is wrong with any of them.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct ManifestError {
    /// In the order in which they were met; never empty.
    pub problems: Vec<Problem>,
}

/// One thing wrong with one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file, as in [`ManifestObject::file`].
    pub file: Arc<str>,
    /// Line and column, from 1, the column in characters; `None` where the file itself is the problem.
    pub place: Option<(u32, u32)>,
    /// What is wrong and what to do.
    pub message: String,
}

impl Manifests {
    /// Loads files, folders (all `.yaml`, `.yml` and `.json` in them, but nothing hidden) and `-`, standard input.
    ///
    /// Files hold any number of documents; lists are taken apart. Where two objects have one name, the later one stays
    /// and a note tells. No file is read twice. Nothing is returned unless every file could be read.
    pub fn load(paths: &[PathBuf]) -> Result<Self, ManifestError> {
        Self::load_from(paths, DEFAULT_NAMESPACE, io::stdin())
    }

    /// As [`Manifests::load`], with the namespace of objects that name none, and with what `-` stands for.
    pub fn load_from(paths: &[PathBuf], default_namespace: &str, stdin: impl Read) -> Result<Self, ManifestError> {
        load::all(&files::find(paths, stdin), default_namespace)
    }

    /// The objects, in the order of their keys.
    pub fn objects(&self) -> impl Iterator<Item = &ManifestObject> {
        self.objects.values()
    }

    /// The objects, in the order in which `kubectl apply` would send them: that of the paths, of the names in a folder, and of
    /// the documents in a file.
    #[must_use]
    pub fn in_order(&self) -> Vec<&ManifestObject> {
        let mut objects: Vec<&ManifestObject> = self.objects.values().collect();
        objects.sort_by_key(|object| object.position);
        objects
    }

    /// The object of this name.
    #[must_use]
    pub fn object(&self, key: &ObjectKey) -> Option<&ManifestObject> {
        self.objects.get(key)
    }
}

impl ManifestObject {
    /// The object as plain JSON, with the kind and `apiVersion` that an item of a typed list leaves to its list to say.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        let mut value = serde_json::Value::from(&self.node);
        if let Some(fields) = value.as_object_mut() {
            for (field, said) in [("apiVersion", self.api_version.as_str()), ("kind", self.key.kind.name())] {
                if !fields.get(field).is_some_and(serde_json::Value::is_string) {
                    fields.insert(field.to_owned(), said.into());
                }
            }
        }
        value
    }

    /// The line of the file at which it begins, from 1.
    #[must_use]
    pub const fn line(&self) -> u32 {
        self.line
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.file)?;
        if let Some(line) = self.line {
            write!(f, "{line}:")?;
        }
        write!(f, " {}", self.message)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.file)?;
        if let Some((line, column)) = self.place {
            write!(f, "{line}:{column}:")?;
        }
        write!(f, " {}", self.message)
    }
}

impl fmt::Display for ManifestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
