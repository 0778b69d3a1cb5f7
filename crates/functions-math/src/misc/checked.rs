//! `$checked(value, others…)`: the value, once the others have been computed, which may raise. Internal: the key
//! of a RANGE frame, whose bounds Spark computes for every row.

use datafusion::common::Result as DfResult;
use datafusion::logical_expr::ColumnarValue;
use vonk_common::{SparkError, SparkResult};
use vonk_expr::context::Nullability;
use vonk_expr::{Call, FnContext, FunctionSpec, Kernel, TypedExpr, exec_err};

pub static SPECS: &[&FunctionSpec] = &[&FunctionSpec::scalar("$checked", "misc_funcs", build).kernels(&[&CHECKED])];

static CHECKED: Kernel = Kernel::new("$checked", first).eager();

fn build(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    ctx.arity(&args, 1..=3)?;
    let value = args.first().ok_or_else(|| SparkError::internal("nothing to check"))?;
    let kind = value.data_type.clone();
    let nulls = if value.nullable { Nullability::Always } else { Nullability::Never };
    Ok(ctx.call(&CHECKED, args, kind, nulls))
}

fn first(_: &Call, args: &[ColumnarValue], _: usize) -> DfResult<ColumnarValue> {
    args.first().cloned().ok_or_else(|| exec_err(SparkError::internal("nothing to check")))
}
