//! JSON paths as Spark reads them: `$`, then `.name`, `['name']`, `[0]`, `[*]`, `.*` and `['*']`.
//!
//! Blanks before a name, a number and a bracket with a quote, and those at the end, mean nothing.

/// A step of a path.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    Name(String),
    Index(usize),
    All,
    AnyName,
}

/// The steps behind `$`; `None` if it is no path.
pub fn parse(path: &str) -> Option<Vec<Step>> {
    let mut rest = path.strip_prefix('$')?;
    let mut steps = vec![];
    while !unblanked(rest).is_empty() {
        let (step, tail) = step(rest)?;
        steps.push(step);
        rest = tail;
    }
    Some(steps)
}

/// The steps of a path to one place at the most.
pub fn parse_plain(path: &str) -> Option<Vec<Step>> {
    parse(path).filter(|steps| steps.iter().all(|s| matches!(s, Step::Name(_) | Step::Index(_))))
}

fn step(rest: &str) -> Option<(Step, &str)> {
    let quoted = unblanked(rest);
    if let Some(tail) = quoted.strip_prefix(".*").or_else(|| quoted.strip_prefix("['*']")) {
        return Some((Step::AnyName, tail));
    }
    if let Some(tail) = rest.strip_prefix('.') {
        let (name, tail) = until(unblanked(tail), &['.', '[']);
        return (!name.is_empty()).then(|| (Step::Name(name.to_string()), tail));
    }
    if let Some(tail) = quoted.strip_prefix("['") {
        let (name, tail) = until(unblanked(tail), &['\'']);
        let tail = tail.strip_prefix("']")?;
        return (!name.is_empty()).then(|| (Step::Name(name.to_string()), tail));
    }
    let tail = rest.strip_prefix('[')?;
    if let Some(tail) = tail.strip_prefix("*]") {
        return Some((Step::All, tail));
    }
    let (digits, tail) = tail.split_once(']')?;
    let digits = unblanked(digits);
    let number = digits.bytes().all(|b| b.is_ascii_digit());
    let index: i64 = digits.parse().ok().filter(|_| number)?;
    Some((Step::Index(usize::try_from(index).ok()?), tail))
}

fn unblanked(text: &str) -> &str {
    text.trim_start_matches([' ', '\t', '\n', '\u{b}', '\u{c}', '\r'])
}

fn until<'t>(text: &'t str, ends: &[char]) -> (&'t str, &'t str) {
    text.split_at(text.find(ends).unwrap_or(text.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blanks_and_quotes_of_paths() {
        let name = |n: &str| Some(vec![Step::Name(n.into())]);
        for (path, want) in [
            ("$", Some(vec![])),
            ("$ ", Some(vec![])),
            ("$. a", name("a")),
            ("$.a ", name("a ")),
            ("$ ['a']", name("a")),
            ("$['a]b']", name("a]b")),
            ("$['a?b']", name("a?b")),
            ("$. *", name("*")),
            ("$[ 01] ", Some(vec![Step::Index(1)])),
            ("$.*", Some(vec![Step::AnyName])),
            ("$['*'][*]", Some(vec![Step::AnyName, Step::All])),
            ("$.a[99999999999]", Some(vec![Step::Name("a".into()), Step::Index(99_999_999_999)])),
        ] {
            assert_eq!(parse(path), want, "{path}");
        }
        for bad in [
            "",
            "a",
            " $",
            "$a",
            "$.",
            "$..",
            "$.a.",
            "$ .a",
            "$ [0]",
            "$[0 ]",
            "$[ *]",
            "$[+1]",
            "$[-1]",
            "$[]",
            "$['']",
            "$['a'b']",
            "$['a' ]",
            "$ [ 'a']",
            "$[\"a\"]",
            "$.*a",
            "$[99999999999999999999]",
            "lax $",
        ] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }
}
