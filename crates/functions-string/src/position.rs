//! Where a string stands in another: `locate`, `position`, `instr`, `find_in_set`; and whether:
//! `contains`, `startswith`, `endswith`.

use datafusion::arrow::array::{BinaryArray, Int32Array, StringArray};
use datafusion::arrow::datatypes::Int32Type;
use datafusion::common::Result as DfResult;
use datafusion::logical_expr::ColumnarValue;
use vonk_common::SparkResult;
use vonk_expr::columns::{boolean_rows, primitive_rows};
use vonk_expr::context::Nullability;
use vonk_expr::{Call, Col, FnContext, FunctionSpec, Kernel, TypedExpr, Want, not_null};
use vonk_plan::Literal;
use vonk_plan::types::DataType;

use crate::chars;

pub static SPECS: &[FunctionSpec] = &[
    FunctionSpec::scalar("locate", "string_funcs", build_locate)
        .aliases(&["position"])
        .usage("Position (from 1) of a string in another at or after a start; 0 when there is none.")
        .kernels(&[&LOCATE]),
    FunctionSpec::scalar("instr", "string_funcs", build_instr)
        .usage("Position (from 1) of an occurrence of a string in another; 0 when there is none.")
        .kernels(&[&INSTR]),
    FunctionSpec::scalar("find_in_set", "string_funcs", build_find)
        .usage("Number (from 1) of a string in a list with commas; 0 when it is not there.")
        .kernels(&[&FIND_IN_SET]),
    FunctionSpec::scalar("contains", "string_funcs", |c, a| build_test(c, a, &CONTAINS, &CONTAINS_BYTES))
        .usage("Whether the first value has the second inside.")
        .kernels(&[&CONTAINS, &CONTAINS_BYTES]),
    FunctionSpec::scalar("startswith", "string_funcs", |c, a| build_test(c, a, &STARTSWITH, &STARTSWITH_BYTES))
        .usage("Whether the first value starts with the second.")
        .kernels(&[&STARTSWITH, &STARTSWITH_BYTES]),
    FunctionSpec::scalar("endswith", "string_funcs", |c, a| build_test(c, a, &ENDSWITH, &ENDSWITH_BYTES))
        .usage("Whether the first value ends with the second.")
        .kernels(&[&ENDSWITH, &ENDSWITH_BYTES]),
];

static LOCATE: Kernel = Kernel::new("locate", locate);
static INSTR: Kernel = Kernel::new("instr", instr);
static FIND_IN_SET: Kernel = Kernel::new("find_in_set", find_in_set);
static CONTAINS: Kernel = Kernel::new("contains", |_, a, n| test(a, n, |s, p| s.contains(p)));
static STARTSWITH: Kernel = Kernel::new("startswith", |_, a, n| test(a, n, |s, p| s.starts_with(p)));
static ENDSWITH: Kernel = Kernel::new("endswith", |_, a, n| test(a, n, |s, p| s.ends_with(p)));
static CONTAINS_BYTES: Kernel = Kernel::new("contains_bytes", |_, a, n| {
    test_bytes(a, n, |s, p| p.is_empty() || s.windows(p.len()).any(|w| w == p))
});
static STARTSWITH_BYTES: Kernel = Kernel::new("startswith_bytes", |_, a, n| test_bytes(a, n, |s, p| s.starts_with(p)));
static ENDSWITH_BYTES: Kernel = Kernel::new("endswith_bytes", |_, a, n| test_bytes(a, n, |s, p| s.ends_with(p)));

fn build_locate(ctx: &FnContext, mut args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    ctx.arity(&args, 2..=3)?;
    if args.len() == 2 {
        args.push(TypedExpr::literal(&Literal::Int(1))?);
    }
    let args = ctx.coerce(args, 3, &[Want::Str, Want::Str, Want::INT])?;
    let nulls = if args.iter().take(2).any(|a| a.nullable) { Nullability::Always } else { Nullability::Never };
    Ok(ctx.call(&LOCATE, args, DataType::Int, nulls))
}

fn build_instr(ctx: &FnContext, mut args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    ctx.arity(&args, 2..=4)?;
    if args.len() == 3 {
        args.push(TypedExpr::literal(&Literal::Int(1))?);
    }
    let args = ctx.coerce(args, 2, &[Want::Str, Want::Str, Want::INT, Want::INT])?;
    Ok(ctx.call(&INSTR, args, DataType::Int, Nullability::Args))
}

fn build_find(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    let args = ctx.coerce(args, 2, &[Want::Str, Want::Str])?;
    Ok(ctx.call(&FIND_IN_SET, args, DataType::Int, Nullability::Args))
}

fn build_test(
    ctx: &FnContext,
    args: Vec<TypedExpr>,
    strings: &'static Kernel,
    bytes: &'static Kernel,
) -> SparkResult<TypedExpr> {
    ctx.arity(&args, 2..=2)?;
    if args.iter().all(|a| a.data_type == DataType::Binary) {
        return Ok(ctx.call(bytes, args, DataType::Boolean, Nullability::Always));
    }
    let args = ctx.coerce(args, 2, &[Want::Str, Want::Str])?;
    Ok(ctx.call(strings, args, DataType::Boolean, Nullability::Args))
}

fn test(args: &[ColumnarValue], rows: usize, is: fn(&str, &str) -> bool) -> DfResult<ColumnarValue> {
    let text = Col::<StringArray>::new(args, 0)?;
    let part = Col::<StringArray>::new(args, 1)?;
    boolean_rows(rows, |i| {
        let (s, p) = not_null!(text.get(i), part.get(i));
        Ok(Some(is(s, p)))
    })
}

fn test_bytes(args: &[ColumnarValue], rows: usize, is: fn(&[u8], &[u8]) -> bool) -> DfResult<ColumnarValue> {
    let bytes = Col::<BinaryArray>::new(args, 0)?;
    let part = Col::<BinaryArray>::new(args, 1)?;
    boolean_rows(rows, |i| {
        let (s, p) = not_null!(bytes.get(i), part.get(i));
        Ok(Some(is(s, p)))
    })
}

fn locate(call: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let part = Col::<StringArray>::new(args, 0)?;
    let text = Col::<StringArray>::new(args, 1)?;
    let start = Col::<Int32Array>::new(args, 2)?;
    primitive_rows::<Int32Type>(call, rows, |i| {
        // Without a start nothing else is looked at.
        let Some(n) = start.get(i) else { return Ok(Some(0)) };
        let (p, s) = not_null!(part.get(i), text.get(i));
        Ok(Some(match n {
            0 => 0,
            _ if p.is_empty() => 1,
            n if n < 0 => 0,
            n => find_from(s, p, n as usize - 1),
        }))
    })
}

/// Position from 1 of `p` in `s` at or after the character number `from` (from 0).
fn find_from(s: &str, p: &str, from: usize) -> i32 {
    let start = chars::offset(s, from);
    s[start..].find(p).map_or(0, |at| chars::position(s, start + at))
}

/// As Oracle's: a negative position searches backwards from there.
fn instr(call: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let text = Col::<StringArray>::new(args, 0)?;
    let part = Col::<StringArray>::new(args, 1)?;
    let extra = args.len() > 2;
    let from = if extra { Some(Col::<Int32Array>::new(args, 2)?) } else { None };
    let nth = if args.len() > 3 { Some(Col::<Int32Array>::new(args, 3)?) } else { None };
    primitive_rows::<Int32Type>(call, rows, |i| {
        let (s, p) = not_null!(text.get(i), part.get(i));
        let (from, nth) = match (&from, &nth) {
            (Some(from), Some(nth)) => not_null!(from.get(i), nth.get(i)),
            (Some(from), None) => (not_null!(from.get(i)), 1),
            _ => (1, 1),
        };
        if nth < 1 {
            let e = vonk_common::SparkError::new("INVALID_PARAMETER_VALUE.OCCURRENCE")
                .param("functionName", vonk_common::error::quote_id(["instr"]))
                .param("parameter", vonk_common::error::quote_id(["occurrence"]))
                .param("actual", nth);
            return Err(call.error(e));
        }
        Ok(Some(occurrence(s, p, from, nth)))
    })
}

fn occurrence(s: &str, p: &str, from: i32, nth: i32) -> i32 {
    if p.is_empty() {
        return i32::from(from != 0);
    }
    if from > 0 {
        let start = chars::offset(s, from as usize - 1);
        return overlapping(s, p, start).nth(nth as usize - 1).map_or(0, |at| chars::position(s, at));
    }
    if from == 0 {
        return 0;
    }
    let Some(last) = chars::count(s).checked_sub(from.unsigned_abs() as usize) else { return 0 };
    let last = chars::offset(s, last);
    let before: Vec<_> = overlapping(s, p, 0).take_while(|at| *at <= last).collect();
    before.iter().rev().nth(nth as usize - 1).map_or(0, |at| chars::position(s, *at))
}

/// Byte offsets of all occurrences, overlapping ones too.
fn overlapping<'a>(s: &'a str, p: &'a str, start: usize) -> impl Iterator<Item = usize> + 'a {
    let mut from = start;
    std::iter::from_fn(move || {
        let at = from + s.get(from..)?.find(p)?;
        from = at + s[at..].chars().next().map_or(1, char::len_utf8);
        Some(at)
    })
}

fn find_in_set(call: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let word = Col::<StringArray>::new(args, 0)?;
    let set = Col::<StringArray>::new(args, 1)?;
    primitive_rows::<Int32Type>(call, rows, |i| {
        let (w, set) = not_null!(word.get(i), set.get(i));
        if w.contains(',') {
            return Ok(Some(0));
        }
        Ok(Some(set.split(',').position(|s| s == w).map_or(0, |n| n as i32 + 1)))
    })
}
