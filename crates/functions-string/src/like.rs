//! `like` and `ilike` with an escape character.
//!
//! A constant pattern without escapes is DataFusion's own `LIKE`, which prunes files and row
//! groups; other patterns are matched here.

use datafusion::arrow::array::StringArray;
use datafusion::common::{Result as DfResult, ScalarValue};
use datafusion::logical_expr::{ColumnarValue, Expr, Like};
use vonk_common::{SparkError, SparkResult};
use vonk_expr::columns::boolean_rows;
use vonk_expr::context::Nullability;
use vonk_expr::{Call, Col, FnContext, FunctionSpec, Kernel, SqlText, TypedExpr, Want, not_null};
use vonk_plan::types::DataType;

pub static SPECS: &[FunctionSpec] = &[
    FunctionSpec::scalar("like", "predicate_funcs", |c, a| build(c, a, false))
        .usage("Whether the string matches a pattern of % (any text) and _ (any character).")
        .kernels(&[&LIKE]),
    FunctionSpec::scalar("ilike", "predicate_funcs", |c, a| build(c, a, true))
        .usage("Whether the string matches a pattern, without regard to case.")
        .kernels(&[&ILIKE]),
];

static LIKE: Kernel = Kernel::new("like", |c, a, n| matches(c, a, n, false));
static ILIKE: Kernel = Kernel::new("ilike", |c, a, n| matches(c, a, n, true));

pub(crate) fn build(ctx: &FnContext, mut args: Vec<TypedExpr>, ignore_case: bool) -> SparkResult<TypedExpr> {
    ctx.arity(&args, 2..=3)?;
    let escape = match args.get(2) {
        Some(e) => {
            let text = e.constant_str(&ctx.name, "escapeChar")?.unwrap_or_default();
            let mut chars = text.chars();
            match (chars.next(), chars.next()) {
                (Some(c), None) => c,
                _ => {
                    return Err(SparkError::new("INVALID_ESCAPE_CHAR")
                        .param("sqlExpr", vonk_common::error::quote_sql(&text))
                        .at(ctx.origin.clone()));
                }
            }
        }
        None => '\\',
    };
    args.truncate(2);
    let sql = match &args[..] {
        [text, pattern] if !ignore_case => {
            let end = if escape == '\\' { String::new() } else { format!(" ESCAPE '{escape}'") };
            Some(SqlText::concat([text.sql.clone(), " LIKE ".into(), pattern.sql.clone(), end.into()]))
        }
        [text, pattern] => Some(SqlText::call("ilike", [text.sql.clone(), pattern.sql.clone()])),
        _ => None,
    };
    let args = ctx.coerce(args, 2, &[Want::Plain, Want::Str]).map_err(|e| match &sql {
        Some(sql) => e.param("sqlExpr", vonk_common::error::quote_sql(sql)),
        None => e,
    })?;
    let native = match &args[..] {
        [text, pattern] if !ignore_case && !text.data_type.is_collated() => match pattern.as_literal() {
            Some(ScalarValue::Utf8(Some(p))) if !p.contains(['\\', escape]) => Some(Expr::Like(Like::new(
                false,
                Box::new(text.expr.clone()),
                Box::new(pattern.expr.clone()),
                None,
                false,
            ))),
            _ => None,
        },
        _ => None,
    };
    let kernel = if ignore_case { &ILIKE } else { &LIKE };
    let mut out = ctx.call_with(kernel, args, DataType::Boolean, Nullability::Args, vec![escape.to_string()]);
    if let Some(native) = native {
        out.expr = native;
    }
    if let Some(sql) = sql {
        out.sql = sql;
    }
    Ok(out)
}

/// One step of a pattern.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Step {
    Char(char),
    One,
    Any,
}

/// The string as Spark quotes it in messages: in single quotes, backslashes and quotes escaped.
pub fn quoted_literal(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

fn parse(pattern: &str, escape: char) -> SparkResult<Vec<Step>> {
    let mut steps = vec![];
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        if c == escape {
            match chars.next() {
                Some(next) if next == '_' || next == '%' || next == escape => steps.push(Step::Char(next)),
                Some(next) => {
                    return Err(SparkError::new("INVALID_FORMAT.ESC_IN_THE_MIDDLE")
                        .param("format", quoted_literal(pattern))
                        .param("char", quoted_literal(&next.to_string())));
                }
                None => {
                    return Err(
                        SparkError::new("INVALID_FORMAT.ESC_AT_THE_END").param("format", quoted_literal(pattern))
                    );
                }
            }
            continue;
        }
        match c {
            '_' => steps.push(Step::One),
            '%' if steps.last() == Some(&Step::Any) => {}
            '%' => steps.push(Step::Any),
            c => steps.push(Step::Char(c)),
        }
    }
    Ok(steps)
}

/// Greedy matching that goes back to the last `%` only: linear in practice, never exponential.
fn is_match(steps: &[Step], text: &str) -> bool {
    let mut rest = text.chars();
    let mut at = 0;
    let mut last_any: Option<(usize, std::str::Chars)> = None;
    loop {
        match steps.get(at) {
            Some(Step::Any) => {
                at += 1;
                if at == steps.len() {
                    return true;
                }
                last_any = Some((at, rest.clone()));
                continue;
            }
            Some(step) => match (step, rest.next()) {
                (_, None) => return false,
                (Step::One, Some(_)) => {
                    at += 1;
                    continue;
                }
                (Step::Char(c), Some(d)) if *c == d => {
                    at += 1;
                    continue;
                }
                _ => {}
            },
            None if rest.as_str().is_empty() => return true,
            None => {}
        }
        let Some((step, from)) = &mut last_any else { return false };
        if from.next().is_none() {
            return false;
        }
        at = *step;
        rest = from.clone();
    }
}

fn matches(call: &Call, args: &[ColumnarValue], rows: usize, ignore_case: bool) -> DfResult<ColumnarValue> {
    let text = Col::<StringArray>::new(args, 0)?;
    let pattern = Col::<StringArray>::new(args, 1)?;
    let escape = call.param(0).chars().next().unwrap_or('\\');
    let collated = call.arg_types.first().is_some_and(|t| t.is_collated());
    let ignore_case = ignore_case || collated;
    let mut parsed: Option<Vec<Step>> = None;
    boolean_rows(rows, |i| {
        let (s, p) = not_null!(text.get(i), pattern.get(i));
        if !pattern.is_constant() {
            parsed = None;
        }
        let steps = match parsed.take() {
            Some(steps) => steps,
            None if ignore_case => parse(&p.to_lowercase(), escape).map_err(|e| call.error(e))?,
            None => parse(p, escape).map_err(|e| call.error(e))?,
        };
        let found = if ignore_case { is_match(&steps, &s.to_lowercase()) } else { is_match(&steps, s) };
        parsed = Some(steps);
        Ok(Some(found))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_whole_strings() {
        for (text, pattern, want) in [
            ("Spark", "_park", true),
            ("Spark", "S%k", true),
            ("Spark", "S%r", false),
            ("", "%", true),
            ("", "_", false),
            ("a%b", "a\\%b", true),
            ("axb", "a\\%b", false),
            ("aXbXc", "a%X%c", true),
            ("abcabc", "%abc", true),
            ("日本", "_本", true),
        ] {
            let steps = parse(pattern, '\\').unwrap_or_default();
            assert_eq!(is_match(&steps, text), want, "{text} {pattern}");
        }
    }
}
