//! Which files are read, in which order.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The path that stands for standard input.
const STDIN: &str = "-";

/// What a path leads to.
pub(super) struct Found {
    /// The path, as in [`ManifestObject::file`](super::ManifestObject::file).
    pub(super) file: Arc<str>,
    pub(super) content: Content,
}

pub(super) enum Content {
    /// A file that is still to be read.
    File(PathBuf),
    /// What could be read at once, or why not.
    Read(io::Result<Vec<u8>>),
    /// Nothing to be read, which a note tells.
    Note(&'static str),
}

/// Finds what the paths name, once each.
pub(super) fn find(paths: &[PathBuf], stdin: impl Read) -> Vec<Found> {
    let mut files = Files { seen: BTreeSet::new(), found: Vec::new() };
    let mut stdin = Some(stdin);
    for path in paths {
        if path.as_os_str() == STDIN {
            if let Some(stdin) = stdin.take() {
                files.take(Path::new("stdin"), Content::Read(read_to_end(stdin)));
            }
        } else {
            files.argument(path);
        }
    }
    files.found
}

struct Files {
    /// The files and folders met so far, by their real paths: links may lead to one twice, or in a circle.
    seen: BTreeSet<PathBuf>,
    found: Vec<Found>,
}

impl Files {
    fn argument(&mut self, path: &Path) {
        match (fs::metadata(path), fs::canonicalize(path)) {
            (Ok(metadata), Ok(real)) if metadata.is_dir() => {
                if self.folder(path, &real) == 0 {
                    self.note(path, "no .yaml, .yml or .json file in this folder");
                }
            }
            // A pipe (`<(helm template …)`) has no real path on every system, and is read all the same.
            (Ok(_), real) => self.file(path, real.unwrap_or_else(|_| path.to_owned())),
            (Err(error), _) => self.take(path, Content::Read(Err(error))),
        }
    }

    /// Reads a folder's manifests and those of its folders, in the order of their names; returns how many there are.
    fn folder(&mut self, path: &Path, real: &Path) -> usize {
        if !self.seen.insert(real.to_owned()) {
            return 1;
        }
        let mut entries = Vec::new();
        let listed = fs::read_dir(path).and_then(|listing| {
            for entry in listing {
                let entry = entry?;
                if !entry.file_name().to_string_lossy().starts_with('.') {
                    entries.push((entry.file_name(), entry.file_type()?));
                }
            }
            Ok(())
        });
        if let Err(error) = listed {
            self.take(path, Content::Read(Err(error)));
            return 1;
        }
        entries.sort_by(|left, right| left.0.cmp(&right.0));
        let mut found = 0;
        for (name, kind) in entries {
            let entry = path.join(&name);
            let real = real.join(&name);
            if kind.is_dir() {
                found += self.folder(&entry, &real);
            } else if kind.is_symlink() {
                found += self.link(&entry);
            } else if is_manifest(&entry) {
                found += 1;
                if kind.is_file() {
                    self.file(&entry, real);
                } else {
                    self.note(&entry, "not read: neither a file nor a folder");
                }
            }
        }
        found
    }

    fn link(&mut self, path: &Path) -> usize {
        match (fs::metadata(path), fs::canonicalize(path)) {
            (Ok(metadata), Ok(real)) if metadata.is_dir() => return self.folder(path, &real),
            _ if !is_manifest(path) => return 0,
            (Ok(metadata), Ok(real)) if metadata.is_file() => self.file(path, real),
            (Ok(_), Ok(_)) => self.note(path, "not read: neither a file nor a folder"),
            (Err(error), _) | (_, Err(error)) => self.take(path, Content::Read(Err(error))),
        }
        1
    }

    fn file(&mut self, path: &Path, real: PathBuf) {
        if self.seen.insert(real) {
            self.take(path, Content::File(path.to_owned()));
        }
    }

    fn note(&mut self, path: &Path, message: &'static str) {
        self.take(path, Content::Note(message));
    }

    fn take(&mut self, path: &Path, content: Content) {
        self.found.push(Found { file: path.to_string_lossy().into(), content });
    }
}

fn is_manifest(path: &Path) -> bool {
    let extension = path.extension().unwrap_or_default();
    ["yaml", "yml", "json"].iter().any(|known| extension.eq_ignore_ascii_case(known))
}

fn read_to_end(mut stdin: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    stdin.read_to_end(&mut bytes)?;
    Ok(bytes)
}
