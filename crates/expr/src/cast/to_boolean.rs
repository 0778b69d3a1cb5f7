//! `CAST(x AS BOOLEAN)`.

use std::sync::Arc;

use datafusion::arrow::array::*;
use datafusion::arrow::datatypes::*;
use datafusion::common::Result as DfResult;
use vonk_plan::Literal;
use vonk_plan::types::DataType as Spark;

use super::parse::trim;
use super::{Caster, Mode};

pub fn convert(c: &Caster, array: &ArrayRef, from: &Spark) -> DfResult<ArrayRef> {
    fn nonzero<T: ArrowPrimitiveType>(array: &ArrayRef, test: impl Fn(T::Native) -> bool) -> ArrayRef {
        let values = array.as_primitive::<T>();
        let bits = values.values().iter().map(|v| test(*v)).collect();
        Arc::new(BooleanArray::new(bits, values.nulls().cloned()))
    }
    Ok(match from {
        Spark::Byte => nonzero::<Int8Type>(array, |v| v != 0),
        Spark::Short => nonzero::<Int16Type>(array, |v| v != 0),
        Spark::Int => nonzero::<Int32Type>(array, |v| v != 0),
        Spark::Long => nonzero::<Int64Type>(array, |v| v != 0),
        Spark::Float => nonzero::<Float32Type>(array, |v| v != 0.0),
        Spark::Double => nonzero::<Float64Type>(array, |v| v != 0.0),
        Spark::Decimal(..) => nonzero::<Decimal128Type>(array, |v| v != 0),
        Spark::Timestamp => nonzero::<TimestampMicrosecondType>(array, |v| v != 0),
        Spark::Date => new_null_array(&DataType::Boolean, array.len()),
        Spark::String(_) | Spark::Char(_) | Spark::VarChar(_) => {
            let values = array.as_string::<i32>();
            let mut out = BooleanBuilder::with_capacity(values.len());
            for value in values.iter() {
                match value.map(|t| (t, parse(t))) {
                    Some((t, None)) if c.mode == Mode::Ansi => {
                        return Err(c.invalid_input(&Literal::string(t), &Spark::STRING, &Spark::Boolean));
                    }
                    found => out.append_option(found.and_then(|(_, v)| v)),
                }
            }
            Arc::new(out.finish())
        }
        from => return Err(super::no_kernel(from, &Spark::Boolean)),
    })
}

/// `true`, `t`, `yes`, `y`, `1` and their opposites, in any case.
pub fn parse(text: &str) -> Option<bool> {
    let text = trim(text);
    let is = |words: [&str; 5]| words.iter().any(|w| text.eq_ignore_ascii_case(w));
    match text.len() {
        1..=5 if is(["t", "true", "y", "yes", "1"]) => Some(true),
        1..=5 if is(["f", "false", "n", "no", "0"]) => Some(false),
        _ => None,
    }
}
