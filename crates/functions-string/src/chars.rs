//! Positions in UTF-8 text counted in characters, with the short way for ASCII.

/// Number of characters.
#[inline]
pub fn count(s: &str) -> usize {
    if s.is_ascii() { s.len() } else { s.chars().count() }
}

/// Byte offset of the character number `n` (from 0); the length where there are fewer.
#[inline]
pub fn offset(s: &str, n: usize) -> usize {
    let bytes = s.as_bytes();
    if n >= bytes.len() {
        return bytes.len();
    }
    if bytes[..n].is_ascii() && bytes.get(n).is_none_or(u8::is_ascii) {
        return n;
    }
    s.char_indices().nth(n).map_or(s.len(), |(at, _)| at)
}

/// Characters `from..to`.
pub fn slice(s: &str, from: usize, to: usize) -> &str {
    if to <= from {
        return "";
    }
    let rest = &s[offset(s, from)..];
    &rest[..offset(rest, to - from)]
}

/// SQL's `SUBSTRING`: positions from 1, negative ones from the end, 0 as 1; the part of
/// `start..start+len` that lies inside the text.
pub fn sql_range(count: usize, pos: i32, len: i32) -> (usize, usize) {
    let count = count as i64;
    let start = match pos {
        1.. => i64::from(pos) - 1,
        0 => 0,
        _ => count + i64::from(pos),
    };
    let end = (start + i64::from(len)).clamp(i64::from(i32::MIN), i64::from(i32::MAX));
    let from = start.clamp(0, count);
    (from as usize, end.clamp(from, count) as usize)
}

/// [`sql_range`] of a text, without counting its characters when the position is not negative.
pub fn sql_substring(s: &str, pos: i32, len: i32) -> &str {
    let count = if pos < 0 { count(s) } else { s.len() };
    let (from, to) = sql_range(count, pos, len);
    slice(s, from, to)
}

/// Character number (from 1) of a byte offset.
pub fn position(s: &str, offset: usize) -> i32 {
    count(&s[..offset]) as i32 + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn substrings_count_characters() {
        for (s, pos, len, want) in [
            ("Spark SQL", 5, i32::MAX, "k SQL"),
            ("Spark SQL", -3, i32::MAX, "SQL"),
            ("Spark SQL", 5, 1, "k"),
            ("Spark SQL", -20, 12, "S"),
            ("Spark SQL", 5, -1, ""),
            ("Spark SQL", 0, 2, "Sp"),
            ("日本語x", 2, 2, "本語"),
            ("日本語x", -2, 1, "語"),
            ("é", 2, 1, ""),
            ("", 1, 1, ""),
        ] {
            assert_eq!(sql_substring(s, pos, len), want, "{s} {pos} {len}");
        }
    }
}
