//! Linear regression from the normal equations: Cholesky, or OWL-QN on them for an L1 penalty and
//! for singular systems. No pass over the data is needed any more.

use async_trait::async_trait;
use faer::linalg::solvers::Solve;
use faer::{Mat, Side};
use vonk_common::{SparkError, SparkResult};

use crate::aggregate::gram::Found;
use crate::linalg::dot;
use crate::operator::Training;
use crate::optimize::{Objective, Settings, minimize};

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Request {
    pub fit_intercept: bool,
    pub reg: f64,
    pub alpha: f64,
    pub standardize: bool,
    pub max_iter: usize,
    pub tolerance: f64,
}

/// Coefficients, intercept and how they were found.
pub type Answer = (Vec<f64>, f64, Training);

pub async fn solve(g: &Found, request: &Request) -> SparkResult<Answer> {
    let d = g.features;
    let deviation = |square: f64, mean: f64| (square - mean * mean).max(0.0).sqrt();
    let raw_label = deviation(g.yy(), g.y());
    if raw_label == 0.0 && (request.fit_intercept || g.y() == 0.0) {
        let training = Training { objective_history: vec![0.0], inverse_diagonal: vec![0.0], ..Training::default() };
        return Ok((vec![0.0; d], g.y(), training));
    }
    let label = if raw_label == 0.0 { g.y().abs() } else { raw_label };
    let std: Vec<f64> = (0..d).map(|j| deviation(g.xx(j, j), g.x(j))).collect();
    let inverse: Vec<f64> = std.iter().map(|s| if *s == 0.0 { 0.0 } else { 1.0 / s }).collect();
    let system = System::new(g, request, &inverse, label);
    let quasi_newton = request.alpha != 0.0 && request.reg != 0.0;
    let direct = if quasi_newton { None } else { system.cholesky() };
    let (solution, mut training) = match direct {
        Some((solution, diagonal)) => {
            let inverse_diagonal = diagonal
                .iter()
                .enumerate()
                .map(|(i, v)| v * inverse.get(i).map_or(1.0, |s| s * s) / g.weight())
                .collect();
            let training = Training { objective_history: vec![0.0], inverse_diagonal, ..Training::default() };
            (solution, training)
        }
        None => {
            let mut system = system;
            let start = system.start();
            let l1 = request.alpha * request.reg / label;
            let l1 = (quasi_newton && l1 != 0.0).then(|| {
                let penalty = |i: &f64| if request.standardize { l1 } else { l1 * i };
                let mut all: Vec<f64> = inverse.iter().map(penalty).collect();
                all.resize(start.len(), 0.0);
                all
            });
            let settings = Settings { max_iter: request.max_iter, tolerance: request.tolerance, l1 };
            let found = minimize(&mut system, start, &settings).await?;
            let iterations = found.history.len() - 1;
            let training = Training {
                objective_history: found.history,
                iterations,
                inverse_diagonal: vec![0.0],
                ..Training::default()
            };
            (found.x, training)
        }
    };
    training.iterations = training.objective_history.len().saturating_sub(1);
    let intercept = if request.fit_intercept { solution.get(d).copied().unwrap_or(0.0) * label } else { 0.0 };
    let coefficients = solution.iter().zip(&inverse).map(|(c, i)| c * label * i).collect();
    Ok((coefficients, intercept, training))
}

/// The normal equations of scaled features and label, with the penalty on the diagonal.
struct System {
    n: usize,
    fit_intercept: bool,
    /// `AᵀA` row by row, the column of ones last.
    aa: Vec<f64>,
    ab: Vec<f64>,
    bb: f64,
    /// Means of the scaled features and label.
    a: Vec<f64>,
    b: f64,
}

impl System {
    fn new(g: &Found, request: &Request, inverse: &[f64], label: f64) -> System {
        let d = g.features;
        let n = d + usize::from(request.fit_intercept);
        let l2 = (1.0 - request.alpha) * request.reg / label;
        let a: Vec<f64> = inverse.iter().enumerate().map(|(j, i)| g.x(j) * i).collect();
        let mut aa = vec![0.0; n * n];
        for (i, row) in aa.chunks_exact_mut(n).enumerate() {
            let scale = inverse.get(i).copied();
            for (j, cell) in row.iter_mut().enumerate() {
                *cell = match (scale, inverse.get(j)) {
                    (Some(si), Some(sj)) => g.xx(i, j) * si * sj,
                    (Some(_), None) => a.get(i).copied().unwrap_or(0.0),
                    (None, Some(_)) => a.get(j).copied().unwrap_or(0.0),
                    (None, None) => 1.0,
                };
                if let (true, Some(s)) = (i == j, scale) {
                    *cell += if request.standardize { l2 } else { l2 * s * s };
                }
            }
        }
        let mut ab: Vec<f64> = inverse.iter().enumerate().map(|(j, i)| g.xy(j) * i / label).collect();
        if request.fit_intercept {
            ab.push(g.y() / label);
        }
        System { n, fit_intercept: request.fit_intercept, aa, ab, bb: g.yy() / (label * label), a, b: g.y() / label }
    }

    /// Solution and diagonal of the inverse; none when the matrix is singular.
    fn cholesky(&self) -> Option<(Vec<f64>, Vec<f64>)> {
        let n = self.n;
        let at = |i: usize, j: usize| self.aa.get(i * n + j).copied().unwrap_or(0.0);
        let matrix = Mat::from_fn(n, n, at);
        let factor = matrix.llt(Side::Lower).ok()?;
        let right = Mat::from_fn(n, 1, |i, _| self.ab.get(i).copied().unwrap_or(0.0));
        let solution = factor.solve(&right);
        let inverse = factor.solve(Mat::<f64>::identity(n, n));
        let x: Vec<f64> = (0..n).map(|i| solution[(i, 0)]).collect();
        x.iter().all(|v| v.is_finite()).then(|| (x, (0..n).map(|i| inverse[(i, i)]).collect()))
    }

    fn start(&self) -> Vec<f64> {
        let mut x = vec![0.0; self.n];
        if let (true, Some(last)) = (self.fit_intercept, x.last_mut()) {
            *last = self.b;
        }
        x
    }
}

#[async_trait]
impl Objective for System {
    async fn evaluate(&mut self, x: &mut [f64]) -> SparkResult<(f64, Vec<f64>)> {
        if self.fit_intercept {
            // The best intercept for these coefficients.
            let fitted: f64 = dot(x.get(..self.a.len()).unwrap_or_default(), &self.a);
            if let Some(last) = x.last_mut() {
                *last = self.b - fitted;
            }
        }
        let aax: Vec<f64> = self.aa.chunks_exact(self.n.max(1)).map(|row| dot(row, x)).collect();
        if aax.len() != x.len() {
            return Err(SparkError::internal("the normal equations have another size"));
        }
        let loss = 0.5 * self.bb - dot(&self.ab, x) + 0.5 * dot(x, &aax);
        Ok((loss, aax.iter().zip(&self.ab).map(|(a, b)| a - b).collect()))
    }
}
