//! Quasi-Newton minimisation as the Breeze library does it, step by step, so that iteration counts
//! and objective histories are Spark's: L-BFGS with a strong Wolfe search, and OWL-QN (with an L1
//! penalty) with backtracking.
//!
//! The objective is asynchronous: one evaluation is one pass over the data, wherever that is.
//! A failed search restarts once with an empty history; the restart shows as a repeated value in the
//! history, as in Spark. Bounded problems (L-BFGS-B) are not done here.

use std::collections::VecDeque;

use async_trait::async_trait;
use vonk_common::{SparkError, SparkResult};

mod history;
mod line;
mod wolfe;

use history::InverseHessian;
use line::Line;

use crate::linalg::{dot, norm};

#[async_trait]
pub trait Objective: Send {
    /// Value and gradient of the smooth part. May correct `x` first (an intercept that follows from
    /// the other coordinates).
    async fn evaluate(&mut self, x: &mut [f64]) -> SparkResult<(f64, Vec<f64>)>;
}

#[derive(Debug, Clone)]
pub struct Settings {
    pub max_iter: usize,
    pub tolerance: f64,
    /// L1 penalty per coordinate: OWL-QN.
    pub l1: Option<Vec<f64>>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Solution {
    pub x: Vec<f64>,
    /// The penalised objective, at the start and after each step.
    pub history: Vec<f64>,
}

/// Number of past steps that shape the search direction.
const MEMORY: usize = 10;
/// Past values that the stopping rule looks at.
const VALUES: usize = 20;

/// A place the search has been at.
#[derive(Debug, Clone)]
struct Point {
    x: Vec<f64>,
    value: f64,
    gradient: Vec<f64>,
    /// Value and pseudo-gradient with the L1 penalty; the same as the two above without one.
    adjusted_value: f64,
    adjusted_gradient: Vec<f64>,
}

impl Point {
    fn new(x: Vec<f64>, value: f64, gradient: Vec<f64>, l1: Option<&[f64]>) -> Point {
        let mut adjusted_value = value;
        let adjusted_gradient = match l1 {
            None => gradient.clone(),
            Some(l1) => x
                .iter()
                .zip(&gradient)
                .zip(l1)
                .map(|((x, g), l)| {
                    adjusted_value += (l * x).abs();
                    pseudo_gradient(*x, *g, *l)
                })
                .collect(),
        };
        Point { x, value, gradient, adjusted_value, adjusted_gradient }
    }
}

fn pseudo_gradient(x: f64, g: f64, l: f64) -> f64 {
    if l == 0.0 {
        g
    } else if x != 0.0 {
        g + x.signum() * l
    } else if g - l > 0.0 {
        g - l
    } else if g + l < 0.0 {
        g + l
    } else {
        0.0
    }
}

/// Why a step came to nothing.
enum Failure {
    /// The search found no step: try again without history, then give up.
    Search,
    Error(SparkError),
}

impl From<SparkError> for Failure {
    fn from(e: SparkError) -> Self {
        Failure::Error(e)
    }
}

pub async fn minimize(
    objective: &mut dyn Objective,
    mut start: Vec<f64>,
    settings: &Settings,
) -> SparkResult<Solution> {
    let l1 = settings.l1.as_deref();
    let (value, gradient) = objective.evaluate(&mut start).await?;
    let mut point = Point::new(start, value, gradient, l1);
    let first = point.adjusted_value;
    let mut hessian = InverseHessian::default();
    let mut values = VecDeque::from([f64::INFINITY]);
    let mut history = vec![first];
    let mut iteration = 0;
    let mut failed_once = false;
    while !converged(settings, iteration, &point, first, &values) {
        match step(objective, &point, &hessian, iteration, l1).await {
            Ok(next) => {
                hessian.update(&point.x, &next.x, &point.gradient, &next.gradient);
                values.push_back(next.value);
                if values.len() > VALUES {
                    values.pop_front();
                }
                point = next;
                iteration += 1;
                failed_once = false;
                history.push(point.adjusted_value);
            }
            Err(Failure::Error(e)) => return Err(e),
            Err(Failure::Search) => {
                history.push(point.adjusted_value);
                if failed_once {
                    break;
                }
                failed_once = true;
                hessian = InverseHessian::default();
            }
        }
    }
    Ok(Solution { x: point.x, history })
}

fn converged(settings: &Settings, iteration: usize, point: &Point, first: f64, values: &VecDeque<f64>) -> bool {
    let highest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    iteration >= settings.max_iter
        || values.len() >= 2 && (point.adjusted_value - highest).abs() <= settings.tolerance * first.abs()
        || norm(&point.adjusted_gradient) <= (settings.tolerance * point.adjusted_value.abs()).max(1e-8)
}

async fn step(
    objective: &mut dyn Objective,
    point: &Point,
    hessian: &InverseHessian,
    iteration: usize,
    l1: Option<&[f64]>,
) -> Result<Point, Failure> {
    let mut direction = hessian.direction(&point.adjusted_gradient).ok_or(Failure::Search)?;
    if l1.is_some() {
        // Never against the pseudo-gradient in any coordinate.
        for (d, g) in direction.iter_mut().zip(&point.adjusted_gradient) {
            if *d * g >= 0.0 {
                *d = 0.0;
            }
        }
    }
    let mut line = Line::new(objective, point, &direction, l1);
    let alpha = match l1 {
        None => {
            let start = if iteration == 0 { 1.0 / norm(&direction) } else { 1.0 };
            let slope = dot(&point.gradient, &direction);
            let alpha = wolfe::search(&mut line, point.value, slope, start).await?;
            if alpha * norm(&point.gradient) < 1e-10 {
                return Err(Failure::Search);
            }
            alpha
        }
        Some(_) => {
            let (start, shrink) = if iteration == 0 { (0.5 / norm(&point.gradient), 0.1) } else { (1.0, 0.5) };
            line.backtrack(start, shrink).await?
        }
    };
    Ok(line.take(alpha).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Bowl(usize);

    #[async_trait]
    impl Objective for Bowl {
        async fn evaluate(&mut self, x: &mut [f64]) -> SparkResult<(f64, Vec<f64>)> {
            self.0 += 1;
            let f = x.iter().enumerate().map(|(i, x)| (i as f64 + 1.0) * (x - 3.0).powi(2)).sum();
            Ok((f, x.iter().enumerate().map(|(i, x)| 2.0 * (i as f64 + 1.0) * (x - 3.0)).collect()))
        }
    }

    #[tokio::test]
    async fn finds_the_bottom_of_a_bowl_in_few_passes() -> SparkResult<()> {
        let mut bowl = Bowl(0);
        let settings = Settings { max_iter: 50, tolerance: 1e-12, l1: None };
        let found = minimize(&mut bowl, vec![0.0; 4], &settings).await?;
        assert!(found.x.iter().all(|x| (x - 3.0).abs() < 1e-6), "{found:?}");
        assert!(bowl.0 < 20, "{}", bowl.0);
        Ok(())
    }

    #[tokio::test]
    async fn a_strong_penalty_leaves_nothing() -> SparkResult<()> {
        let settings = Settings { max_iter: 50, tolerance: 1e-9, l1: Some(vec![100.0, 0.0]) };
        let found = minimize(&mut Bowl(0), vec![0.0; 2], &settings).await?;
        assert_eq!(found.x.first(), Some(&0.0));
        assert!(found.x.get(1).is_some_and(|x| (x - 3.0).abs() < 1e-6));
        Ok(())
    }
}
