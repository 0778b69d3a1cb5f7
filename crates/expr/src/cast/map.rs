//! Value-by-value conversion of arrays, with the failure each mode asks for.

use std::sync::Arc;

use datafusion::arrow::array::*;
use datafusion::common::{DataFusionError, Result as DfResult};

use super::{Caster, Mode};

/// Converts primitives; `f` gives `None` for a value that has no counterpart.
pub fn checked<A: ArrowPrimitiveType, B: ArrowPrimitiveType>(
    c: &Caster,
    array: &ArrayRef,
    f: impl Fn(A::Native) -> Option<B::Native>,
    error: impl Fn(A::Native) -> DataFusionError,
) -> DfResult<ArrayRef> {
    let values = array.as_primitive::<A>();
    Ok(Arc::new(match c.mode {
        Mode::Ansi => values.try_unary::<_, B, DataFusionError>(|v| f(v).ok_or_else(|| error(v)))?,
        _ => values.unary_opt::<_, B>(f),
    }))
}

/// Converts primitives, every value having a counterpart.
pub fn total<A: ArrowPrimitiveType, B: ArrowPrimitiveType>(
    array: &ArrayRef,
    f: impl Fn(A::Native) -> B::Native,
) -> ArrayRef {
    Arc::new(array.as_primitive::<A>().unary::<_, B>(f))
}

/// Parses strings; `f` gives `Ok(None)` for malformed text, which is an error under ANSI, and `Err`
/// for errors of any mode but TRY.
pub fn parsed<B: ArrowPrimitiveType>(
    c: &Caster,
    array: &ArrayRef,
    f: impl Fn(&str) -> DfResult<Option<B::Native>>,
    error: impl Fn(&str) -> DataFusionError,
) -> DfResult<PrimitiveArray<B>> {
    let values = array.as_string::<i32>();
    let mut out = PrimitiveBuilder::<B>::with_capacity(values.len());
    for value in values.iter() {
        match value {
            None => out.append_null(),
            Some(text) => match f(text) {
                Ok(Some(v)) => out.append_value(v),
                Ok(None) if c.mode == Mode::Ansi => return Err(error(text)),
                Err(e) if c.mode != Mode::Try => return Err(e),
                Ok(None) | Err(_) => out.append_null(),
            },
        }
    }
    Ok(out.finish())
}
