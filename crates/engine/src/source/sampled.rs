//! Which lines an inference looks at: all, or those that Spark draws for `samplingRatio`.

use vonk_common::SparkResult;
use vonk_expr::random::{Bits, XorShift};
use vonk_plan::relation::Options;

use super::options::number;

/// From here on all lines count, as in Spark.
const ALL: f64 = 0.99;

/// The seed that Spark samples with.
const SEED: i64 = 1;

/// Draws of a line after the other: of lines that hold no record as well. Spark begins anew in each partition, which
/// small files share.
pub struct Sample {
    draws: Option<(XorShift, f64)>,
}

impl Sample {
    pub fn new(options: &Options) -> SparkResult<Self> {
        let ratio = number::<f64>(options, "samplingratio")?.unwrap_or(1.0);
        Ok(Sample { draws: (ratio <= ALL).then(|| (XorShift::new(SEED), ratio)) })
    }

    /// Does the next line count?
    pub fn takes_next(&mut self) -> bool {
        match &mut self.draws {
            Some((random, ratio)) => random.next_double() < *ratio,
            None => true,
        }
    }
}
