//! `round`, `bround`, `ceil` and `floor`, with and without a scale.
//!
//! Doubles are rounded in their shortest decimal form, as Java's `BigDecimal` of them is.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, Decimal128Array, Float32Array, Float64Array, PrimitiveArray};
use datafusion::arrow::datatypes::{
    ArrowPrimitiveType, DataType as Arrow, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type,
    Int64Type, i256,
};
use datafusion::common::Result as DfResult;
use datafusion::logical_expr::ColumnarValue;
use vonk_common::error::quote_id;
use vonk_common::{SparkError, SparkResult};
use vonk_expr::coercion::decimal_for;
use vonk_expr::context::Nullability;
use vonk_expr::kernel::array_arg;
use vonk_expr::{Call, FnContext, FunctionSpec, Kernel, SqlText, TypedExpr, Want};
use vonk_plan::Literal;
use vonk_plan::types::DataType;

use crate::operator::decimal::{fit, out_of_range, pow10};
use crate::support::{cast_to, downcast, map_optional, overflow};

pub const SPECS: &[&FunctionSpec] = &[
    &FunctionSpec::scalar("round", "math_funcs", |c, a| round(c, a, Way::HalfUp))
        .usage("round(expr[, d]) - Rounded to d digits, half away from zero.")
        .kernels(KERNELS),
    &FunctionSpec::scalar("bround", "math_funcs", |c, a| round(c, a, Way::HalfEven))
        .usage("bround(expr[, d]) - Rounded to d digits, half to even."),
    &FunctionSpec::scalar("ceil", "math_funcs", |c, a| ceil_or_floor(c, a, Way::Up))
        .aliases(&["ceiling"])
        .usage("ceil(expr[, scale]) - The least number of that scale not below the value."),
    &FunctionSpec::scalar("floor", "math_funcs", |c, a| ceil_or_floor(c, a, Way::Down))
        .usage("floor(expr[, scale]) - The greatest number of that scale not above the value."),
];

const KERNELS: &[&Kernel] = &[&ROUND, &TO_LONG];
/// Parameters: way, scale.
static ROUND: Kernel = Kernel::new("round", round_column).ansi_only();
/// `ceil` and `floor` of a double as BIGINT. Parameter: way.
static TO_LONG: Kernel = Kernel::new("round_to_bigint", to_long_column).ansi_only();

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    HalfUp,
    HalfEven,
    Up,
    Down,
}

impl Way {
    fn name(self) -> &'static str {
        match self {
            Way::HalfUp => "half_up",
            Way::HalfEven => "half_even",
            Way::Up => "up",
            Way::Down => "down",
        }
    }

    fn from_name(name: &str) -> Self {
        match name {
            "half_even" => Way::HalfEven,
            "up" => Way::Up,
            "down" => Way::Down,
            _ => Way::HalfUp,
        }
    }

    /// `v / unit` rounded this way.
    fn divide(self, v: i256, unit: i256) -> i256 {
        let (q, r) = (v.wrapping_div(unit), v.wrapping_rem(unit));
        if r == i256::ZERO {
            return q;
        }
        let negative = v.is_negative();
        let away = if negative { q.wrapping_sub(i256::ONE) } else { q.wrapping_add(i256::ONE) };
        let rest = r.wrapping_abs();
        let other = unit.wrapping_sub(rest);
        let outward = match self {
            Way::Up => !negative,
            Way::Down => negative,
            Way::HalfUp => rest >= other,
            Way::HalfEven => rest > other || (rest == other && q.wrapping_rem(i256::from_i128(2)) != i256::ZERO),
        };
        if outward { away } else { q }
    }
}

/// The decimal type of a decimal rounded to `scale` digits.
fn rounded_type(p: u8, s: i8, scale: i32) -> DataType {
    let whole = i32::from(p) - i32::from(s) + 1;
    if scale < 0 {
        return DataType::Decimal(whole.max(1i32.saturating_sub(scale)).min(38) as u8, 0);
    }
    let kept = i32::from(s).min(scale);
    DataType::Decimal((whole + kept).min(38) as u8, kept as i8)
}

fn round(ctx: &FnContext, args: Vec<TypedExpr>, way: Way) -> SparkResult<TypedExpr> {
    ctx.arity(&args, 1..=2)?;
    let mut args = args;
    if args.len() == 1 {
        args.push(TypedExpr::literal(&Literal::Int(0))?);
    }
    let sql = ctx.sql(&args);
    let args = ctx.coerce(args, 2, &[Want::Numeric, Want::INT])?;
    let [value, scale] = args.as_slice() else { return Err(SparkError::internal("round of two")) };
    let Some(given) = scale.constant()? else {
        return Err(ctx.non_foldable(&sql, "scale", "\"INT\"", scale));
    };
    let digits: i32 = given.to_string().parse().unwrap_or(0);
    let ty = match &value.data_type {
        DataType::Decimal(p, s) => rounded_type(*p, *s, digits),
        t => t.clone(),
    };
    let mut out = if given.is_null() {
        TypedExpr::null(ty)?
    } else {
        let params = vec![way.name().to_string(), digits.to_string()];
        ctx.call_with(&ROUND, vec![value.clone()], ty, Nullability::Always, params)
    };
    out.nullable = true;
    out.sql = sql;
    Ok(out)
}

fn ceil_or_floor(ctx: &FnContext, args: Vec<TypedExpr>, way: Way) -> SparkResult<TypedExpr> {
    ctx.arity(&args, 1..=2)?;
    let sql = match (&*ctx.name, args.len()) {
        ("ceil", 1) => SqlText::call("CEIL", args.iter().map(|a| a.sql.clone())),
        ("floor", 1) => SqlText::call("FLOOR", args.iter().map(|a| a.sql.clone())),
        _ => ctx.sql(&args),
    };
    let mut out = if args.len() == 1 { to_whole(ctx, args, way)? } else { to_scale(ctx, args, way)? };
    out.sql = sql;
    out.nullable = true;
    Ok(out)
}

fn to_whole(ctx: &FnContext, args: Vec<TypedExpr>, way: Way) -> SparkResult<TypedExpr> {
    let wants = [Want::OneOf(vec![Want::DOUBLE, Want::Decimal, Want::LONG])];
    let args = match args.first().map(|a| &a.data_type) {
        Some(t) if t.is_integral() => ctx.coerce(args, 1, &[Want::LONG])?,
        Some(DataType::Float | DataType::Null | DataType::String(_)) => ctx.coerce(args, 1, &[Want::DOUBLE])?,
        _ => ctx.coerce(args, 1, &wants)?,
    };
    let Some(value) = args.into_iter().next() else { return Err(SparkError::internal("ceil of one")) };
    let params = vec![way.name().to_string(), "0".to_string()];
    Ok(match value.data_type {
        DataType::Long => value,
        DataType::Decimal(_, 0) => value,
        DataType::Decimal(p, s) => {
            let ty = DataType::Decimal((p as i32 - i32::from(s) + 1).clamp(1, 38) as u8, 0);
            ctx.call_with(&ROUND, vec![value], ty, Nullability::Always, params)
        }
        _ => ctx.call_with(&TO_LONG, vec![value], DataType::Long, Nullability::Always, params),
    })
}

fn to_scale(ctx: &FnContext, args: Vec<TypedExpr>, way: Way) -> SparkResult<TypedExpr> {
    let [value, scale] = args.as_slice() else { return Err(SparkError::internal("ceil of two")) };
    let given = match scale.data_type {
        DataType::Int | DataType::Short | DataType::Byte => scale.constant()?.filter(|v| !v.is_null()),
        _ => None,
    };
    let Some(given) = given else {
        return Err(SparkError::new("NON_FOLDABLE_ARGUMENT")
            .param("funcName", quote_id([&*ctx.name]))
            .param("paramName", "`scale`")
            .param("paramType", "\"INT\"")
            .at(ctx.origin.clone()));
    };
    let digits: i32 = given.to_string().parse().unwrap_or(0);
    let value = match decimal_for(&value.data_type) {
        Some((p, s)) => cast_to(ctx, value.clone(), &DataType::Decimal(p, s))?,
        None => match ctx.coerce(vec![value.clone()], 1, &[Want::Decimal])?.pop() {
            Some(v) => v,
            None => return Err(SparkError::internal("ceil of two")),
        },
    };
    let DataType::Decimal(p, s) = value.data_type else { return Err(SparkError::internal("a decimal is due")) };
    let params = vec![way.name().to_string(), digits.to_string()];
    Ok(ctx.call_with(&ROUND, vec![value], rounded_type(p, s, digits), Nullability::Always, params))
}

fn to_long_column(call: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let a: Float64Array = downcast(&array_arg(args, 0, rows)?)?;
    let round: fn(f64) -> f64 = if Way::from_name(call.param(0)) == Way::Up { f64::ceil } else { f64::floor };
    // Not a number is 0, as Java casts it.
    let fits = |v: f64| v.is_nan() || (-(2f64.powi(63))..2f64.powi(63)).contains(&v);
    let out: PrimitiveArray<Int64Type> = match call.ansi {
        true => a.try_unary(|v| {
            let whole = round(v);
            if fits(whole) { Ok(whole as i64) } else { Err(overflow(call, "overflow", "")) }
        })?,
        false => a.unary(|v| round(v) as i64),
    };
    Ok(ColumnarValue::Array(Arc::new(out)))
}

fn round_column(call: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let array = array_arg(args, 0, rows)?;
    let way = Way::from_name(call.param(0));
    let scale: i32 = call.param(1).parse().unwrap_or(0);
    let out: ArrayRef = match array.data_type() {
        Arrow::Int8 => whole::<Int8Type>(call, &array, way, scale)?,
        Arrow::Int16 => whole::<Int16Type>(call, &array, way, scale)?,
        Arrow::Int32 => whole::<Int32Type>(call, &array, way, scale)?,
        Arrow::Int64 => whole::<Int64Type>(call, &array, way, scale)?,
        Arrow::Float32 => Arc::new(downcast::<Float32Array>(&array)?.unary::<_, Float32Type>(|v| {
            // Java's decimals have no negative zero.
            if v.is_finite() {
                round_digits(format!("{v:e}"), way, scale).unwrap_or(f64::from(v)) as f32 + 0.0
            } else {
                v
            }
        })),
        Arrow::Float64 => {
            Arc::new(downcast::<Float64Array>(&array)?.unary::<_, Float64Type>(|v| round_double(v, way, scale)))
        }
        Arrow::Decimal128(_, s) => {
            let DataType::Decimal(p, to) = call.return_type else {
                return Err(call.error(SparkError::internal("a decimal is due")));
            };
            let a: Decimal128Array = downcast(&array)?;
            let from = i32::from(*s);
            let out = map_optional::<_, Decimal128Type>(&a, |v| {
                let rounded = decimal(v, from, scale, way);
                match fit(rounded, p) {
                    None if call.ansi => Err(out_of_range(call, rounded, i32::from(to), (p, to))),
                    v => Ok(v),
                }
            })?;
            Arc::new(out.with_precision_and_scale(p, to)?)
        }
        other => return Err(call.error(SparkError::internal(format!("no rounding of {other}")))),
    };
    Ok(ColumnarValue::Array(out))
}

/// The unscaled value at scale `max(0, min(from, scale))`.
fn decimal(v: i128, from: i32, scale: i32, way: Way) -> i256 {
    let v = i256::from_i128(v);
    let kept = from.min(scale);
    let dropped = from.saturating_sub(kept).max(0);
    if dropped > 76 {
        return i256::ZERO;
    }
    let rounded = way.divide(v, pow10(dropped as u32));
    if kept < 0 { rounded.wrapping_mul(pow10(kept.unsigned_abs())) } else { rounded }
}

fn whole<T: ArrowPrimitiveType>(call: &Call, array: &ArrayRef, way: Way, scale: i32) -> DfResult<ArrayRef>
where
    T::Native: Into<i64> + TryFrom<i64>,
{
    if scale >= 0 {
        return Ok(array.clone());
    }
    let a: PrimitiveArray<T> = downcast(array)?;
    let out = map_optional::<T, T>(&a, |v| {
        let rounded = decimal(i128::from(v.into()), 0, scale.max(-38), way);
        let narrow = rounded.to_i128().and_then(|v| i64::try_from(v).ok()).and_then(|v| T::Native::try_from(v).ok());
        match narrow {
            Some(v) => Ok(Some(v)),
            None if call.ansi => Err(overflow(call, "Overflow", "")),
            None => {
                // Java narrows by dropping the high bits.
                let low = rounded.to_i128().unwrap_or(0) as i64;
                let bits = size_of::<T::Native>() as u32 * 8;
                let shift = 64 - bits;
                Ok(T::Native::try_from(low << shift >> shift).ok())
            }
        }
    })?;
    Ok(Arc::new(out))
}

fn round_double(v: f64, way: Way, scale: i32) -> f64 {
    if !v.is_finite() {
        return v;
    }
    // Java's decimals, which it rounds by, have one zero.
    if v == 0.0 {
        return 0.0;
    }
    round_clear(v, way, scale).or_else(|| round_digits(format!("{v:e}"), way, scale)).unwrap_or(v) + 0.0
}

/// Rounds a number whose digits need not be looked at, as it is far from the middle between two results.
/// The quotient of two whole numbers that doubles hold exactly is the double nearest to the decimal.
fn round_clear(v: f64, way: Way, scale: i32) -> Option<f64> {
    const MOST: f64 = 1e12;
    if !matches!(way, Way::HalfUp | Way::HalfEven) || !(0..=15).contains(&scale) {
        return None;
    }
    let power = 10f64.powi(scale);
    let scaled = v.abs() * power;
    let (whole, rest) = (scaled.floor(), scaled.fract());
    // Twice what the product can be wrong by.
    let doubt = scaled * f64::EPSILON * 2.0;
    if scaled >= MOST || (rest - 0.5).abs() <= doubt {
        return None;
    }
    let kept = if rest > 0.5 { whole + 1.0 } else { whole };
    Some(if kept == 0.0 { 0.0 } else { (kept / power).copysign(v) })
}

/// Rounds a number in scientific notation; `None` if it has no more digits than asked for.
fn round_digits(text: String, way: Way, scale: i32) -> Option<f64> {
    let (mantissa, exponent) = text.split_once('e')?;
    let exponent: i32 = exponent.parse().ok()?;
    let (sign, mantissa) = match mantissa.strip_prefix('-') {
        Some(m) => (-1i128, m),
        None => (1, mantissa),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits: i128 = format!("{whole}{fraction}").parse().ok()?;
    // digits * 10^-own is the value.
    let own = fraction.len() as i32 - exponent;
    if own <= scale {
        return None;
    }
    let dropped = own.saturating_sub(scale);
    let kept =
        if dropped > 40 { i256::ZERO } else { way.divide(i256::from_i128(sign * digits), pow10(dropped as u32)) };
    let out: f64 = format!("{kept}e{}", -i64::from(scale)).parse().ok()?;
    // No negative zero comes out of BigDecimal.
    Some(out + 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_round_in_their_decimal_form() {
        assert_eq!(round_double(2.675, Way::HalfUp, 2), 2.68);
        assert_eq!(round_double(2.5, Way::HalfEven, 0), 2.0);
        assert_eq!(round_double(-2.5, Way::HalfUp, 0), -3.0);
        assert_eq!(round_double(1234.5, Way::HalfUp, -2), 1200.0);
        assert_eq!(round_double(1e300, Way::HalfUp, 2), 1e300);
        assert_eq!(round_double(4e-7, Way::HalfUp, 2), 0.0);
    }

    #[test]
    fn the_short_way_gives_what_the_digits_give() {
        let mut bits = 0x9e37_79b9_7f4a_7c15u64;
        let mut short = 0;
        for i in 0..200_000u32 {
            bits = bits.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let scale = (bits >> 60) as i32;
            let part = (bits >> 11) as f64 / (1u64 << 53) as f64;
            // Any numbers, and such as lie on the middle or beside it.
            let v = match i % 3 {
                0 => part * 10f64.powi((bits % 14) as i32 - 4) * if bits & 64 == 0 { 1.0 } else { -1.0 },
                1 => ((part * 1e6).floor() + 0.5) / 10f64.powi(scale),
                _ => f64::from_bits((((part * 1e6).floor() + 0.5) / 10f64.powi(scale)).to_bits() + 1),
            };
            for way in [Way::HalfUp, Way::HalfEven] {
                if let Some(found) = round_clear(v, way, scale) {
                    short += 1;
                    assert_eq!(found, round_digits(format!("{v:e}"), way, scale).unwrap_or(v), "{v} to {scale}");
                }
            }
        }
        assert!(short > 50_000, "{short}");
    }

    #[test]
    fn types_of_rounded_decimals() {
        assert_eq!(rounded_type(5, 4, -3), DataType::Decimal(4, 0));
        assert_eq!(rounded_type(2, 1, 0), DataType::Decimal(2, 0));
        assert_eq!(rounded_type(38, 0, 3), DataType::Decimal(38, 0));
    }
}
