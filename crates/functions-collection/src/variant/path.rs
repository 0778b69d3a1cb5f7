//! Paths into variants: `$`, then any of `.name`, `['name']`, `["name"]`, `[0]`.

use std::fmt::Write;

use datafusion::arrow::array::StringArray;
use datafusion::common::Result as DfResult;
use datafusion::logical_expr::ColumnarValue;
use vonk_common::SparkError;
use vonk_common::error::quote_id;
use vonk_expr::cast::variant::{Value, Variant};
use vonk_expr::{Call, Col};

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    Field(String),
    Item(usize),
}

/// Reads a path; `None` if it is malformed.
pub fn parse(text: &str) -> Option<Vec<Step>> {
    let mut rest = text.strip_prefix('$')?;
    let mut steps = vec![];
    while !rest.is_empty() {
        let (step, tail) = step(rest)?;
        steps.push(step);
        rest = tail;
    }
    Some(steps)
}

fn step(rest: &str) -> Option<(Step, &str)> {
    if let Some(name) = rest.strip_prefix('.') {
        let end = name.find(['.', '[']).unwrap_or(name.len());
        let (name, tail) = name.split_at_checked(end)?;
        return (!name.is_empty()).then(|| (Step::Field(name.to_string()), tail));
    }
    let inner = rest.strip_prefix('[')?;
    for quote in ['\'', '"'] {
        if let Some(quoted) = inner.strip_prefix(quote) {
            let (name, tail) = quoted.split_once(quote)?;
            let tail = tail.strip_prefix(']')?;
            return (!name.is_empty() && !name.contains('?')).then(|| (Step::Field(name.to_string()), tail));
        }
    }
    let (digits, tail) = inner.split_once(']')?;
    let index: i32 = digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse().ok()).flatten()?;
    Some((Step::Item(usize::try_from(index).ok()?), tail))
}

/// The path of these steps in its plainest form.
pub fn text(steps: &[Step]) -> String {
    let mut out = String::from("$");
    for step in steps {
        let _ = match step {
            Step::Field(name) if name.contains(['.', '[', ' ']) => write!(out, "['{name}']"),
            Step::Field(name) => write!(out, ".{name}"),
            Step::Item(i) => write!(out, "[{i}]"),
        };
    }
    out
}

/// What the path leads to.
pub fn follow<'a>(variant: Variant<'a>, steps: &[Step]) -> Option<Variant<'a>> {
    let mut here = variant;
    for step in steps {
        here = match (step, here.get()?) {
            (Step::Field(name), Value::Object(mut fields)) => fields.find(|(n, _)| n == name)?.1,
            (Step::Item(i), Value::Array(mut items)) => items.nth(*i)?,
            _ => return None,
        };
    }
    Some(here)
}

/// The path argument of a call: a constant is read once.
pub struct Paths {
    texts: Col<StringArray>,
    constant: Option<Option<Vec<Step>>>,
}

impl Paths {
    pub fn new(args: &[ColumnarValue], i: usize) -> DfResult<Paths> {
        let texts = Col::<StringArray>::new(args, i)?;
        let constant = texts.is_constant().then(|| texts.get(0).and_then(parse));
        Ok(Paths { texts, constant })
    }

    /// Text and steps of a row's path, if it is not NULL; steps are `None` if it is malformed.
    pub fn get(&self, row: usize) -> Option<(&str, Option<std::borrow::Cow<'_, [Step]>>)> {
        let text = self.texts.get(row)?;
        let steps = match &self.constant {
            Some(steps) => steps.as_deref().map(std::borrow::Cow::Borrowed),
            None => parse(text).map(std::borrow::Cow::Owned),
        };
        Some((text, steps))
    }
}

/// `INVALID_VARIANT_GET_PATH` or `INVALID_VARIANT_PATH`.
pub fn malformed(class: &'static str, function: &str, path: &str, call: &Call) -> datafusion::common::DataFusionError {
    call.error(SparkError::new(class).param("path", path).param("functionName", quote_id([function])))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_read_and_written() {
        for (path, plain) in [
            ("$", Some("$")),
            ("$.a.b[0]", Some("$.a.b[0]")),
            ("$['a b'][\"c\"][12]", Some("$['a b'].c[12]")),
            ("$.a b", Some("$['a b']")),
            ("", None),
            ("a", None),
            ("$.", None),
            ("$[]", None),
            ("$[-1]", None),
            ("$['a]", None),
            ("$[99999999999]", None),
            (" $.a", None),
        ] {
            assert_eq!(parse(path).map(|s| text(&s)).as_deref(), plain, "{path}");
        }
    }
}
