//! Casts from and to VARIANT.

use datafusion::arrow::array::{Array, ArrayRef};
use datafusion::common::Result as DfResult;
use vonk_plan::types::DataType as Spark;

use super::Caster;

pub fn from_variant(c: &Caster, array: &ArrayRef, to: &Spark) -> DfResult<ArrayRef> {
    let _ = (c, array);
    Err(super::no_kernel(&Spark::Variant, to))
}

pub fn to_variant(c: &Caster, array: &ArrayRef, from: &Spark) -> DfResult<ArrayRef> {
    let _ = (c, array);
    Err(super::no_kernel(from, &Spark::Variant))
}

pub fn text_cell<'a>(array: &'a dyn Array) -> DfResult<Box<dyn Fn(usize, &mut String) + 'a>> {
    let _ = array;
    Err(super::no_kernel(&Spark::Variant, &Spark::STRING))
}
