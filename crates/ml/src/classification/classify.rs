//! What a logistic model says of a row: margins, probabilities and the class.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Float64Array, StructArray};
use datafusion::arrow::datatypes::DataType as Arrow;
use vonk_common::{SparkError, SparkResult};
use vonk_expr::arrow_types::to_arrow;
use vonk_plan::types::{DataType, StructField};

use crate::aggregate::vectors;
use crate::function::RowFunction;
use crate::linalg::udt::vector_type;
use crate::linalg::{Row, VectorBuilder};
use crate::wire::{Reader, Writer};

pub const NAME: &str = "ml_classify";

#[derive(Debug, Clone)]
pub struct Classify {
    /// One row of coefficients per class, or a single one for the second of two classes.
    pub coefficients: Arc<[f64]>,
    pub intercepts: Arc<[f64]>,
    pub features: usize,
    pub multinomial: bool,
    /// For two classes: the probability of the second that makes it the prediction.
    pub threshold: f64,
    /// For several: probabilities are divided by these before the greatest is taken. Empty: by none.
    pub thresholds: Vec<f64>,
}

pub fn decode(bytes: &[u8]) -> SparkResult<Arc<dyn RowFunction>> {
    let mut r = Reader::new(bytes);
    Ok(Arc::new(Classify {
        coefficients: r.f64s()?.into(),
        intercepts: r.f64s()?.into(),
        features: r.usize()?,
        multinomial: r.bool()?,
        threshold: r.f64()?,
        thresholds: r.f64s()?,
    }))
}

impl Classify {
    /// Margins of the classes.
    pub fn raw(&self, row: &Row<'_>) -> Vec<f64> {
        let rows = self.coefficients.chunks_exact(self.features.max(1));
        let mut raw: Vec<f64> = match self.features {
            0 => self.intercepts.to_vec(),
            _ => rows.zip(self.intercepts.iter()).map(|(c, b)| row.dot(c) + b).collect(),
        };
        if !self.multinomial {
            let margin = raw.first().copied().unwrap_or(0.0);
            raw = vec![-margin, margin];
        }
        raw
    }

    pub fn probability(&self, raw: &[f64]) -> Vec<f64> {
        if !self.multinomial {
            let first = 1.0 / (1.0 + (-raw.first().copied().unwrap_or(0.0)).exp());
            return vec![first, 1.0 - first];
        }
        let greatest = raw.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        if greatest == f64::INFINITY {
            return raw.iter().map(|m| if *m == f64::INFINITY { 1.0 } else { 0.0 }).collect();
        }
        let mut out: Vec<f64> = raw.iter().map(|m| (m - greatest).exp()).collect();
        let sum: f64 = out.iter().sum();
        out.iter_mut().for_each(|p| *p /= sum);
        out
    }

    pub fn prediction(&self, raw: &[f64], probability: &[f64]) -> f64 {
        if !self.multinomial {
            let t = self.threshold;
            let least = if t == 0.0 {
                f64::NEG_INFINITY
            } else if t == 1.0 {
                f64::INFINITY
            } else {
                (t / (1.0 - t)).ln()
            };
            return if raw.get(1).is_some_and(|m| *m > least) { 1.0 } else { 0.0 };
        }
        if self.thresholds.is_empty() {
            return greatest(raw.iter().copied());
        }
        greatest(
            probability.iter().zip(&self.thresholds).map(|(p, t)| if *t == 0.0 && *p == 0.0 { 0.0 } else { p / t }),
        )
    }
}

/// Index of the first of the greatest.
fn greatest(values: impl Iterator<Item = f64>) -> f64 {
    let mut best = (0, f64::NEG_INFINITY);
    for (i, v) in values.enumerate() {
        if v > best.1 {
            best = (i, v);
        }
    }
    best.0 as f64
}

impl RowFunction for Classify {
    fn name(&self) -> &'static str {
        NAME
    }

    fn encode(&self) -> Vec<u8> {
        let w = Writer::new().f64s(&self.coefficients).f64s(&self.intercepts).usize(self.features);
        w.bool(self.multinomial).f64(self.threshold).f64s(&self.thresholds).done()
    }

    fn result(&self) -> DataType {
        DataType::structure([
            StructField::new("raw", vector_type(), true),
            StructField::new("probability", vector_type(), true),
            StructField::new("prediction", DataType::Double, false),
        ])
    }

    fn eval(&self, args: &[ArrayRef], rows: usize) -> SparkResult<ArrayRef> {
        let input = vectors(args, 0)?;
        let classes = if self.multinomial { self.intercepts.len() } else { 2 };
        let mut raws = VectorBuilder::with_capacity(rows, rows * classes);
        let mut probabilities = VectorBuilder::with_capacity(rows, rows * classes);
        let mut predictions = Vec::with_capacity(rows);
        for row in input.iter() {
            let Some(row) = row else {
                return Err(crate::error::failed_row("LogisticRegressionModel", "features are NULL"));
            };
            let raw = self.raw(&row);
            let probability = self.probability(&raw);
            predictions.push(self.prediction(&raw, &probability));
            raws.push_dense(&raw);
            probabilities.push_dense(&probability);
        }
        let Arrow::Struct(fields) = to_arrow(&self.result()) else { return Err(SparkError::internal("struct type")) };
        let columns =
            vec![raws.finish()?, probabilities.finish()?, Arc::new(Float64Array::from(predictions)) as ArrayRef];
        Ok(Arc::new(StructArray::try_new(fields, columns, None).map_err(crate::linalg::column::arrow_error)?))
    }
}
