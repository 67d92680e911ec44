use std::fs::{self, File};
use std::path::{Path, PathBuf};

use tempfile::TempDir;

/// A folder that is gone after the test run, even if the run was killed.
///
/// A control plane in a `static` is never dropped, and etcd's data takes 100 MB. So each folder has a lock that ends with the process
/// that holds it, and whoever makes a folder removes those whose lock is free.
#[derive(Debug)]
pub(crate) struct Scratch {
    folder: TempDir,
    lock: PathBuf,
    _held: File,
}

const PREFIX: &str = "control-plane-";

impl Scratch {
    /// Makes an empty folder below the build's own temporary folder.
    pub(crate) fn new() -> Self {
        let parent = Path::new(env!("CARGO_TARGET_TMPDIR"));
        // Held while a folder has no lock yet, lest another run takes it for an abandoned one.
        let making = File::create(parent.join("control-plane.lock")).unwrap();
        making.lock().unwrap();

        remove_abandoned(parent);
        let folder = tempfile::Builder::new().prefix(PREFIX).tempdir_in(parent).unwrap();
        let lock = lock_of(folder.path());
        let held = File::create(&lock).unwrap();
        held.lock().unwrap();
        Self { folder, lock, _held: held }
    }

    /// A path in the folder; nothing is made there.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file in the folder and returns its path.
    pub(crate) fn write(&self, name: &str, content: &str) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, content).unwrap();
        path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // The next run would remove it as well, so a failure here is no loss.
        let _ = fs::remove_file(&self.lock);
    }
}

fn remove_abandoned(parent: &Path) {
    let folders = fs::read_dir(parent)
        .unwrap()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.is_dir() && is_ours(path));
    for folder in folders {
        let lock = lock_of(&folder);
        let abandoned = File::open(&lock).map_or(true, |held| held.try_lock().is_ok());
        if abandoned {
            let _ = fs::remove_dir_all(&folder);
            let _ = fs::remove_file(&lock);
        }
    }
}

fn is_ours(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str());
    name.is_some_and(|name| name.starts_with(PREFIX))
}

fn lock_of(folder: &Path) -> PathBuf {
    folder.with_extension("lock")
}
