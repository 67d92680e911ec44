use std::thread::sleep;
use std::time::{Duration, Instant};

/// Tries every 50 ms until `attempt` succeeds and returns what it found.
///
/// # Panics
/// With `what` and the reason of the last failure, once `limit` has passed.
#[track_caller]
pub(crate) fn until<T>(what: &str, limit: Duration, mut attempt: impl FnMut() -> Result<T, String>) -> T {
    let start = Instant::now();
    loop {
        match attempt() {
            Ok(found) => return found,
            Err(reason) if start.elapsed() > limit => {
                panic!("{what} took longer than {limit:?}: {reason}")
            }
            Err(_) => sleep(Duration::from_millis(50)),
        }
    }
}
