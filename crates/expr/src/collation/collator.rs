//! One collation: equality, order and keys of its strings.
//!
//! UTF8_LCASE compares the lower case of each code point by itself, which is Spark's own rule; the
//! languages' collations are those of ICU (the data of ICU4X). A key of ICU is bytes: each byte
//! becomes the character of that number, so that keys are strings that sort as the bytes do.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use icu_collator::CollatorBorrowed;
use icu_collator::options::{CaseLevel, CollatorOptions, Strength};
use icu_locale_core::Locale;
use parking_lot::RwLock;
use vonk_common::{SparkError, SparkResult};
use vonk_plan::types::DataType;
use vonk_plan::types::collation::parts;

/// Cheap to clone.
#[derive(Clone)]
pub struct Collator {
    pub rule: Rule,
    /// Spaces at the end do not count.
    pub trims: bool,
}

#[derive(Clone)]
pub enum Rule {
    Binary,
    Lcase,
    Icu(Arc<Icu>),
}

/// A language's collation.
pub struct Icu {
    collator: CollatorBorrowed<'static>,
    /// `tr`, `de_AUT`, `UNICODE`.
    pub locale: String,
}

static COLLATORS: LazyLock<RwLock<HashMap<String, Collator>>> = LazyLock::new(RwLock::default);

impl Collator {
    pub const BINARY: Collator = Collator { rule: Rule::Binary, trims: false };

    /// The collation of that (canonical) name.
    pub fn named(name: &str) -> SparkResult<Collator> {
        if let Some(known) = COLLATORS.read().get(name) {
            return Ok(known.clone());
        }
        let new = Collator::new(name)?;
        COLLATORS.write().insert(name.to_string(), new.clone());
        Ok(new)
    }

    /// The collation of the first collated string among the types.
    pub fn of(types: &[DataType]) -> SparkResult<Collator> {
        for t in types {
            let mut found = None;
            if t.is_collated() {
                t.map_strings(&mut |c| {
                    found = found.take().or_else(|| c.clone());
                    DataType::STRING
                });
            }
            if let Some(name) = found {
                return Collator::named(&name);
            }
        }
        Ok(Collator::BINARY)
    }

    fn new(name: &str) -> SparkResult<Collator> {
        let p = parts(name);
        let rule = match p.base {
            "UTF8_BINARY" | "null" => Rule::Binary,
            "UTF8_LCASE" => Rule::Lcase,
            locale => {
                let mut options = CollatorOptions::default();
                options.strength = Some(match (p.case_insensitive, p.accent_insensitive) {
                    (false, false) => Strength::Tertiary,
                    (true, false) => Strength::Secondary,
                    (_, true) => Strength::Primary,
                });
                options.case_level = Some(match (p.case_insensitive, p.accent_insensitive) {
                    (false, true) => CaseLevel::On,
                    _ => CaseLevel::Off,
                });
                let unknown = || SparkError::internal(format!("collation {name}"));
                let tag = tag(locale);
                let parsed: Locale = tag.parse().map_err(|_| unknown())?;
                let collator = CollatorBorrowed::try_new((&parsed).into(), options).map_err(|_| unknown())?;
                Rule::Icu(Arc::new(Icu { collator, locale: locale.to_string() }))
            }
        };
        Ok(Collator { rule, trims: p.trims })
    }

    pub fn is_binary(&self) -> bool {
        matches!(self.rule, Rule::Binary) && !self.trims
    }

    /// The part of a string that counts.
    pub fn counted<'a>(&self, s: &'a str) -> &'a str {
        if self.trims { s.trim_end_matches(' ') } else { s }
    }

    /// Adds the string's key to `out`.
    pub fn write_key(&self, s: &str, out: &mut String) {
        let s = self.counted(s);
        match &self.rule {
            Rule::Binary => out.push_str(s),
            Rule::Lcase => write_lower(s, out),
            Rule::Icu(icu) => {
                let mut bytes = Vec::with_capacity(s.len() * 2 + 8);
                let Ok(()) = icu.collator.write_sort_key_to(s, &mut bytes);
                out.extend(bytes.into_iter().map(char::from));
            }
        }
    }

    pub fn key(&self, s: &str) -> String {
        let mut out = String::with_capacity(s.len());
        self.write_key(s, &mut out);
        out
    }

    pub fn compare(&self, a: &str, b: &str) -> Ordering {
        let (a, b) = (self.counted(a), self.counted(b));
        match &self.rule {
            Rule::Binary => a.cmp(b),
            Rule::Lcase => lower(a).cmp(&lower(b)),
            Rule::Icu(icu) => icu.collator.compare(a, b),
        }
    }

    pub fn equal(&self, a: &str, b: &str) -> bool {
        self.compare(a, b) == Ordering::Equal
    }
}

impl Icu {
    pub fn same(&self, a: &str, b: &str) -> bool {
        self.collator.compare(a, b) == Ordering::Equal
    }
}

/// The lower case of one code point, as UTF8_LCASE has it: the two sigmas of lower case are one.
pub fn lower_char(c: char) -> impl Iterator<Item = char> {
    match c {
        'ς' => 'σ'.to_lowercase(),
        c => c.to_lowercase(),
    }
}

fn write_lower(s: &str, out: &mut String) {
    let start = out.len();
    match s.is_ascii() {
        true => {
            out.push_str(s);
            if let Some(tail) = out.get_mut(start..) {
                tail.make_ascii_lowercase();
            }
        }
        false => out.extend(s.chars().flat_map(lower_char)),
    }
}

/// A string in UTF8_LCASE's lower case.
pub fn lower(s: &str) -> Cow<'_, str> {
    if s.bytes().all(|b| b.is_ascii() && !b.is_ascii_uppercase()) {
        return Cow::Borrowed(s);
    }
    let mut out = String::with_capacity(s.len());
    write_lower(s, &mut out);
    Cow::Owned(out)
}

/// The language tag of a locale: countries have three letters in Spark's names and two in tags.
fn tag(locale: &str) -> String {
    if locale == "UNICODE" {
        return "und".into();
    }
    let parts: Vec<&str> = locale.split('_').map(|p| country(p).unwrap_or(p)).collect();
    parts.join("-")
}

fn country(three: &str) -> Option<&'static str> {
    Some(match three {
        "AFG" => "AF",
        "AUT" => "AT",
        "BIH" => "BA",
        "CAN" => "CA",
        "CHN" => "CN",
        "HKG" => "HK",
        "IDN" => "ID",
        "IND" => "IN",
        "ISR" => "IL",
        "MAC" => "MO",
        "MNE" => "ME",
        "NOR" => "NO",
        "SAU" => "SA",
        "SGP" => "SG",
        "SRB" => "RS",
        "TWN" => "TW",
        "USA" => "US",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn equal(name: &str, a: &str, b: &str) -> bool {
        let c = Collator::named(name).expect("a collation");
        assert_eq!(c.equal(a, b), c.key(a) == c.key(b), "{name} {a} {b}");
        c.equal(a, b)
    }

    #[test]
    fn every_locale_has_a_collator() {
        for locale in vonk_plan::types::collation::locales() {
            assert!(Collator::named(locale.name).is_ok(), "{}", locale.name);
        }
    }

    #[test]
    fn sensitivities() {
        assert!(equal("UTF8_LCASE", "ΑΣ", "ας"));
        assert!(equal("UTF8_LCASE", "İ", "i\u{307}"));
        assert!(!equal("UTF8_LCASE", "é", "e"));
        assert!(!equal("UNICODE", "a", "A"));
        assert!(equal("UNICODE_CI", "a", "A") && !equal("UNICODE_CI", "a", "á"));
        assert!(equal("UNICODE_AI", "a", "á") && !equal("UNICODE_AI", "a", "A"));
        assert!(equal("de_CI_AI", "a", "Á"));
        assert!(equal("UTF8_BINARY_RTRIM", "a ", "a") && equal("UNICODE_CI_RTRIM", "a ", "A   "));
        assert!(equal("tr_CI", "I", "ı") && !equal("tr_CI", "I", "i"));
    }

    #[test]
    fn keys_sort_as_strings_compare() {
        let c = Collator::named("UNICODE").expect("a collation");
        let mut all = ["b", "B", "A", "a", "á", "Z", "_", "1", "", "ab", "a b"];
        all.sort_by(|a, b| c.compare(a, b));
        let keys: Vec<_> = all.iter().map(|s| c.key(s)).collect();
        assert!(keys.is_sorted());
    }
}
