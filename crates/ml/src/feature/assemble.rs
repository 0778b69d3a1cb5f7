//! Columns of numbers and vectors side by side as one vector per row, in the smaller of both forms.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, Float64Array};
use datafusion::arrow::datatypes::DataType as Arrow;
use vonk_common::SparkResult;
use vonk_plan::types::DataType;

use crate::aggregate::{doubles, vectors};
use crate::error::failed_row;
use crate::function::RowFunction;
use crate::linalg::udt::vector_type;
use crate::linalg::{VectorBuilder, VectorColumn};
use crate::wire::{Reader, Writer};

pub const NAME: &str = "ml_assemble";

#[derive(Debug)]
pub struct Assemble {
    /// NULL numbers become NaN, NULL vectors NaNs; else they are errors.
    pub keep: bool,
    /// Known lengths of the inputs, for NULL vectors.
    pub sizes: Vec<i32>,
}

pub fn decode(bytes: &[u8]) -> SparkResult<Arc<dyn RowFunction>> {
    let mut r = Reader::new(bytes);
    Ok(Arc::new(Assemble { keep: r.bool()?, sizes: r.i32s()? }))
}

enum Input {
    Numbers(Float64Array),
    Vectors(VectorColumn, usize),
}

impl RowFunction for Assemble {
    fn name(&self) -> &'static str {
        NAME
    }

    fn encode(&self) -> Vec<u8> {
        Writer::new().bool(self.keep).i32s(&self.sizes).done()
    }

    fn result(&self) -> DataType {
        vector_type()
    }

    fn eval(&self, args: &[ArrayRef], rows: usize) -> SparkResult<ArrayRef> {
        let inputs: Vec<Input> = args
            .iter()
            .enumerate()
            .map(|(i, a)| {
                Ok(match a.data_type() {
                    Arrow::Struct(_) => {
                        let size = self.sizes.get(i).copied().unwrap_or(0);
                        Input::Vectors(vectors(args, i)?, usize::try_from(size).unwrap_or(0))
                    }
                    _ => Input::Numbers(doubles(args, i)?),
                })
            })
            .collect::<SparkResult<_>>()?;
        let mut out = VectorBuilder::with_capacity(rows, rows * inputs.len());
        let (mut indices, mut values) = (vec![], vec![]);
        for row in 0..rows {
            indices.clear();
            values.clear();
            let mut at = 0usize;
            for input in &inputs {
                match input {
                    Input::Numbers(numbers) => {
                        let v = if numbers.is_null(row) { self.missing("null")? } else { numbers.value(row) };
                        if v.is_nan() && !self.keep {
                            self.missing("NaN")?;
                        }
                        if v != 0.0 {
                            indices.push(at as i32);
                            values.push(v);
                        }
                        at += 1;
                    }
                    Input::Vectors(vectors, size) => match vectors.row(row) {
                        Some(vector) => {
                            vector.for_each(|i, v| {
                                if v != 0.0 {
                                    indices.push((at + i) as i32);
                                    values.push(v);
                                }
                            });
                            at += vector.len();
                        }
                        None => {
                            let nan = self.missing("null")?;
                            for i in 0..*size {
                                indices.push((at + i) as i32);
                                values.push(nan);
                            }
                            at += size;
                        }
                    },
                }
            }
            out.push_compressed(at, &indices, &values);
        }
        out.finish()
    }
}

impl Assemble {
    fn missing(&self, what: &str) -> SparkResult<f64> {
        if self.keep {
            return Ok(f64::NAN);
        }
        let plural = if what == "null" { "nulls" } else { "NaNs" };
        Err(failed_row(
            "VectorAssembler",
            format!(
                "Encountered {what} while assembling a row with handleInvalid = \"error\". Consider\nremoving {plural} from dataset or using handleInvalid = \"keep\" or \"skip\"."
            ),
        ))
    }
}
