//! Nearest centres: the cost of all points, and weight and sum of the points of each centre.
//!
//! Input: features, weight. The state is one list: cost, weights of the centres, their sums.

use std::sync::Arc;

use datafusion::arrow::array::ArrayRef;
use vonk_common::SparkResult;

use super::{Pass, PassState, doubles, vectors};
use crate::linalg::{Row, dot, norm};
use crate::wire::{Reader, Writer, add};

pub const NAME: &str = "ml_nearest";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    Euclidean,
    Cosine,
}

/// Centres, prepared for finding the nearest.
#[derive(Debug, Clone)]
pub struct Centres {
    pub measure: Measure,
    pub width: usize,
    /// One after the other; of length 1 each for the cosine measure.
    pub values: Arc<[f64]>,
    /// Half of the squared lengths.
    halves: Arc<[f64]>,
}

impl Centres {
    pub fn new(measure: Measure, width: usize, mut values: Vec<f64>) -> Self {
        if measure == Measure::Cosine {
            for c in values.chunks_exact_mut(width.max(1)) {
                let n = norm(c);
                c.iter_mut().for_each(|v| *v /= n);
            }
        }
        let halves = values.chunks_exact(width.max(1)).map(|c| 0.5 * dot(c, c)).collect();
        Centres { measure, width, values: values.into(), halves }
    }

    pub fn len(&self) -> usize {
        self.halves.len()
    }

    pub fn is_empty(&self) -> bool {
        self.halves.is_empty()
    }

    pub fn iter(&self) -> impl Iterator<Item = &[f64]> {
        self.values.chunks_exact(self.width.max(1))
    }

    /// Index of the nearest centre, the first of several, and its cost.
    pub fn nearest(&self, row: &Row<'_>) -> (usize, f64) {
        let mut best = (0, f64::INFINITY);
        for (i, (c, half)) in self.iter().zip(self.halves.iter()).enumerate() {
            let score = match self.measure {
                Measure::Euclidean => half - row.dot(c),
                Measure::Cosine => -row.dot(c),
            };
            if score < best.1 {
                best = (i, score);
            }
        }
        let centre = self.iter().nth(best.0).unwrap_or_default();
        (best.0, self.distance(row, centre))
    }

    fn distance(&self, row: &Row<'_>, centre: &[f64]) -> f64 {
        match (self.measure, row) {
            (Measure::Cosine, _) => 1.0 - row.dot(centre) / row.squared_norm().sqrt(),
            (Measure::Euclidean, Row::Dense(x)) => x.iter().zip(centre).map(|(a, b)| (a - b) * (a - b)).sum(),
            (Measure::Euclidean, _) => (row.squared_norm() - 2.0 * row.dot(centre) + dot(centre, centre)).max(0.0),
        }
    }

    pub fn write(&self, w: Writer) -> Writer {
        w.bool(self.measure == Measure::Cosine).usize(self.width).f64s(&self.values)
    }

    pub fn read(r: &mut Reader<'_>) -> SparkResult<Centres> {
        let measure = if r.bool()? { Measure::Cosine } else { Measure::Euclidean };
        let width = r.usize()?;
        Ok(Centres::new(measure, width, r.f64s()?))
    }
}

#[derive(Debug, Clone)]
pub struct Nearest {
    pub centres: Centres,
}

pub fn decode(bytes: &[u8]) -> SparkResult<Arc<dyn Pass>> {
    Ok(Arc::new(Nearest { centres: Centres::read(&mut Reader::new(bytes))? }))
}

impl Pass for Nearest {
    fn name(&self) -> &'static str {
        NAME
    }

    fn encode(&self) -> Vec<u8> {
        self.centres.write(Writer::new()).done()
    }

    fn start(&self) -> Box<dyn PassState> {
        let sums = vec![0.0; 1 + self.centres.len() * (1 + self.centres.width)];
        Box::new(State { centres: self.centres.clone(), sums })
    }
}

#[derive(Debug)]
struct State {
    centres: Centres,
    sums: Vec<f64>,
}

impl PassState for State {
    fn update(&mut self, columns: &[ArrayRef]) -> SparkResult<()> {
        let (features, weights) = (vectors(columns, 0)?, doubles(columns, 1)?);
        let (k, d) = (self.centres.len(), self.centres.width);
        let Some((cost, rest)) = self.sums.split_first_mut() else { return Ok(()) };
        let Some((totals, sums)) = rest.split_at_mut_checked(k) else { return Ok(()) };
        for (row, w) in features.iter().zip(weights.values()) {
            let Some(row) = row else { continue };
            let (best, distance) = self.centres.nearest(&row);
            *cost += w * distance;
            let scale = match self.centres.measure {
                Measure::Euclidean => *w,
                Measure::Cosine => w / row.squared_norm().sqrt(),
            };
            if let (Some(total), Some(sum)) = (totals.get_mut(best), sums.get_mut(best * d..(best + 1) * d)) {
                *total += w;
                row.axpy(scale, sum);
            }
        }
        Ok(())
    }

    fn merge(&mut self, other: &[u8]) -> SparkResult<()> {
        add(&mut self.sums, &Reader::new(other).f64s()?);
        Ok(())
    }

    fn encode(&self) -> Vec<u8> {
        Writer::new().f64s(&self.sums).done()
    }

    fn size(&self) -> usize {
        64 + 8 * (self.sums.len() + self.centres.values.len())
    }
}
