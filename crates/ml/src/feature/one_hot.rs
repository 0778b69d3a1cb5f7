//! A category number as a vector with a single 1.

use std::sync::Arc;

use datafusion::arrow::array::ArrayRef;
use vonk_common::SparkResult;
use vonk_plan::types::DataType;

use crate::aggregate::doubles;
use crate::error::failed_row;
use crate::function::RowFunction;
use crate::linalg::udt::vector_type;
use crate::linalg::{VectorBuilder, java_double};
use crate::wire::{Reader, Writer};

pub const NAME: &str = "ml_one_hot";

#[derive(Debug)]
pub struct OneHot {
    /// Number of known categories.
    pub categories: usize,
    /// Length of the vector.
    pub size: usize,
    /// Other numbers count as one more category instead of being errors.
    pub keep: bool,
}

pub fn decode(bytes: &[u8]) -> SparkResult<Arc<dyn RowFunction>> {
    let mut r = Reader::new(bytes);
    Ok(Arc::new(OneHot { categories: r.usize()?, size: r.usize()?, keep: r.bool()? }))
}

impl RowFunction for OneHot {
    fn name(&self) -> &'static str {
        NAME
    }

    fn encode(&self) -> Vec<u8> {
        Writer::new().usize(self.categories).usize(self.size).bool(self.keep).done()
    }

    fn result(&self) -> DataType {
        vector_type()
    }

    fn eval(&self, args: &[ArrayRef], _: usize) -> SparkResult<ArrayRef> {
        let numbers = doubles(args, 0)?;
        let mut out = VectorBuilder::with_capacity(numbers.len(), numbers.len());
        for v in numbers.iter() {
            let Some(v) = v else {
                out.push_null();
                continue;
            };
            let category = if v >= 0.0 && v < self.categories as f64 {
                v as usize
            } else if self.keep {
                self.categories
            } else {
                let shown = java_double(v);
                return Err(failed_row(
                    "OneHotEncoderModel",
                    if v < 0.0 {
                        format!(
                            "Negative value: {shown}. Input can't be negative. To handle invalid values, set Param handleInvalid to keep."
                        )
                    } else {
                        format!("Unseen value: {shown}. To handle unseen values, set Param handleInvalid to keep.")
                    },
                ));
            };
            out.push_sparse(self.size, (category < self.size).then_some((category as i32, 1.0)));
        }
        out.finish()
    }
}
