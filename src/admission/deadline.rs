//! How long an answer may take.

use std::time::{Duration, Instant};

/// The longest `timeoutSeconds` that a webhook may be registered with.
const LONGEST: Duration = Duration::from_secs(30);
const LEAST_MARGIN: Duration = Duration::from_millis(100);

/// The time an answer has to be ready, below the time the caller stops waiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Deadline {
    /// How long the caller waits, as it said.
    pub(super) stated: Duration,
    /// When the answer has to be ready.
    pub(super) at: Instant,
}

impl Deadline {
    /// Reads the `timeout` of a request's query, which the API server sets on every call of a webhook.
    ///
    /// A timeout that does not parse is read as an absent one: a verdict in the default time serves the caller better
    /// than none at all.
    pub(super) fn new(query: Option<&str>, now: Instant, default: Duration) -> Self {
        let stated = query
            .into_iter()
            .flat_map(|query| query.split('&'))
            .find_map(|pair| pair.strip_prefix("timeout="))
            .and_then(go_duration)
            .filter(|timeout| !timeout.is_zero())
            .map_or(default, |timeout| timeout.min(LONGEST));
        Self { stated, at: now + stated.saturating_sub(margin(stated)) }
    }
}

/// What is kept back of a timeout for the way there and back; the API server states it rounded up to whole seconds.
fn margin(stated: Duration) -> Duration {
    (stated / 10).max(LEAST_MARGIN).min(stated / 2)
}

/// Reads a duration as Go writes it, such as `10s`, `1.5s` or `1m30s`.
pub(crate) fn go_duration(text: &str) -> Option<Duration> {
    if text == "0" {
        return Some(Duration::ZERO);
    }
    let mut rest = text;
    let mut total = Duration::ZERO;
    while !rest.is_empty() {
        let number = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, tail) = rest.split_at(number);
        let unit = tail.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(unit);
        total = total.checked_add(part(number, unit)?)?;
        rest = tail;
    }
    (!text.is_empty()).then_some(total)
}

fn part(number: &str, unit: &str) -> Option<Duration> {
    let unit: u128 = match unit {
        "ns" => 1,
        "us" | "µs" | "μs" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        _ => return None,
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let digits = |text: &str| if text.is_empty() { Some(0) } else { text.parse::<u64>().ok().map(u128::from) };
    // Go, too, drops what is finer than a nanosecond.
    let fraction = fraction.get(..fraction.len().min(15))?;
    let scale = 10_u128.pow(u32::try_from(fraction.len()).ok()?);
    let nanos = digits(whole)?.checked_mul(unit)?.checked_add(digits(fraction)? * unit / scale)?;
    u64::try_from(nanos).ok().map(Duration::from_nanos)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEFAULT: Duration = Duration::from_secs(10);

    fn budget(query: &str) -> (Duration, Duration) {
        let started = Instant::now();
        let deadline = Deadline::new(Some(query), started, DEFAULT);
        (deadline.stated, deadline.at - started)
    }

    #[test]
    fn reads_durations_as_go_writes_them() {
        for (text, millis) in [
            ("5s", 5_000),
            ("1500ms", 1_500),
            ("1.5s", 1_500),
            (".5s", 500),
            ("1m30s", 90_000),
            ("1h", 3_600_000),
            ("2000000us", 2_000),
            ("3000000000ns", 3_000),
            ("0", 0),
        ] {
            assert_eq!(go_duration(text), Some(Duration::from_millis(millis)), "{text}");
        }
        for text in
            ["", "5", "s", "-5s", "5 s", "5sec", "1.2.3s", ".s", "99999999999999999999h", "9999999h9999999h", "é"]
        {
            assert_eq!(go_duration(text), None, "{text}");
        }
    }

    #[test]
    fn keeps_a_tenth_or_a_tenth_of_a_second_back() {
        let millis = Duration::from_millis;
        assert_eq!(budget("timeout=10s"), (millis(10_000), millis(9_000)));
        assert_eq!(budget("a=b&timeout=500ms"), (millis(500), millis(400)));
        assert_eq!(budget("timeout=100ms"), (millis(100), millis(50)), "never all of it");
    }

    #[test]
    fn falls_back_to_the_default_and_to_the_longest() {
        for query in ["", "timeout=", "timeout=soon", "timeout=0s", "timeout", "xtimeout=1s"] {
            assert_eq!(budget(query).0, DEFAULT, "{query}");
        }
        assert_eq!(budget("timeout=1h").0, LONGEST);
        assert_eq!(Deadline::new(None, Instant::now(), DEFAULT).stated, DEFAULT);
    }
}
