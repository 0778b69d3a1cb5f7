//! The type two values are compared as.

use vonk_common::SparkResult;
use vonk_plan::types::DataType;

use super::common::{common_type, tightest_common_type};
use super::decimal::literal_decimal;
use crate::cast::cast;
use crate::context::QueryFacts;
use crate::typed::TypedExpr;

/// The type for `<`, `<=`, `>`, `>=` and `IN` of two values; `None` when they cannot be compared.
pub fn comparison(left: &DataType, right: &DataType, ansi: bool) -> Option<DataType> {
    use DataType as T;
    match (left, right) {
        (a, b) if a.same_shape(b) => Some(a.with_nulls_of(b)),
        // Parts are not promoted any further than they can be without loss.
        (a, b) if !a.is_atomic() && !b.is_atomic() && !matches!(a, T::Variant) => tightest_common_type(a, b, ansi),
        (a, b) if ansi => common_type(a, b, true),
        (T::String(_), T::String(_)) => None,
        (T::String(_), t) | (t, T::String(_)) => match t {
            T::Null => Some(T::STRING),
            // Without a fraction it is a whole number like others.
            T::Decimal(_, 1..) => Some(T::Double),
            T::CalendarInterval => None,
            t if t.is_ansi_interval() => None,
            t if t.is_atomic() || *t == T::Variant => Some(t.clone()),
            _ => None,
        },
        (a, b) if a.is_numeric() && b.is_numeric() => common_type(a, b, false),
        (a, b) => tightest_common_type(a, b, false),
    }
}

/// The type for `=` and `<=>`: legacy mode compares BOOLEAN with numbers too.
pub fn equality(left: &DataType, right: &DataType, ansi: bool) -> Option<DataType> {
    match (left, right) {
        (DataType::Boolean, t) | (t, DataType::Boolean) if !ansi && t.is_numeric() => Some(t.clone()),
        (a, b) => comparison(a, b, ansi),
    }
}

/// Both values cast to the type they are compared as; `None` when there is none. `equal` for `=`
/// and `<=>`.
pub fn comparison_operands(
    facts: &QueryFacts,
    left: TypedExpr,
    right: TypedExpr,
    equal: bool,
) -> SparkResult<Option<(TypedExpr, TypedExpr)>> {
    let left_first = as_decimal(facts, &left, &right)?;
    let right_first = as_decimal(facts, &right, &left)?;
    let (left, right) = (left_first.unwrap_or(left), right_first.unwrap_or(right));
    let rule = if equal { equality } else { comparison };
    let Some(t) = rule(&left.data_type, &right.data_type, facts.conf.ansi()) else { return Ok(None) };
    Ok(Some((cast(facts, left, &t)?, cast(facts, right, &t)?)))
}

/// An integral literal beside a decimal becomes the decimal of its digits first.
fn as_decimal(facts: &QueryFacts, value: &TypedExpr, other: &TypedExpr) -> SparkResult<Option<TypedExpr>> {
    match (&other.data_type, literal_decimal(value)) {
        (DataType::Decimal(..), Some((p, s))) => cast(facts, value.clone(), &DataType::Decimal(p, s)).map(Some),
        _ => Ok(None),
    }
}
