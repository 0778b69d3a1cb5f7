//! Bitmaps of distinct integers: `bitmap_bit_position`, `bitmap_bucket_number`, `bitmap_count`.

use std::sync::Arc;

use datafusion::arrow::array::{BinaryArray, Int64Array};
use datafusion::logical_expr::ColumnarValue;
use vonk_common::SparkResult;
use vonk_expr::context::Nullability;
use vonk_expr::kernel::typed_arg;
use vonk_expr::{FnContext, FunctionSpec, Kernel, TypedExpr, Want};
use vonk_plan::types::DataType;

use crate::support::unexpected;

/// Bits in one bitmap.
const BITS: i64 = 32_768;

pub const SPECS: &[&FunctionSpec] = &[
    &FunctionSpec::scalar("bitmap_bit_position", "misc_funcs", |c, a| build(c, a, &POSITION, Want::LONG))
        .usage("bitmap_bit_position(expr) - The bit of a number within its bitmap.")
        .kernels(KERNELS),
    &FunctionSpec::scalar("bitmap_bucket_number", "misc_funcs", |c, a| build(c, a, &BUCKET, Want::LONG))
        .usage("bitmap_bucket_number(expr) - The number of the bitmap that holds a number."),
    &FunctionSpec::scalar("bitmap_count", "misc_funcs", |c, a| build(c, a, &COUNT, Want::BINARY))
        .usage("bitmap_count(bitmap) - How many bits are set."),
];

const KERNELS: &[&Kernel] = &[&POSITION, &BUCKET, &COUNT];
static POSITION: Kernel = Kernel::new("bitmap_bit_position", |_, args, rows| {
    let a = typed_arg::<Int64Array>(args, 0, rows)?;
    let out: Int64Array = a.unary(|v| if v > 0 { (v - 1) % BITS } else { v.wrapping_neg() % BITS });
    Ok(ColumnarValue::Array(Arc::new(out)))
});
static BUCKET: Kernel = Kernel::new("bitmap_bucket_number", |_, args, rows| {
    let a = typed_arg::<Int64Array>(args, 0, rows)?;
    let out: Int64Array = a.unary(|v| if v > 0 { 1 + (v - 1) / BITS } else { v / BITS });
    Ok(ColumnarValue::Array(Arc::new(out)))
});
static COUNT: Kernel = Kernel::new("bitmap_count", |_, args, rows| {
    let a = typed_arg::<BinaryArray>(args, 0, rows)?;
    let out: Int64Array =
        a.iter().map(|v| v.map(|v| v.iter().map(|b| i64::from(b.count_ones())).sum::<i64>())).collect();
    Ok(ColumnarValue::Array(Arc::new(out)))
});

fn build(ctx: &FnContext, args: Vec<TypedExpr>, kernel: &'static Kernel, want: Want) -> SparkResult<TypedExpr> {
    // A bitmap is no string, nor is it nothing.
    if let [a] = args.as_slice()
        && a.data_type != DataType::Binary
        && kernel.name == COUNT.name
    {
        return Err(unexpected(ctx, &ctx.sql(&args), 0, "\"BINARY\"", a));
    }
    let args = ctx.coerce(args, 1, &[want])?;
    Ok(ctx.call(kernel, args, DataType::Long, Nullability::Args))
}
