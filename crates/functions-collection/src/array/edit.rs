//! `array_append`, `array_prepend`, `array_insert`, `array_remove`, `array_compact`, `slice`.

use datafusion::arrow::array::{Array, Int32Array};
use datafusion::common::Result as DfResult;
use datafusion::logical_expr::ColumnarValue;
use vonk_common::{SparkError, SparkResult};
use vonk_expr::coercion::tightest_common_type;
use vonk_expr::collation::Collating;
use vonk_expr::context::Nullability;
use vonk_expr::kernel::{array_arg, typed_arg};
use vonk_expr::{Call, FnContext, FunctionSpec, Kernel, TypedExpr, Want};
use vonk_plan::types::DataType;

use super::{array_and_value, check_place, element};
use crate::lists::{ListTaker, item_field, list_arg, range};
use crate::rows::{element_keys, rows_of, value_keys};

static ADD_KERNEL: Kernel = Kernel::new("array_add", eval_add).until_null_of(1);
static INSERT_KERNEL: Kernel = Kernel::new("array_insert", eval_insert).until_null_of(2);
static REMOVE_KERNEL: Kernel = Kernel::new("array_remove", eval_remove);
static COMPACT_KERNEL: Kernel = Kernel::new("array_compact", eval_compact);
static SLICE_KERNEL: Kernel = Kernel::new("slice", eval_slice);

pub static ARRAY_APPEND: FunctionSpec =
    FunctionSpec::scalar("array_append", "array_funcs", |c, a| build_add(c, a, "end"))
        .usage("array_append(array, element) - the array with the element after its last")
        .kernels(&[&ADD_KERNEL])
        .collating(Collating::LOOSE);

pub static ARRAY_PREPEND: FunctionSpec =
    FunctionSpec::scalar("array_prepend", "array_funcs", |c, a| build_add(c, a, "start"))
        .usage("array_prepend(array, element) - the array with the element before its first");

pub static ARRAY_INSERT: FunctionSpec = FunctionSpec::scalar("array_insert", "array_funcs", build_insert)
    .usage("array_insert(array, position, element) - the array with the element put in at the 1-based position")
    .kernels(&[&INSERT_KERNEL]);

pub static ARRAY_REMOVE: FunctionSpec = FunctionSpec::scalar("array_remove", "array_funcs", build_remove)
    .usage("array_remove(array, element) - the array without the elements equal to the given one")
    .kernels(&[&REMOVE_KERNEL])
    .collating(Collating::LOOSE);

pub static ARRAY_COMPACT: FunctionSpec = FunctionSpec::scalar("array_compact", "array_funcs", build_compact)
    .usage("array_compact(array) - the array without NULLs")
    .kernels(&[&COMPACT_KERNEL]);

pub static SLICE: FunctionSpec = FunctionSpec::scalar("slice", "array_funcs", build_slice)
    .usage("slice(array, start, length) - length elements from the 1-based start, counted from the end when negative")
    .kernels(&[&SLICE_KERNEL]);

fn build_add(ctx: &FnContext, args: Vec<TypedExpr>, end: &str) -> SparkResult<TypedExpr> {
    ctx.arity(&args, 2..=2)?;
    let sql = ctx.sql(&args);
    element(ctx, &args, 0)?;
    let (args, ty) = array_and_value(ctx, args, tightest_common_type)?;
    let ty = DataType::array(ty.as_nullable(), true);
    let nullable = args[0].nullable;
    let mut out = ctx.call_with(&ADD_KERNEL, args, ty, Nullability::Always, vec![end.to_string()]);
    out.nullable = nullable;
    out.sql = sql;
    Ok(out)
}

fn eval_add(call: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let list = list_arg(args, 0, rows)?;
    let value = array_arg(args, 1, rows)?;
    let first = call.param(0) == "start";
    let mut taker = ListTaker::new(vec![list.values().clone(), value], rows);
    for row in 0..rows {
        if list.is_null(row) {
            taker.end_null();
            continue;
        }
        if first {
            taker.push(1, row);
        }
        taker.extend(0, range(&list, row));
        if !first {
            taker.push(1, row);
        }
        taker.end_row();
    }
    Ok(ColumnarValue::Array(taker.finish(item_field(&call.arrow_return_type())?)?))
}

fn build_insert(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    ctx.arity(&args, 3..=3)?;
    let sql = ctx.sql(&args);
    let typed = matches!(args[0].data_type, DataType::Array(..));
    if typed {
        check_place(ctx, &args, 1)?;
    }
    let Ok([array, position, value]) = <[TypedExpr; 3]>::try_from(args) else {
        return Err(SparkError::internal("array_insert"));
    };
    let mut pair = ctx.coerce(vec![position.clone()], 1, &[Want::INT])?;
    let (both, ty) = array_and_value(ctx, vec![array, value], tightest_common_type)
        .map_err(|e| e.param("sqlExpr", vonk_common::error::quote_sql(&sql)))?;
    let Some(position) = pair.pop() else { return Err(SparkError::internal("array_insert")) };
    let nullable = both[0].nullable || position.nullable;
    let args = vec![both[0].clone(), position, both[1].clone()];
    let mut out = ctx.call(&INSERT_KERNEL, args, DataType::array(ty.as_nullable(), true), Nullability::Always);
    out.nullable = nullable;
    out.sql = sql;
    Ok(out)
}

fn eval_insert(call: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let list = list_arg(args, 0, rows)?;
    let position: Int32Array = typed_arg(args, 1, rows)?;
    let value = array_arg(args, 2, rows)?;
    let mut taker = ListTaker::new(vec![list.values().clone(), value], rows);
    for row in 0..rows {
        if list.is_null(row) || position.is_null(row) {
            taker.end_null();
            continue;
        }
        let elements = range(&list, row);
        let (p, n) = (position.value(row) as i64, elements.len() as i64);
        if p == 0 {
            return Err(call.error(SparkError::new("INVALID_INDEX_OF_ZERO")));
        }
        let size = n.max(p.abs() - 1) + 1;
        if size > vonk_common::limits::MAX_ARRAY_LENGTH as i64 {
            return Err(crate::lists::too_long());
        }
        taker.make_room(call, usize::try_from(size).unwrap_or_default())?;
        if p > 0 {
            let at = (p - 1) as usize;
            let split = elements.start + at.min(elements.len());
            taker.extend(0, elements.start..split);
            (elements.len()..at).for_each(|_| taker.push_null());
            taker.push(1, row);
            taker.extend(0, split..elements.end);
        } else {
            // -1 is the place after the last element; further left than the first pads with NULLs.
            let from_end = (-p - 1) as usize;
            if from_end <= elements.len() {
                let split = elements.end - from_end;
                taker.extend(0, elements.start..split);
                taker.push(1, row);
                taker.extend(0, split..elements.end);
            } else {
                taker.push(1, row);
                (elements.len()..from_end).for_each(|_| taker.push_null());
                taker.extend(0, elements);
            }
        }
        taker.end_row();
    }
    Ok(ColumnarValue::Array(taker.finish(item_field(&call.arrow_return_type())?)?))
}

fn build_remove(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    ctx.arity(&args, 2..=2)?;
    let sql = ctx.sql(&args);
    let (args, _) = array_and_value(ctx, args, tightest_common_type)?;
    let ty = args[0].data_type.clone();
    let mut out = ctx.call(&REMOVE_KERNEL, args, ty, Nullability::Args);
    out.sql = sql;
    Ok(out)
}

fn eval_remove(call: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let list = list_arg(args, 0, rows)?;
    let value = array_arg(args, 1, rows)?;
    let converted = rows_of(&[&element_keys(call, 0, list.values())?, &value_keys(call, 1, &value)?])?;
    filtered(
        call,
        &list,
        rows,
        |row| value.is_null(row),
        |row, j| list.values().is_null(j) || converted[0].row(j) != converted[1].row(row),
    )
}

fn build_compact(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    let args = ctx.coerce(args, 1, &[Want::AnyArray])?;
    let (ty, _) = element(ctx, &args, 0)?;
    Ok(ctx.call(&COMPACT_KERNEL, args, DataType::array(ty, false), Nullability::Args))
}

fn eval_compact(call: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let list = list_arg(args, 0, rows)?;
    filtered(call, &list, rows, |_| false, |_, j| !list.values().is_null(j))
}

/// Each list with only the elements that `keep(row, element)` keeps; NULL where `null(row)`.
fn filtered(
    call: &Call,
    list: &datafusion::arrow::array::ListArray,
    rows: usize,
    null: impl Fn(usize) -> bool,
    keep: impl Fn(usize, usize) -> bool,
) -> DfResult<ColumnarValue> {
    let mut taker = ListTaker::new(vec![list.values().clone()], rows);
    for row in 0..rows {
        if list.is_null(row) || null(row) {
            taker.end_null();
            continue;
        }
        range(list, row).filter(|j| keep(row, *j)).for_each(|j| taker.push(0, j));
        taker.end_row();
    }
    Ok(ColumnarValue::Array(taker.finish(item_field(&call.arrow_return_type())?)?))
}

fn build_slice(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    let args = ctx.coerce(args, 3, &[Want::AnyArray, Want::INT, Want::INT])?;
    let ty = args[0].data_type.clone();
    Ok(ctx.call(&SLICE_KERNEL, args, ty, Nullability::Args))
}

fn eval_slice(call: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let list = list_arg(args, 0, rows)?;
    let start: Int32Array = typed_arg(args, 1, rows)?;
    let length: Int32Array = typed_arg(args, 2, rows)?;
    let invalid = |parameter: &str, class: &'static str, value: i32| {
        call.error(
            SparkError::new(class)
                .param("parameter", vonk_common::error::quote_id([parameter]))
                .param("functionName", "`slice`")
                .param("length", value),
        )
    };
    let mut taker = ListTaker::new(vec![list.values().clone()], rows);
    for row in 0..rows {
        if list.is_null(row) || start.is_null(row) || length.is_null(row) {
            taker.end_null();
            continue;
        }
        let elements = range(&list, row);
        let (s, n) = (start.value(row), length.value(row));
        if s == 0 {
            return Err(invalid("start", "INVALID_PARAMETER_VALUE.START", s));
        }
        if n < 0 {
            return Err(invalid("length", "INVALID_PARAMETER_VALUE.LENGTH", n));
        }
        let size = elements.len() as i64;
        let first = if s > 0 { s as i64 - 1 } else { size + s as i64 };
        if (0..size).contains(&first) {
            let last = (first + n as i64).min(size);
            taker.extend(0, elements.start + first as usize..elements.start + last as usize);
        }
        taker.end_row();
    }
    Ok(ColumnarValue::Array(taker.finish(item_field(&call.arrow_return_type())?)?))
}
