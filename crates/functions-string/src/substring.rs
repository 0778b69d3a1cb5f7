//! `substring`, `left`, `right`, `substring_index` and `overlay`.

use datafusion::arrow::array::{BinaryArray, Int32Array, StringArray};
use datafusion::common::Result as DfResult;
use datafusion::logical_expr::ColumnarValue;
use vonk_common::SparkResult;
use vonk_expr::collation::{Collating, Collator};
use vonk_expr::columns::{binary_rows, slice_rows, string_rows};
use vonk_expr::context::Nullability;
use vonk_expr::{Call, Col, FnContext, FunctionSpec, Kernel, TypedExpr, Want, exec_err, not_null};
use vonk_plan::Literal;
use vonk_plan::types::DataType;

use crate::chars;

pub static SPECS: &[FunctionSpec] = &[
    FunctionSpec::scalar("substring", "string_funcs", build_substring)
        .aliases(&["substr"])
        .usage("The part of a string or binary value from a position, of a length.")
        .kernels(&[&SUBSTRING, &SUBSTRING_BYTES])
        .collating(Collating::FIRST),
    FunctionSpec::scalar("left", "string_funcs", build_left)
        .usage("The leftmost characters of a string, or bytes of a binary value.")
        .kernels(&[&SUBSTRING, &SUBSTRING_BYTES, &LEFT, &LEFT_BYTES])
        .collating(Collating::FIRST),
    FunctionSpec::scalar("right", "string_funcs", build_right)
        .usage("The rightmost characters of a string.")
        .kernels(&[&RIGHT])
        .collating(Collating::FIRST),
    FunctionSpec::scalar("substring_index", "string_funcs", build_index)
        .usage("The part of a string before a number of delimiters, counted from the end if negative.")
        .kernels(&[&SUBSTRING_INDEX])
        .collating(Collating::COMPARED_RESULT),
    FunctionSpec::scalar("overlay", "string_funcs", build_overlay)
        .usage("The value with a replacement put over the part from a position.")
        .kernels(&[&OVERLAY, &OVERLAY_BYTES])
        .collating(Collating::JOINED),
];

static SUBSTRING: Kernel = Kernel::total("substring", substring);
static SUBSTRING_BYTES: Kernel = Kernel::total("substring_bytes", substring_bytes);
static LEFT: Kernel = Kernel::total("left", left);
static LEFT_BYTES: Kernel = Kernel::total("left_bytes", left_bytes);
static RIGHT: Kernel = Kernel::total("right", right).until_null_of(1);
static SUBSTRING_INDEX: Kernel = Kernel::total("substring_index", substring_index);
static OVERLAY: Kernel = Kernel::new("overlay", overlay);
static OVERLAY_BYTES: Kernel = Kernel::new("overlay_bytes", overlay_bytes);

fn text_or_bytes() -> Want {
    Want::OneOf(vec![Want::Str, Want::BINARY])
}

fn first_is_binary(args: &[TypedExpr]) -> bool {
    args.first().is_some_and(|a| a.data_type == DataType::Binary)
}

fn build_substring(ctx: &FnContext, mut args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    ctx.arity(&args, 2..=3)?;
    if args.len() == 2 {
        args.push(TypedExpr::literal(&Literal::Int(i32::MAX))?);
    }
    let args = ctx.coerce(args, 3, &[text_or_bytes(), Want::INT, Want::INT])?;
    Ok(if first_is_binary(&args) {
        ctx.call(&SUBSTRING_BYTES, args, DataType::Binary, Nullability::Args)
    } else {
        ctx.call(&SUBSTRING, args, DataType::STRING, Nullability::Args)
    })
}

fn build_left(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    let args = ctx.coerce(args, 2, &[text_or_bytes(), Want::INT])?;
    Ok(if first_is_binary(&args) {
        ctx.call(&LEFT_BYTES, args, DataType::Binary, Nullability::Args)
    } else {
        ctx.call(&LEFT, args, DataType::STRING, Nullability::Args)
    })
}

fn build_right(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    let args = ctx.coerce(args, 2, &[Want::Str, Want::INT])?;
    Ok(ctx.call(&RIGHT, args, DataType::STRING, Nullability::Always))
}

fn build_index(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    let args = ctx.coerce(args, 3, &[Want::Searched, Want::Searched, Want::INT])?;
    Ok(ctx.call(&SUBSTRING_INDEX, args, DataType::STRING, Nullability::Args))
}

fn build_overlay(ctx: &FnContext, mut args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    ctx.arity(&args, 3..=4)?;
    if args.len() == 3 {
        args.push(TypedExpr::literal(&Literal::Int(-1))?);
    }
    let both = |t: &dyn Fn(&DataType) -> bool| args.iter().take(2).all(|a| t(&a.data_type));
    if both(&|t| *t == DataType::Binary) {
        let args = ctx.coerce(args, 4, &[Want::BINARY, Want::BINARY, Want::INT, Want::INT])?;
        return Ok(ctx.call(&OVERLAY_BYTES, args, DataType::Binary, Nullability::Args));
    }
    let is_binary = |i: usize| args.get(i).is_some_and(|a| a.data_type == DataType::Binary);
    if is_binary(0) != is_binary(1) {
        let types = if is_binary(0) { "(\"BINARY\" or \"STRING\")" } else { "(\"STRING\" or \"BINARY\")" };
        let error = ctx.mismatch("DATA_DIFF_TYPES", &args).param("functionName", "`overlay`");
        return Err(error.param("dataType", types));
    }
    let args = ctx.coerce(args, 4, &[Want::Str, Want::Str, Want::INT, Want::INT])?;
    Ok(ctx.call(&OVERLAY, args, DataType::STRING, Nullability::Args))
}

fn substring(_: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let text = Col::<StringArray>::new(args, 0)?;
    let pos = Col::<Int32Array>::new(args, 1)?;
    let len = Col::<Int32Array>::new(args, 2)?;
    slice_rows(rows, text.array().value_data().len(), |i| {
        let (s, pos, len) = not_null!(text.get(i), pos.get(i), len.get(i));
        Ok(Some(chars::sql_substring(s, pos, len)))
    })
}

fn sql_slice(v: &[u8], pos: i32, len: i32) -> &[u8] {
    if i64::from(pos) > v.len() as i64 {
        return &[];
    }
    let (from, to) = chars::sql_range(v.len(), pos, len);
    &v[from..to]
}

fn substring_bytes(_: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let bytes = Col::<BinaryArray>::new(args, 0)?;
    let pos = Col::<Int32Array>::new(args, 1)?;
    let len = Col::<Int32Array>::new(args, 2)?;
    binary_rows(rows, |i, out| {
        let (v, pos, len) = not_null!(bytes.get(i), pos.get(i), len.get(i));
        out.extend_from_slice(sql_slice(v, pos, len));
        Ok(Some(()))
    })
}

fn left(_: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let text = Col::<StringArray>::new(args, 0)?;
    let len = Col::<Int32Array>::new(args, 1)?;
    slice_rows(rows, text.array().value_data().len(), |i| {
        let (s, len) = not_null!(text.get(i), len.get(i));
        Ok(Some(chars::slice(s, 0, usize::try_from(len).unwrap_or(0))))
    })
}

fn left_bytes(_: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let bytes = Col::<BinaryArray>::new(args, 0)?;
    let len = Col::<Int32Array>::new(args, 1)?;
    binary_rows(rows, |i, out| {
        let (v, len) = not_null!(bytes.get(i), len.get(i));
        out.extend_from_slice(&v[..usize::try_from(len).unwrap_or(0).min(v.len())]);
        Ok(Some(()))
    })
}

fn right(_: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let text = Col::<StringArray>::new(args, 0)?;
    let len = Col::<Int32Array>::new(args, 1)?;
    slice_rows(rows, text.array().value_data().len(), |i| {
        let (s, len) = not_null!(text.get(i), len.get(i));
        let len = usize::try_from(len).unwrap_or(0);
        Ok(Some(chars::slice(s, chars::count(s).saturating_sub(len), if len == 0 { 0 } else { s.len() })))
    })
}

/// The text before the delimiter number `count`, or after the one counted from the end.
fn before_delimiter<'a>(s: &'a str, delimiter: &str, count: i32) -> &'a str {
    if delimiter.is_empty() || count == 0 {
        return "";
    }
    let nth = count.unsigned_abs() as usize;
    if count > 0 {
        let mut from = 0;
        for _ in 0..nth {
            match s[from..].find(delimiter) {
                Some(at) => from += at + step(&s[from + at..]),
                None => return s,
            }
        }
        // `from` stands one character after the start of the last delimiter found.
        let start = s[..from].char_indices().next_back().map_or(0, |(at, _)| at);
        return &s[..start];
    }
    let mut to = s.len();
    for _ in 0..nth {
        match s[..to].rfind(delimiter) {
            Some(at) => to = at + delimiter.len() - delimiter.chars().next_back().map_or(0, char::len_utf8),
            None => return s,
        }
    }
    &s[to + delimiter.chars().next_back().map_or(0, char::len_utf8)..]
}

/// The same under a collation.
fn before_equal<'a>(collator: &Collator, s: &'a str, delimiter: &str, count: i32) -> &'a str {
    if delimiter.is_empty() || count == 0 {
        return "";
    }
    let searched = collator.searched(s);
    let nth = count.unsigned_abs() as usize;
    let (mut from, mut to) = (0, s.len());
    let mut last = 0..0;
    for _ in 0..nth {
        let found = if count > 0 { searched.find(delimiter, from) } else { searched.rfind(delimiter, to) };
        let Some(hit) = found else { return s };
        from = hit.start + step(&s[hit.start..]);
        to = hit.start;
        last = hit;
    }
    if count > 0 { &s[..last.start] } else { &s[last.end..] }
}

fn step(s: &str) -> usize {
    s.chars().next().map_or(0, char::len_utf8)
}

fn substring_index(call: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let text = Col::<StringArray>::new(args, 0)?;
    let delimiter = Col::<StringArray>::new(args, 1)?;
    let count = Col::<Int32Array>::new(args, 2)?;
    let collator = Collator::of(&call.arg_types).map_err(exec_err)?;
    slice_rows(rows, text.array().value_data().len(), |i| {
        let (s, d, n) = not_null!(text.get(i), delimiter.get(i), count.get(i));
        Ok(Some(match collator.is_binary() {
            true => before_delimiter(s, d, n),
            false => before_equal(&collator, s, collator.counted(d), n),
        }))
    })
}

fn overlay(_: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let text = Col::<StringArray>::new(args, 0)?;
    let replacement = Col::<StringArray>::new(args, 1)?;
    let pos = Col::<Int32Array>::new(args, 2)?;
    let len = Col::<Int32Array>::new(args, 3)?;
    string_rows(rows, text.array().value_data().len(), |i, out| {
        let (s, r, pos, len) = not_null!(text.get(i), replacement.get(i), pos.get(i), len.get(i));
        let len = if len >= 0 { len } else { chars::count(r) as i32 };
        out.push_str(chars::sql_substring(s, 1, pos.wrapping_sub(1)));
        out.push_str(r);
        out.push_str(chars::sql_substring(s, pos.wrapping_add(len), i32::MAX));
        Ok(Some(()))
    })
}

fn overlay_bytes(_: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let bytes = Col::<BinaryArray>::new(args, 0)?;
    let replacement = Col::<BinaryArray>::new(args, 1)?;
    let pos = Col::<Int32Array>::new(args, 2)?;
    let len = Col::<Int32Array>::new(args, 3)?;
    binary_rows(rows, |i, out| {
        let (v, r, pos, len) = not_null!(bytes.get(i), replacement.get(i), pos.get(i), len.get(i));
        let len = if len >= 0 { len } else { r.len() as i32 };
        out.extend_from_slice(sql_slice(v, 1, pos.wrapping_sub(1)));
        out.extend_from_slice(r);
        out.extend_from_slice(sql_slice(v, pos.wrapping_add(len), i32::MAX));
        Ok(Some(()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn substring_index_counts_from_both_ends() {
        for (s, d, n, want) in [
            ("www.apache.org", ".", 2, "www.apache"),
            ("www.apache.org", ".", -2, "apache.org"),
            ("www.apache.org", ".", 9, "www.apache.org"),
            ("www.apache.org", ".", -9, "www.apache.org"),
            ("www.apache.org", "", 1, ""),
            ("a||b||c", "||", 1, "a"),
            ("a||b||c", "||", 2, "a||b"),
            ("a||b||c", "||", -1, "c"),
            ("a||b||c", "||", -2, "b||c"),
            ("", ".", 1, ""),
        ] {
            assert_eq!(before_delimiter(s, d, n), want, "{s} {d} {n}");
        }
    }
}
