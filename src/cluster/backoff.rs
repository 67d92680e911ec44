use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

const FIRST: Duration = Duration::from_millis(200);
const LONGEST: Duration = Duration::from_secs(10);

/// Pauses that grow while something keeps failing.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    failures: u32,
}

impl Backoff {
    /// The next pause: twice the one before, and of random length, lest everybody comes back at once.
    pub(super) fn next(&mut self) -> Duration {
        let longest = FIRST.saturating_mul(1 << self.failures.min(16)).min(LONGEST);
        self.failures = self.failures.saturating_add(1);
        // The standard library's only source of randomness, and good enough for this.
        let random = RandomState::new().hash_one(self.failures) % 1000;
        longest / 2 + longest / 2 * u32::try_from(random).unwrap_or_default() / 1000
    }

    /// Begins anew with short pauses.
    pub(super) fn reset(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_limit_until_something_works() {
        let mut backoff = Backoff::default();
        for longest in [200, 400, 800, 1600, 3200, 6400, 10_000, 10_000].map(Duration::from_millis) {
            let pause = backoff.next();
            assert!(pause >= longest / 2 && pause <= longest, "{pause:?} of {longest:?}");
        }
        backoff.reset();
        assert!(backoff.next() <= FIRST);
    }
}
