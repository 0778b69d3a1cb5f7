//! `abs`, `sign` and `signum`.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Decimal128Array, Float32Array, Float64Array, PrimitiveArray};
use datafusion::arrow::datatypes::{
    DataType as Arrow, Decimal128Type, DurationMicrosecondType, Float32Type, Float64Type, Int8Type, Int16Type,
    Int32Type, Int64Type, IntervalYearMonthType,
};
use datafusion::common::Result as DfResult;
use datafusion::logical_expr::ColumnarValue;
use vonk_common::{SparkError, SparkResult};
use vonk_expr::context::Nullability;
use vonk_expr::kernel::array_arg;
use vonk_expr::{Call, FnContext, FunctionSpec, Kernel, SqlText, TypedExpr, Want};
use vonk_plan::types::DataType;

use crate::operator::decimal;
use crate::support::{downcast, map_optional, overflow};

pub const SPECS: &[&FunctionSpec] = &[
    &FunctionSpec::scalar("abs", "math_funcs", abs).usage("abs(expr) - The absolute value.").kernels(KERNELS),
    &FunctionSpec::scalar("sign", "math_funcs", sign)
        .aliases(&["signum"])
        .usage("sign(expr) - -1, 0 or 1 as the value is below, at or above 0."),
];

const KERNELS: &[&Kernel] = &[&ABS, &SIGN];
static ABS: Kernel = Kernel::new("abs", abs_column).ansi_only();
static SIGN: Kernel = Kernel::total("sign", sign_column);

fn abs(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    let wants = [Want::OneOf(vec![Want::Numeric, Want::DayTimeInterval, Want::YearMonthInterval])];
    let args = ctx.coerce(args, 1, &wants)?;
    let ty = args.first().map(|a| a.data_type.clone()).unwrap_or(DataType::Double);
    Ok(ctx.call(&ABS, args, ty, Nullability::Args))
}

fn abs_column(call: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let array = array_arg(args, 0, rows)?;
    macro_rules! whole {
        ($t:ty, $raise:expr) => {{
            let a = downcast::<PrimitiveArray<$t>>(&array)?;
            Arc::new(map_optional::<$t, $t>(&a, |v| match v.checked_abs() {
                Some(v) => Ok(Some(v)),
                None if $raise => Err(overflow(call, "overflow", "")),
                None => Ok(Some(v)),
            })?)
        }};
    }
    let out: ArrayRef = match array.data_type() {
        Arrow::Int8 => whole!(Int8Type, call.ansi),
        Arrow::Int16 => whole!(Int16Type, call.ansi),
        Arrow::Int32 => whole!(Int32Type, call.ansi),
        Arrow::Int64 => whole!(Int64Type, call.ansi),
        Arrow::Duration(_) => whole!(DurationMicrosecondType, true),
        Arrow::Interval(_) => whole!(IntervalYearMonthType, true),
        Arrow::Float32 => Arc::new(downcast::<Float32Array>(&array)?.unary::<_, Float32Type>(f32::abs)),
        Arrow::Float64 => Arc::new(downcast::<Float64Array>(&array)?.unary::<_, Float64Type>(f64::abs)),
        Arrow::Decimal128(p, s) => {
            let a = downcast::<Decimal128Array>(&array)?;
            let opposite = |v: i128| if v < 0 { decimal::negated(call, v, (*p, *s)) } else { Ok(v) };
            Arc::new(a.try_unary::<_, Decimal128Type, _>(opposite)?.with_precision_and_scale(*p, *s)?)
        }
        other => return Err(call.error(SparkError::internal(format!("abs of {other}")))),
    };
    Ok(ColumnarValue::Array(out))
}

fn sign(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    let name = if &*ctx.name == "signum" { "SIGNUM" } else { "sign" };
    let sql = SqlText::call(name, args.iter().map(|a| a.sql.clone()));
    let wants = [Want::OneOf(vec![Want::DOUBLE, Want::YearMonthInterval, Want::DayTimeInterval])];
    let args = ctx.coerce(args, 1, &wants)?;
    let mut out = ctx.call(&SIGN, args, DataType::Double, Nullability::Always);
    out.sql = sql;
    Ok(out)
}

fn sign_column(call: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let array = array_arg(args, 0, rows)?;
    let of = |v: f64| if v == 0.0 || v.is_nan() { v } else { v.signum() };
    let out: Float64Array = match array.data_type() {
        Arrow::Float64 => downcast::<Float64Array>(&array)?.unary(of),
        Arrow::Duration(_) => downcast::<PrimitiveArray<DurationMicrosecondType>>(&array)?.unary(|v| of(v as f64)),
        Arrow::Interval(_) => downcast::<PrimitiveArray<IntervalYearMonthType>>(&array)?.unary(|v| of(f64::from(v))),
        other => return Err(call.error(SparkError::internal(format!("sign of {other}")))),
    };
    Ok(ColumnarValue::Array(Arc::new(out)))
}
