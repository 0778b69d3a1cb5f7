//! `split` by a regular expression, `split_part` by a string, `str_to_map`.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::arrow::array::{Int32Array, ListBuilder, MapBuilder, MapFieldNames, StringArray, StringBuilder};
use datafusion::common::Result as DfResult;
use datafusion::logical_expr::ColumnarValue;
use vonk_common::error::quote_sql;
use vonk_common::{SparkError, SparkResult};
use vonk_expr::arrow_types::{ENTRIES, KEY, VALUE, element_field};
use vonk_expr::collation::collator::Rule;
use vonk_expr::collation::meet::literal_beside;
use vonk_expr::collation::{Collating, Collator};
use vonk_expr::columns::slice_rows;
use vonk_expr::context::Nullability;
use vonk_expr::{Call, Col, FnContext, FunctionSpec, Kernel, TypedExpr, Want, exec_err, not_null};
use vonk_plan::Literal;
use vonk_plan::types::DataType;

use crate::java_regex::{JavaRegex, Last, next_start};

pub static SPECS: &[FunctionSpec] = &[
    FunctionSpec::scalar("split", "string_funcs", build_split)
        .usage("The parts of a string between matches of a regular expression, at most a number of them.")
        .kernels(&[&SPLIT])
        .collating(Collating::FIRST),
    FunctionSpec::scalar("split_part", "string_funcs", build_part)
        .usage("The part of that number (from 1, negative from the end) between delimiters.")
        .kernels(&[&SPLIT_PART])
        .collating(Collating::COMPARED_RESULT),
    FunctionSpec::scalar("str_to_map", "map_funcs", build_map)
        .usage("A map of the pairs in a string, cut by two regular expressions.")
        .kernels(&[&STR_TO_MAP])
        .collating(Collating::COMPARED_RESULT),
];

static SPLIT: Kernel = Kernel::new("split", split);
static SPLIT_PART: Kernel = Kernel::new("split_part", split_part);
static STR_TO_MAP: Kernel = Kernel::new("str_to_map", str_to_map);

fn build_split(ctx: &FnContext, mut args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    ctx.arity(&args, 2..=3)?;
    if args.len() == 2 {
        args.push(TypedExpr::literal(&Literal::Int(-1))?);
    }
    let args = ctx.coerce(args, 3, &[Want::Plain, Want::Str, Want::INT])?;
    Ok(ctx.call(&SPLIT, args, DataType::array(DataType::STRING, false), Nullability::Args))
}

fn build_part(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    let args = ctx.coerce(args, 3, &[Want::Searched, Want::Searched, Want::INT])?;
    Ok(ctx.call(&SPLIT_PART, args, DataType::STRING, Nullability::Always))
}

fn build_map(ctx: &FnContext, mut args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    ctx.arity(&args, 1..=3)?;
    for default in [",", ":"].iter().skip(args.len() - 1) {
        args.push(literal_beside(&args, &Literal::string(*default))?);
    }
    let args = ctx.expect(args, 3, &[Want::Plain, Want::Str, Want::Str])?;
    let ty = DataType::map(DataType::STRING, DataType::STRING, true);
    let policy = ctx.facts.conf.get("spark.sql.mapKeyDedupPolicy").unwrap_or("EXCEPTION").to_uppercase();
    Ok(ctx.call_with(&STR_TO_MAP, args, ty, Nullability::Args, vec![policy]))
}

/// The parts as Java's `String.split(regex, limit)` cuts them, except that trailing empty ones stay.
fn parts<'a>(regex: &JavaRegex, s: &'a str, limit: i32, mut f: impl FnMut(&'a str)) -> SparkResult<()> {
    if s.is_empty() {
        f("");
        return Ok(());
    }
    let (mut done, mut from, mut count) = (0, 0, 1);
    while limit <= 0 || count < limit {
        let Some((start, end)) = regex.find_at(s, from)? else { break };
        // An empty match at the very start cuts nothing.
        if end > 0 {
            f(&s[done..start]);
            done = end;
            count += 1;
        }
        let Some(next) = next_start(s, start, end) else { break };
        from = next;
    }
    f(&s[done..]);
    Ok(())
}

/// The parts between what is equal to the delimiter: under a collation it is no regular expression.
fn equal_parts<'a>(collator: &Collator, s: &'a str, delimiter: &str, limit: i32, mut f: impl FnMut(&'a str)) {
    let searched = collator.searched(s);
    let (mut from, mut count) = (0, 1);
    while limit <= 0 || count < limit {
        let Some(hit) = searched.find(delimiter, from).filter(|hit| !hit.is_empty()) else { break };
        f(&s[from..hit.start]);
        from = hit.end;
        count += 1;
    }
    f(&s[from..]);
}

/// An empty pattern cuts between all characters; a limit keeps the rest of the string.
fn letters<'a>(s: &'a str, limit: i32, mut f: impl FnMut(&'a str)) {
    let mut rest = s;
    let mut count = 1;
    while let Some(c) = rest.chars().next() {
        if limit > 0 && count >= limit && rest.len() > c.len_utf8() {
            break;
        }
        let (head, tail) = rest.split_at(c.len_utf8());
        f(head);
        rest = tail;
        count += 1;
    }
    if !rest.is_empty() || s.is_empty() {
        f(rest);
    }
}

fn plain_char(pattern: &str) -> Option<char> {
    let mut chars = pattern.chars();
    let escaped = pattern.starts_with('\\');
    let c = if escaped { chars.nth(1)? } else { chars.next()? };
    let plain = match escaped {
        true => c.is_ascii_punctuation(),
        false => !r"\[](){}.*+?^$|".contains(c),
    };
    (chars.next().is_none() && plain).then_some(c)
}

fn split(call: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let text = Col::<StringArray>::new(args, 0)?;
    let pattern = Col::<StringArray>::new(args, 1)?;
    let limit = Col::<Int32Array>::new(args, 2)?;
    let mut last = Last::for_text(call)?;
    let mut out = ListBuilder::new(StringBuilder::with_capacity(rows * 4, text.array().value_data().len()))
        .with_field(element_field(&DataType::STRING));
    for i in 0..rows {
        let (Some(s), Some(p), Some(n)) = (text.get(i), pattern.get(i), limit.get(i)) else {
            out.append(false);
            continue;
        };
        let values = out.values();
        match plain_char(p) {
            _ if p.is_empty() => letters(s, n, |part| values.append_value(part)),
            Some(c) if n <= 0 && !last.ignores_case() => s.split(c).for_each(|part| values.append_value(part)),
            _ => {
                let regex = last.get("split", p).map_err(|e| call.error(e))?;
                parts(regex, s, n, |part| values.append_value(part)).map_err(|e| call.error(e))?;
            }
        }
        out.append(true);
    }
    Ok(ColumnarValue::Array(Arc::new(out.finish())))
}

fn split_part(call: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let text = Col::<StringArray>::new(args, 0)?;
    let delimiter = Col::<StringArray>::new(args, 1)?;
    let number = Col::<Int32Array>::new(args, 2)?;
    let collator = Collator::of(&call.arg_types).map_err(exec_err)?;
    slice_rows(rows, text.array().value_data().len(), |i| {
        let (s, d, n) = not_null!(text.get(i), delimiter.get(i), number.get(i));
        let nth = n.unsigned_abs() as usize;
        if nth == 0 {
            return Err(call.error(SparkError::new("INVALID_INDEX_OF_ZERO")));
        }
        let d = collator.counted(d);
        if d.is_empty() {
            return Ok(Some(if nth == 1 { s } else { "" }));
        }
        if !matches!(collator.rule, Rule::Binary) {
            let mut parts = vec![];
            equal_parts(&collator, s, d, -1, |part| parts.push(part));
            let at = if n > 0 { Some(nth - 1) } else { parts.len().checked_sub(nth) };
            return Ok(Some(at.and_then(|at| parts.get(at)).copied().unwrap_or("")));
        }
        let part = if n > 0 { s.split(d).nth(nth - 1) } else { s.rsplit(d).nth(nth - 1) };
        Ok(Some(part.unwrap_or("")))
    })
}

fn str_to_map(call: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let text = Col::<StringArray>::new(args, 0)?;
    let pair = Col::<StringArray>::new(args, 1)?;
    let key = Col::<StringArray>::new(args, 2)?;
    let collator = Collator::of(&call.arg_types).map_err(exec_err)?;
    let (mut pair_regex, mut key_regex) = (Last::default(), Last::default());
    let names = MapFieldNames { entry: ENTRIES.to_string(), key: KEY.to_string(), value: VALUE.to_string() };
    let mut out = MapBuilder::new(Some(names), StringBuilder::new(), StringBuilder::new());
    let last_wins = call.param(0) == "LAST_WIN";
    for i in 0..rows {
        let (Some(s), Some(p), Some(k)) = (text.get(i), pair.get(i), key.get(i)) else {
            out.append(false)?;
            continue;
        };
        let mut run = || {
            let (mut seen, mut entries) = (HashMap::<String, usize>::new(), Vec::<(&str, Option<&str>)>::new());
            let mut pairs = vec![];
            match collator.is_binary() {
                _ if p.is_empty() => letters(s, -1, |part| pairs.push(part)),
                true => parts(pair_regex.get("str_to_map", p)?, s, -1, |part| pairs.push(part))?,
                false => equal_parts(&collator, s, p, -1, |part| pairs.push(part)),
            }
            for pair in pairs {
                let mut halves = vec![];
                match collator.is_binary() {
                    _ if k.is_empty() => letters(pair, 2, |half| halves.push(half)),
                    true => parts(key_regex.get("str_to_map", k)?, pair, 2, |half| halves.push(half))?,
                    false => equal_parts(&collator, pair, k, 2, |half| halves.push(half)),
                }
                let (name, value) = (halves.first().copied().unwrap_or(""), halves.get(1).copied());
                match seen.get(&collator.key(name)).copied().and_then(|at| entries.get_mut(at)) {
                    Some(entry) if last_wins => entry.1 = value,
                    Some(_) => {
                        return Err(SparkError::new("DUPLICATED_MAP_KEY")
                            .param("key", name)
                            .param("mapKeyDedupPolicy", quote_sql("spark.sql.mapKeyDedupPolicy")));
                    }
                    None => {
                        seen.insert(collator.key(name), entries.len());
                        entries.push((name, value));
                    }
                }
            }
            Ok(entries)
        };
        for (name, value) in run().map_err(|e| call.error(e))? {
            out.keys().append_value(name);
            out.values().append_option(value);
        }
        out.append(true)?;
    }
    Ok(ColumnarValue::Array(Arc::new(out.finish())))
}
