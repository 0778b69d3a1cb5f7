//! Every entry of a vector shifted, scaled and shifted again: what scaler models compute.

use std::sync::Arc;

use datafusion::arrow::array::ArrayRef;
use vonk_common::SparkResult;
use vonk_plan::types::DataType;

use crate::aggregate::vectors;
use crate::error::illegal_argument;
use crate::function::RowFunction;
use crate::linalg::udt::vector_type;
use crate::linalg::{Row, VectorBuilder};
use crate::wire::{Reader, Writer};

pub const NAME: &str = "ml_rescale";

/// `(x - before) * factor + after`.
#[derive(Debug, Clone)]
pub struct Rescale {
    /// Empty: nothing is subtracted.
    pub before: Vec<f64>,
    /// Empty: nothing is multiplied.
    pub factor: Vec<f64>,
    pub after: Vec<f64>,
    /// Results in the smaller of both forms, else dense ones unless zeros stay zeros.
    pub compress: bool,
}

pub fn decode(bytes: &[u8]) -> SparkResult<Arc<dyn RowFunction>> {
    let mut r = Reader::new(bytes);
    Ok(Arc::new(Rescale { before: r.f64s()?, factor: r.f64s()?, after: r.f64s()?, compress: r.bool()? }))
}

impl RowFunction for Rescale {
    fn name(&self) -> &'static str {
        NAME
    }

    fn encode(&self) -> Vec<u8> {
        Writer::new().f64s(&self.before).f64s(&self.factor).f64s(&self.after).bool(self.compress).done()
    }

    fn result(&self) -> DataType {
        vector_type()
    }

    fn eval(&self, args: &[ArrayRef], rows: usize) -> SparkResult<ArrayRef> {
        let input = vectors(args, 0)?;
        let width = self.before.len().max(self.factor.len()).max(self.after.len());
        let keeps_zeros = self.before.is_empty() && self.after.is_empty();
        let mut out = VectorBuilder::with_capacity(rows, rows * width);
        let mut dense = vec![];
        let indices: Vec<i32> = if self.compress { (0..width as i32).collect() } else { vec![] };
        for row in input.iter() {
            let Some(row) = row else {
                out.push_null();
                continue;
            };
            if width > 0 && row.len() != width {
                return Err(illegal_argument(format!(
                    "requirement failed: The lengths of the vector ({}) and of the scaler ({width}) differ.",
                    row.len()
                )));
            }
            if let (true, false, Row::Sparse { size, indices, values }) = (keeps_zeros, self.compress, row) {
                let scaled = |(i, v): (&i32, &f64)| (*i, v * self.factor.get(*i as usize).copied().unwrap_or(1.0));
                out.push_sparse(size, indices.iter().zip(values).map(scaled));
                continue;
            }
            dense.resize(row.len(), 0.0);
            row.write_to(&mut dense);
            dense.iter_mut().zip(&self.before).for_each(|(v, b)| *v -= b);
            dense.iter_mut().zip(&self.factor).for_each(|(v, f)| *v *= f);
            dense.iter_mut().zip(&self.after).for_each(|(v, a)| *v += a);
            if self.compress {
                out.push_compressed(dense.len(), &indices, &dense);
            } else {
                out.push_dense(&dense);
            }
        }
        out.finish()
    }
}
