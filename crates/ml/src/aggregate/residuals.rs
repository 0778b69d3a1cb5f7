//! How far predictions are off: the sums behind every measure of a regression.
//!
//! Input: prediction, label, weight.

use std::sync::Arc;

use datafusion::arrow::array::ArrayRef;
use vonk_common::SparkResult;

use super::moments::chan;
use super::{Pass, PassState, doubles};
use crate::wire::{Reader, Writer};

pub const NAME: &str = "ml_residuals";

#[derive(Debug, Clone, Copy)]
pub struct Residuals;

pub fn decode(_: &[u8]) -> SparkResult<Arc<dyn Pass>> {
    Ok(Arc::new(Residuals))
}

impl Pass for Residuals {
    fn name(&self) -> &'static str {
        NAME
    }

    fn encode(&self) -> Vec<u8> {
        vec![]
    }

    fn start(&self) -> Box<dyn PassState> {
        Box::new(Found { least: f64::INFINITY, greatest: f64::NEG_INFINITY, ..Found::default() })
    }
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct Found {
    pub rows: f64,
    pub weight: f64,
    weight_squares: f64,
    label_mean: f64,
    label_squares: f64,
    /// Sums of `|e|`, `e²`, `y²`, `p`, `p²` with weights.
    absolute: f64,
    errors: f64,
    labels: f64,
    predictions: f64,
    prediction_squares: f64,
    /// Range of the errors times the root of their weight.
    pub least: f64,
    pub greatest: f64,
}

impl Found {
    pub fn decode(bytes: &[u8]) -> SparkResult<Found> {
        let mut r = Reader::new(bytes);
        let mut next = || r.f64();
        Ok(Found {
            rows: next()?,
            weight: next()?,
            weight_squares: next()?,
            label_mean: next()?,
            label_squares: next()?,
            absolute: next()?,
            errors: next()?,
            labels: next()?,
            predictions: next()?,
            prediction_squares: next()?,
            least: next()?,
            greatest: next()?,
        })
    }

    pub fn mean_squared_error(&self) -> f64 {
        self.errors / self.weight
    }

    pub fn mean_absolute_error(&self) -> f64 {
        self.absolute / self.weight
    }

    pub fn explained_variance(&self) -> f64 {
        let mean = self.label_mean;
        (self.prediction_squares + mean * mean * self.weight - 2.0 * mean * self.predictions) / self.weight
    }

    pub fn r2(&self, through_origin: bool) -> f64 {
        let total = if through_origin {
            self.labels
        } else {
            self.label_squares / (self.weight - self.weight_squares / self.weight) * (self.weight - 1.0)
        };
        1.0 - self.errors / total
    }
}

impl PassState for Found {
    fn update(&mut self, columns: &[ArrayRef]) -> SparkResult<()> {
        let (predictions, labels, weights) = (doubles(columns, 0)?, doubles(columns, 1)?, doubles(columns, 2)?);
        let mut batch = Found { least: f64::INFINITY, greatest: f64::NEG_INFINITY, ..Found::default() };
        let rows = || predictions.values().iter().zip(labels.values()).zip(weights.values());
        for ((p, y), w) in rows().filter(|(_, w)| **w != 0.0) {
            let e = y - p;
            batch.rows += 1.0;
            batch.weight += w;
            batch.weight_squares += w * w;
            batch.label_mean += w * y;
            batch.absolute += w * e.abs();
            batch.errors += w * e * e;
            batch.labels += w * y * y;
            batch.predictions += w * p;
            batch.prediction_squares += w * p * p;
            batch.least = batch.least.min(e * w.sqrt());
            batch.greatest = batch.greatest.max(e * w.sqrt());
        }
        if batch.weight > 0.0 {
            batch.label_mean /= batch.weight;
        }
        batch.label_squares = rows().map(|((_, y), w)| w * (y - batch.label_mean).powi(2)).sum();
        self.join(&batch);
        Ok(())
    }

    fn merge(&mut self, other: &[u8]) -> SparkResult<()> {
        self.join(&Found::decode(other)?);
        Ok(())
    }

    fn encode(&self) -> Vec<u8> {
        let all = [
            self.rows,
            self.weight,
            self.weight_squares,
            self.label_mean,
            self.label_squares,
            self.absolute,
            self.errors,
            self.labels,
            self.predictions,
            self.prediction_squares,
            self.least,
            self.greatest,
        ];
        all.into_iter().fold(Writer::new(), Writer::f64).done()
    }

    fn size(&self) -> usize {
        128
    }
}

impl Found {
    fn join(&mut self, other: &Found) {
        (self.label_mean, self.label_squares) = chan(
            (self.weight, self.label_mean, self.label_squares),
            (other.weight, other.label_mean, other.label_squares),
        );
        self.rows += other.rows;
        self.weight += other.weight;
        self.weight_squares += other.weight_squares;
        self.absolute += other.absolute;
        self.errors += other.errors;
        self.labels += other.labels;
        self.predictions += other.predictions;
        self.prediction_squares += other.prediction_squares;
        self.least = self.least.min(other.least);
        self.greatest = self.greatest.max(other.greatest);
    }
}
