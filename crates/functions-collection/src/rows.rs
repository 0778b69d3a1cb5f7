//! Elements of any type made comparable: Arrow's row format, after NaN and -0.0 have been
//! brought to one form, as Spark compares them.

use std::sync::Arc;

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::compute::SortOptions;
use datafusion::arrow::row::{RowConverter, Rows, SortField};
use datafusion::common::Result as DfResult;
use vonk_expr::Call;
use vonk_expr::collation::key_array;
use vonk_expr::order::normal;
use vonk_plan::types::DataType;

/// Rows of several arrays of one type, comparable with each other. Nulls sort first.
pub fn rows_of(arrays: &[&ArrayRef]) -> DfResult<Vec<Rows>> {
    let Some(first) = arrays.first() else { return Ok(vec![]) };
    let options = SortOptions { descending: false, nulls_first: true };
    let converter = RowConverter::new(vec![SortField::new_with_options(first.data_type().clone(), options)])?;
    arrays.iter().map(|a| Ok(converter.convert_columns(&[normal(a)?])?)).collect()
}

/// What stands for the elements of argument `i` (an array, or a map's keys) where they are compared.
pub fn element_keys(call: &Call, i: usize, elements: &ArrayRef) -> DfResult<ArrayRef> {
    match call.arg_types.get(i) {
        Some(DataType::Array(element, _)) => key_array(elements, element),
        Some(DataType::Map(key, ..)) => key_array(elements, key),
        _ => Ok(Arc::clone(elements)),
    }
}

/// What stands for argument `i` where it is compared.
pub fn value_keys(call: &Call, i: usize, values: &ArrayRef) -> DfResult<ArrayRef> {
    match call.arg_types.get(i) {
        Some(t) => key_array(values, t),
        None => Ok(Arc::clone(values)),
    }
}
