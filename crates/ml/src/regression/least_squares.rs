//! Least squares by L-BFGS and OWL-QN, for scaled and centred features and label. With the Gram
//! matrix at hand no pass is needed; without it (very many features) each step is one.

use async_trait::async_trait;
use vonk_common::{SparkError, SparkResult};

use super::normal_equations::{Answer, Request};
use crate::aggregate::gram::Found as Gram;
use crate::aggregate::logistic::{LinearLoss, Loss};
use crate::aggregate::moments::Found as Moments;
use crate::error::illegal_argument;
use crate::frame::Kept;
use crate::host::MlHost;
use crate::linalg::dot;
use crate::operator::Training;
use crate::optimize::{Objective, Settings, minimize};
use crate::wire::Reader;

pub async fn solve(
    host: &dyn MlHost,
    kept: &Kept,
    moments: &Moments,
    gram: Option<&Gram>,
    request: &Request,
) -> SparkResult<Answer> {
    let d = moments.features();
    let (label_mean, raw_label) = (moments.label_mean, moments.label_deviation());
    if raw_label == 0.0 {
        if request.fit_intercept || label_mean == 0.0 {
            let training = Training { objective_history: vec![0.0], ..Training::default() };
            return Ok((vec![0.0; d], label_mean, training));
        }
        if request.reg != 0.0 {
            return Err(illegal_argument(
                "requirement failed: The standard deviation of the label is zero. Model cannot be regularized.",
            ));
        }
    }
    let label = if raw_label > 0.0 { raw_label } else { label_mean.abs() };
    let inverse: Vec<f64> = moments.deviations().iter().map(|s| if *s == 0.0 { 0.0 } else { 1.0 / s }).collect();
    let penalty = |share: f64, power: i32| -> Vec<f64> {
        let reg = share * request.reg / label;
        inverse.iter().map(|i| if request.standardize { reg } else { reg * i.powi(power) }).collect()
    };
    let l1 = (request.alpha * request.reg != 0.0).then(|| penalty(request.alpha, 1));
    let l2 = penalty(1.0 - request.alpha, 2);
    let settings = Settings { max_iter: request.max_iter, tolerance: request.tolerance, l1 };
    let mean = moments.means();
    let start = vec![0.0; d];
    let found = match gram {
        Some(g) => {
            let centre = |v: f64, product: f64| if request.fit_intercept { v - product } else { v };
            let mut aa = Vec::with_capacity(d * d);
            for (i, si) in inverse.iter().enumerate() {
                aa.extend(inverse.iter().enumerate().map(|(j, sj)| centre(g.xx(i, j), g.x(i) * g.x(j)) * si * sj));
            }
            let ab = inverse.iter().enumerate().map(|(j, s)| centre(g.xy(j), g.x(j) * g.y()) * s / label).collect();
            let bb = centre(g.yy(), g.y() * g.y()) / (label * label);
            minimize(&mut OnGram { aa, ab, bb, l2 }, start, &settings).await?
        }
        None => {
            let mut passes = OnData { host, kept, moments, mean: &mean, inverse: &inverse, l2, label, request };
            minimize(&mut passes, start, &settings).await?
        }
    };
    let coefficients: Vec<f64> = found.x.iter().zip(&inverse).map(|(c, i)| c * label * i).collect();
    let intercept = if request.fit_intercept { label_mean - dot(&coefficients, &mean) } else { 0.0 };
    let iterations = found.history.len() - 1;
    Ok((coefficients, intercept, Training { objective_history: found.history, iterations, ..Training::default() }))
}

/// Half the squared penalty, added to loss and gradient.
fn penalize(x: &[f64], l2: &[f64], loss: &mut f64, gradient: &mut [f64]) {
    for ((x, l), g) in x.iter().zip(l2).zip(gradient) {
        *loss += 0.5 * l * x * x;
        *g += l * x;
    }
}

struct OnGram {
    aa: Vec<f64>,
    ab: Vec<f64>,
    bb: f64,
    l2: Vec<f64>,
}

#[async_trait]
impl Objective for OnGram {
    async fn evaluate(&mut self, x: &mut [f64]) -> SparkResult<(f64, Vec<f64>)> {
        let aax: Vec<f64> = self.aa.chunks_exact(x.len().max(1)).map(|row| dot(row, x)).collect();
        let mut loss = 0.5 * (dot(x, &aax) + self.bb) - dot(&self.ab, x);
        let mut gradient: Vec<f64> = aax.iter().zip(&self.ab).map(|(a, b)| a - b).collect();
        penalize(x, &self.l2, &mut loss, &mut gradient);
        Ok((loss, gradient))
    }
}

struct OnData<'a> {
    host: &'a dyn MlHost,
    kept: &'a Kept,
    moments: &'a Moments,
    mean: &'a [f64],
    inverse: &'a [f64],
    l2: Vec<f64>,
    label: f64,
    request: &'a Request,
}

#[async_trait]
impl Objective for OnData<'_> {
    async fn evaluate(&mut self, x: &mut [f64]) -> SparkResult<(f64, Vec<f64>)> {
        let coefficients: Vec<f64> = x.iter().zip(self.inverse).map(|(c, i)| c * i * self.label).collect();
        let centre = self.request.fit_intercept;
        let intercept = if centre { self.moments.label_mean - dot(&coefficients, self.mean) } else { 0.0 };
        let pass = LinearLoss {
            loss: Loss::Squares,
            features: x.len(),
            coefficients: coefficients.into(),
            intercepts: vec![intercept].into(),
        };
        let sums = Reader::new(&self.kept.pass(self.host, &[0, 1, 2], pass).await?).f64s()?;
        let (Some((loss, rest)), Some(total)) = (sums.split_first(), sums.last()) else {
            return Err(SparkError::internal("the state of a pass is empty"));
        };
        let scale = self.moments.weight * self.label * self.label;
        let per_feature = rest.iter().zip(self.mean).zip(self.inverse);
        let mut gradient: Vec<f64> =
            per_feature.map(|((g, m), i)| (if centre { g - m * total } else { *g }) * i * self.label / scale).collect();
        let mut loss = loss / scale;
        penalize(x, &self.l2, &mut loss, &mut gradient);
        Ok((loss, gradient))
    }
}
