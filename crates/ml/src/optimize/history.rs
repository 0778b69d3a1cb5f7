//! The limited-memory approximation of the inverse Hessian: the two-loop recursion.

use std::collections::VecDeque;

use super::MEMORY;
use crate::linalg::{axpy, dot};

/// Past steps and the changes of the gradient they made, newest first.
#[derive(Debug, Default)]
pub(super) struct InverseHessian {
    steps: VecDeque<(Vec<f64>, Vec<f64>)>,
}

impl InverseHessian {
    pub fn update(&mut self, x: &[f64], next_x: &[f64], gradient: &[f64], next_gradient: &[f64]) {
        let minus = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a - b).collect::<Vec<_>>();
        self.steps.push_front((minus(next_x, x), minus(next_gradient, gradient)));
        self.steps.truncate(MEMORY);
    }

    /// `-H g`; none when the history makes no sense.
    pub fn direction(&self, gradient: &[f64]) -> Option<Vec<f64>> {
        let scale = match self.steps.front() {
            None => 1.0,
            Some((s, y)) => {
                let sy = dot(s, y);
                if sy < 0.0 || sy.is_nan() {
                    return None;
                }
                sy / dot(y, y)
            }
        };
        let mut direction = gradient.to_vec();
        let mut weights = Vec::with_capacity(self.steps.len());
        for (s, y) in &self.steps {
            let rho = dot(s, y);
            let a = dot(s, &direction) / rho;
            if a.is_nan() {
                return None;
            }
            axpy(-a, y, &mut direction);
            weights.push((a, rho));
        }
        direction.iter_mut().for_each(|d| *d *= scale);
        for ((s, y), (a, rho)) in self.steps.iter().zip(weights).rev() {
            let beta = dot(y, &direction) / rho;
            axpy(a - beta, s, &mut direction);
        }
        direction.iter_mut().for_each(|d| *d = -*d);
        Some(direction)
    }
}
