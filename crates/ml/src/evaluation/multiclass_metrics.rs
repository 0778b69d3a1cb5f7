//! Measures of a classifier, from its confusion matrix.

use std::collections::BTreeMap;

use crate::aggregate::confusion::Found;

/// One label's share.
#[derive(Debug, Clone, Copy, Default)]
pub struct OfLabel {
    pub label: f64,
    true_positive: f64,
    false_positive: f64,
    count: f64,
}

fn ratio(a: f64, b: f64) -> f64 {
    if b == 0.0 { 0.0 } else { a / b }
}

impl OfLabel {
    pub fn recall(&self) -> f64 {
        ratio(self.true_positive, self.count)
    }

    pub fn precision(&self) -> f64 {
        ratio(self.true_positive, self.true_positive + self.false_positive)
    }

    pub fn false_positive_rate(&self, total: f64) -> f64 {
        ratio(self.false_positive, total - self.count)
    }

    pub fn f_measure(&self, beta: f64) -> f64 {
        let (p, r, b) = (self.precision(), self.recall(), beta * beta);
        ratio((1.0 + b) * p * r, b * p + r)
    }
}

pub struct MulticlassMetrics {
    of: Vec<OfLabel>,
    pub total: f64,
    wrong: f64,
    loss: f64,
}

impl MulticlassMetrics {
    pub fn new(found: &Found) -> Self {
        // Keys order like the labels, which are not negative.
        let mut of: BTreeMap<u64, OfLabel> = BTreeMap::new();
        let mut cells: Vec<_> = found.cells().collect();
        cells.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
        for (label, prediction, weight) in &cells {
            let own = of.entry(label.to_bits()).or_insert(OfLabel { label: *label, ..OfLabel::default() });
            own.count += weight;
            if label == prediction {
                own.true_positive += weight;
            }
        }
        let (mut total, mut wrong) = (0.0, 0.0);
        for (label, prediction, weight) in &cells {
            total += weight;
            if label != prediction {
                wrong += weight;
                if let Some(other) = of.get_mut(&prediction.to_bits()) {
                    other.false_positive += weight;
                }
            }
        }
        MulticlassMetrics { of: of.into_values().collect(), total, wrong, loss: found.loss }
    }

    pub fn labels(&self) -> Vec<f64> {
        self.of.iter().map(|l| l.label).collect()
    }

    pub fn by_label(&self, f: impl Fn(&OfLabel) -> f64) -> Vec<f64> {
        self.of.iter().map(f).collect()
    }

    /// The measure of one label; 0 for a label that does not occur.
    pub fn of_label(&self, label: f64, f: impl Fn(&OfLabel) -> f64) -> f64 {
        self.of.iter().find(|l| l.label == label).map_or(0.0, f)
    }

    /// The mean over the labels by their weight.
    pub fn weighted(&self, f: impl Fn(&OfLabel) -> f64) -> f64 {
        self.of.iter().map(|l| f(l) * l.count / self.total).sum()
    }

    pub fn accuracy(&self) -> f64 {
        self.of.iter().map(|l| l.true_positive).sum::<f64>() / self.total
    }

    pub fn hamming_loss(&self) -> f64 {
        self.wrong / self.total
    }

    pub fn log_loss(&self) -> f64 {
        self.loss / self.total
    }
}
