//! Mean, variance and range of every feature and of the label, and the weights of the classes: the
//! first look at training data, which checks it too.
//!
//! Input: features, label, weight. Each batch is summed up in two runs over data that is in cache,
//! and joined to the rest by Chan's rule, so that large means cost no digits.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef};
use vonk_common::SparkResult;

use super::{Pass, PassState, doubles, vectors};
use crate::error::{bad_data, illegal_argument};
use crate::linalg::java_double;
use crate::wire::{Reader, Writer};

pub const NAME: &str = "ml_moments";

/// What labels may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Labels {
    Ignored,
    /// Finite numbers.
    Numbers,
    /// Class numbers 0, 1, ….
    Classes,
}

#[derive(Debug, Clone, Copy)]
pub struct Moments {
    pub labels: Labels,
}

/// More classes than this have to be announced in the label's metadata.
const MAX_CLASSES: f64 = 1e6;

pub fn decode(bytes: &[u8]) -> SparkResult<Arc<dyn Pass>> {
    let labels = match Reader::new(bytes).u64()? {
        0 => Labels::Ignored,
        1 => Labels::Numbers,
        _ => Labels::Classes,
    };
    Ok(Arc::new(Moments { labels }))
}

impl Pass for Moments {
    fn name(&self) -> &'static str {
        NAME
    }

    fn encode(&self) -> Vec<u8> {
        Writer::new().u64(self.labels as u64).done()
    }

    fn start(&self) -> Box<dyn PassState> {
        Box::new(State { labels: self.labels, found: Found::default() })
    }
}

/// The result.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Found {
    pub rows: u64,
    pub weight: f64,
    pub weight_squares: f64,
    /// Weight, mean and sum of squared deviations over the stored entries of each feature.
    stored: Vec<f64>,
    mean: Vec<f64>,
    squares: Vec<f64>,
    least: Vec<f64>,
    greatest: Vec<f64>,
    /// Number of entries that are not zero.
    non_zeros: Vec<f64>,
    /// Sums of the absolute values.
    absolute: Vec<f64>,
    pub label_mean: f64,
    label_squares: f64,
    /// Weight of every class.
    pub classes: Vec<f64>,
}

#[derive(Debug)]
struct State {
    labels: Labels,
    found: Found,
}

impl Found {
    pub fn decode(bytes: &[u8]) -> SparkResult<Found> {
        let mut r = Reader::new(bytes);
        Ok(Found {
            rows: r.u64()?,
            weight: r.f64()?,
            weight_squares: r.f64()?,
            stored: r.f64s()?,
            mean: r.f64s()?,
            squares: r.f64s()?,
            least: r.f64s()?,
            greatest: r.f64s()?,
            non_zeros: r.f64s()?,
            absolute: r.f64s()?,
            label_mean: r.f64()?,
            label_squares: r.f64()?,
            classes: r.f64s()?,
        })
    }

    fn encode(&self) -> Vec<u8> {
        Writer::new()
            .u64(self.rows)
            .f64(self.weight)
            .f64(self.weight_squares)
            .f64s(&self.stored)
            .f64s(&self.mean)
            .f64s(&self.squares)
            .f64s(&self.least)
            .f64s(&self.greatest)
            .f64s(&self.non_zeros)
            .f64s(&self.absolute)
            .f64(self.label_mean)
            .f64(self.label_squares)
            .f64s(&self.classes)
            .done()
    }

    pub fn features(&self) -> usize {
        self.mean.len()
    }

    /// Zeros that are not stored count as zeros.
    pub fn means(&self) -> Vec<f64> {
        self.mean.iter().zip(&self.stored).map(|(m, w)| m * w / self.weight).collect()
    }

    /// Unbiased, with weights.
    pub fn variances(&self) -> Vec<f64> {
        let denominator = self.denominator();
        let parts = self.mean.iter().zip(&self.squares).zip(&self.stored);
        parts
            .map(|((m, s), w)| {
                let total = s + m * m * w * (self.weight - w) / self.weight;
                if denominator > 0.0 { (total / denominator).max(0.0) } else { 0.0 }
            })
            .collect()
    }

    fn denominator(&self) -> f64 {
        self.weight - self.weight_squares / self.weight
    }

    pub fn deviations(&self) -> Vec<f64> {
        self.variances().into_iter().map(f64::sqrt).collect()
    }

    pub fn label_deviation(&self) -> f64 {
        let d = self.denominator();
        if d > 0.0 { (self.label_squares / d).max(0.0).sqrt() } else { 0.0 }
    }

    pub fn sums(&self) -> Vec<f64> {
        self.mean.iter().zip(&self.stored).map(|(m, w)| m * w).collect()
    }

    pub fn non_zeros(&self) -> &[f64] {
        &self.non_zeros
    }

    /// Sums of absolute values.
    pub fn norms_1(&self) -> &[f64] {
        &self.absolute
    }

    /// Roots of the sums of squares.
    pub fn norms_2(&self) -> Vec<f64> {
        let parts = self.mean.iter().zip(&self.squares).zip(&self.stored);
        parts.map(|((m, s), w)| (s + m * m * w).max(0.0).sqrt()).collect()
    }

    pub fn least(&self) -> Vec<f64> {
        self.range(&self.least, f64::min)
    }

    pub fn greatest(&self) -> Vec<f64> {
        self.range(&self.greatest, f64::max)
    }

    fn range(&self, found: &[f64], pick: fn(f64, f64) -> f64) -> Vec<f64> {
        let zip = found.iter().zip(&self.non_zeros);
        zip.map(|(v, n)| if *n < self.rows as f64 { pick(*v, 0.0) } else { *v }).collect()
    }

    fn join(&mut self, other: &Found) -> SparkResult<()> {
        if other.rows == 0 {
            return Ok(());
        }
        if self.mean.is_empty() {
            let d = other.mean.len();
            let zeros = vec![0.0; d];
            self.stored = zeros.clone();
            self.mean = zeros.clone();
            self.squares = zeros.clone();
            self.non_zeros = zeros.clone();
            self.absolute = zeros;
            self.least = vec![f64::INFINITY; d];
            self.greatest = vec![f64::NEG_INFINITY; d];
        }
        if self.mean.len() != other.mean.len() {
            return Err(dimensions(self.mean.len(), other.mean.len()));
        }
        (self.label_mean, self.label_squares) = chan(
            (self.weight, self.label_mean, self.label_squares),
            (other.weight, other.label_mean, other.label_squares),
        );
        let mine = self.mean.iter_mut().zip(&mut self.squares).zip(&mut self.stored);
        let theirs = other.mean.iter().zip(&other.squares).zip(&other.stored);
        for (((m, s), w), ((om, os), ow)) in mine.zip(theirs) {
            if *ow > 0.0 {
                (*m, *s) = chan((*w, *m, *s), (*ow, *om, *os));
                *w += ow;
            }
        }
        self.least.iter_mut().zip(&other.least).for_each(|(a, b)| *a = a.min(*b));
        self.greatest.iter_mut().zip(&other.greatest).for_each(|(a, b)| *a = a.max(*b));
        self.non_zeros.iter_mut().zip(&other.non_zeros).for_each(|(a, b)| *a += b);
        self.absolute.iter_mut().zip(&other.absolute).for_each(|(a, b)| *a += b);
        self.rows += other.rows;
        self.weight += other.weight;
        self.weight_squares += other.weight_squares;
        crate::wire::add(&mut self.classes, &other.classes);
        Ok(())
    }
}

pub(crate) fn dimensions(a: usize, b: usize) -> vonk_common::SparkError {
    illegal_argument(format!(
        "requirement failed: Dimensions mismatch when merging with another summarizer. Expecting {a} but got {b}."
    ))
}

/// Weight, mean and squared deviations of two groups taken together.
pub(crate) fn chan((wa, ma, sa): (f64, f64, f64), (wb, mb, sb): (f64, f64, f64)) -> (f64, f64) {
    let w = wa + wb;
    if w == 0.0 {
        return (0.0, 0.0);
    }
    let delta = mb - ma;
    (ma + delta * (wb / w), sa + sb + delta * delta * (wa * wb / w))
}

/// The weight of a row. NULL and negative ones are errors.
pub(crate) fn checked_weight(weights: &datafusion::arrow::array::Float64Array, i: usize) -> SparkResult<f64> {
    if weights.is_null(i) {
        return Err(bad_data("Weights MUST NOT be Null or NaN"));
    }
    match weights.value(i) {
        w if w.is_nan() => Err(bad_data("Weights MUST NOT be Null or NaN")),
        w if w < 0.0 || w.is_infinite() => {
            Err(bad_data(format!("Weights MUST NOT be Negative or Infinity, but got {}", java_double(w))))
        }
        w => Ok(w),
    }
}

fn checked_label(labels: &datafusion::arrow::array::Float64Array, i: usize, kind: Labels) -> SparkResult<f64> {
    if kind == Labels::Ignored {
        return Ok(0.0);
    }
    let y = if labels.is_null(i) { f64::NAN } else { labels.value(i) };
    let shown = java_double(y);
    if y.is_nan() {
        Err(bad_data("Labels MUST NOT be Null or NaN"))
    } else if kind == Labels::Numbers {
        if y.is_infinite() { Err(bad_data(format!("Labels MUST NOT be Infinity, but got {shown}"))) } else { Ok(y) }
    } else if y < 0.0 || y.is_infinite() {
        Err(bad_data(format!("Labels MUST NOT be Negative or Infinity, but got {shown}")))
    } else if y.fract() != 0.0 {
        Err(bad_data(format!("Labels MUST be Integers, but got {shown}")))
    } else if y >= MAX_CLASSES {
        Err(illegal_argument(format!("the label {shown} is too large for a class")))
    } else {
        Ok(y)
    }
}

impl PassState for State {
    fn update(&mut self, columns: &[ArrayRef]) -> SparkResult<()> {
        let (features, labels, weights) = (vectors(columns, 0)?, doubles(columns, 1)?, doubles(columns, 2)?);
        let Some(d) = features.iter().flatten().next().map(|r| r.len()) else {
            return if features.is_empty() { Ok(()) } else { Err(bad_data("Vectors MUST NOT be Null")) };
        };
        let zeros = || vec![0.0; d];
        let (mut stored, mut mean, mut squares) = (zeros(), zeros(), zeros());
        let (mut non_zeros, mut absolute) = (zeros(), zeros());
        let (mut least, mut greatest) = (vec![f64::INFINITY; d], vec![f64::NEG_INFINITY; d]);
        let mut batch = Found::default();
        let mut ys = Vec::with_capacity(features.len());
        for (i, row) in features.iter().enumerate() {
            let row = row.ok_or_else(|| bad_data("Vectors MUST NOT be Null"))?;
            if row.len() != d {
                return Err(dimensions(d, row.len()));
            }
            if self.labels != Labels::Ignored && row.values().iter().fold(0.0, |a, v| a + v * 0.0) != 0.0 {
                return Err(bad_data(format!(
                    "Vector values MUST NOT be NaN or Infinity, but got {}",
                    row.to_vector()
                )));
            }
            let (w, y) = (checked_weight(&weights, i)?, checked_label(&labels, i, self.labels)?);
            ys.push((w, y));
            if w == 0.0 {
                continue;
            }
            batch.rows += 1;
            batch.weight += w;
            batch.weight_squares += w * w;
            batch.label_mean += w * y;
            if self.labels == Labels::Classes {
                let class = y as usize;
                if batch.classes.len() <= class {
                    batch.classes.resize(class + 1, 0.0);
                }
                if let Some(c) = batch.classes.get_mut(class) {
                    *c += w;
                }
            }
            row.for_each(|j, v| {
                let sums = (stored.get_mut(j), mean.get_mut(j), non_zeros.get_mut(j), absolute.get_mut(j));
                if let (Some(s), Some(m), Some(n), Some(a)) = sums {
                    *s += w;
                    *m += w * v;
                    *n += if v != 0.0 { 1.0 } else { 0.0 };
                    *a += w * v.abs();
                }
                if let (Some(lo), Some(hi)) = (least.get_mut(j), greatest.get_mut(j)) {
                    *lo = lo.min(v);
                    *hi = hi.max(v);
                }
            });
        }
        mean.iter_mut().zip(&stored).for_each(|(m, w)| *m = if *w > 0.0 { *m / w } else { 0.0 });
        batch.label_mean = if batch.weight > 0.0 { batch.label_mean / batch.weight } else { 0.0 };
        for ((w, y), row) in ys.iter().zip(features.iter().flatten()) {
            batch.label_squares += w * (y - batch.label_mean).powi(2);
            if *w > 0.0 {
                row.for_each(|j, v| {
                    if let (Some(s), Some(m)) = (squares.get_mut(j), mean.get(j)) {
                        *s += w * (v - m) * (v - m);
                    }
                });
            }
        }
        (batch.stored, batch.mean, batch.squares) = (stored, mean, squares);
        (batch.non_zeros, batch.absolute) = (non_zeros, absolute);
        (batch.least, batch.greatest) = (least, greatest);
        self.found.join(&batch)
    }

    fn merge(&mut self, other: &[u8]) -> SparkResult<()> {
        self.found.join(&Found::decode(other)?)
    }

    fn encode(&self) -> Vec<u8> {
        self.found.encode()
    }

    fn size(&self) -> usize {
        200 + 48 * self.found.mean.len() + 8 * self.found.classes.len()
    }
}
