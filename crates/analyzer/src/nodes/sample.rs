//! `Sample`: rows by chance, with Spark's random numbers for each partition.

use std::fmt;
use std::sync::Arc;

use datafusion::common::{DFSchemaRef, Result};
use datafusion::logical_expr::{Expr, LogicalPlan, UserDefinedLogicalNodeCore};
use vonk_common::SparkError;
use vonk_expr::exec_err;

/// Keeps a row when its random number in [0, 1) is in `lower..upper`; with replacement, a row comes
/// as often as a Poisson number of mean `upper - lower` says. The seed of a partition is
/// `seed + its number`. Bounds are kept as bits, so that nodes can be compared.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Sample {
    pub input: Arc<LogicalPlan>,
    pub lower: u64,
    pub upper: u64,
    pub with_replacement: bool,
    pub seed: i64,
}

impl Sample {
    pub fn new(input: Arc<LogicalPlan>, lower: f64, upper: f64, with_replacement: bool, seed: i64) -> Self {
        Sample { input, lower: lower.to_bits(), upper: upper.to_bits(), with_replacement, seed }
    }

    pub fn bounds(&self) -> (f64, f64) {
        (f64::from_bits(self.lower), f64::from_bits(self.upper))
    }
}

impl PartialOrd for Sample {
    fn partial_cmp(&self, _other: &Self) -> Option<std::cmp::Ordering> {
        None
    }
}

impl UserDefinedLogicalNodeCore for Sample {
    fn name(&self) -> &str {
        "Sample"
    }

    fn inputs(&self) -> Vec<&LogicalPlan> {
        vec![&self.input]
    }

    fn schema(&self) -> &DFSchemaRef {
        self.input.schema()
    }

    fn expressions(&self) -> Vec<Expr> {
        vec![]
    }

    fn prevent_predicate_push_down_columns(&self) -> std::collections::HashSet<String> {
        self.schema().fields().iter().map(|f| f.name().clone()).collect()
    }

    fn fmt_for_explain(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let (lower, upper) = self.bounds();
        write!(f, "Sample: {lower}..{upper} replacement={} seed={}", self.with_replacement, self.seed)
    }

    fn with_exprs_and_inputs(&self, _exprs: Vec<Expr>, inputs: Vec<LogicalPlan>) -> Result<Self> {
        match inputs.into_iter().next() {
            Some(input) => Ok(Sample { input: Arc::new(input), ..self.clone() }),
            None => Err(exec_err(SparkError::internal("Sample needs an input"))),
        }
    }

    fn necessary_children_exprs(&self, output_columns: &[usize]) -> Option<Vec<Vec<usize>>> {
        Some(vec![output_columns.to_vec()])
    }
}
