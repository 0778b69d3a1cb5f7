//! Weight of positive and negative rows at every distinct score: what ROC and precision-recall
//! curves are drawn from.
//!
//! Input: score (a number, or a vector of which the entry 1 counts), label, weight.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::datatypes::DataType as Arrow;
use vonk_common::SparkResult;

use super::{Pass, PassState, column, doubles, vectors};
use crate::linalg::Row;
use crate::wire::{Reader, Writer};

pub const NAME: &str = "ml_curve";

#[derive(Debug, Clone, Copy)]
pub struct Curve;

pub fn decode(_: &[u8]) -> SparkResult<Arc<dyn Pass>> {
    Ok(Arc::new(Curve))
}

impl Pass for Curve {
    fn name(&self) -> &'static str {
        NAME
    }

    fn encode(&self) -> Vec<u8> {
        vec![]
    }

    fn start(&self) -> Box<dyn PassState> {
        Box::new(State::default())
    }
}

/// Score, weight of positives, weight of negatives; highest score first.
pub fn points(bytes: &[u8]) -> SparkResult<Vec<(f64, f64, f64)>> {
    let flat = Reader::new(bytes).f64s()?;
    let mut out: Vec<_> = flat
        .chunks_exact(3)
        .filter_map(|c| match c {
            [s, p, n] => Some((*s, *p, *n)),
            _ => None,
        })
        .collect();
    out.sort_unstable_by(|a, b| b.0.total_cmp(&a.0));
    Ok(out)
}

#[derive(Debug, Default)]
struct State {
    counts: HashMap<u64, (f64, f64)>,
}

impl State {
    fn add(&mut self, score: f64, positive: f64, negative: f64) {
        let (p, n) = self.counts.entry(score.to_bits()).or_default();
        *p += positive;
        *n += negative;
    }
}

impl PassState for State {
    fn update(&mut self, columns: &[ArrayRef]) -> SparkResult<()> {
        let (labels, weights) = (doubles(columns, 1)?, doubles(columns, 2)?);
        let scores: Vec<f64> = if matches!(column(columns, 0)?.data_type(), Arrow::Struct(_)) {
            let entry = |row: Row<'_>| match row {
                Row::Dense(v) => v.get(1).copied().unwrap_or(0.0),
                Row::Sparse { indices, values, .. } => {
                    indices.iter().position(|i| *i == 1).and_then(|at| values.get(at)).copied().unwrap_or(0.0)
                }
            };
            vectors(columns, 0)?.iter().map(|row| row.map_or(f64::NAN, entry)).collect()
        } else {
            doubles(columns, 0)?.values().to_vec()
        };
        for ((score, label), weight) in scores.into_iter().zip(labels.values()).zip(weights.values()) {
            if *label > 0.5 {
                self.add(score, *weight, 0.0);
            } else {
                self.add(score, 0.0, *weight);
            }
        }
        Ok(())
    }

    fn merge(&mut self, other: &[u8]) -> SparkResult<()> {
        for (s, p, n) in points(other)? {
            self.add(s, p, n);
        }
        Ok(())
    }

    fn encode(&self) -> Vec<u8> {
        let flat: Vec<f64> = self.counts.iter().flat_map(|(s, (p, n))| [f64::from_bits(*s), *p, *n]).collect();
        Writer::new().f64s(&flat).done()
    }

    fn size(&self) -> usize {
        64 + 40 * self.counts.len()
    }
}
