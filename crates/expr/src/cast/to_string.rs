//! `CAST(x AS STRING)`.

use std::fmt::Write;
use std::sync::Arc;

use datafusion::arrow::array::*;
use datafusion::arrow::datatypes::*;
use datafusion::common::Result as DfResult;
use vonk_plan::types::DataType as Spark;

use super::text::{Style, format_with};
use super::{Caster, Mode};

pub fn convert(c: &Caster, array: &ArrayRef, from: &Spark) -> DfResult<ArrayRef> {
    match from {
        Spark::String(_) | Spark::Char(_) | Spark::VarChar(_) => Ok(Arc::clone(array)),
        Spark::Byte => Ok(digits::<Int8Type>(array)),
        Spark::Short => Ok(digits::<Int16Type>(array)),
        Spark::Int => Ok(digits::<Int32Type>(array)),
        Spark::Long => Ok(digits::<Int64Type>(array)),
        from => {
            let style = if c.mode == Mode::Legacy { Style::legacy_cast() } else { Style::cast() };
            Ok(Arc::new(format_with(array, from, style, c.zone)?))
        }
    }
}

/// Whole numbers, written straight into the result.
fn digits<T: ArrowPrimitiveType>(array: &ArrayRef) -> ArrayRef
where
    T::Native: std::fmt::Display,
{
    let values = array.as_primitive::<T>();
    let mut out = StringBuilder::with_capacity(values.len(), values.len() * 6);
    for v in values.iter() {
        match v {
            Some(v) => {
                let _ = write!(out, "{v}");
                out.append_value("");
            }
            None => out.append_null(),
        }
    }
    Arc::new(out.finish())
}
