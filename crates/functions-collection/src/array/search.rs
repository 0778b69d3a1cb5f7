//! `array_contains`, `array_position`, `arrays_overlap`.

use std::collections::HashSet;
use std::sync::Arc;

use datafusion::arrow::array::{Array, BooleanArray, Int64Array};
use datafusion::common::Result as DfResult;
use datafusion::logical_expr::ColumnarValue;
use vonk_common::SparkResult;
use vonk_expr::coercion::{tightest_common_type, wider_type_without_strings};
use vonk_expr::collation::Collating;
use vonk_expr::context::Nullability;
use vonk_expr::kernel::array_arg;
use vonk_expr::{Call, FnContext, FunctionSpec, Kernel, TypedExpr};
use vonk_plan::types::DataType;

use super::{array_and_value, element, no_null_type, same_arrays};
use crate::lists::{list_arg, range};
use crate::rows::{element_keys, rows_of, value_keys};

static CONTAINS_KERNEL: Kernel = Kernel::new("array_contains", eval_contains);
static POSITION_KERNEL: Kernel = Kernel::new("array_position", eval_position);
static OVERLAP_KERNEL: Kernel = Kernel::new("arrays_overlap", eval_overlap);

pub static ARRAY_CONTAINS: FunctionSpec = FunctionSpec::scalar("array_contains", "array_funcs", build_contains)
    .usage("array_contains(array, value) - true when the array has the value")
    .kernels(&[&CONTAINS_KERNEL])
    .collating(Collating::LOOSE);

pub static ARRAY_POSITION: FunctionSpec = FunctionSpec::scalar("array_position", "array_funcs", build_position)
    .usage("array_position(array, value) - the 1-based place of the first such element, 0 for none")
    .kernels(&[&POSITION_KERNEL])
    .collating(Collating::LOOSE);

pub static ARRAYS_OVERLAP: FunctionSpec = FunctionSpec::scalar("arrays_overlap", "array_funcs", build_overlap)
    .usage("arrays_overlap(a, b) - true when the arrays share an element that is not NULL")
    .kernels(&[&OVERLAP_KERNEL])
    .collating(Collating::LOOSE);

fn build_contains(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    ctx.arity(&args, 2..=2)?;
    let sql = ctx.sql(&args);
    no_null_type(ctx, &args, 2)?;
    element(ctx, &args, 0)?;
    let (args, _) = array_and_value(ctx, args, wider_type_without_strings)?;
    let (_, contains_null) = element(ctx, &args, 0)?;
    let nullable = contains_null || args.iter().any(|a| a.nullable);
    let mut out = ctx.call(&CONTAINS_KERNEL, args, DataType::Boolean, Nullability::Always);
    out.nullable = nullable;
    out.sql = sql;
    Ok(out)
}

fn eval_contains(call: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let list = list_arg(args, 0, rows)?;
    let value = array_arg(args, 1, rows)?;
    let converted = rows_of(&[&element_keys(call, 0, list.values())?, &value_keys(call, 1, &value)?])?;
    let out: BooleanArray = (0..rows)
        .map(|row| {
            if list.is_null(row) || value.is_null(row) {
                return None;
            }
            let target = converted[1].row(row);
            let mut has_null = false;
            for j in range(&list, row) {
                if list.values().is_null(j) {
                    has_null = true;
                } else if converted[0].row(j) == target {
                    return Some(true);
                }
            }
            (!has_null).then_some(false)
        })
        .collect();
    Ok(ColumnarValue::Array(Arc::new(out)))
}

fn build_position(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    ctx.arity(&args, 2..=2)?;
    let sql = ctx.sql(&args);
    // An array gives a NULL beside it the type of its elements.
    let is_array = matches!(args.first().map(|a| &a.data_type), Some(DataType::Array(..)));
    no_null_type(ctx, &args, if is_array { 1 } else { 2 })?;
    element(ctx, &args, 0)?;
    let (args, _) = array_and_value(ctx, args, tightest_common_type)?;
    let mut out = ctx.call(&POSITION_KERNEL, args, DataType::Long, Nullability::Args);
    out.sql = sql;
    Ok(out)
}

fn eval_position(call: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let list = list_arg(args, 0, rows)?;
    let value = array_arg(args, 1, rows)?;
    let converted = rows_of(&[&element_keys(call, 0, list.values())?, &value_keys(call, 1, &value)?])?;
    let out: Int64Array = (0..rows)
        .map(|row| {
            if list.is_null(row) || value.is_null(row) {
                return None;
            }
            let target = converted[1].row(row);
            let place = range(&list, row).position(|j| !list.values().is_null(j) && converted[0].row(j) == target);
            Some(place.map_or(0, |p| p as i64 + 1))
        })
        .collect();
    Ok(ColumnarValue::Array(Arc::new(out)))
}

fn build_overlap(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    ctx.arity(&args, 2..=2)?;
    let sql = ctx.sql(&args);
    let (args, _) = same_arrays(ctx, args)?;
    let nullable = args.iter().any(|a| a.nullable || matches!(a.data_type, DataType::Array(_, true)));
    let mut out = ctx.call(&OVERLAP_KERNEL, args, DataType::Boolean, Nullability::Always);
    out.nullable = nullable;
    out.sql = sql;
    Ok(out)
}

fn eval_overlap(call: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let (a, b) = (list_arg(args, 0, rows)?, list_arg(args, 1, rows)?);
    let converted = rows_of(&[&element_keys(call, 0, a.values())?, &element_keys(call, 1, b.values())?])?;
    let out: BooleanArray = (0..rows)
        .map(|row| {
            if a.is_null(row) || b.is_null(row) {
                return None;
            }
            let (ra, rb) = (range(&a, row), range(&b, row));
            let seen: HashSet<_> =
                ra.clone().filter(|j| !a.values().is_null(*j)).map(|j| converted[0].row(j)).collect();
            if rb.clone().any(|j| !b.values().is_null(j) && seen.contains(&converted[1].row(j))) {
                return Some(true);
            }
            let nulls = ra.clone().any(|j| a.values().is_null(j)) || rb.clone().any(|j| b.values().is_null(j));
            (!(nulls && !ra.is_empty() && !rb.is_empty())).then_some(false)
        })
        .collect();
    Ok(ColumnarValue::Array(Arc::new(out)))
}
