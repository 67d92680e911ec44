//! Times as people declare them and as messages tell them. There is no clock here: whoever judges says what time it is.

use std::fmt;

const DAY: i64 = 86_400;

/// A point in time, in whole seconds since the epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(pub i64);

/// A length of time, in whole seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(pub i64);

impl Moment {
    /// Reads an RFC 3339 time, in any zone; `None` for anything else. Parts of a second are dropped.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (date, rest) = text.split_at_checked(10)?;
        let rest = rest.strip_prefix(['T', 't'])?;
        let (time, rest) = rest.split_at_checked(8)?;
        let [year, month, day] = fields(date, b'-', [4, 2, 2])?;
        let [hour, minute, second] = fields(time, b':', [2, 2, 2])?;
        // A leap second counts as the one before it.
        let is_time = hour < 24 && minute < 60 && second <= 60;
        let is_date = (1..=12).contains(&month) && (1..=days_in(year, month)).contains(&day);
        let time = hour * 3_600 + minute * 60 + second.min(59);
        (is_time && is_date).then_some(())?;
        let rest = without_fraction(rest)?;
        Some(Self(days_since_epoch(year, month, day) * DAY + time - offset(rest)?))
    }

    /// The moment after a while.
    #[must_use]
    pub const fn after(self, Span(seconds): Span) -> Self {
        Self(self.0.saturating_add(seconds))
    }

    /// The time of day, with the date where it is not that of `now`.
    #[must_use]
    pub fn told_at(self, now: Self) -> String {
        let whole = self.to_string();
        let short = whole.replace(":00Z", "Z");
        let (date, time) = short.split_once('T').unwrap_or_default();
        if self.0.div_euclid(DAY) == now.0.div_euclid(DAY) { time.to_owned() } else { format!("{date} {time}") }
    }
}

impl fmt::Display for Moment {
    /// Writes RFC 3339 in UTC.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = date(self.0.div_euclid(DAY));
        let second = self.0.rem_euclid(DAY);
        let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
    }
}

impl fmt::Display for Span {
    /// Writes `1h`, `1h30m`, `45s`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [(self.0 / 3_600, "h"), (self.0 / 60 % 60, "m"), (self.0 % 60, "s")];
        if self.0 == 0 {
            return f.write_str("0s");
        }
        parts.iter().filter(|(number, _)| *number != 0).try_for_each(|(number, unit)| write!(f, "{number}{unit}"))
    }
}

/// Three numbers of fixed widths.
fn fields(text: &str, separator: u8, widths: [usize; 3]) -> Option<[i64; 3]> {
    let mut parts = text.split(char::from(separator));
    let mut numbers = [0; 3];
    for (number, width) in numbers.iter_mut().zip(widths) {
        *number = digits(parts.next()?, width)?;
    }
    parts.next().is_none().then_some(numbers)
}

fn digits(text: &str, width: usize) -> Option<i64> {
    let is_number = text.len() == width && text.bytes().all(|byte| byte.is_ascii_digit());
    if is_number { text.parse().ok() } else { None }
}

fn without_fraction(text: &str) -> Option<&str> {
    let Some(fraction) = text.strip_prefix('.') else { return Some(text) };
    let rest = fraction.trim_start_matches(|character: char| character.is_ascii_digit());
    (rest.len() < fraction.len()).then_some(rest)
}

/// The seconds by which a zone is ahead of UTC.
fn offset(zone: &str) -> Option<i64> {
    if zone.eq_ignore_ascii_case("Z") {
        return Some(0);
    }
    let (sign, clock) = match zone.as_bytes().first()? {
        b'+' => (1, &zone[1..]),
        b'-' => (-1, &zone[1..]),
        _ => return None,
    };
    let (hour, minute) = clock.split_once(':')?;
    let (hour, minute) = (digits(hour, 2)?, digits(minute, 2)?);
    (hour < 24 && minute < 60).then_some(sign * (hour * 3_600 + minute * 60))
}

const fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Counted in years that begin in March, so that the leap day comes last.
const fn days_since_epoch(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// The reverse of [`days_since_epoch`].
const fn date(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = year_of_era + era * 400 + if month <= 2 { 1 } else { 0 };
    (year, month, day_of_year - (153 * from_march + 2) / 5 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_rfc_3339_writes_them() {
        for (text, seconds) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2000-03-01T00:00:01Z", 951_868_801),
            ("2024-02-29T12:30:00+02:00", 1_709_202_600),
            ("2024-02-29T10:30:00.999z", 1_709_202_600),
            ("2024-02-29t05:00:00-05:30", 1_709_202_600),
            ("2016-12-31T23:59:60Z", 1_483_228_799),
        ] {
            assert_eq!(Moment::parse(text), Some(Moment(seconds)), "{text}");
        }
        for text in [
            "",
            "tomorrow",
            "2024-02-29",
            "2024-02-29 12:30:00Z",
            "2024-02-29T12:30Z",
            "2024-02-29T12:30:00",
            "2024-02-29T12:30:00+0200",
            "2024-02-29T12:30:00.Z",
            "2024-02-29T24:00:00Z",
            "2023-02-29T12:30:00Z",
            "2024-13-01T12:30:00Z",
            "2024-00-01T12:30:00Z",
            "24-02-29T12:30:00Z",
            "+024-02-29T12:30:00Z",
            "2024-02-29T12:30:00Z ",
            "1709209800",
            "202ä-02-29T12:30:00Z",
        ] {
            assert_eq!(Moment::parse(text), None, "{text}");
        }
    }

    #[test]
    fn times_are_written_as_they_are_read() {
        for seconds in [0, 951_868_801, 1_709_202_600, 4_107_542_399, -1, 1_234_567_890] {
            let text = Moment(seconds).to_string();
            assert_eq!(Moment::parse(&text), Some(Moment(seconds)), "{text}");
        }
        assert_eq!(Moment(1_709_202_600).to_string(), "2024-02-29T10:30:00Z");
    }

    #[test]
    fn the_date_is_told_where_it_is_another() {
        let now = Moment::parse("2026-01-01T23:40:00Z").unwrap();
        assert_eq!(now.after(Span(600)).told_at(now), "23:50Z");
        assert_eq!(now.after(Span(605)).told_at(now), "23:50:05Z");
        assert_eq!(now.after(Span(1_800)).told_at(now), "2026-01-02 00:10Z");
    }

    #[test]
    fn spans_are_short() {
        let texts = [0, 45, 3_600, 5_400, 86_400, 3_661].map(|seconds| Span(seconds).to_string());
        assert_eq!(texts, ["0s", "45s", "1h", "1h30m", "24h", "1h1m1s"]);
    }
}
