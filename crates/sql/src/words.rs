//! Names and numbers in the text, which may begin alike: `1L` is a number, `1e` and `1_000` are names.

use crate::tokens::Kind;

pub(crate) fn is_name_char(c: char) -> bool {
    c == '_' || c.is_ascii_alphanumeric() || (!c.is_ascii() && c.is_alphabetic())
}

/// Length of the name at the start.
pub(crate) fn name(rest: &str) -> usize {
    let len = rest.find(|c| !is_name_char(c)).unwrap_or(rest.len());
    // A path without quotes: `s3://bucket/x`.
    if rest.get(len..).is_some_and(|r| r.starts_with("://")) {
        let tail = rest.get(len + 3..).unwrap_or_default();
        let path = tail.find(|c: char| !(is_name_char(c) || "/-.?=&#%".contains(c))).unwrap_or(tail.len());
        if path > 0 && rest.get(..len).is_some_and(|n| n.chars().all(char::is_alphabetic)) {
            return len + 3 + path;
        }
    }
    len
}

/// A number, unless the letters and digits that follow make a longer name.
pub(crate) fn number_or_name(rest: &str) -> (Kind, usize) {
    let as_name = name(rest);
    match number(rest) {
        Some(len) if len >= as_name => (Kind::Number, len),
        _ => (Kind::Word, as_name),
    }
}

/// Length of the number at the start, with its suffix.
pub(crate) fn number(rest: &str) -> Option<usize> {
    let b = rest.as_bytes();
    let byte = |i: usize| b.get(i).copied().unwrap_or(0);
    let digits = |mut i: usize| {
        while byte(i).is_ascii_digit() {
            i += 1;
        }
        i
    };
    let mut i = digits(0);
    let whole = i;
    let mut point = false;
    if byte(i) == b'.' {
        let end = digits(i + 1);
        if whole > 0 || end > i + 1 {
            point = true;
            i = end;
        }
    }
    if i == 0 {
        return None;
    }
    let mut exponent = false;
    if matches!(byte(i), b'e' | b'E') {
        let sign = usize::from(matches!(byte(i + 1), b'+' | b'-'));
        let end = digits(i + 1 + sign);
        if end > i + 1 + sign {
            exponent = true;
            i = end;
        }
    }
    let ends = |i: usize| !rest.get(i..).and_then(|r| r.chars().next()).is_some_and(is_name_char);
    let suffix = match (byte(i).to_ascii_uppercase(), byte(i + 1).to_ascii_uppercase()) {
        (b'B', b'D') => 2,
        (b'F' | b'D', _) => 1,
        (b'L' | b'S' | b'Y', _) if !point && !exponent => 1,
        _ => 0,
    };
    if ends(i + suffix) {
        Some(i + suffix)
    } else if point {
        // `1.5a`: the whole part is a number, what follows the point a name.
        (whole > 0).then_some(whole)
    } else {
        Some(i)
    }
}
