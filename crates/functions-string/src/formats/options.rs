//! Typed access to the options of readers and writers. Keys are in lower case.

use vonk_common::{SparkError, SparkResult};
use vonk_plan::relation::Options;

/// The option's value; `key` in lower case.
pub fn text<'a>(options: &'a Options, key: &str) -> Option<&'a str> {
    options.get(key).map(String::as_str)
}

/// A boolean option, as Spark's `getBool` reads it.
pub fn flag(options: &Options, key: &str, default: bool) -> SparkResult<bool> {
    match text(options, key).map(str::to_ascii_lowercase).as_deref() {
        None => Ok(default),
        Some("true") => Ok(true),
        Some("false") => Ok(false),
        Some(other) => Err(invalid(format!("{key} flag can be true or false, not {other}"))),
    }
}

pub fn number<T: std::str::FromStr>(options: &Options, key: &str) -> SparkResult<Option<T>> {
    text(options, key)
        .map(|v| v.trim().parse().map_err(|_| invalid(format!("{key} should be a number, not {v}"))))
        .transpose()
}

/// One character; `\t`, `\0` and the like as escapes; empty is none.
pub fn character(options: &Options, key: &str, default: Option<char>) -> SparkResult<Option<char>> {
    let Some(value) = text(options, key) else { return Ok(default) };
    let value = unescape(value);
    let mut chars = value.chars();
    match (chars.next(), chars.next()) {
        (None, _) => Ok(None),
        (Some('\0'), None) => Ok(None),
        (Some(c), None) => Ok(Some(c)),
        _ => Err(SparkError::new("_LEGACY_ERROR_TEMP_2235").param("paramName", key)),
    }
}

/// Backslash escapes of delimiters: `\t`, `\n`, `\r`, `\b`, `\f`, `\"`, `\'`, `\\`, `\u0000`.
pub fn unescape(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    let mut chars = value.chars().peekable();
    while let Some(c) = chars.next() {
        let Some(next) = (c == '\\').then(|| chars.peek().copied()).flatten() else {
            out.push(c);
            continue;
        };
        let known = match next {
            't' => Some('\t'),
            'n' => Some('\n'),
            'r' => Some('\r'),
            'b' => Some('\u{8}'),
            'f' => Some('\u{c}'),
            '"' | '\'' | '\\' => Some(next),
            _ => None,
        };
        match known {
            Some(k) => {
                out.push(k);
                chars.next();
            }
            None if next == 'u' => {
                chars.next();
                let digits: String = chars.by_ref().take(4).collect();
                out.extend(u32::from_str_radix(&digits, 16).ok().and_then(char::from_u32));
            }
            None => out.push(c),
        }
    }
    out
}

fn invalid(message: String) -> SparkError {
    SparkError::new("_LEGACY_ERROR_TEMP_VONK_OPTION").param("message", message)
}

/// What to do with a record that does not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParseMode {
    Permissive,
    DropMalformed,
    FailFast,
}

/// The `mode` option; unknown modes are PERMISSIVE, as in Spark.
pub fn parse_mode(options: &Options) -> ParseMode {
    match text(options, "mode").unwrap_or_default().to_ascii_uppercase().as_str() {
        "DROPMALFORMED" => ParseMode::DropMalformed,
        "FAILFAST" => ParseMode::FailFast,
        _ => ParseMode::Permissive,
    }
}
