//! A step length that satisfies the strong Wolfe conditions, by bracketing and cubic interpolation
//! (Nocedal and Wright, chapter 3).

use super::Failure;
use super::line::Line;

const SUFFICIENT: f64 = 1e-4;
const CURVATURE: f64 = 0.9;
const TRIES: usize = 10;

#[derive(Debug, Clone, Copy)]
struct Bracket {
    t: f64,
    slope: f64,
    value: f64,
}

async fn visit(line: &mut Line<'_>, t: f64) -> Result<Bracket, Failure> {
    let (value, slope) = line.evaluate(t).await?;
    Ok(Bracket { t, slope, value })
}

pub(super) async fn search(line: &mut Line<'_>, value: f64, slope: f64, start: f64) -> Result<f64, Failure> {
    let origin = Bracket { t: 0.0, slope, value };
    if slope > 0.0 {
        return Err(Failure::Search);
    }
    let (mut low, mut t) = (origin, start);
    for i in 0..TRIES {
        let c = visit(line, t).await?;
        if !c.value.is_finite() {
            // Too far, out of the function's domain.
            t /= 2.0;
            continue;
        }
        if c.value > value + SUFFICIENT * t * slope || c.value >= low.value && i > 0 {
            return zoom(line, low, c, origin).await;
        }
        if c.slope.abs() <= CURVATURE * slope.abs() {
            return Ok(c.t);
        }
        if c.slope >= 0.0 {
            return zoom(line, c, low, origin).await;
        }
        low = c;
        t *= 1.5;
    }
    Err(Failure::Search)
}

async fn zoom(line: &mut Line<'_>, mut low: Bracket, mut high: Bracket, origin: Bracket) -> Result<f64, Failure> {
    for _ in 0..TRIES {
        let t = if low.t > high.t { interpolate(high, low) } else { interpolate(low, high) };
        if t.is_nan() {
            return Err(Failure::Search);
        }
        let c = visit(line, t).await?;
        if c.value > origin.value + SUFFICIENT * c.t * origin.slope || c.value >= low.value {
            high = c;
        } else {
            if c.slope.abs() <= CURVATURE * origin.slope.abs() {
                return Ok(c.t);
            }
            if c.slope * (high.t - low.t) >= 0.0 {
                high = low;
            }
            low = c;
        }
    }
    Err(Failure::Search)
}

/// The minimum of the cubic through both ends, kept off the ends by a tenth of the way.
fn interpolate(l: Bracket, r: Bracket) -> f64 {
    let d1 = l.slope + r.slope - 3.0 * (l.value - r.value) / (l.t - r.t);
    let d2 = (d1 * d1 - l.slope * r.slope).sqrt();
    let width = r.t - l.t;
    let t = r.t - width * (r.slope + d2 - d1) / (r.slope - l.slope + 2.0 * d2);
    let (least, most) = (l.t + 0.1 * width, l.t + 0.9 * width);
    if t < least {
        least
    } else if t > most {
        most
    } else {
        t
    }
}
