//! `array_distinct`, `array_union`, `array_intersect`, `array_except`: order of first occurrence.

use std::collections::HashSet;

use datafusion::arrow::array::Array;
use datafusion::common::Result as DfResult;
use datafusion::logical_expr::ColumnarValue;
use vonk_common::SparkResult;
use vonk_expr::collation::Collating;
use vonk_expr::context::Nullability;
use vonk_expr::{Call, FnContext, FunctionSpec, Kernel, TypedExpr, Want};
use vonk_plan::types::DataType;

use super::same_arrays;
use crate::lists::{ListTaker, item_field, list_arg, range};
use crate::rows::{element_keys, rows_of};

static DISTINCT_KERNEL: Kernel = Kernel::new("array_distinct", eval_distinct);
static SET_KERNEL: Kernel = Kernel::new("array_set_operation", eval_set);

pub static ARRAY_DISTINCT: FunctionSpec = FunctionSpec::scalar("array_distinct", "array_funcs", build_distinct)
    .usage("array_distinct(array) - the array without repeated elements")
    .kernels(&[&DISTINCT_KERNEL])
    .literal_nulls();

pub static ARRAY_UNION: FunctionSpec =
    FunctionSpec::scalar("array_union", "array_funcs", |c, a| build_set(c, a, "union"))
        .usage("array_union(a, b) - the elements of either array, each once")
        .kernels(&[&SET_KERNEL])
        .collating(Collating::LOOSE);

pub static ARRAY_INTERSECT: FunctionSpec =
    FunctionSpec::scalar("array_intersect", "array_funcs", |c, a| build_set(c, a, "intersect"))
        .usage("array_intersect(a, b) - the elements of both arrays, each once")
        .collating(Collating::LOOSE);

pub static ARRAY_EXCEPT: FunctionSpec =
    FunctionSpec::scalar("array_except", "array_funcs", |c, a| build_set(c, a, "except"))
        .usage("array_except(a, b) - the elements of a that are not in b, each once")
        .collating(Collating::LOOSE);

fn build_distinct(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    let args = ctx.coerce(args, 1, &[Want::AnyArray])?;
    let ty = args[0].data_type.clone();
    Ok(ctx.call(&DISTINCT_KERNEL, args, ty, Nullability::Args))
}

fn eval_distinct(call: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let list = list_arg(args, 0, rows)?;
    let converted = rows_of(&[&element_keys(call, 0, list.values())?])?;
    let mut taker = ListTaker::new(vec![list.values().clone()], rows);
    for row in 0..rows {
        if list.is_null(row) {
            taker.end_null();
            continue;
        }
        let mut seen = HashSet::new();
        for j in range(&list, row) {
            if seen.insert(converted[0].row(j)) {
                taker.push(0, j);
            }
        }
        taker.end_row();
    }
    Ok(ColumnarValue::Array(taker.finish(item_field(&call.arrow_return_type())?)?))
}

fn build_set(ctx: &FnContext, args: Vec<TypedExpr>, operation: &str) -> SparkResult<TypedExpr> {
    ctx.arity(&args, 2..=2)?;
    let sql = ctx.sql(&args);
    let own = args[0].data_type.clone();
    let (args, ty) = same_arrays(ctx, args)?;
    let contains = |a: &TypedExpr| matches!(a.data_type, DataType::Array(_, true));
    let contains_null = match operation {
        "union" => contains(&args[0]) || contains(&args[1]),
        "intersect" => contains(&args[0]) && contains(&args[1]),
        _ => contains(&args[0]),
    };
    let ty = match ty {
        // What is left over has the form of the left.
        ty if operation == "except" && own.same_type(&ty) => own,
        DataType::Array(e, _) => DataType::Array(e, contains_null),
        other => other,
    };
    let mut out = ctx.call_with(&SET_KERNEL, args, ty, Nullability::Args, vec![operation.to_string()]);
    out.sql = sql;
    Ok(out)
}

fn eval_set(call: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let (a, b) = (list_arg(args, 0, rows)?, list_arg(args, 1, rows)?);
    let converted = rows_of(&[&element_keys(call, 0, a.values())?, &element_keys(call, 1, b.values())?])?;
    let mut taker = ListTaker::new(vec![a.values().clone(), b.values().clone()], rows);
    let operation = call.param(0);
    for row in 0..rows {
        if a.is_null(row) || b.is_null(row) {
            taker.end_null();
            continue;
        }
        let mut seen = HashSet::new();
        if operation == "union" {
            for (s, list) in [(0, &a), (1, &b)] {
                for j in range(list, row) {
                    if seen.insert(converted[s].row(j)) {
                        taker.push(s, j);
                    }
                }
            }
        } else {
            let other: HashSet<_> = range(&b, row).map(|j| converted[1].row(j)).collect();
            for j in range(&a, row) {
                let element = converted[0].row(j);
                if other.contains(&element) == (operation == "intersect") && seen.insert(element) {
                    taker.push(0, j);
                }
            }
        }
        taker.end_row();
    }
    Ok(ColumnarValue::Array(taker.finish(item_field(&call.arrow_return_type())?)?))
}
