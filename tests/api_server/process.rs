use std::fs::{self, File};
use std::io;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::LazyLock;
use std::sync::mpsc::{self, Sender};
use std::thread;

/// A program that runs beside the tests and ends with them, however they end.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts `command` with all its output appended to `log`.
    pub(crate) fn start(command: &Command, log: PathBuf) -> Self {
        let output = File::options().create(true).append(true).open(&log).unwrap();
        let mut tied = tied_to_us(command);
        tied.stdin(Stdio::null()).stdout(output.try_clone().unwrap()).stderr(output);
        let child = spawn_from_lasting_thread(tied).unwrap_or_else(|error| {
            panic!("cannot start setpriv (Debian's util-linux), which ends {command:?} with the tests: {error}")
        });
        Self { child, log }
    }

    /// How the program ended, if it did.
    pub(crate) fn exited(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    /// All that the program has written so far.
    pub(crate) fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap()).into_owned()
    }

    /// The number by which the kernel knows it.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Tells the program to end, as the kubelet does.
    pub(crate) fn terminate(&self) {
        let status = Command::new("kill").args(["-TERM", &self.id().to_string()]).status().unwrap();
        assert!(status.success(), "kill: {status}");
    }

    /// Ends the program at once, as the kernel would under memory pressure.
    pub(crate) fn kill(&mut self) {
        // An error says that it has ended already.
        let _ = self.child.kill();
        self.child.wait().unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The same command with a parent-death signal; `setpriv` replaces itself, so the process id is the program's own.
fn tied_to_us(command: &Command) -> Command {
    let mut tied = Command::new("setpriv");
    tied.args(["--pdeathsig", "KILL", "--"]).arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => tied.env(name, value),
            None => tied.env_remove(name),
        };
    }
    tied
}

/// The parent whose death counts is the *thread* that spawned, and a test's thread ends with its test (prctl(2)).
fn spawn_from_lasting_thread(command: Command) -> io::Result<Child> {
    type Order = (Command, Sender<io::Result<Child>>);
    static SPAWNER: LazyLock<Sender<Order>> = LazyLock::new(|| {
        let (orders, inbox) = mpsc::channel::<Order>();
        thread::spawn(move || {
            for (mut command, answer) in inbox {
                // Nobody listens for the answer only when the whole test run is ending.
                let _ = answer.send(command.spawn());
            }
        });
        orders
    });

    let (answer, child) = mpsc::channel();
    SPAWNER.send((command, answer)).unwrap();
    child.recv().unwrap()
}
