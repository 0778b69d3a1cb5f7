//! ROC and precision-recall curves, and the areas under them.

/// Sums of weight above one threshold.
#[derive(Debug, Clone, Copy)]
struct Above {
    threshold: f64,
    positive: f64,
    negative: f64,
}

pub struct BinaryMetrics {
    above: Vec<Above>,
    positive: f64,
    negative: f64,
}

fn ratio(a: f64, b: f64) -> f64 {
    if b == 0.0 { 0.0 } else { a / b }
}

impl BinaryMetrics {
    /// From score, weight of positives, weight of negatives, highest score first. With `bins`, that
    /// many neighbouring scores and more are taken together; 0: none.
    pub fn new(points: Vec<(f64, f64, f64)>, bins: usize) -> Self {
        let group = points.len().checked_div(bins).unwrap_or(0);
        let mut above = Vec::new();
        let (mut positive, mut negative) = (0.0, 0.0);
        for chunk in points.chunks(group.max(1)) {
            for (_, p, n) in chunk {
                positive += p;
                negative += n;
            }
            let threshold = chunk.last().map_or(0.0, |c| c.0);
            above.push(Above { threshold, positive, negative });
        }
        BinaryMetrics { above, positive, negative }
    }

    /// False positive rate and true positive rate, from (0, 0) to (1, 1).
    pub fn roc(&self) -> Vec<(f64, f64)> {
        let points = self.above.iter().map(|a| (ratio(a.negative, self.negative), ratio(a.positive, self.positive)));
        [(0.0, 0.0)].into_iter().chain(points).chain([(1.0, 1.0)]).collect()
    }

    /// Recall and precision.
    pub fn pr(&self) -> Vec<(f64, f64)> {
        let points: Vec<_> = self.above.iter().map(|a| (ratio(a.positive, self.positive), precision(a))).collect();
        let start = points.first().map(|(_, p)| (0.0, *p));
        start.into_iter().chain(points).collect()
    }

    pub fn area_under_roc(&self) -> f64 {
        area(&self.roc())
    }

    pub fn area_under_pr(&self) -> f64 {
        area(&self.pr())
    }

    fn by_threshold(&self, f: impl Fn(&Above) -> f64) -> Vec<(f64, f64)> {
        self.above.iter().map(|a| (a.threshold, f(a))).collect()
    }

    pub fn precision(&self) -> Vec<(f64, f64)> {
        self.by_threshold(precision)
    }

    pub fn recall(&self) -> Vec<(f64, f64)> {
        self.by_threshold(|a| ratio(a.positive, self.positive))
    }

    pub fn f_measure(&self, beta: f64) -> Vec<(f64, f64)> {
        let b = beta * beta;
        self.by_threshold(|a| {
            let (p, r) = (precision(a), ratio(a.positive, self.positive));
            ratio((1.0 + b) * p * r, b * p + r)
        })
    }
}

fn precision(a: &Above) -> f64 {
    let all = a.positive + a.negative;
    if all == 0.0 { 1.0 } else { a.positive / all }
}

/// By trapezoids.
fn area(points: &[(f64, f64)]) -> f64 {
    let trapezoid = |w: &[(f64, f64)]| match w {
        [(x0, y0), (x1, y1)] => (x1 - x0) * (y0 + y1) / 2.0,
        _ => 0.0,
    };
    points.windows(2).map(trapezoid).sum()
}
