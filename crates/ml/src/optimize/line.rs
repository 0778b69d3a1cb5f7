//! The objective along a direction, and the backtracking search of OWL-QN.

use vonk_common::SparkResult;

use super::{Failure, Objective, Point};
use crate::linalg::dot;

/// Points `x + t d`, projected onto the orthant of `x` when there is an L1 penalty. Remembers the
/// last one, so that the accepted step costs no further pass.
pub(super) struct Line<'a> {
    objective: &'a mut dyn Objective,
    from: &'a Point,
    direction: &'a [f64],
    l1: Option<&'a [f64]>,
    last: Option<(f64, Point)>,
}

impl<'a> Line<'a> {
    pub fn new(objective: &'a mut dyn Objective, from: &'a Point, direction: &'a [f64], l1: Option<&'a [f64]>) -> Self {
        Line { objective, from, direction, l1, last: None }
    }

    fn at(&self, t: f64) -> Vec<f64> {
        let moved = self.from.x.iter().zip(self.direction).map(|(x, d)| x + d * t);
        if self.l1.is_none() {
            return moved.collect();
        }
        let start = self.from.x.iter().zip(&self.from.adjusted_gradient);
        moved
            .zip(start)
            .map(|(v, (x, g))| {
                let orthant = if *x != 0.0 { sign(*x) } else { sign(-g) };
                if sign(v) == orthant { v } else { 0.0 }
            })
            .collect()
    }

    async fn visit(&mut self, t: f64) -> SparkResult<&Point> {
        let mut x = self.at(t);
        let (value, gradient) = self.objective.evaluate(&mut x).await?;
        let point = Point::new(x, value, gradient, self.l1);
        Ok(&self.last.insert((t, point)).1)
    }

    /// Penalised value and slope at `t`.
    pub async fn evaluate(&mut self, t: f64) -> SparkResult<(f64, f64)> {
        let direction = self.direction;
        let point = self.visit(t).await?;
        Ok((point.adjusted_value, dot(&point.adjusted_gradient, direction)))
    }

    /// The point at `t`.
    pub async fn take(mut self, t: f64) -> SparkResult<Point> {
        match self.last.take() {
            Some((at, point)) if at == t => Ok(point),
            _ => {
                self.visit(t).await?;
                self.last.map(|(_, p)| p).ok_or_else(|| vonk_common::SparkError::internal("line search"))
            }
        }
    }

    /// Shrinks or grows the step until both Wolfe conditions hold, 20 times at most.
    pub async fn backtrack(&mut self, start: f64, shrink: f64) -> Result<f64, Failure> {
        const GROW: f64 = 2.1;
        let f0 = self.from.adjusted_value;
        let slope0 = dot(&self.from.adjusted_gradient, self.direction);
        let mut alpha = start;
        // The first value is taken as that of the smooth part at the start: only the slope is looked at.
        let (_, mut slope) = self.evaluate(alpha).await?;
        let mut value = self.from.value;
        for iteration in 0.. {
            let factor = if value > f0 + alpha * slope0 * 1e-4 {
                shrink
            } else if slope < 0.9 * slope0 {
                GROW
            } else if slope > -0.9 * slope0 {
                shrink
            } else {
                return Ok(alpha);
            };
            let next = alpha * factor;
            if iteration >= 19 {
                return Ok(alpha);
            }
            if !(1e-10..=1e10).contains(&next) {
                return Err(Failure::Search);
            }
            (value, slope) = self.evaluate(next).await?;
            alpha = next;
        }
        Ok(alpha)
    }
}

/// -1, 0 or 1.
fn sign(v: f64) -> f64 {
    if v > 0.0 {
        1.0
    } else if v < 0.0 {
        -1.0
    } else {
        0.0
    }
}
