//! `factorial` of 0 to 20; NULL outside.

use std::sync::Arc;

use datafusion::arrow::array::Int32Array;
use datafusion::arrow::datatypes::Int64Type;
use datafusion::logical_expr::ColumnarValue;
use vonk_expr::context::Nullability;
use vonk_expr::kernel::typed_arg;
use vonk_expr::{FunctionSpec, Kernel, Want};
use vonk_plan::types::DataType;

use crate::support::map_optional;

pub const SPECS: &[&FunctionSpec] = &[&FunctionSpec::scalar("factorial", "math_funcs", |ctx, args| {
    let args = ctx.coerce(args, 1, &[Want::INT])?;
    Ok(ctx.call(&FACTORIAL, args, DataType::Long, Nullability::Always))
})
.usage("factorial(expr) - The product of 1 to the number, for 0 to 20; else NULL.")
.kernels(KERNELS)];

const KERNELS: &[&Kernel] = &[&FACTORIAL];
static FACTORIAL: Kernel = Kernel::new("factorial", |_, args, rows| {
    let a = typed_arg::<Int32Array>(args, 0, rows)?;
    let out = map_optional::<_, Int64Type>(&a, |n| Ok((0..=20).contains(&n).then(|| (1..=i64::from(n)).product())))?;
    Ok(ColumnarValue::Array(Arc::new(out)))
});
