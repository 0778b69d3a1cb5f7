//! The Gram matrix of features and label with their means: all that linear regression needs.
//!
//! Input: features, label, weight. The columns are taken as `(x1 … xd, y, 1)`: the state is the upper
//! triangle of the weighted sum of their outer products, row by row, before it the number of rows.

use std::sync::Arc;

use datafusion::arrow::array::ArrayRef;
use vonk_common::SparkResult;

use super::{Pass, PassState, doubles, vectors};
use crate::wire::{Reader, Writer, add};

pub const NAME: &str = "ml_gram";

#[derive(Debug, Clone, Copy)]
pub struct Gram {
    pub features: usize,
}

pub fn decode(bytes: &[u8]) -> SparkResult<Arc<dyn Pass>> {
    Ok(Arc::new(Gram { features: Reader::new(bytes).usize()? }))
}

impl Pass for Gram {
    fn name(&self) -> &'static str {
        NAME
    }

    fn encode(&self) -> Vec<u8> {
        Writer::new().usize(self.features).done()
    }

    fn start(&self) -> Box<dyn PassState> {
        let n = self.features + 2;
        Box::new(State { features: self.features, rows: 0, sums: vec![0.0; n * (n + 1) / 2] })
    }
}

/// The result, as a full symmetric matrix.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    pub rows: u64,
    pub features: usize,
    sums: Vec<f64>,
}

impl Found {
    pub fn decode(bytes: &[u8], features: usize) -> SparkResult<Found> {
        let mut r = Reader::new(bytes);
        Ok(Found { rows: r.u64()?, features, sums: r.f64s()? })
    }

    fn at(&self, i: usize, j: usize) -> f64 {
        let n = self.features + 2;
        let (i, j) = if i <= j { (i, j) } else { (j, i) };
        self.sums.get(start_of_row(i, n) + j - i).copied().unwrap_or(0.0)
    }

    pub fn weight(&self) -> f64 {
        self.at(self.features + 1, self.features + 1)
    }

    /// Weighted means of products: `E[x_i x_j]`, `E[x_i y]`, `E[x_i]`, `E[y²]`, `E[y]`.
    pub fn xx(&self, i: usize, j: usize) -> f64 {
        self.at(i, j) / self.weight()
    }

    pub fn xy(&self, i: usize) -> f64 {
        self.at(i, self.features) / self.weight()
    }

    pub fn x(&self, i: usize) -> f64 {
        self.at(i, self.features + 1) / self.weight()
    }

    pub fn yy(&self) -> f64 {
        self.at(self.features, self.features) / self.weight()
    }

    pub fn y(&self) -> f64 {
        self.at(self.features, self.features + 1) / self.weight()
    }
}

fn start_of_row(i: usize, n: usize) -> usize {
    i * n - i * i.saturating_sub(1) / 2
}

#[derive(Debug)]
struct State {
    features: usize,
    rows: u64,
    sums: Vec<f64>,
}

/// Rows taken together, so that a row of the triangle is loaded once for all of them.
const TILE: usize = 4;

impl PassState for State {
    fn update(&mut self, columns: &[ArrayRef]) -> SparkResult<()> {
        let (features, labels, weights) = (vectors(columns, 0)?, doubles(columns, 1)?, doubles(columns, 2)?);
        let (d, n) = (self.features, self.features + 2);
        self.rows += weights.values().iter().filter(|w| **w != 0.0).count() as u64;
        let mut tile = vec![0.0; TILE * n];
        let mut scaled = vec![0.0; TILE * n];
        let total = features.len();
        for start in (0..total).step_by(TILE) {
            for (k, (row, scaled)) in tile.chunks_exact_mut(n).zip(scaled.chunks_exact_mut(n)).enumerate() {
                let i = start + k;
                let (Some(vector), Some(y), Some(w)) =
                    (features.row(i.min(total)), labels.values().get(i), weights.values().get(i))
                else {
                    row.fill(0.0);
                    scaled.fill(0.0);
                    continue;
                };
                if let Some((x, tail)) = row.split_at_mut_checked(d) {
                    vector.write_to(x);
                    tail.copy_from_slice(&[*y, 1.0]);
                }
                scaled.iter_mut().zip(row.iter()).for_each(|(s, v)| *s = v * w);
            }
            rank_four(&mut self.sums, &tile, &scaled, n);
        }
        Ok(())
    }

    fn merge(&mut self, other: &[u8]) -> SparkResult<()> {
        let mut r = Reader::new(other);
        self.rows += r.u64()?;
        add(&mut self.sums, &r.f64s()?);
        Ok(())
    }

    fn encode(&self) -> Vec<u8> {
        Writer::new().u64(self.rows).f64s(&self.sums).done()
    }

    fn size(&self) -> usize {
        8 * self.sums.len() + 64
    }
}

/// Adds four outer products to the packed triangle.
fn rank_four(sums: &mut [f64], tile: &[f64], scaled: &[f64], n: usize) {
    let (Some((s0, s)), Some((t0, t))) = (scaled.split_at_checked(n), tile.split_at_checked(n)) else { return };
    let (Some((s1, s)), Some((t1, t))) = (s.split_at_checked(n), t.split_at_checked(n)) else { return };
    let (Some((s2, s3)), Some((t2, t3))) = (s.split_at_checked(n), t.split_at_checked(n)) else { return };
    let mut rest = sums;
    for i in 0..n {
        let Some((row, tail)) = std::mem::take(&mut rest).split_at_mut_checked(n - i) else { return };
        rest = tail;
        let (Some(a0), Some(a1), Some(a2), Some(a3)) = (s0.get(i), s1.get(i), s2.get(i), s3.get(i)) else { return };
        if *a0 == 0.0 && *a1 == 0.0 && *a2 == 0.0 && *a3 == 0.0 {
            continue;
        }
        let (Some(b0), Some(b1), Some(b2), Some(b3)) = (t0.get(i..), t1.get(i..), t2.get(i..), t3.get(i..)) else {
            return;
        };
        for ((((r, b0), b1), b2), b3) in row.iter_mut().zip(b0).zip(b1).zip(b2).zip(b3) {
            *r += a0 * b0 + a1 * b1 + a2 * b2 + a3 * b3;
        }
    }
}
