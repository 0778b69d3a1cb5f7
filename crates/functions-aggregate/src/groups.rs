//! Loops over the rows of a batch with their groups.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, ArrowPrimitiveType, BooleanArray, PrimitiveArray};
use datafusion::arrow::buffer::NullBuffer;
use datafusion::common::Result as DfResult;
use vonk_common::SparkError;

/// Calls `f` for each valid row that passes the filter.
pub fn each<T: ArrowPrimitiveType>(
    values: &PrimitiveArray<T>,
    groups: &[usize],
    filter: Option<&BooleanArray>,
    mut f: impl FnMut(usize, T::Native) -> DfResult<()>,
) -> DfResult<()> {
    match (values.nulls().filter(|n| n.null_count() > 0), filter) {
        (None, None) => {
            for (g, v) in groups.iter().zip(values.values()) {
                f(*g, *v)?;
            }
        }
        _ => {
            let nulls = valid_rows(values, filter);
            for (i, (g, v)) in groups.iter().zip(values.values()).enumerate() {
                if nulls.as_ref().is_none_or(|n| n.is_valid(i)) {
                    f(*g, *v)?;
                }
            }
        }
    }
    Ok(())
}

/// Rows that are valid and pass the filter.
pub fn valid_rows(values: &dyn Array, filter: Option<&BooleanArray>) -> Option<NullBuffer> {
    NullBuffer::union(values.logical_nulls().as_ref(), passed(filter).as_ref())
}

/// The filter as a null buffer: NULL counts as false.
pub fn passed(filter: Option<&BooleanArray>) -> Option<NullBuffer> {
    let filter = filter?;
    let bits = match filter.nulls() {
        Some(n) => filter.values() & n.inner(),
        None => filter.values().clone(),
    };
    Some(NullBuffer::new(bits))
}

/// The column as a typed array.
pub fn column<T: Array + Clone + 'static>(values: &[ArrayRef], i: usize) -> DfResult<T> {
    let array = values.get(i).ok_or_else(|| vonk_expr::exec_err(SparkError::internal("an argument is missing")))?;
    array.as_any().downcast_ref::<T>().cloned().ok_or_else(|| {
        vonk_expr::exec_err(SparkError::internal(format!("unexpected column type {}", array.data_type())))
    })
}

/// A primitive column with NULL where `valid` says so.
pub fn primitive<T: ArrowPrimitiveType>(
    values: Vec<T::Native>,
    valid: impl IntoIterator<Item = bool>,
    data_type: &datafusion::arrow::datatypes::DataType,
) -> ArrayRef {
    let nulls: NullBuffer = valid.into_iter().collect::<Vec<bool>>().into();
    Arc::new(PrimitiveArray::<T>::new(values.into(), Some(nulls)).with_data_type(data_type.clone()))
}
