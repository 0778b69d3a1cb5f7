//! Is there a value in every one of these columns, neither NULL nor NaN?

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, BooleanArray};
use datafusion::arrow::datatypes::Float64Type;
use vonk_common::SparkResult;
use vonk_plan::types::DataType;

use crate::function::RowFunction;

pub const NAME: &str = "ml_present";

#[derive(Debug)]
pub struct Present;

pub fn decode(_: &[u8]) -> SparkResult<Arc<dyn RowFunction>> {
    Ok(Arc::new(Present))
}

impl RowFunction for Present {
    fn name(&self) -> &'static str {
        NAME
    }

    fn encode(&self) -> Vec<u8> {
        vec![]
    }

    fn result(&self) -> DataType {
        DataType::Boolean
    }

    fn eval(&self, args: &[ArrayRef], rows: usize) -> SparkResult<ArrayRef> {
        let mut keep = vec![true; rows];
        for arg in args {
            if let Some(nulls) = arg.logical_nulls() {
                keep.iter_mut().zip(nulls.iter()).for_each(|(k, valid)| *k &= valid);
            }
            if let Some(numbers) = arg.as_primitive_opt::<Float64Type>() {
                keep.iter_mut().zip(numbers.values()).for_each(|(k, v)| *k &= !v.is_nan());
            }
        }
        Ok(Arc::new(BooleanArray::from(keep)))
    }
}
