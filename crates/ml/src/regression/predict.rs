//! The value of a linear model at a row.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Float64Array};
use vonk_common::SparkResult;
use vonk_plan::types::DataType;

use crate::aggregate::vectors;
use crate::error::failed_row;
use crate::function::RowFunction;
use crate::linalg::dot;
use crate::wire::{Reader, Writer};

pub const NAME: &str = "ml_linear";

#[derive(Debug)]
pub struct Linear {
    pub coefficients: Vec<f64>,
    pub intercept: f64,
}

pub fn decode(bytes: &[u8]) -> SparkResult<Arc<dyn RowFunction>> {
    let mut r = Reader::new(bytes);
    Ok(Arc::new(Linear { coefficients: r.f64s()?, intercept: r.f64()? }))
}

impl RowFunction for Linear {
    fn name(&self) -> &'static str {
        NAME
    }

    fn encode(&self) -> Vec<u8> {
        Writer::new().f64s(&self.coefficients).f64(self.intercept).done()
    }

    fn result(&self) -> DataType {
        DataType::Double
    }

    fn eval(&self, args: &[ArrayRef], _: usize) -> SparkResult<ArrayRef> {
        let input = vectors(args, 0)?;
        let d = self.coefficients.len();
        let out: Float64Array = match input.block(d) {
            Some(block) => block.chunks_exact(d).map(|x| dot(x, &self.coefficients) + self.intercept).collect(),
            None => {
                let value = |row: Option<crate::linalg::Row<'_>>| match row {
                    Some(row) => Ok(Some(row.dot(&self.coefficients) + self.intercept)),
                    None => Err(failed_row("LinearRegressionModel", "features are NULL")),
                };
                input.iter().map(value).collect::<SparkResult<_>>()?
            }
        };
        Ok(Arc::new(out))
    }
}
