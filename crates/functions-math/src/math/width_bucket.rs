//! `width_bucket`: which of n buckets of equal width a value falls into.

use std::mem::discriminant;
use std::sync::Arc;

use datafusion::arrow::array::{Array, Float64Array, Int64Array, IntervalYearMonthArray};
use datafusion::arrow::datatypes::DataType as Arrow;
use datafusion::common::Result as DfResult;
use datafusion::logical_expr::ColumnarValue;
use vonk_common::SparkResult;
use vonk_expr::context::Nullability;
use vonk_expr::kernel::{array_arg, typed_arg};
use vonk_expr::{Call, FnContext, FunctionSpec, Kernel, TypedExpr, Want};
use vonk_plan::types::DataType;

use crate::support::data_diff_types;

pub const SPECS: &[&FunctionSpec] = &[&FunctionSpec::scalar("width_bucket", "math_funcs", build)
    .usage("width_bucket(value, min, max, n) - The number of the bucket that the value falls into.")
    .kernels(KERNELS)];

const KERNELS: &[&Kernel] = &[&WIDTH_BUCKET];
static WIDTH_BUCKET: Kernel = Kernel::new("width_bucket", column);

fn build(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    let sql = ctx.sql(&args);
    let one = || Want::OneOf(vec![Want::DOUBLE, Want::YearMonthInterval, Want::DayTimeInterval]);
    let args = ctx.coerce(args, 4, &[one(), one(), one(), Want::LONG])?;
    let types: Vec<_> = args.iter().take(3).map(|a| &a.data_type).collect();
    if types.windows(2).any(|pair| matches!(pair, [a, b] if discriminant::<DataType>(a) != discriminant::<DataType>(b)))
    {
        return Err(data_diff_types(ctx, &sql, "width_bucket", &types));
    }
    Ok(ctx.call(&WIDTH_BUCKET, args, DataType::Long, Nullability::Always))
}

fn doubles(args: &[ColumnarValue], i: usize, rows: usize) -> DfResult<Float64Array> {
    let array = array_arg(args, i, rows)?;
    let array = match array.data_type() {
        Arrow::Float64 => array,
        Arrow::Interval(_) => {
            let months: IntervalYearMonthArray = crate::support::downcast(&array)?;
            return Ok(months.unary(f64::from));
        }
        _ => datafusion::arrow::compute::cast(
            &datafusion::arrow::compute::cast(&array, &Arrow::Int64)?,
            &Arrow::Float64,
        )?,
    };
    crate::support::downcast(&array)
}

fn column(_: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let (v, lo, hi) = (doubles(args, 0, rows)?, doubles(args, 1, rows)?, doubles(args, 2, rows)?);
    let n = typed_arg::<Int64Array>(args, 3, rows)?;
    let out: Int64Array = (0..rows)
        .map(|i| {
            if v.is_null(i) || lo.is_null(i) || hi.is_null(i) || n.is_null(i) {
                return None;
            }
            bucket(v.value(i), lo.value(i), hi.value(i), n.value(i))
        })
        .collect();
    Ok(ColumnarValue::Array(Arc::new(out)))
}

fn bucket(v: f64, lo: f64, hi: f64, n: i64) -> Option<i64> {
    if n <= 0 || n == i64::MAX || v.is_nan() || lo == hi || !lo.is_finite() || !hi.is_finite() {
        return None;
    }
    let (below, above) = if lo < hi { (v < lo, v >= hi) } else { (v > lo, v <= hi) };
    Some(if below {
        0
    } else if above {
        n + 1
    } else {
        // In this order, for the last digits; as a BIGINT it wraps.
        let n = n as f64;
        let whole = (if lo < hi { n * (v - lo) / (hi - lo) } else { n * (lo - v) / (lo - hi) }) as i64;
        whole.wrapping_add(1)
    })
}
