//! `typeof` and `nanvl`.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, BooleanArray, Float32Array, Float64Array};
use datafusion::arrow::compute::kernels::zip::zip;
use datafusion::arrow::datatypes::DataType as Arrow;
use datafusion::common::tree_node::TreeNode;
use datafusion::common::{Result as DfResult, ScalarValue};
use datafusion::logical_expr::{Case, ColumnarValue, Expr, Operator, binary_expr, lit};
use vonk_common::{SparkError, SparkResult};
use vonk_expr::context::Nullability;
use vonk_expr::kernel::array_arg;
use vonk_expr::typed::is_plain;
use vonk_expr::{Call, FnContext, FunctionSpec, Kernel, TypedExpr, Want};
use vonk_plan::Literal;
use vonk_plan::types::DataType;

use crate::support::{downcast, one};

pub const SPECS: &[&FunctionSpec] = &[
    &FunctionSpec::scalar("typeof", "misc_funcs", type_of)
        .usage("typeof(expr) - The name of the value's type.")
        .kernels(KERNELS),
    &FunctionSpec::scalar("nanvl", "conditional_funcs", nanvl)
        .usage("nanvl(expr1, expr2) - expr1, or expr2 if it is NaN.")
        .kernels(KERNELS),
];

const KERNELS: &[&Kernel] = &[&NANVL, &TYPE_OF];
static NANVL: Kernel = Kernel::total("nanvl", nanvl_column);

fn type_of(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    let sql = ctx.sql(&args);
    let a = one(ctx, args)?;
    let name = a.data_type.to_string();
    // An aggregate makes one row of all, also where only its type is asked for.
    if a.expr.exists(|e| Ok(matches!(e, Expr::AggregateFunction(_)))).map_err(vonk_expr::spark_error)? {
        return Ok(ctx.call_with(&TYPE_OF, vec![a], DataType::STRING, Nullability::Never, vec![name]));
    }
    let mut out = TypedExpr::literal(&Literal::string(name))?;
    out.sql = sql;
    Ok(out)
}

static TYPE_OF: Kernel =
    Kernel::total("typeof", |call, _, _| Ok(ColumnarValue::Scalar(ScalarValue::Utf8(Some(call.param(0).to_string())))))
        .eager();

fn nanvl(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    let sql = ctx.sql(&args);
    ctx.arity(&args, 2..=2)?;
    let float = args.iter().all(|a| a.data_type == DataType::Float);
    let ty = if float { DataType::Float } else { DataType::Double };
    let args = ctx.coerce(args, 2, &[Want::Type(ty.clone()), Want::Type(ty.clone())])?;
    let mut out = match args.as_slice() {
        // The other value is computed where the first one is NaN, only.
        [a, b] if !is_plain(&b.expr) && a.deterministic => {
            let nan = match ty {
                DataType::Float => lit(f32::NAN),
                _ => lit(f64::NAN),
            };
            let is_nan = binary_expr(a.expr.clone(), Operator::IsNotDistinctFrom, nan);
            let branch = (Box::new(is_nan), Box::new(b.expr.clone()));
            let case = Case::new(None, vec![branch], Some(Box::new(a.expr.clone())));
            TypedExpr::new(Expr::Case(case), ty, a.nullable || b.nullable, sql.clone()).derived_from(&args)
        }
        _ => ctx.call(&NANVL, args, ty, Nullability::Args),
    };
    out.sql = sql;
    Ok(out)
}

fn nanvl_column(call: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let (a, b): (ArrayRef, ArrayRef) = (array_arg(args, 0, rows)?, array_arg(args, 1, rows)?);
    let is_nan: BooleanArray = match a.data_type() {
        Arrow::Float64 => {
            let a: Float64Array = downcast(&a)?;
            (0..rows).map(|i| Some(a.is_valid(i) && a.value(i).is_nan())).collect()
        }
        Arrow::Float32 => {
            let a: Float32Array = downcast(&a)?;
            (0..rows).map(|i| Some(a.is_valid(i) && a.value(i).is_nan())).collect()
        }
        other => return Err(call.error(SparkError::internal(format!("no NaN in {other}")))),
    };
    Ok(ColumnarValue::Array(Arc::clone(&zip(&is_nan, &b, &a)?)))
}
