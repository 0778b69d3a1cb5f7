//! Tests for NULL and NaN: `isNull`, `isNotNull`, `isnan`.

use std::sync::Arc;

use datafusion::arrow::array::{Array, BooleanArray, Float32Array, Float64Array};
use datafusion::common::Result as DfResult;
use datafusion::logical_expr::{ColumnarValue, Expr};
use vonk_common::SparkResult;
use vonk_expr::context::Nullability;
use vonk_expr::kernel::array_arg;
use vonk_expr::{Call, FnContext, FunctionSpec, INTERNAL, Kernel, SqlText, TypedExpr, Want};
use vonk_plan::types::DataType;

use crate::support::{downcast, one};

pub const SPECS: &[&FunctionSpec] = &[
    &FunctionSpec::scalar("isnull", "predicate_funcs", |c, a| null_test(c, a, false))
        .usage("isnull(expr) - True if the value is NULL."),
    &FunctionSpec::scalar("isnotnull", "predicate_funcs", |c, a| null_test(c, a, true))
        .usage("isnotnull(expr) - True if the value is not NULL."),
    &FunctionSpec::scalar("isunknown", INTERNAL, |c, a| null_test(c, a, false))
        .usage("expr IS UNKNOWN - True if the value is NULL."),
    &FunctionSpec::scalar("isnotunknown", INTERNAL, |c, a| null_test(c, a, true))
        .usage("expr IS NOT UNKNOWN - True if the value is not NULL."),
    &FunctionSpec::scalar("isnan", "predicate_funcs", isnan)
        .usage("isnan(expr) - True if the value is NaN; false for NULL.")
        .kernels(KERNELS),
];

const KERNELS: &[&Kernel] = &[&IS_NAN];

static IS_NAN: Kernel = Kernel::total("isnan", is_nan);

fn null_test(ctx: &FnContext, args: Vec<TypedExpr>, negated: bool) -> SparkResult<TypedExpr> {
    let a = one(ctx, args)?;
    let (expr, after) = match negated {
        true => (Expr::IsNotNull(Box::new(a.expr.clone())), " IS NOT NULL)"),
        false => (Expr::IsNull(Box::new(a.expr.clone())), " IS NULL)"),
    };
    let sql = SqlText::wrap("(", a.sql.clone(), after);
    Ok(TypedExpr::new(expr, DataType::Boolean, false, sql).derived_from(&[a]).at(ctx.origin.clone()))
}

fn isnan(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    let sql = ctx.sql(&args);
    let wants = [Want::OneOf(vec![Want::DOUBLE, Want::Type(DataType::Float)])];
    let args = ctx.coerce(args, 1, &wants)?;
    let mut out = ctx.call(&IS_NAN, args, DataType::Boolean, Nullability::Never);
    out.sql = sql;
    Ok(out)
}

fn is_nan(_: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let array = array_arg(args, 0, rows)?;
    let valid = |i: usize| array.is_valid(i);
    let out: BooleanArray = match array.as_any().downcast_ref::<Float32Array>() {
        Some(a) => a.values().iter().enumerate().map(|(i, v)| Some(v.is_nan() && valid(i))).collect(),
        None => {
            let a: Float64Array = downcast(&array)?;
            a.values().iter().enumerate().map(|(i, v)| Some(v.is_nan() && valid(i))).collect()
        }
    };
    Ok(ColumnarValue::Array(Arc::new(out)))
}
