//! `rlike` and the `regexp_…` functions.

use std::sync::Arc;

use datafusion::arrow::array::{Int32Array, ListBuilder, StringArray, StringBuilder};
use datafusion::arrow::datatypes::Int32Type;
use datafusion::common::Result as DfResult;
use datafusion::logical_expr::ColumnarValue;
use vonk_common::error::quote_id;
use vonk_common::{SparkError, SparkResult};
use vonk_expr::arrow_types::element_field;
use vonk_expr::collation::Collating;
use vonk_expr::columns::{boolean_rows, primitive_rows, string_rows};
use vonk_expr::context::Nullability;
use vonk_expr::{Call, Col, FnContext, FunctionSpec, Kernel, SqlText, TypedExpr, Want, not_null};
use vonk_plan::Literal;
use vonk_plan::types::DataType;

use crate::chars;
use crate::java_regex::{JavaRegex, Last, next_start};

pub static SPECS: &[FunctionSpec] = &[
    FunctionSpec::scalar("rlike", "predicate_funcs", build_rlike)
        .aliases(&["regexp", "regexp_like"])
        .usage("Whether a regular expression is found in the string.")
        .kernels(&[&RLIKE]),
    FunctionSpec::scalar("regexp_extract", "string_funcs", |c, a| {
        build_extract(c, a, &EXTRACT, DataType::STRING, Nullability::Args)
    })
    .usage("A group of the first match; the empty string when there is none.")
    .kernels(&[&EXTRACT])
    .collating(Collating::FIRST),
    FunctionSpec::scalar("regexp_extract_all", "string_funcs", |c, a| {
        build_extract(c, a, &EXTRACT_ALL, DataType::array(DataType::STRING, true), Nullability::Args)
    })
    .usage("A group of every match, as an array.")
    .kernels(&[&EXTRACT_ALL])
    .collating(Collating::FIRST),
    FunctionSpec::scalar("regexp_replace", "string_funcs", build_replace)
        .usage("The string with every match from a position replaced; $1 stands for a group.")
        .kernels(&[&REPLACE])
        .collating(Collating::COMPARED_RESULT),
    FunctionSpec::scalar("regexp_count", "string_funcs", build_count)
        .usage("How often a regular expression is found in the string.")
        .kernels(&[&COUNT]),
    FunctionSpec::scalar("regexp_instr", "string_funcs", build_instr)
        .usage("Position (from 1) of the first match; 0 when there is none.")
        .kernels(&[&INSTR]),
    FunctionSpec::scalar("regexp_substr", "string_funcs", build_substr)
        .usage("The first match; NULL when there is none.")
        .kernels(&[&SUBSTR])
        .collating(Collating::FIRST),
];

static RLIKE: Kernel = Kernel::new("rlike", rlike);
static EXTRACT: Kernel = Kernel::new("regexp_extract", extract);
static EXTRACT_ALL: Kernel = Kernel::new("regexp_extract_all", extract_all);
static REPLACE: Kernel = Kernel::new("regexp_replace", replace);
static COUNT: Kernel = Kernel::new("regexp_count", count);
static INSTR: Kernel = Kernel::new("regexp_instr", instr);
static SUBSTR: Kernel = Kernel::new("regexp_substr", substr);

fn build_rlike(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    let args = ctx.coerce(args, 2, &[Want::Plain, Want::Str])?;
    let sql = SqlText::call(&ctx.name.to_uppercase(), args.iter().map(|a| a.sql.clone()));
    let mut out = ctx.call_with(&RLIKE, args, DataType::Boolean, Nullability::Args, vec![ctx.name.to_string()]);
    out.sql = sql;
    Ok(out)
}

fn build_extract(
    ctx: &FnContext,
    mut args: Vec<TypedExpr>,
    kernel: &'static Kernel,
    ty: DataType,
    nulls: Nullability,
) -> SparkResult<TypedExpr> {
    ctx.arity(&args, 2..=3)?;
    if args.len() == 2 {
        args.push(TypedExpr::literal(&Literal::Int(1))?);
    }
    let args = ctx.coerce(args, 3, &[Want::Plain, Want::Str, Want::INT])?;
    Ok(ctx.call(kernel, args, ty, nulls))
}

fn build_replace(ctx: &FnContext, mut args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    ctx.arity(&args, 3..=4)?;
    if args.len() == 3 {
        args.push(TypedExpr::literal(&Literal::Int(1))?);
    }
    let args = ctx.coerce(args, 4, &[Want::Plain, Want::Str, Want::Plain, Want::INT])?;
    if let Some(pos) = args.get(3)
        && pos.constant_i64(&ctx.name, "position")?.is_some_and(|p| p < 1)
    {
        return Err(ctx
            .mismatch("VALUE_OUT_OF_RANGE", &args)
            .param("exprName", quote_id(["position"]))
            .param("valueRange", format!("(0, {}]", i32::MAX))
            .param("currentValue", pos.constant_i64(&ctx.name, "position")?.unwrap_or_default()));
    }
    Ok(ctx.call(&REPLACE, args, DataType::STRING, Nullability::Args))
}

fn build_count(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    let args = ctx.coerce(args, 2, &[Want::Plain, Want::Str])?;
    Ok(ctx.call(&COUNT, args, DataType::Int, Nullability::Args))
}

fn build_instr(ctx: &FnContext, mut args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    ctx.arity(&args, 2..=3)?;
    if args.len() == 2 {
        args.push(TypedExpr::literal(&Literal::Int(0))?);
    }
    let args = ctx.coerce(args, 3, &[Want::Plain, Want::Str, Want::INT])?;
    Ok(ctx.call(&INSTR, args, DataType::Int, Nullability::Args))
}

fn build_substr(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    let args = ctx.coerce(args, 2, &[Want::Plain, Want::Str])?;
    Ok(ctx.call(&SUBSTR, args, DataType::STRING, Nullability::Always))
}

fn rlike(call: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let text = Col::<StringArray>::new(args, 0)?;
    let pattern = Col::<StringArray>::new(args, 1)?;
    let mut last = Last::for_text(call)?;
    boolean_rows(rows, |i| {
        let (s, p) = not_null!(text.get(i), pattern.get(i));
        let found = last.get(call.param(0), p).and_then(|r| r.is_match(s));
        found.map(Some).map_err(|e| call.error(e))
    })
}

/// The group's number if the pattern has it.
fn group(regex: &JavaRegex, function: &str, index: i32) -> SparkResult<usize> {
    match usize::try_from(index) {
        Ok(n) if n <= regex.groups() => Ok(n),
        _ => Err(SparkError::new("INVALID_PARAMETER_VALUE.REGEX_GROUP_INDEX")
            .param("functionName", quote_id([function]))
            .param("parameter", quote_id(["idx"]))
            .param("groupCount", regex.groups())
            .param("groupIndex", index)),
    }
}

fn extract(call: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let text = Col::<StringArray>::new(args, 0)?;
    let pattern = Col::<StringArray>::new(args, 1)?;
    let index = Col::<Int32Array>::new(args, 2)?;
    let mut last = Last::for_text(call)?;
    string_rows(rows, rows * 8, |i, out| {
        let (s, p, n) = not_null!(text.get(i), pattern.get(i), index.get(i));
        let mut run = || {
            let regex = last.get("regexp_extract", p)?;
            if n == 0 {
                if let Some((from, to)) = regex.find_at(s, 0)? {
                    out.push_str(&s[from..to]);
                }
            } else if let Some(found) = regex.captures_at(s, 0)? {
                let n = group(regex, "regexp_extract", n)?;
                out.push_str(found.get(n).map_or("", |m| m.as_str()));
            }
            Ok(())
        };
        run().map(Some).map_err(|e| call.error(e))
    })
}

fn extract_all(call: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let text = Col::<StringArray>::new(args, 0)?;
    let pattern = Col::<StringArray>::new(args, 1)?;
    let index = Col::<Int32Array>::new(args, 2)?;
    let mut last = Last::for_text(call)?;
    let mut out = ListBuilder::new(StringBuilder::new()).with_field(element_field(&DataType::STRING));
    for i in 0..rows {
        let (Some(s), Some(p), Some(n)) = (text.get(i), pattern.get(i), index.get(i)) else {
            out.append(false);
            continue;
        };
        let mut run = || {
            let regex = last.get("regexp_extract_all", p)?;
            let mut from = 0;
            while let Some(found) = regex.captures_at(s, from)? {
                let n = group(regex, "regexp_extract_all", n)?;
                out.values().append_value(found.get(n).map_or("", |m| m.as_str()));
                match found.get(0).and_then(|m| next_start(s, m.start(), m.end())) {
                    Some(next) => from = next,
                    None => break,
                }
            }
            Ok(())
        };
        run().map_err(|e| call.error(e))?;
        out.append(true);
    }
    Ok(ColumnarValue::Array(Arc::new(out.finish())))
}

/// A piece of a replacement.
enum Piece {
    Text(String),
    Group(usize),
}

/// Java's replacement text: `$1`, `${name}`, backslash before anything taken as it is.
fn pieces(replacement: &str, regex: &JavaRegex) -> Option<Vec<Piece>> {
    let mut out = vec![];
    let mut text = String::new();
    let mut chars = replacement.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\\' => text.push(chars.next()?),
            '$' => {
                let number = if chars.peek() == Some(&'{') {
                    chars.next();
                    let name: String = chars.by_ref().take_while(|c| *c != '}').collect();
                    regex.group_of_name(&name)?
                } else {
                    let mut n = chars.next()?.to_digit(10)? as usize;
                    if n > regex.groups() {
                        return None;
                    }
                    while let Some(d) = chars.peek().and_then(|c| c.to_digit(10)) {
                        let longer = n * 10 + d as usize;
                        if longer > regex.groups() {
                            break;
                        }
                        n = longer;
                        chars.next();
                    }
                    n
                };
                if !text.is_empty() {
                    out.push(Piece::Text(std::mem::take(&mut text)));
                }
                out.push(Piece::Group(number));
            }
            c => text.push(c),
        }
    }
    if !text.is_empty() {
        out.push(Piece::Text(text));
    }
    Some(out)
}

fn replace_all(regex: &JavaRegex, s: &str, start: usize, by: &str, out: &mut String) -> SparkResult<Option<()>> {
    let mut pieces_of: Option<Vec<Piece>> = None;
    let mut done = 0;
    let mut from = start;
    while let Some(found) = regex.captures_at(s, from)? {
        let Some(whole) = found.get(0) else { break };
        if pieces_of.is_none() {
            pieces_of = match pieces(by, regex) {
                Some(p) => Some(p),
                None => return Ok(None),
            };
        }
        out.push_str(&s[done..whole.start()]);
        for piece in pieces_of.iter().flatten() {
            match piece {
                Piece::Text(t) => out.push_str(t),
                Piece::Group(n) => out.push_str(found.get(*n).map_or("", |m| m.as_str())),
            }
        }
        done = whole.end();
        match next_start(s, whole.start(), whole.end()) {
            Some(next) => from = next,
            None => break,
        }
    }
    out.push_str(&s[done..]);
    Ok(Some(()))
}

fn replace(call: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let text = Col::<StringArray>::new(args, 0)?;
    let pattern = Col::<StringArray>::new(args, 1)?;
    let by = Col::<StringArray>::new(args, 2)?;
    let position = Col::<Int32Array>::new(args, 3)?;
    let mut last = Last::for_text(call)?;
    string_rows(rows, text.array().value_data().len(), |i, out| {
        let (s, p, by, pos) = not_null!(text.get(i), pattern.get(i), by.get(i), position.get(i));
        let mut run = || {
            let regex = last.get("regexp_replace", p)?;
            let start = pos.max(1) as usize - 1;
            if start != 0 && start >= chars::count(s) {
                out.push_str(s);
                return Ok(());
            }
            match replace_all(regex, s, chars::offset(s, start), by, out)? {
                Some(()) => Ok(()),
                None => Err(SparkError::new("INVALID_REGEXP_REPLACE")
                    .param("source", s)
                    .param("pattern", p)
                    .param("replacement", by)
                    .param("position", pos)),
            }
        };
        run().map(Some).map_err(|e| call.error(e))
    })
}

fn count(call: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let text = Col::<StringArray>::new(args, 0)?;
    let pattern = Col::<StringArray>::new(args, 1)?;
    let mut last = Last::for_text(call)?;
    primitive_rows::<Int32Type>(call, rows, |i| {
        let (s, p) = not_null!(text.get(i), pattern.get(i));
        let mut n = 0;
        let run = last.get("regexp_count", p).and_then(|r| r.each_match(s, |_, _| n += 1));
        run.map(|()| Some(n)).map_err(|e| call.error(e))
    })
}

fn instr(call: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let text = Col::<StringArray>::new(args, 0)?;
    let pattern = Col::<StringArray>::new(args, 1)?;
    let index = Col::<Int32Array>::new(args, 2)?;
    let mut last = Last::for_text(call)?;
    primitive_rows::<Int32Type>(call, rows, |i| {
        let (s, p, _) = not_null!(text.get(i), pattern.get(i), index.get(i));
        let found = last.get("regexp_instr", p).and_then(|r| r.find_at(s, 0));
        found.map(|m| Some(m.map_or(0, |(at, _)| chars::position(s, at)))).map_err(|e| call.error(e))
    })
}

fn substr(call: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let text = Col::<StringArray>::new(args, 0)?;
    let pattern = Col::<StringArray>::new(args, 1)?;
    let mut last = Last::for_text(call)?;
    string_rows(rows, rows * 8, |i, out| {
        let (s, p) = not_null!(text.get(i), pattern.get(i));
        let found = last.get("regexp_substr", p).and_then(|r| r.find_at(s, 0)).map_err(|e| call.error(e))?;
        // An empty match counts as none.
        let (from, to) = not_null!(found.filter(|(from, to)| from < to));
        out.push_str(&s[from..to]);
        Ok(Some(()))
    })
}
