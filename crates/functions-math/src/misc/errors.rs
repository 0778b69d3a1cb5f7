//! `assert_true` and `raise_error`: errors that the user asks for; and `$not_null`, for columns that have no NULLs.

use std::sync::Arc;

use datafusion::arrow::array::{Array, BooleanArray, NullArray, StringArray};
use datafusion::common::Result as DfResult;
use datafusion::logical_expr::ColumnarValue;
use vonk_common::{SparkError, SparkResult};
use vonk_expr::context::Nullability;
use vonk_expr::kernel::{array_arg, typed_arg};
use vonk_expr::{Call, FnContext, FunctionSpec, Kernel, SqlText, TypedExpr, Want};
use vonk_plan::Literal;
use vonk_plan::types::DataType;

pub const SPECS: &[&FunctionSpec] = &[
    &FunctionSpec::scalar("assert_true", "misc_funcs", assert_true)
        .usage("assert_true(expr[, message]) - NULL; an error if the condition is not true.")
        .kernels(KERNELS),
    &FunctionSpec::scalar("raise_error", "misc_funcs", raise_error)
        .usage("raise_error(message) - An error with that message."),
    &FunctionSpec::scalar("$not_null", "misc_funcs", not_null),
];

const KERNELS: &[&Kernel] = &[&ASSERT_TRUE, &RAISE_ERROR, &NOT_NULL];
// Volatile, so that no optimizer computes the error away or too early.
static ASSERT_TRUE: Kernel = Kernel::volatile("assert_true", assert_column);
static RAISE_ERROR: Kernel = Kernel::volatile("raise_error", raise_column);
static NOT_NULL: Kernel = Kernel::volatile("$not_null", not_null_column);

fn assert_true(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    ctx.arity(&args, 1..=2)?;
    let mut args = args;
    if let [condition] = args.as_slice() {
        let message = format!("'{}' is not true!", condition.sql);
        args.push(TypedExpr::literal(&Literal::string(message))?);
    }
    let sql = SqlText::call("assert_true", args.iter().map(|a| a.sql.clone()));
    let args = ctx.coerce(args, 2, &[Want::BOOLEAN, Want::Str])?;
    let mut out = ctx.call(&ASSERT_TRUE, args, DataType::Null, Nullability::Always);
    out.sql = sql;
    Ok(out)
}

fn raised(call: &Call, message: Option<&str>) -> datafusion::common::DataFusionError {
    call.error(SparkError::new("USER_RAISED_EXCEPTION").param("errorMessage", message.unwrap_or("null")))
}

fn assert_column(call: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let (condition, message) = (typed_arg::<BooleanArray>(args, 0, rows)?, typed_arg::<StringArray>(args, 1, rows)?);
    for i in 0..rows {
        if condition.is_null(i) || !condition.value(i) {
            return Err(raised(call, message.is_valid(i).then(|| message.value(i))));
        }
    }
    Ok(ColumnarValue::Array(Arc::new(NullArray::new(rows))))
}

fn raise_error(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    ctx.arity(&args, 1..=1)?;
    let message = args.iter().map(|a| a.sql.clone());
    let parameters = SqlText::call("map", std::iter::once("errorMessage".into()).chain(message));
    let sql = SqlText::call("raise_error", ["USER_RAISED_EXCEPTION".into(), parameters]);
    let args = ctx.coerce(args, 1, &[Want::Str])?;
    let mut out = ctx.call(&RAISE_ERROR, args, DataType::Null, Nullability::Always);
    out.sql = sql;
    Ok(out)
}

fn raise_column(call: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let message = typed_arg::<StringArray>(args, 0, rows)?;
    match rows {
        0 => Ok(ColumnarValue::Array(Arc::new(NullArray::new(0)))),
        _ => Err(raised(call, message.is_valid(0).then(|| message.value(0)))),
    }
}

/// A value for a column that has no NULLs, and that column's name.
fn not_null(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    ctx.arity(&args, 2..=2)?;
    let data_type = args.first().map_or(DataType::Null, |value| value.data_type.clone());
    Ok(ctx.call(&NOT_NULL, args, data_type, Nullability::Never))
}

fn not_null_column(call: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let (value, column) = (array_arg(args, 0, rows)?, typed_arg::<StringArray>(args, 1, rows)?);
    if value.logical_null_count() == 0 {
        return Ok(ColumnarValue::Array(value));
    }
    let name = column.iter().flatten().next().unwrap_or_default();
    let error = SparkError::new("NOT_NULL_ASSERT_VIOLATION").param("walkedTypePath", format!("\n{name}\n"));
    Err(call.error(error))
}
