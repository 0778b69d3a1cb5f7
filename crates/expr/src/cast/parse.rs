//! Reading values from text, by Spark's rules for `CAST`.

pub mod datetime;
pub mod interval;
pub mod number;

/// White space and ISO control characters, which Spark trims before it reads a value.
pub fn is_blank(byte: u8) -> bool {
    byte <= b' ' || byte == 0x7f
}

/// The text without blanks at its ends.
pub fn trim(text: &str) -> &str {
    text.trim_matches(|ch: char| ch.is_ascii() && is_blank(ch as u8))
}
