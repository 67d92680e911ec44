//! What a YAML scalar stands for: the resolution of `go.yaml.in/yaml/v2` (YAML 1.1, with its own additions), and the
//! spelling that `sigs.k8s.io/yaml` then gives the value in JSON.

use std::borrow::Cow;

use crate::quote;

/// A scalar, resolved.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Scalar {
    Null,
    Bool(bool),
    /// A whole number in decimal digits.
    Integer(String),
    Float(f64),
    Text(String),
}

impl Scalar {
    /// Resolves a plain scalar without a tag.
    pub(super) fn plain(text: &str) -> Self {
        match text {
            "" | "~" | "null" | "Null" | "NULL" => return Self::Null,
            "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => {
                return Self::Bool(true);
            }
            "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
                return Self::Bool(false);
            }
            ".nan" | ".NaN" | ".NAN" => return Self::Float(f64::NAN),
            ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => return Self::Float(f64::INFINITY),
            "-.inf" | "-.Inf" | "-.INF" => return Self::Float(f64::NEG_INFINITY),
            _ => {}
        }
        let number = match text.as_bytes().first() {
            Some(b'.') if has_stray_underscore(text) => None,
            Some(b'.') => float(&text.replace('_', "")),
            Some(b'+' | b'-' | b'0'..=b'9') => {
                let digits = text.replace('_', "");
                integer(&digits).or_else(|| float(&digits))
            }
            _ => None,
        };
        number.unwrap_or_else(|| Self::Text(text.to_owned()))
    }

    /// Resolves a scalar that carries a tag, of which `tag` is the part after `tag:yaml.org,2002:`.
    ///
    /// Go lets a tag check the value, quoted or not, but not change it, integers made floats apart.
    pub(super) fn tagged(tag: &str, text: &str) -> Result<Self, String> {
        let resolved = Self::plain(text);
        let fits = match (tag, &resolved) {
            ("bool", Self::Bool(_)) | ("int", Self::Integer(_)) | ("float", Self::Float(_)) | ("null", Self::Null) => {
                true
            }
            ("float", Self::Integer(digits)) => {
                return Ok(Self::Float(digits.parse().unwrap_or_default()));
            }
            // Go reads a date and then hands on the text that it was.
            ("timestamp", Self::Text(date)) => date.as_bytes().iter().position(|byte| *byte == b'-') == Some(4),
            ("bool" | "int" | "float" | "null" | "timestamp", _) => false,
            ("binary", _) => {
                let Some(bytes) = decode_base64(text) else {
                    return Err("!!binary value contains invalid base64 data".to_owned());
                };
                return Ok(Self::Text(String::from_utf8_lossy(&bytes).into_owned()));
            }
            _ => return Ok(Self::Text(text.to_owned())),
        };
        if fits {
            Ok(resolved)
        } else {
            Err(format!("cannot decode !!{} `{}` as a !!{tag}", resolved.tag(), quote::excerpt(text)))
        }
    }

    fn tag(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "bool",
            Self::Integer(_) => "int",
            Self::Float(_) => "float",
            Self::Text(_) => "str",
        }
    }

    /// The key that this scalar becomes in JSON; `None` for null, which cannot be one.
    pub(super) fn into_key(self) -> Option<String> {
        Some(match self {
            Self::Null => return None,
            Self::Bool(truth) => truth.to_string(),
            Self::Integer(text) | Self::Text(text) => text,
            Self::Float(float) if float.is_nan() => ".nan".to_owned(),
            Self::Float(float) => match shortest_single(float).as_str() {
                "+Inf" => ".inf".to_owned(),
                "-Inf" => "-.inf".to_owned(),
                digits => digits.to_owned(),
            },
        })
    }
}

/// The text that `sigs.k8s.io/yaml` makes of a number where a string is wanted.
pub(crate) fn number_as_string(digits: &str) -> Cow<'_, str> {
    if digits.contains(['.', 'e', 'E']) {
        Cow::Owned(shortest_single(digits.parse().unwrap_or_default()))
    } else {
        Cow::Borrowed(digits)
    }
}

/// Writes a finite double as `encoding/json` does.
pub(super) fn json_number(float: f64) -> String {
    let magnitude = float.abs();
    if magnitude != 0.0 && !(1e-6..1e21).contains(&magnitude) {
        let digits = format!("{float:e}");
        return if digits.contains("e-") { digits } else { digits.replace('e', "e+") };
    }
    float.to_string()
}

/// Reads what `strconv.ParseInt(…, 0, 64)` or `ParseUint` reads: hexadecimal, octal (`0o17` and `017`), binary, decimal.
fn integer(text: &str) -> Option<Scalar> {
    let (sign, digits) = match text.as_bytes().first()? {
        b'-' => ("-", &text[1..]),
        b'+' => ("+", &text[1..]),
        _ => ("", text),
    };
    let (radix, digits) = match digits.get(..2) {
        Some("0x" | "0X") => (16, &digits[2..]),
        Some("0o" | "0O") => (8, &digits[2..]),
        Some("0b" | "0B") => (2, &digits[2..]),
        Some(_) if digits.starts_with('0') => (8, &digits[1..]),
        _ => (10, digits),
    };
    if !digits.chars().all(|digit| digit.is_digit(radix)) {
        return None;
    }
    let magnitude = i128::from(u64::from_str_radix(digits, radix).ok()?);
    let value = if sign == "-" { -magnitude } else { magnitude };
    // Only a number without a sign may use the range that unsigned integers add.
    if value < i128::from(i64::MIN) || (sign == "+" && value > i128::from(i64::MAX)) {
        return None;
    }
    Some(Scalar::Integer(value.to_string()))
}

/// Reads a decimal number with a fraction or an exponent, or one too large for an integer.
fn float(text: &str) -> Option<Scalar> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent.strip_prefix(['+', '-']).unwrap_or(exponent))),
        None => (unsigned, None),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all_digits = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_digit());
    let well_formed = !(whole.is_empty() && fraction.is_empty())
        && all_digits(whole)
        && all_digits(fraction)
        && exponent.is_none_or(|digits| !digits.is_empty() && all_digits(digits));
    // What overflows stays a string, as it does in Go.
    well_formed.then(|| text.parse::<f64>().ok().filter(|float| float.is_finite()).map(Scalar::Float))?
}

/// Whether an underscore stands elsewhere than between digits, which only matters to a number that begins with a dot.
fn has_stray_underscore(text: &str) -> bool {
    let bytes = text.as_bytes();
    let is_digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
    (0..bytes.len()).any(|at| bytes[at] == b'_' && !(at > 0 && is_digit(at - 1) && is_digit(at + 1)))
}

/// Go's `strconv.FormatFloat(…, 'g', -1, 32)`.
fn shortest_single(float: f64) -> String {
    #[expect(clippy::cast_possible_truncation, reason = "sigs.k8s.io/yaml rounds to single precision here")]
    let single = float as f32;
    if single.is_nan() {
        return "NaN".to_owned();
    }
    if single.is_infinite() {
        return if single > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    let scientific = format!("{single:e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or_default();
    if (-4..6).contains(&exponent) || single == 0.0 {
        return single.to_string();
    }
    // The constants are Go's: exponents of at least two digits, and %e from 1e+06 on.
    format!("{mantissa}e{}{:02}", if exponent < 0 { '-' } else { '+' }, exponent.abs())
}

/// Decodes standard base64 with padding; line breaks are skipped, as Go skips them.
fn decode_base64(text: &str) -> Option<Vec<u8>> {
    let symbols: Vec<u8> = text.bytes().filter(|byte| !matches!(byte, b'\r' | b'\n')).collect();
    let padding = symbols.iter().rev().take_while(|byte| **byte == b'=').count();
    if !symbols.len().is_multiple_of(4) || padding > 2 {
        return None;
    }
    let mut bytes = Vec::with_capacity(symbols.len() / 4 * 3);
    for group in symbols[..symbols.len() - padding].chunks(4) {
        let mut bits = 0_u32;
        for symbol in group {
            let value = match symbol {
                b'A'..=b'Z' => symbol - b'A',
                b'a'..=b'z' => symbol - b'a' + 26,
                b'0'..=b'9' => symbol - b'0' + 52,
                b'+' => 62,
                b'/' => 63,
                _ => return None,
            };
            bits = bits << 6 | u32::from(value);
        }
        bits <<= 6 * (4 - group.len());
        bytes.extend_from_slice(&bits.to_be_bytes()[1..group.len()]);
    }
    Some(bytes)
}
