//! The confusion matrix of a classifier, by weight, and the logarithmic loss if probabilities are
//! given.
//!
//! Input: prediction, label, weight and maybe the vector of probabilities.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::arrow::array::ArrayRef;
use vonk_common::SparkResult;

use super::{Pass, PassState, doubles, vectors};
use crate::wire::{Reader, Writer};

pub const NAME: &str = "ml_confusion";

#[derive(Debug, Clone, Copy)]
pub struct Confusion {
    /// Least probability that counts.
    pub eps: f64,
}

pub fn decode(bytes: &[u8]) -> SparkResult<Arc<dyn Pass>> {
    Ok(Arc::new(Confusion { eps: Reader::new(bytes).f64()? }))
}

impl Pass for Confusion {
    fn name(&self) -> &'static str {
        NAME
    }

    fn encode(&self) -> Vec<u8> {
        Writer::new().f64(self.eps).done()
    }

    fn start(&self) -> Box<dyn PassState> {
        Box::new(State { eps: self.eps, found: Found::default() })
    }
}

#[derive(Debug, Clone, Default)]
pub struct Found {
    /// Weight by label and prediction (as bits).
    cells: HashMap<(u64, u64), f64>,
    pub loss: f64,
}

impl Found {
    pub fn decode(bytes: &[u8]) -> SparkResult<Found> {
        let mut r = Reader::new(bytes);
        let mut out = Found { loss: r.f64()?, ..Found::default() };
        for c in r.f64s()?.chunks_exact(3) {
            if let [label, prediction, weight] = c {
                out.cells.insert((label.to_bits(), prediction.to_bits()), *weight);
            }
        }
        Ok(out)
    }

    /// Label, prediction, weight.
    pub fn cells(&self) -> impl Iterator<Item = (f64, f64, f64)> {
        self.cells.iter().map(|((l, p), w)| (f64::from_bits(*l), f64::from_bits(*p), *w))
    }
}

#[derive(Debug)]
struct State {
    eps: f64,
    found: Found,
}

impl PassState for State {
    fn update(&mut self, columns: &[ArrayRef]) -> SparkResult<()> {
        let (predictions, labels, weights) = (doubles(columns, 0)?, doubles(columns, 1)?, doubles(columns, 2)?);
        for ((p, l), w) in predictions.values().iter().zip(labels.values()).zip(weights.values()) {
            *self.found.cells.entry((l.to_bits(), p.to_bits())).or_default() += w;
        }
        if columns.len() > 3 {
            let probabilities = vectors(columns, 3)?;
            for ((row, l), w) in probabilities.iter().zip(labels.values()).zip(weights.values()) {
                let mut p = 0.0;
                if let Some(row) = row {
                    row.for_each(|i, v| {
                        if i as f64 == *l {
                            p = v;
                        }
                    });
                }
                self.found.loss += w * if p < self.eps {
                    -self.eps.ln()
                } else if p > 1.0 - self.eps {
                    -(-self.eps).ln_1p()
                } else {
                    -p.ln()
                };
            }
        }
        Ok(())
    }

    fn merge(&mut self, other: &[u8]) -> SparkResult<()> {
        let other = Found::decode(other)?;
        self.found.loss += other.loss;
        for (key, w) in other.cells {
            *self.found.cells.entry(key).or_default() += w;
        }
        Ok(())
    }

    fn encode(&self) -> Vec<u8> {
        let flat: Vec<f64> = self.found.cells().flat_map(|(l, p, w)| [l, p, w]).collect();
        Writer::new().f64(self.found.loss).f64s(&flat).done()
    }

    fn size(&self) -> usize {
        64 + 40 * self.found.cells.len()
    }
}
