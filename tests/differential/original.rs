use std::env;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Mutex;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A Go program that answers questions, one a line.
pub(crate) struct Original {
    child: Mutex<Talk>,
}

struct Talk {
    child: Child,
    questions: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

/// What upstream's code makes of a question.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(crate) struct Answer {
    #[serde(default)]
    pub(crate) error: Option<String>,
    #[serde(default)]
    pub(crate) panic: Option<String>,
    #[serde(default)]
    pub(crate) value: Value,
}

impl Original {
    /// Starts `kserve` or `istio`.
    ///
    /// # Panics
    /// With what to do, where `GO_ORIGINALS` is not set or names a folder that lacks it.
    pub(crate) fn start(name: &str) -> Self {
        let folder = env::var_os("GO_ORIGINALS").unwrap_or_else(|| {
            panic!("GO_ORIGINALS is not set: run `make test`, or set it to what tests/originals/build.sh prints")
        });
        let program = PathBuf::from(folder).join(name);
        assert!(program.exists(), "{} is missing: run `make test`, which builds it", program.display());
        let mut child = Command::new(program).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (questions, answers) = (child.stdin.take(), BufReader::new(child.stdout.take().unwrap()));
        Self { child: Mutex::new(Talk { child, questions, answers }) }
    }

    /// Asks one question.
    pub(crate) fn ask(&self, question: &impl Serialize) -> Answer {
        let mut talk = self.child.lock().unwrap();
        let mut line = serde_json::to_string(question).unwrap();
        line.push('\n');
        talk.questions.as_mut().unwrap().write_all(line.as_bytes()).expect("the original takes questions");
        let mut answer = String::new();
        talk.answers.read_line(&mut answer).unwrap();
        serde_json::from_str(&answer).unwrap_or_else(|error| panic!("{line}: {answer:?}: {error}"))
    }
}

impl Answer {
    /// The value, which it is a mistake not to have been given.
    pub(crate) fn value(self) -> Value {
        assert_eq!((&self.error, &self.panic), (&None, &None));
        self.value
    }

    pub(crate) fn is_refusal(&self) -> bool {
        self.error.is_some() || self.panic.is_some()
    }
}

impl Drop for Original {
    fn drop(&mut self) {
        if let Ok(talk) = self.child.get_mut() {
            // At the end of its questions it ends.
            talk.questions = None;
            drop(talk.child.wait());
        }
    }
}
