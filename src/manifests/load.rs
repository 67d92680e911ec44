//! Reads files on all cores, and puts together what they hold.

use std::panic::resume_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use super::files::Found;
use super::read::{Part, Reader};
use super::{ManifestError, ManifestObject, Manifests, Note};

/// How many files a thread takes at a time: fewer are read sooner than a thread starts.
const FILES_AT_A_TIME: usize = 128;

/// Reads the files; whatever the number of threads, the result is that of reading one after the other.
pub(super) fn all(found: &[Found], default_namespace: &str) -> Result<Manifests, ManifestError> {
    let mut manifests = Manifests::default();
    let mut problems = Vec::new();
    let mut position = 0;
    for (parts, skipped) in read(found, default_namespace) {
        manifests.skipped += skipped;
        for part in parts {
            match part {
                Part::Object(object) => {
                    manifests.put(ManifestObject { position, ..object });
                    position += 1;
                }
                Part::Note(note) => manifests.notes.push(note),
                Part::Problem(problem) => problems.push(problem),
            }
        }
    }
    if problems.is_empty() { Ok(manifests) } else { Err(ManifestError { problems }) }
}

fn read(found: &[Found], default_namespace: &str) -> Vec<(Vec<Part>, usize)> {
    let chunks: Vec<&[Found]> = found.chunks(FILES_AT_A_TIME).collect();
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done = Vec::new();
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(chunk) = chunks.get(index) else { return done };
            let mut reader = Reader::new(default_namespace);
            chunk.iter().for_each(|found| reader.take(found));
            done.push((index, reader.finish()));
        }
    };
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let mut done = thread::scope(|scope| {
        // Where no thread can be had, this one does it all.
        let others: Vec<_> =
            (1..cores.min(chunks.len())).map_while(|_| thread::Builder::new().spawn_scoped(scope, work).ok()).collect();
        let mut done = work();
        for other in others {
            done.extend(other.join().unwrap_or_else(|panic| resume_unwind(panic)));
        }
        done
    });
    done.sort_unstable_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, read)| read).collect()
}

impl Manifests {
    /// Takes an object in; one of the same name that came before is left aside, which a note tells.
    fn put(&mut self, object: ManifestObject) {
        let (file, line) = (object.file.clone(), object.line);
        if let Some(earlier) = self.objects.insert(object.key.clone(), object) {
            let message = format!("{} is left aside: it comes again, at {file}:{line}", earlier.key);
            self.notes.push(Note { file: earlier.file, line: Some(earlier.line), message });
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn many_files_read_on_all_cores_are_as_if_read_in_turn() {
        let count = 1_000_usize;
        let folder = tempfile::tempdir().unwrap();
        for index in 0..count {
            // Every name twice, in files far apart.
            let (name, other) = (index % (count / 2), if index % 3 == 0 { "---\nno: object\n" } else { "" });
            let text = format!("apiVersion: v1\nkind: Service\nmetadata: {{name: s{name}}}\n{other}");
            fs::write(folder.path().join(format!("{index:04}.yaml")), text).unwrap();
        }
        let load = || Manifests::load(&[folder.path().to_owned()]);
        let manifests = load().unwrap();
        let file = |object: &ManifestObject| object.file.rsplit('/').next().unwrap().to_owned();
        let order: Vec<_> = manifests.in_order().into_iter().map(file).collect();
        assert_eq!(order, (count / 2..count).map(|index| format!("{index:04}.yaml")).collect::<Vec<_>>());
        let mut expected = Vec::new();
        for index in 0..count {
            if let Some(earlier) = index.checked_sub(count / 2) {
                let (name, file) = (format!("s{earlier}"), format!("{}/{index:04}.yaml", folder.path().display()));
                let earlier = format!("{}/{earlier:04}.yaml:1:", folder.path().display());
                expected.push(format!("{earlier} Service default/{name} is left aside: it comes again, at {file}:1"));
            }
            if index % 3 == 0 {
                let file = format!("{}/{index:04}.yaml:5:", folder.path().display());
                expected.push(format!("{file} not read: no object of Kubernetes, which has a kind and an apiVersion"));
            }
        }
        assert_eq!(manifests.notes.iter().map(Note::to_string).collect::<Vec<_>>(), expected);
        assert_eq!(manifests.skipped, count.div_ceil(3));
        for name in ["0900.yaml", "0100.yaml"] {
            fs::write(folder.path().join(name), "a: b: c").unwrap();
        }
        let problems: Vec<_> = load().unwrap_err().problems.iter().map(ToString::to_string).collect();
        assert_eq!(problems.len(), 2);
        assert!(problems[0].contains("0100.yaml:1") && problems[1].contains("0900.yaml:1"), "{problems:?}");
    }
}
