//! Keeps what strangers can cause from filling the log.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Lets one event of each reason pass in an interval, and counts the rest.
#[derive(Debug)]
pub struct Throttle {
    interval: Duration,
    reasons: Mutex<BTreeMap<&'static str, Window>>,
}

#[derive(Clone, Copy, Debug)]
struct Window {
    opened: Instant,
    withheld: u64,
}

impl Default for Throttle {
    fn default() -> Self {
        Self::new(Duration::from_secs(10))
    }
}

impl Throttle {
    /// Starts with every reason free to pass.
    #[must_use]
    pub fn new(interval: Duration) -> Self {
        Self { interval, reasons: Mutex::default() }
    }

    /// Whether an event may pass; if so, how many of its reason were withheld since the last one that did.
    pub fn pass(&self, reason: &'static str) -> Option<u64> {
        self.pass_at(reason, Instant::now())
    }

    fn pass_at(&self, reason: &'static str, now: Instant) -> Option<u64> {
        let mut reasons = self.reasons.lock().unwrap_or_else(PoisonError::into_inner);
        match reasons.get_mut(reason) {
            Some(window) if now.duration_since(window.opened) < self.interval => {
                window.withheld += 1;
                None
            }
            other => {
                let withheld = other.map_or(0, |window| window.withheld);
                reasons.insert(reason, Window { opened: now, withheld: 0 });
                Some(withheld)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_of_each_reason_passes_in_an_interval() {
        let throttle = Throttle::new(Duration::from_secs(10));
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(throttle.pass_at("timeout", start), Some(0));
        assert_eq!(throttle.pass_at("timeout", after(1)), None);
        assert_eq!(throttle.pass_at("timeout", after(9)), None);
        assert_eq!(throttle.pass_at("other", after(9)), Some(0));
        assert_eq!(throttle.pass_at("timeout", after(10)), Some(2));
        assert_eq!(throttle.pass_at("timeout", after(20)), Some(0));
    }
}
