//! Casts to datetime types.

use datafusion::arrow::array::ArrayRef;
use datafusion::common::Result as DfResult;
use vonk_plan::types::DataType as Spark;

use super::Caster;

pub fn convert(c: &Caster, array: &ArrayRef, from: &Spark, to: &Spark) -> DfResult<ArrayRef> {
    let _ = (c, array);
    Err(super::no_kernel(from, to))
}
