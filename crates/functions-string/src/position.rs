//! Where a string stands in another: `locate`, `position`, `instr`, `find_in_set`; and whether:
//! `contains`, `startswith`, `endswith`.

use datafusion::arrow::array::{BinaryArray, Int32Array, StringArray};
use datafusion::arrow::datatypes::Int32Type;
use datafusion::common::Result as DfResult;
use datafusion::logical_expr::ColumnarValue;
use vonk_common::SparkResult;
use vonk_expr::collation::{Collating, Collator};
use vonk_expr::columns::{boolean_rows, primitive_rows};
use vonk_expr::context::Nullability;
use vonk_expr::{Call, Col, FnContext, FunctionSpec, Kernel, TypedExpr, Want, exec_err, not_null};
use vonk_plan::Literal;
use vonk_plan::types::DataType;

use crate::chars;

pub static SPECS: &[FunctionSpec] = &[
    FunctionSpec::scalar("locate", "string_funcs", build_locate)
        .aliases(&["position"])
        .usage("Position (from 1) of a string in another at or after a start; 0 when there is none.")
        .kernels(&[&LOCATE, &LOCATE_FROM])
        .collating(Collating::COMPARED),
    FunctionSpec::scalar("instr", "string_funcs", build_instr)
        .usage("Position (from 1) of an occurrence of a string in another; 0 when there is none.")
        .kernels(&[&INSTR])
        .collating(Collating::COMPARED),
    FunctionSpec::scalar("find_in_set", "string_funcs", build_find)
        .usage("Number (from 1) of a string in a list with commas; 0 when it is not there.")
        .kernels(&[&FIND_IN_SET])
        .collating(Collating::COMPARED),
    FunctionSpec::scalar("contains", "string_funcs", |c, a| build_test(c, a, &CONTAINS, &CONTAINS_BYTES))
        .usage("Whether the first value has the second inside.")
        .kernels(&[&CONTAINS, &CONTAINS_BYTES])
        .collating(Collating::COMPARED),
    FunctionSpec::scalar("startswith", "string_funcs", |c, a| build_test(c, a, &STARTSWITH, &STARTSWITH_BYTES))
        .usage("Whether the first value starts with the second.")
        .kernels(&[&STARTSWITH, &STARTSWITH_BYTES])
        .collating(Collating::COMPARED),
    FunctionSpec::scalar("endswith", "string_funcs", |c, a| build_test(c, a, &ENDSWITH, &ENDSWITH_BYTES))
        .usage("Whether the first value ends with the second.")
        .kernels(&[&ENDSWITH, &ENDSWITH_BYTES])
        .collating(Collating::COMPARED),
];

static LOCATE: Kernel = Kernel::total("locate", locate).eager();
static LOCATE_FROM: Kernel = Kernel::total("locate_from", locate);
static INSTR: Kernel = Kernel::total("instr", instr);
static FIND_IN_SET: Kernel = Kernel::total("find_in_set", find_in_set);
static CONTAINS: Kernel = Kernel::total("contains", |c, a, n| test(c, a, n, |s, p| s.contains(p), Collator::contains));
static STARTSWITH: Kernel =
    Kernel::total("startswith", |c, a, n| test(c, a, n, |s, p| s.starts_with(p), Collator::starts_with));
static ENDSWITH: Kernel =
    Kernel::total("endswith", |c, a, n| test(c, a, n, |s, p| s.ends_with(p), Collator::ends_with));
static CONTAINS_BYTES: Kernel = Kernel::total("contains_bytes", |_, a, n| {
    test_bytes(a, n, |s, p| p.is_empty() || s.windows(p.len()).any(|w| w == p))
});
static STARTSWITH_BYTES: Kernel =
    Kernel::total("startswith_bytes", |_, a, n| test_bytes(a, n, |s, p| s.starts_with(p)));
static ENDSWITH_BYTES: Kernel = Kernel::total("endswith_bytes", |_, a, n| test_bytes(a, n, |s, p| s.ends_with(p)));

fn build_locate(ctx: &FnContext, mut args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    ctx.arity(&args, 2..=3)?;
    if args.len() == 2 {
        args.push(TypedExpr::literal(&Literal::Int(1))?);
    }
    let args = ctx.coerce(args, 3, &[Want::Searched, Want::Searched, Want::INT])?;
    let nulls = if args.iter().take(2).any(|a| a.nullable) { Nullability::Always } else { Nullability::Never };
    // Without a start nothing else is looked at.
    if args.last().is_some_and(|start| matches!(start.constant(), Ok(Some(v)) if v.is_null())) {
        let zero = TypedExpr::literal(&Literal::Int(0))?;
        return Ok(TypedExpr { sql: ctx.sql(&args), nullable: nulls != Nullability::Never, ..zero });
    }
    let kernel = if args.last().is_some_and(|start| start.nullable) { &LOCATE } else { &LOCATE_FROM };
    Ok(ctx.call(kernel, args, DataType::Int, nulls))
}

fn build_instr(ctx: &FnContext, mut args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    ctx.arity(&args, 2..=4)?;
    if args.len() == 3 {
        args.push(TypedExpr::literal(&Literal::Int(1))?);
    }
    let args = ctx.coerce(args, 2, &[Want::Searched, Want::Searched, Want::INT, Want::INT])?;
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
    let args = ctx.coerce(args, 2, &[Want::Searched, Want::Searched])?;
    Ok(ctx.call(strings, args, DataType::Boolean, Nullability::Args))
}

fn test(
    call: &Call,
    args: &[ColumnarValue],
    rows: usize,
    is: fn(&str, &str) -> bool,
    collated: fn(&Collator, &str, &str) -> bool,
) -> DfResult<ColumnarValue> {
    let text = Col::<StringArray>::new(args, 0)?;
    let part = Col::<StringArray>::new(args, 1)?;
    let collator = Collator::of(&call.arg_types).map_err(exec_err)?;
    if !collator.is_binary() {
        return boolean_rows(rows, |i| {
            let (s, p) = not_null!(text.get(i), part.get(i));
            Ok(Some(collated(&collator, s, p)))
        });
    }
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
    let collator = Collator::of(&call.arg_types).map_err(exec_err)?;
    primitive_rows::<Int32Type>(call, rows, |i| {
        // Without a start nothing else is looked at.
        let Some(n) = start.get(i) else { return Ok(Some(0)) };
        let (p, s) = not_null!(part.get(i), text.get(i));
        Ok(Some(match n {
            n if n < 1 => 0,
            _ if p.is_empty() => 1,
            n if collator.is_binary() => find_from(s, p, n as usize - 1),
            n => {
                let (s, p) = (collator.counted(s), collator.counted(p));
                let found = collator.searched(s).find(p, chars::offset(s, n as usize - 1));
                found.map_or(0, |at| chars::position(s, at.start))
            }
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
    let collator = Collator::of(&call.arg_types).map_err(exec_err)?;
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
        Ok(Some(match collator.is_binary() {
            true => occurrence(s, p, from, nth, overlapping(s, p)),
            false => {
                let (s, p) = (collator.counted(s), collator.counted(p));
                let searched = collator.searched(s);
                occurrence(s, p, from, nth, |start| searched.find(p, start).map(|at| at.start))
            }
        }))
    })
}

/// `next` gives the place of the next occurrence at or after a byte.
fn occurrence(s: &str, p: &str, from: i32, nth: i32, next: impl Fn(usize) -> Option<usize>) -> i32 {
    if p.is_empty() {
        return i32::from(from != 0);
    }
    if from > 0 {
        let start = chars::offset(s, from as usize - 1);
        return all_from(s, start, next).nth(nth as usize - 1).map_or(0, |at| chars::position(s, at));
    }
    if from == 0 {
        return 0;
    }
    let Some(last) = chars::count(s).checked_sub(from.unsigned_abs() as usize) else { return 0 };
    let last = chars::offset(s, last);
    let before: Vec<_> = all_from(s, 0, next).take_while(|at| *at <= last).collect();
    before.iter().rev().nth(nth as usize - 1).map_or(0, |at| chars::position(s, *at))
}

/// The next occurrence of the very bytes.
fn overlapping<'a>(s: &'a str, p: &'a str) -> impl Fn(usize) -> Option<usize> + 'a {
    move |from| Some(from + s.get(from..)?.find(p)?)
}

/// Byte offsets of all occurrences, overlapping ones too.
fn all_from(s: &str, start: usize, next: impl Fn(usize) -> Option<usize>) -> impl Iterator<Item = usize> {
    let mut from = start;
    std::iter::from_fn(move || {
        let at = next(from)?;
        from = at + s[at..].chars().next().map_or(1, char::len_utf8);
        Some(at)
    })
}

fn find_in_set(call: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let word = Col::<StringArray>::new(args, 0)?;
    let set = Col::<StringArray>::new(args, 1)?;
    let collator = Collator::of(&call.arg_types).map_err(exec_err)?;
    primitive_rows::<Int32Type>(call, rows, |i| {
        let (w, set) = not_null!(word.get(i), set.get(i));
        if w.contains(',') {
            return Ok(Some(0));
        }
        Ok(Some(
            set.split(',')
                .position(|s| s == w || !collator.is_binary() && collator.equal(s, w))
                .map_or(0, |n| n as i32 + 1),
        ))
    })
}
