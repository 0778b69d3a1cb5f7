//! The objective of linear classifiers: sought for scaled and centred features, evaluated on the data
//! as they are. Scale and centre go into the coefficients of each pass and come out of its gradient.

use async_trait::async_trait;
use vonk_common::{SparkError, SparkResult};

use crate::aggregate::logistic::{LinearLoss, Loss};
use crate::frame::Kept;
use crate::host::MlHost;
use crate::linalg::dot;
use crate::optimize::Objective;
use crate::wire::Reader;

/// How coefficients lie in the optimiser's vector: class after class, then the intercepts.
pub struct Shape {
    pub d: usize,
    pub k: usize,
    pub loss: Loss,
    pub fit_intercept: bool,
}

impl Shape {
    pub fn size(&self) -> usize {
        self.k * self.d + if self.fit_intercept { self.k } else { 0 }
    }

    pub fn split<'a>(&self, x: &'a [f64]) -> (&'a [f64], &'a [f64]) {
        x.split_at_checked(self.k * self.d).unwrap_or((x, &[]))
    }
}

pub struct ScaledObjective<'a> {
    pub host: &'a dyn MlHost,
    pub kept: &'a Kept,
    pub shape: &'a Shape,
    pub mean: Vec<f64>,
    /// One over the standard deviation.
    pub inverse: Vec<f64>,
    /// Penalty per feature.
    pub l2: Vec<f64>,
    pub weight: f64,
}

impl ScaledObjective<'_> {
    /// Coefficients and intercepts for features that are neither scaled nor centred.
    pub fn fold(&self, x: &[f64]) -> (Vec<f64>, Vec<f64>) {
        let (scaled, intercepts) = self.shape.split(x);
        let d = self.shape.d.max(1);
        let coefficients: Vec<f64> =
            scaled.chunks_exact(d).flat_map(|c| c.iter().zip(&self.inverse).map(|(c, i)| c * i)).collect();
        let intercepts = if self.shape.fit_intercept {
            let classes = coefficients.chunks_exact(d).map(|c| dot(c, &self.mean));
            let shifts: Vec<f64> = if self.shape.d == 0 { vec![0.0; self.shape.k] } else { classes.collect() };
            intercepts.iter().zip(shifts).map(|(b, s)| b - s).collect()
        } else {
            vec![0.0; self.shape.k]
        };
        (coefficients, intercepts)
    }
}

#[async_trait]
impl Objective for ScaledObjective<'_> {
    async fn evaluate(&mut self, x: &mut [f64]) -> SparkResult<(f64, Vec<f64>)> {
        let (coefficients, intercepts) = self.fold(x);
        let pass = LinearLoss {
            loss: self.shape.loss,
            features: self.shape.d,
            coefficients: coefficients.into(),
            intercepts: intercepts.into(),
        };
        let sums = Reader::new(&self.kept.pass(self.host, &[0, 1, 2], pass).await?).f64s()?;
        let (d, k) = (self.shape.d, self.shape.k);
        let (Some((loss, rest)), (scaled, _)) = (sums.split_first(), self.shape.split(x)) else {
            return Err(SparkError::internal("the state of a pass is empty"));
        };
        let (raw, multipliers) = rest.split_at_checked(k * d).unwrap_or((rest, &[]));
        let mut value = loss / self.weight;
        let mut gradient = Vec::with_capacity(x.len());
        for ((raw, m), x) in raw.chunks_exact(d.max(1)).zip(multipliers).zip(scaled.chunks_exact(d.max(1))) {
            let per_feature = raw.iter().zip(&self.mean).zip(&self.inverse).zip(&self.l2).zip(x);
            for ((((g, mean), inverse), l2), x) in per_feature {
                let centred = if self.shape.fit_intercept { g - mean * m } else { *g };
                gradient.push(centred * inverse / self.weight + l2 * x);
                value += 0.5 * l2 * x * x;
            }
        }
        if self.shape.fit_intercept {
            gradient.extend(multipliers.iter().map(|m| m / self.weight));
        }
        Ok((value, gradient))
    }
}
