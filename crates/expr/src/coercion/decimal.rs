//! Decimal precisions: what a number needs, what two need, and what an operation of two gives.

use datafusion::common::ScalarValue;
use vonk_plan::types::DataType;

use super::arithmetic::ArithmeticOp;
use crate::typed::TypedExpr;

pub const MAX_PRECISION: i32 = 38;
/// Digits after the point that division keeps when it has to give some up.
const MIN_ADJUSTED_SCALE: i32 = 6;

/// The decimal that holds every value of an integral type; floats have their customary ones.
pub fn decimal_for(t: &DataType) -> Option<(u8, i8)> {
    Some(match t {
        DataType::Byte => (3, 0),
        DataType::Short => (5, 0),
        DataType::Int => (10, 0),
        DataType::Long => (20, 0),
        DataType::Float => (14, 7),
        DataType::Double => (30, 15),
        DataType::Decimal(p, s) => (*p, *s),
        _ => return None,
    })
}

/// The decimal just wide enough for an integral literal, which Spark uses beside another decimal.
/// TINYINT literals count as any TINYINT.
pub fn literal_decimal(value: &TypedExpr) -> Option<(u8, i8)> {
    let digits = match value.as_literal()? {
        ScalarValue::Int16(Some(v)) => i64::from(*v),
        ScalarValue::Int32(Some(v)) => i64::from(*v),
        ScalarValue::Int64(Some(v)) => *v,
        _ => return None,
    };
    // `CAST(2 AS INT)` is computed already, but is no literal to Spark.
    if value.sql.to_string().parse::<i64>() != Ok(digits) {
        return None;
    }
    let n = digits.unsigned_abs().checked_ilog10().map_or(1, |n| n + 1);
    Some((n as u8, 0))
}

/// The type cut to 38 digits, whole digits first to stay.
pub fn bounded(precision: i32, scale: i32) -> DataType {
    if precision <= MAX_PRECISION {
        return decimal(precision, scale);
    }
    let scale = (scale - (precision - MAX_PRECISION)).max(0);
    decimal(MAX_PRECISION, scale)
}

/// Cut to 38 digits without any regard to which are lost.
fn cut(precision: i32, scale: i32) -> DataType {
    decimal(precision.min(MAX_PRECISION), scale.min(MAX_PRECISION))
}

fn decimal(precision: i32, scale: i32) -> DataType {
    DataType::Decimal(precision.clamp(1, MAX_PRECISION) as u8, scale.clamp(-MAX_PRECISION, MAX_PRECISION) as i8)
}

/// Cut to 38 digits, but no fewer than six (or what there was) after the point.
fn adjusted(precision: i32, scale: i32) -> DataType {
    if precision <= MAX_PRECISION {
        return decimal(precision, scale);
    }
    if scale < 0 {
        return decimal(MAX_PRECISION, scale);
    }
    let whole = precision - scale;
    let floor = scale.min(MIN_ADJUSTED_SCALE);
    decimal(MAX_PRECISION, (MAX_PRECISION - whole).max(floor))
}

/// The decimal that holds the values of both.
pub fn wider_decimal((p1, s1): (u8, i8), (p2, s2): (u8, i8)) -> DataType {
    let (p1, s1, p2, s2) = (i32::from(p1), i32::from(s1), i32::from(p2), i32::from(s2));
    let scale = s1.max(s2);
    let whole = (p1 - s1).max(p2 - s2);
    bounded(whole + scale, scale)
}

/// The result type of an operation on two decimals. `loss` is
/// `spark.sql.decimalOperations.allowPrecisionLoss`.
pub fn decimal_arithmetic(op: ArithmeticOp, (p1, s1): (u8, i8), (p2, s2): (u8, i8), loss: bool) -> DataType {
    let (p1, s1, p2, s2) = (i32::from(p1), i32::from(s1), i32::from(p2), i32::from(s2));
    let fit = if loss { adjusted } else { cut };
    match op {
        ArithmeticOp::Add | ArithmeticOp::Subtract => {
            let scale = s1.max(s2);
            fit((p1 - s1).max(p2 - s2) + scale + 1, scale)
        }
        ArithmeticOp::Multiply => fit(p1 + p2 + 1, s1 + s2),
        ArithmeticOp::Divide if loss => {
            let whole = p1 - s1 + s2;
            let scale = MIN_ADJUSTED_SCALE.max(s1 + p2 + 1);
            adjusted(whole + scale, scale)
        }
        ArithmeticOp::Divide => {
            let mut whole = MAX_PRECISION.min(p1 - s1 + s2);
            let mut scale = MAX_PRECISION.min(MIN_ADJUSTED_SCALE.max(s1 + p2 + 1));
            let over = whole + scale - MAX_PRECISION;
            if over > 0 {
                scale -= over / 2 + 1;
                whole = MAX_PRECISION - scale;
            }
            cut(whole + scale, scale)
        }
        ArithmeticOp::IntegralDivide => {
            let whole = (p1 - s1 + s2).max(1);
            cut(whole, 0)
        }
        _ => {
            let scale = s1.max(s2);
            fit((p1 - s1).min(p2 - s2) + scale, scale)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn precision_and_scale_of_operations() {
        use ArithmeticOp::*;
        for (op, a, b, loss, want) in [
            (Add, (10, 2), (10, 2), true, (11, 2)),
            (Add, (38, 18), (1, 0), true, (38, 17)),
            (Multiply, (18, 18), (5, 2), true, (24, 20)),
            (Divide, (20, 10), (5, 2), true, (28, 16)),
            (Divide, (10, 2), (10, 2), true, (23, 13)),
            (Remainder, (20, 10), (5, 2), true, (13, 10)),
        ] {
            assert_eq!(decimal_arithmetic(op, a, b, loss), DataType::Decimal(want.0, want.1), "{op:?} {a:?} {b:?}");
        }
        assert_eq!(wider_decimal((38, 18), (10, 2)), DataType::Decimal(38, 18));
    }
}
