//! Bits of integers: `& | ^ ~ << >> >>>`, the `shift…` functions, `bit_count`, `bit_get`.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, BooleanArray, Int8Array, Int32Array, PrimitiveArray};
use datafusion::arrow::compute::kernels::arity::binary;
use datafusion::arrow::compute::{is_null, nullif};
use datafusion::arrow::datatypes::{ArrowPrimitiveType, DataType as Arrow, Int8Type, Int16Type, Int32Type, Int64Type};
use datafusion::common::{Result as DfResult, ScalarValue};
use datafusion::logical_expr::{ColumnarValue, Operator};
use vonk_common::{SparkError, SparkResult};
use vonk_expr::coercion::{ArithmeticOp, Mismatch, binary_operands};
use vonk_expr::context::Nullability;
use vonk_expr::kernel::{array_arg, typed_arg};
use vonk_expr::{Call, FnContext, FunctionSpec, Kernel, SqlText, TypedExpr, Want};
use vonk_plan::expr::CastMode;
use vonk_plan::types::DataType;

use crate::support::{cast_to, diff_types, downcast, infix, native, one, two, unexpected, wrong_type, zip_optional};

pub const SPECS: &[&FunctionSpec] = &[
    &FunctionSpec::scalar("&", "bitwise_funcs", |c, a| bits(c, a, Operator::BitwiseAnd))
        .usage("expr1 & expr2 - Bitwise AND."),
    &FunctionSpec::scalar("|", "bitwise_funcs", |c, a| bits(c, a, Operator::BitwiseOr))
        .usage("expr1 | expr2 - Bitwise OR."),
    &FunctionSpec::scalar("^", "bitwise_funcs", |c, a| bits(c, a, Operator::BitwiseXor))
        .usage("expr1 ^ expr2 - Bitwise exclusive OR."),
    &FunctionSpec::scalar("~", "bitwise_funcs", complement)
        .usage("~ expr - Bitwise NOT.")
        .kernels(KERNELS)
        .literal_nulls(),
    &FunctionSpec::scalar("shiftleft", "bitwise_funcs", |c, a| shift(c, a, &SHIFT_LEFT, "<<"))
        .aliases(&["<<"])
        .usage("shiftleft(base, expr) - The bits moved left."),
    &FunctionSpec::scalar("shiftright", "bitwise_funcs", |c, a| shift(c, a, &SHIFT_RIGHT, ">>"))
        .aliases(&[">>"])
        .usage("shiftright(base, expr) - The bits moved right, the sign kept."),
    &FunctionSpec::scalar("shiftrightunsigned", "bitwise_funcs", |c, a| shift(c, a, &SHIFT_UNSIGNED, ">>>"))
        .aliases(&[">>>"])
        .usage("shiftrightunsigned(base, expr) - The bits moved right, zeros moved in."),
    &FunctionSpec::scalar("bit_count", "bitwise_funcs", bit_count).usage("bit_count(expr) - How many bits are set."),
    &FunctionSpec::scalar("bit_get", "bitwise_funcs", bit_get)
        .aliases(&["getbit"])
        .usage("bit_get(expr, pos) - The bit at the position, counted from the right from 0."),
];

const KERNELS: &[&Kernel] = &[&XOR, &COMPLEMENT, &SHIFT_LEFT, &SHIFT_RIGHT, &SHIFT_UNSIGNED, &BIT_COUNT, &BIT_GET];

/// Of a value with itself.
static XOR: Kernel = Kernel::total("bit_xor_itself", |call, args, rows| {
    let value = array_arg(args, 0, rows)?;
    let zeros = ScalarValue::new_zero(&call.arrow_return_type())?.to_array_of_size(rows)?;
    let nulls = is_null(&value)?;
    Ok(ColumnarValue::Array(nullif(&zeros, &nulls)?))
});
static COMPLEMENT: Kernel = Kernel::new("bit_not", complement_column);
static SHIFT_LEFT: Kernel = Kernel::new("shift_left", |c, a, n| shifted(c, a, n, i32::wrapping_shl, i64::wrapping_shl));
static SHIFT_RIGHT: Kernel =
    Kernel::new("shift_right", |c, a, n| shifted(c, a, n, i32::wrapping_shr, i64::wrapping_shr));
static SHIFT_UNSIGNED: Kernel = Kernel::new("shift_right_unsigned", |c, a, n| {
    shifted(c, a, n, |v, k| (v as u32).wrapping_shr(k) as i32, |v, k| (v as u64).wrapping_shr(k) as i64)
});
static BIT_COUNT: Kernel = Kernel::total("bit_count", bit_count_column);
static BIT_GET: Kernel = Kernel::new("bit_get", bit_get_column);

fn bits(ctx: &FnContext, args: Vec<TypedExpr>, op: Operator) -> SparkResult<TypedExpr> {
    let (a, b) = two(ctx, args)?;
    let sql = infix(&a, &ctx.name, &b);
    let (a, b, types) =
        match binary_operands(&ctx.facts, ArithmeticOp::Bitwise, a.clone(), b.clone(), CastMode::Session)? {
            Ok(found) => found,
            Err(Mismatch::WrongType(required, actual)) => return Err(wrong_type(ctx, &sql, required, &actual)),
            Err(_) => return Err(diff_types(ctx, &sql, &a, &b)),
        };
    let ty = types.result;
    let nullable = a.nullable || b.nullable;
    // The optimizer takes `x ^ x` for 0, also where x is NULL.
    if op == Operator::BitwiseXor && a.expr == b.expr && nullable {
        let mut out = ctx.call(&XOR, vec![a, b], ty, Nullability::Args);
        out.sql = sql;
        return Ok(out);
    }
    let expr = native(a.expr.clone(), op, b.expr.clone());
    Ok(TypedExpr::new(expr, ty, nullable, sql).derived_from(&[a, b]).at(ctx.origin.clone()))
}

fn complement(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    let a = one(ctx, args)?;
    let sql = SqlText::wrap("~", a.sql.clone(), "");
    let a = match &a.data_type {
        t if t.is_integral() => a,
        DataType::Null => cast_to(ctx, a, &DataType::Int)?,
        _ => return Err(unexpected(ctx, &sql, 0, "\"INTEGRAL\"", &a)),
    };
    let ty = a.data_type.clone();
    let mut out = ctx.call(&COMPLEMENT, vec![a], ty, Nullability::Args);
    out.sql = sql;
    Ok(out)
}

fn complement_column(call: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let array = array_arg(args, 0, rows)?;
    fn flip<T: ArrowPrimitiveType>(array: &ArrayRef, f: impl Fn(T::Native) -> T::Native) -> DfResult<ArrayRef> {
        let out: PrimitiveArray<T> = downcast::<PrimitiveArray<T>>(array)?.unary(f);
        Ok(Arc::new(out))
    }
    Ok(ColumnarValue::Array(match array.data_type() {
        Arrow::Int8 => flip::<Int8Type>(&array, |v| !v)?,
        Arrow::Int16 => flip::<Int16Type>(&array, |v| !v)?,
        Arrow::Int32 => flip::<Int32Type>(&array, |v| !v)?,
        Arrow::Int64 => flip::<Int64Type>(&array, |v| !v)?,
        other => return Err(call.error(SparkError::internal(format!("no bits in {other}")))),
    }))
}

fn shift(ctx: &FnContext, args: Vec<TypedExpr>, kernel: &'static Kernel, op: &str) -> SparkResult<TypedExpr> {
    ctx.arity(&args, 2..=2)?;
    let sql = match (&*ctx.name == op, args.as_slice()) {
        (true, [a, b]) => infix(a, op, b),
        _ => ctx.sql(&args),
    };
    let wants = [Want::OneOf(vec![Want::INT, Want::LONG]), Want::INT];
    let args = match args.first().map(|a| &a.data_type) {
        Some(DataType::Byte | DataType::Short) => ctx.coerce(args, 2, &[Want::INT, Want::INT])?,
        _ => ctx.coerce(args, 2, &wants)?,
    };
    let ty = args.first().map(|a| a.data_type.clone()).unwrap_or(DataType::Int);
    let mut out = ctx.call(kernel, args, ty, Nullability::Args);
    out.sql = sql;
    Ok(out)
}

fn shifted(
    call: &Call,
    args: &[ColumnarValue],
    rows: usize,
    int: impl Fn(i32, u32) -> i32,
    long: impl Fn(i64, u32) -> i64,
) -> DfResult<ColumnarValue> {
    let by = typed_arg::<Int32Array>(args, 1, rows)?;
    let out: ArrayRef = match call.return_type {
        DataType::Long => {
            let a = typed_arg::<PrimitiveArray<Int64Type>>(args, 0, rows)?;
            Arc::new(binary::<_, _, _, Int64Type>(&a, &by, |v, k| long(v, k as u32 & 63))?)
        }
        _ => {
            let a = typed_arg::<Int32Array>(args, 0, rows)?;
            Arc::new(binary::<_, _, _, Int32Type>(&a, &by, |v, k| int(v, k as u32 & 31))?)
        }
    };
    Ok(ColumnarValue::Array(out))
}

fn bit_count(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    let args = ctx.expect(args, 1, &[Want::OneOf(vec![Want::Integral, Want::BOOLEAN])])?;
    Ok(ctx.call(&BIT_COUNT, args, DataType::Int, Nullability::Args))
}

fn bit_count_column(call: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let array = array_arg(args, 0, rows)?;
    fn count<T: ArrowPrimitiveType>(array: &ArrayRef) -> DfResult<Int32Array>
    where
        T::Native: Into<i64>,
    {
        // Narrow integers are widened with their sign first, as Java does.
        Ok(downcast::<PrimitiveArray<T>>(array)?.unary(|v| v.into().count_ones() as i32))
    }
    Ok(ColumnarValue::Array(Arc::new(match array.data_type() {
        Arrow::Boolean => {
            let a: BooleanArray = downcast(&array)?;
            a.iter().map(|v| v.map(i32::from)).collect::<Int32Array>()
        }
        Arrow::Int8 => count::<Int8Type>(&array)?,
        Arrow::Int16 => count::<Int16Type>(&array)?,
        Arrow::Int32 => count::<Int32Type>(&array)?,
        Arrow::Int64 => count::<Int64Type>(&array)?,
        other => return Err(call.error(SparkError::internal(format!("no bits in {other}")))),
    })))
}

fn bit_get(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    let args = ctx.coerce(args, 2, &[Want::Integral, Want::INT])?;
    let width = match args.first().map(|a| &a.data_type) {
        Some(DataType::Byte) => 8,
        Some(DataType::Short) => 16,
        Some(DataType::Int) => 32,
        _ => 64,
    };
    let mut args = args.into_iter();
    let (Some(value), Some(position)) = (args.next(), args.next()) else {
        return Err(SparkError::internal("bit_get of two"));
    };
    let sql = ctx.sql(&[value.clone(), position.clone()]);
    let value = cast_to(ctx, value, &DataType::Long)?;
    let mut out =
        ctx.call_with(&BIT_GET, vec![value, position], DataType::Byte, Nullability::Args, vec![width.to_string()]);
    out.sql = sql;
    Ok(out)
}

fn bit_get_column(call: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let width: i32 = call.param(0).parse().unwrap_or(64);
    let a = typed_arg::<PrimitiveArray<Int64Type>>(args, 0, rows)?;
    let position = typed_arg::<Int32Array>(args, 1, rows)?;
    let out: Int8Array = zip_optional(&a, &position, |v, p| {
        if !(0..width).contains(&p) {
            return Err(call.error(
                SparkError::new("INVALID_PARAMETER_VALUE.BIT_POSITION_RANGE")
                    .param("parameter", "`pos`")
                    .param("functionName", vonk_common::error::quote_id(["bit_get"]))
                    .param("upper", width)
                    .param("invalidValue", p),
            ));
        }
        Ok(Some((v >> p & 1) as i8))
    })?;
    Ok(ColumnarValue::Array(Arc::new(out)))
}
