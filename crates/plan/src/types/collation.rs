//! Names of collations: `UTF8_BINARY`, `UTF8_LCASE`, and `locale[_CI][_AI]`, each with `_RTRIM` or without.
//!
//! Names are kept in the one form that Spark writes. What the collations do is in `vonk_expr::collation`.

use vonk_common::{SparkError, SparkResult};

use super::{DataType, StructField, StructType, UTF8_BINARY};

/// The collation of a string made of columns of different collations: it can be shown, not compared.
pub const INDETERMINATE: &str = "null";

/// Locale, language and country, a line each.
const LOCALES: &str = include_str!("locales.txt");

/// A locale that collations are named for.
pub struct Locale {
    pub name: &'static str,
    pub language: Option<&'static str>,
    pub country: Option<&'static str>,
}

/// All locales in order, `UNICODE` (the root) first.
pub fn locales() -> impl Iterator<Item = Locale> {
    let root = Locale { name: "UNICODE", language: None, country: None };
    std::iter::once(root).chain(LOCALES.lines().filter_map(|line| {
        let mut parts = line.split('|');
        let name = parts.next()?;
        let mut part = || parts.next().filter(|p| !p.is_empty());
        Some(Locale { name, language: part(), country: part() })
    }))
}

/// The parts of a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parts<'a> {
    /// `UTF8_BINARY`, `UTF8_LCASE`, or a locale.
    pub base: &'a str,
    pub case_insensitive: bool,
    pub accent_insensitive: bool,
    /// Spaces at the end do not count.
    pub trims: bool,
}

/// The parts of a name in whatever case, with modifiers in whatever order; the base is not checked.
pub fn parts(name: &str) -> Parts<'_> {
    let mut out = Parts { base: name, case_insensitive: false, accent_insensitive: false, trims: false };
    let cut = |base: &mut &str, suffix: &str| {
        let at = base.len().checked_sub(suffix.len());
        let found = at.filter(|at| base.get(*at..).is_some_and(|end| end.eq_ignore_ascii_case(suffix)));
        if let Some(head) = found.and_then(|at| base.get(..at)) {
            *base = head;
        }
        found.is_some()
    };
    out.trims = cut(&mut out.base, "_RTRIM");
    loop {
        if cut(&mut out.base, "_CI") {
            out.case_insensitive = true;
        } else if cut(&mut out.base, "_AI") {
            out.accent_insensitive = true;
        } else if !cut(&mut out.base, "_CS") && !cut(&mut out.base, "_AS") {
            return out;
        }
    }
}

/// The collation's name as Spark writes it; `None` if there is none of that name.
pub fn canonical(name: &str) -> Option<String> {
    let Parts { base, case_insensitive, accent_insensitive, trims } = parts(name);
    let trim = if trims { "_RTRIM" } else { "" };
    let plain = ["UTF8_BINARY", "UTF8_LCASE"].into_iter().find(|p| p.eq_ignore_ascii_case(base));
    if let Some(plain) = plain {
        let whole = plain.len() + trim.len() == name.len();
        return whole.then(|| format!("{plain}{trim}"));
    }
    let locale = locales().find(|l| l.name.eq_ignore_ascii_case(base))?.name;
    let case = if case_insensitive { "_CI" } else { "" };
    let accent = if accent_insensitive { "_AI" } else { "" };
    Some(format!("{locale}{case}{accent}{trim}"))
}

/// The string type of a collation; the name may have a catalog and a schema before it.
/// Error: `COLLATION_INVALID_NAME`.
pub fn string_type(name: &str) -> SparkResult<DataType> {
    let last = name.rsplit('.').next().unwrap_or_default();
    match canonical(last) {
        Some(name) if name == UTF8_BINARY => Ok(DataType::STRING),
        Some(name) => Ok(DataType::String(Some(name.into()))),
        None => Err(SparkError::new("COLLATION_INVALID_NAME")
            .param("collationName", last)
            .param("proposals", proposals(last))),
    }
}

/// The names nearest to a wrong one.
fn proposals(name: &str) -> String {
    let wanted = name.to_lowercase();
    let mut near: Vec<&str> = locales()
        .map(|l| l.name)
        .chain(["UTF8_BINARY", "UTF8_LCASE"])
        .filter(|l| wanted.starts_with(&l.to_lowercase()) || wanted.ends_with(&l.to_lowercase()))
        .collect();
    near.truncate(3);
    near.join(", ")
}

impl DataType {
    /// A string whose collation is not UTF8_BINARY, or a type with one in it.
    pub fn is_collated(&self) -> bool {
        match self {
            DataType::String(c) => c.is_some(),
            DataType::Array(e, _) => e.is_collated(),
            DataType::Map(k, v, _) => k.is_collated() || v.is_collated(),
            DataType::Struct(s) => s.fields.iter().any(|f| f.data_type.is_collated()),
            DataType::Udt(u) => u.sql_type.is_collated(),
            _ => false,
        }
    }

    /// Every collation in the type is one that there is. Error: `COLLATION_INVALID_NAME`.
    pub fn check_collations(&self) -> SparkResult<()> {
        let mut fault = Ok(());
        if self.is_collated() {
            self.map_strings(&mut |c| {
                if let Some(name) = c.as_deref().filter(|name| *name != INDETERMINATE && fault.is_ok()) {
                    fault = string_type(name).map(|_| ());
                }
                DataType::STRING
            });
        }
        fault
    }

    /// A string whose collation nobody can tell, or a type with one in it.
    pub fn is_indeterminate(&self) -> bool {
        match self {
            DataType::String(c) => c.as_deref() == Some(INDETERMINATE),
            DataType::Array(e, _) => e.is_indeterminate(),
            DataType::Map(k, v, _) => k.is_indeterminate() || v.is_indeterminate(),
            DataType::Struct(s) => s.fields.iter().any(|f| f.data_type.is_indeterminate()),
            _ => false,
        }
    }

    /// A string, or a type with one in it.
    pub fn has_string(&self) -> bool {
        match self {
            DataType::String(_) => true,
            DataType::Array(e, _) => e.has_string(),
            DataType::Map(k, v, _) => k.has_string() || v.has_string(),
            DataType::Struct(s) => s.fields.iter().any(|f| f.data_type.has_string()),
            _ => false,
        }
    }

    /// The type with each string in it changed by `change`, which is told the string's collation.
    pub fn map_strings(&self, change: &mut dyn FnMut(&Option<std::sync::Arc<str>>) -> DataType) -> DataType {
        match self {
            DataType::String(c) => change(c),
            DataType::Array(e, n) => DataType::array(e.map_strings(change), *n),
            DataType::Map(k, v, n) => {
                let key = k.map_strings(change);
                DataType::map(key, v.map_strings(change), *n)
            }
            DataType::Struct(s) => DataType::Struct(StructType::new(
                s.fields.iter().map(|f| StructField { data_type: f.data_type.map_strings(change), ..f.clone() }),
            )),
            other => other.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_one_form() {
        let canonical = |n: &str| canonical(n).unwrap_or_else(|| "none".into());
        assert_eq!(canonical("unicode_as_ci_rtrim"), "UNICODE_CI_RTRIM");
        assert_eq!(canonical("EN_cs_as"), "en");
        assert_eq!(canonical("sr_cyrl_srb_ai_ci"), "sr_Cyrl_SRB_CI_AI");
        assert_eq!(canonical("utf8_lcase_rtrim"), "UTF8_LCASE_RTRIM");
        assert_eq!(canonical("utf8_lcase_ci"), "none");
        assert_eq!(canonical("nosuch"), "none");
    }
}
