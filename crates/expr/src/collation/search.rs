//! Strings in strings under a collation.
//!
//! A match is a part of the text that is equal to the pattern. UTF8_LCASE compares code point by code
//! point, so that a part of what one code point becomes in lower case is no match; a language's
//! collation compares whole letters with their marks.

use std::ops::Range;

use unicode_segmentation::UnicodeSegmentation;

use super::collator::{Collator, Icu, Rule, lower, lower_char};

/// Letters that a match may have beyond twice those of the pattern: letters with no weight.
const SLACK: usize = 4;

/// A text made ready for searching.
pub struct Searched<'t> {
    text: &'t str,
    kind: Kind<'t>,
}

enum Kind<'t> {
    Binary,
    /// The text in lower case, byte for byte at the same places.
    Ascii(std::borrow::Cow<'t, str>),
    Lcase,
    /// Where letters begin, and the end.
    Icu(&'t Icu, Vec<usize>),
}

impl Collator {
    /// The text for searching; all of it counts.
    pub fn searched<'t>(&'t self, text: &'t str) -> Searched<'t> {
        let kind = match &self.rule {
            Rule::Binary => Kind::Binary,
            Rule::Lcase if text.is_ascii() => Kind::Ascii(lower(text)),
            Rule::Lcase => Kind::Lcase,
            Rule::Icu(icu) => {
                let starts = text.grapheme_indices(true).map(|(at, _)| at).chain([text.len()]);
                Kind::Icu(icu, starts.collect())
            }
        };
        Searched { text, kind }
    }

    pub fn contains(&self, text: &str, pattern: &str) -> bool {
        self.searched(self.counted(text)).find(self.counted(pattern), 0).is_some()
    }

    pub fn starts_with(&self, text: &str, pattern: &str) -> bool {
        let (text, pattern) = (self.counted(text), self.counted(pattern));
        pattern.is_empty() || self.searched(text).at(pattern, 0).is_some()
    }

    pub fn ends_with(&self, text: &str, pattern: &str) -> bool {
        let (text, pattern) = (self.counted(text), self.counted(pattern));
        match &self.rule {
            Rule::Binary => text.ends_with(pattern),
            Rule::Lcase => lower(text).ends_with(&*lower(pattern)),
            Rule::Icu(icu) => {
                let starts = text.grapheme_indices(true).map(|(at, _)| at);
                let most = most_letters(pattern);
                pattern.is_empty()
                    || starts.rev().take(most).any(|at| text.get(at..).is_some_and(|tail| icu.same(tail, pattern)))
            }
        }
    }
}

fn most_letters(pattern: &str) -> usize {
    2 * pattern.graphemes(true).count() + SLACK
}

impl Searched<'_> {
    /// The first match that begins at the byte `from` or after it. The pattern is not empty, or
    /// matches where the search begins.
    pub fn find(&self, pattern: &str, from: usize) -> Option<Range<usize>> {
        if pattern.is_empty() {
            return Some(from..from);
        }
        let rest = self.text.get(from..)?;
        match &self.kind {
            Kind::Binary => rest.find(pattern).map(|at| from + at..from + at + pattern.len()),
            Kind::Ascii(text) => {
                let pattern = lower(pattern);
                text.get(from..)?.find(&*pattern).map(|at| from + at..from + at + pattern.len())
            }
            Kind::Lcase => {
                let pattern: Vec<char> = pattern.chars().flat_map(lower_char).collect();
                rest.char_indices().find_map(|(at, _)| {
                    let end = lower_prefix(rest.get(at..)?, &pattern)?;
                    Some(from + at..from + at + end)
                })
            }
            Kind::Icu(_, starts) => {
                let first = starts.partition_point(|s| *s < from);
                starts.get(first..)?.iter().find_map(|at| self.at(pattern, *at))
            }
        }
    }

    /// The last match that begins before the byte `before`.
    pub fn rfind(&self, pattern: &str, before: usize) -> Option<Range<usize>> {
        let mut starts = self.text.get(..before)?.char_indices().rev();
        starts.find_map(|(at, _)| self.at(pattern, at))
    }

    /// The match that begins at the byte `at`.
    pub fn at(&self, pattern: &str, at: usize) -> Option<Range<usize>> {
        let rest = self.text.get(at..)?;
        match &self.kind {
            Kind::Binary => rest.starts_with(pattern).then(|| at..at + pattern.len()),
            Kind::Ascii(_) | Kind::Lcase => {
                let pattern: Vec<char> = pattern.chars().flat_map(lower_char).collect();
                lower_prefix(rest, &pattern).map(|end| at..at + end)
            }
            Kind::Icu(icu, starts) => {
                if cannot_begin(rest, pattern) {
                    return None;
                }
                let here = starts.binary_search(&at).ok()?;
                let ends = starts.get(here + 1..)?.iter().take(most_letters(pattern));
                ends.copied()
                    .find(|end| self.text.get(at..*end).is_some_and(|part| icu.same(part, pattern)))
                    .map(|end| at..end)
            }
        }
    }
}

/// How many bytes of the text are the pattern in lower case.
fn lower_prefix(text: &str, pattern: &[char]) -> Option<usize> {
    let mut wanted = pattern.iter();
    for (at, c) in text.char_indices() {
        if wanted.as_slice().is_empty() {
            return Some(at);
        }
        for low in lower_char(c) {
            if wanted.next() != Some(&low) {
                return None;
            }
        }
    }
    wanted.as_slice().is_empty().then_some(text.len())
}

/// Two plain letters or digits that are not the same in any collation.
fn cannot_begin(text: &str, pattern: &str) -> bool {
    match (text.bytes().next(), pattern.bytes().next()) {
        (Some(a), Some(b)) => {
            let plain = a.is_ascii_alphanumeric() && b.is_ascii_alphanumeric();
            // `i` and `I` differ in Turkish, where neither is another ASCII letter.
            plain && !a.eq_ignore_ascii_case(&b)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(name: &str, text: &str, pattern: &str) -> Option<Range<usize>> {
        Collator::named(name).expect("a collation").searched(text).find(pattern, 0)
    }

    #[test]
    fn matches_are_whole_letters() {
        assert_eq!(find("UTF8_LCASE", "aXb", "xB"), Some(1..3));
        assert_eq!(find("UTF8_LCASE", "aİo", "i\u{307}"), Some(1..3));
        assert_eq!(find("UTF8_LCASE", "İo", "i"), None);
        assert_eq!(find("UNICODE_CI", "e\u{301}x", "e"), None);
        assert_eq!(find("UNICODE_CI_AI", "e\u{301}x", "E"), Some(0..3));
        assert_eq!(find("UNICODE_CI_AI", "straße", "SS"), Some(4..6));
        assert_eq!(find("UNICODE_CI", "a\u{0}b", "AB"), Some(0..3));
    }

    #[test]
    fn the_last_match_is_found_from_the_end() {
        let lcase = Collator::named("UTF8_LCASE").expect("a collation");
        let text = lcase.searched("aXbxc");
        assert_eq!(text.rfind("x", 5), Some(3..4));
        assert_eq!(text.rfind("x", 3), Some(1..2));
        assert!(lcase.ends_with("ABC", "bc") && lcase.starts_with("ABC", "ab"));
    }
}
