//! Loss and gradient of a linear model at given coefficients: logistic, multinomial, squared or hinge loss.
//!
//! Input: features, label, weight. Features are neither scaled nor centred here: the caller folds
//! scale and centre into the coefficients and unfolds them from the gradient. The state is one list:
//! the loss, the gradient of each class, then the sums of the multipliers (gradients of the
//! intercepts).

use std::sync::Arc;

use datafusion::arrow::array::ArrayRef;
use vonk_common::SparkResult;

use super::{Pass, PassState, doubles, vectors};
use crate::linalg::{VectorColumn, axpy, dot};
use crate::wire::{Reader, Writer, add};

pub const NAME: &str = "ml_linear_loss";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// Labels 0 and 1, one set of coefficients.
    Logistic,
    /// Labels 0 to K-1, one set of coefficients each.
    Multinomial,
    Squares,
    /// Labels 0 and 1: nothing beyond the margin, then linear.
    Hinge,
}

#[derive(Debug, Clone)]
pub struct LinearLoss {
    pub loss: Loss,
    pub features: usize,
    /// Class after class.
    pub coefficients: Arc<[f64]>,
    pub intercepts: Arc<[f64]>,
}

pub fn decode(bytes: &[u8]) -> SparkResult<Arc<dyn Pass>> {
    let mut r = Reader::new(bytes);
    let loss = match r.u64()? {
        0 => Loss::Logistic,
        1 => Loss::Multinomial,
        2 => Loss::Squares,
        _ => Loss::Hinge,
    };
    let features = r.usize()?;
    Ok(Arc::new(LinearLoss { loss, features, coefficients: r.f64s()?.into(), intercepts: r.f64s()?.into() }))
}

impl Pass for LinearLoss {
    fn name(&self) -> &'static str {
        NAME
    }

    fn encode(&self) -> Vec<u8> {
        let w = Writer::new().u64(self.loss as u64).usize(self.features);
        w.f64s(&self.coefficients).f64s(&self.intercepts).done()
    }

    fn start(&self) -> Box<dyn PassState> {
        let sums = vec![0.0; 1 + self.coefficients.len() + self.intercepts.len()];
        Box::new(State { pass: self.clone(), sums })
    }
}

#[derive(Debug)]
struct State {
    pass: LinearLoss,
    sums: Vec<f64>,
}

/// `log(1 + e^x)`.
fn log1p_exp(x: f64) -> f64 {
    if x > 0.0 { x + (-x).exp().ln_1p() } else { x.exp().ln_1p() }
}

impl PassState for State {
    fn update(&mut self, columns: &[ArrayRef]) -> SparkResult<()> {
        let (features, labels, weights) = (vectors(columns, 0)?, doubles(columns, 1)?, doubles(columns, 2)?);
        let (labels, weights) = (labels.values(), weights.values());
        match self.pass.loss {
            Loss::Multinomial => self.multinomial(&features, labels, weights),
            _ => self.single(&features, labels, weights),
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
        16 * self.sums.len() + 64
    }
}

impl State {
    fn single(&mut self, features: &VectorColumn, labels: &[f64], weights: &[f64]) {
        let d = self.pass.features;
        let w = &self.pass.coefficients;
        let intercept = self.pass.intercepts.first().copied().unwrap_or(0.0);
        let Some((loss, rest)) = self.sums.split_first_mut() else { return };
        let Some((gradient, multipliers)) = rest.split_at_mut_checked(d) else { return };
        // Margins of the batch, turned into multipliers in place.
        let block = features.block(d);
        let mut margins: Vec<f64> = match block {
            Some(block) => block.chunks_exact(d).map(|row| dot(row, w) + intercept).collect(),
            None => features.iter().map(|row| row.map_or(0.0, |r| r.dot(w)) + intercept).collect(),
        };
        for ((m, y), weight) in margins.iter_mut().zip(labels).zip(weights) {
            let (value, slope) = match self.pass.loss {
                Loss::Squares => (0.5 * (*m - y) * (*m - y), *m - y),
                Loss::Hinge => {
                    let sign = 2.0 * y - 1.0;
                    let short = 1.0 - sign * *m;
                    if short > 0.0 { (short, -sign) } else { (0.0, 0.0) }
                }
                _ => (log1p_exp(-*m) + if *y > 0.0 { 0.0 } else { *m }, 1.0 / (1.0 + (-*m).exp()) - y),
            };
            *loss += weight * value;
            *m = weight * slope;
        }
        match block {
            Some(block) => block.chunks_exact(d).zip(&margins).for_each(|(row, m)| axpy(*m, row, gradient)),
            None => features.iter().zip(&margins).for_each(|(row, m)| {
                if let Some(row) = row {
                    row.axpy(*m, gradient);
                }
            }),
        }
        if let Some(sum) = multipliers.first_mut() {
            *sum += margins.iter().sum::<f64>();
        }
    }

    fn multinomial(&mut self, features: &VectorColumn, labels: &[f64], weights: &[f64]) {
        let d = self.pass.features;
        let k = self.pass.intercepts.len();
        let Some((loss, rest)) = self.sums.split_first_mut() else { return };
        let Some((gradient, multipliers)) = rest.split_at_mut_checked(d * k) else { return };
        let mut margins = vec![0.0; k];
        for ((row, y), weight) in features.iter().zip(labels).zip(weights) {
            let Some(row) = row else { continue };
            let classes = self.pass.coefficients.chunks_exact(d.max(1));
            let mut greatest = f64::NEG_INFINITY;
            for ((m, w), b) in margins.iter_mut().zip(classes).zip(self.pass.intercepts.iter()) {
                *m = row.dot(w) + b;
                greatest = greatest.max(*m);
            }
            let label = *y as usize;
            let own = margins.get(label).copied().unwrap_or(0.0);
            let mut sum = 0.0;
            for m in &mut margins {
                *m = (*m - greatest).exp();
                sum += *m;
            }
            *loss += weight * (sum.ln() + greatest - own);
            for (c, m) in margins.iter().enumerate() {
                let multiplier = weight * (m / sum - if c == label { 1.0 } else { 0.0 });
                if let Some(g) = gradient.get_mut(c * d..(c + 1) * d) {
                    row.axpy(multiplier, g);
                }
                if let Some(s) = multipliers.get_mut(c) {
                    *s += multiplier;
                }
            }
        }
    }
}
