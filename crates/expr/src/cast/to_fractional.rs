//! `CAST(x AS FLOAT | DOUBLE)`.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, PrimitiveArray, new_null_array};
use datafusion::arrow::datatypes::*;
use datafusion::common::Result as DfResult;
use vonk_plan::Literal;
use vonk_plan::types::DataType as Spark;

use super::map::{parsed, total};
use super::{Caster, parse};

trait Fractional: ArrowPrimitiveType {
    fn of(v: f64) -> Self::Native;
    fn of_long(v: i64) -> Self::Native;
    fn read(text: &str) -> Option<Self::Native>;
}

impl Fractional for Float32Type {
    fn of(v: f64) -> f32 {
        v as f32
    }
    fn of_long(v: i64) -> f32 {
        v as f32
    }
    fn read(text: &str) -> Option<f32> {
        parse::number::float(text)
    }
}

impl Fractional for Float64Type {
    fn of(v: f64) -> f64 {
        v
    }
    fn of_long(v: i64) -> f64 {
        v as f64
    }
    fn read(text: &str) -> Option<f64> {
        parse::number::double(text)
    }
}

pub fn convert(c: &Caster, array: &ArrayRef, from: &Spark, to: &Spark) -> DfResult<ArrayRef> {
    match to {
        Spark::Float => into::<Float32Type>(c, array, from, to),
        _ => into::<Float64Type>(c, array, from, to),
    }
}

fn into<T: Fractional>(c: &Caster, array: &ArrayRef, from: &Spark, to: &Spark) -> DfResult<ArrayRef> {
    Ok(match from {
        Spark::Boolean => {
            let (one, zero) = (T::of(1.0), T::of(0.0));
            let values = array.as_boolean().iter().map(|v| v.map(|b| if b { one } else { zero }));
            Arc::new(PrimitiveArray::<T>::from_iter(values))
        }
        Spark::Byte => total::<Int8Type, T>(array, |v| T::of(v.into())),
        Spark::Short => total::<Int16Type, T>(array, |v| T::of(v.into())),
        Spark::Int => total::<Int32Type, T>(array, |v| T::of_long(v.into())),
        Spark::Long => total::<Int64Type, T>(array, T::of_long),
        Spark::Float => total::<Float32Type, T>(array, |v| T::of(v.into())),
        Spark::Double => total::<Float64Type, T>(array, T::of),
        Spark::Decimal(_, s) => total::<Decimal128Type, T>(array, |v| of_decimal::<T>(v, *s)),
        Spark::String(_) | Spark::Char(_) | Spark::VarChar(_) => {
            let error = |t: &str| c.invalid_input(&Literal::string(t), &Spark::STRING, to);
            Arc::new(parsed::<T>(c, array, |t| Ok(T::read(t)), error)?)
        }
        Spark::Timestamp => total::<TimestampMicrosecondType, T>(array, |v| T::of(v as f64 / 1e6)),
        Spark::Date => new_null_array(&T::DATA_TYPE, array.len()),
        from => return Err(super::no_kernel(from, to)),
    })
}

/// The nearest float to a decimal: exact when both digits and power of ten fit a double, else by
/// way of the text.
fn of_decimal<T: Fractional>(v: i128, scale: i8) -> T::Native {
    const EXACT: i128 = 1 << 53;
    let is_double = std::mem::size_of::<T::Native>() == 8;
    if (-EXACT..=EXACT).contains(&v) && (0..=22).contains(&scale) && is_double {
        return T::of(v as f64 / 10f64.powi(i32::from(scale)));
    }
    T::read(&format!("{v}e{}", -i32::from(scale))).unwrap_or_else(|| T::of(f64::NAN))
}
