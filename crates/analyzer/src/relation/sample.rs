//! `sample` and TABLESAMPLE.

use vonk_common::{SparkError, SparkResult};
use vonk_plan::relation::{Sample, SampleMethod};

use super::Outer;
use crate::analyzer::Analyzer;
use crate::node::Node;
use crate::nodes::choose::{Choose, Rows};

impl Analyzer {
    pub fn sample(&self, s: &Sample, outer: Outer) -> SparkResult<Node> {
        let mut node = self.relation(&s.input, outer)?;
        let (lower, upper) = match &s.method {
            SampleMethod::Rows(n) => return self.limit(node, n),
            SampleMethod::Fraction { lower, upper } => (*lower, *upper),
            SampleMethod::Bucket { numerator, denominator } => (0.0, *numerator as f64 / (*denominator).max(1) as f64),
        };
        check_fraction(upper - lower, s.with_replacement)?;
        let seed = s.seed.unwrap_or(self.facts().now);
        if s.deterministic_order {
            let keys: Vec<_> = node
                .scope
                .columns
                .iter()
                .filter(|c| c.data_type.is_orderable())
                .map(|c| crate::expr::order::SortKey { value: c.typed(), ascending: true, nulls_first: true })
                .collect();
            self.put_sort(&mut node, &keys)?;
        } else {
            self.keep_order(&mut node)?;
        }
        let rows = Rows::sample(lower, upper, s.with_replacement, seed, s.deterministic_order);
        node.over(|input| Ok(Choose::over(input, rows)))?;
        Ok(node)
    }
}

/// Error: a part of the rows that there is not.
fn check_fraction(fraction: f64, with_replacement: bool) -> SparkResult<()> {
    /// Bounds are rounded.
    const NEARLY: f64 = 1e-6;
    let (most, allowed) = match with_replacement {
        true => (f64::INFINITY, "be nonnegative with replacement"),
        false => (1.0 + NEARLY, "be on interval [0, 1] without replacement"),
    };
    match (-NEARLY..=most).contains(&fraction) {
        true => Ok(()),
        false => Err(SparkError::new("java.lang.IllegalArgumentException")
            .param("message", format!("requirement failed: Sampling fraction ({fraction}) must {allowed}"))),
    }
}
