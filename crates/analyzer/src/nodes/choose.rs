//! `Choose`: whole rows of one input, chosen by position (`tail`) or by chance (`sample`).

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use datafusion::logical_expr::{Extension, LogicalPlan, UserDefinedLogicalNodeCore};

use super::one_input::one_input;

/// Which rows stay. Bounds are kept as bits, so that nodes can be compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Rows {
    /// The last rows, in order.
    Last(usize),
    /// A row whose random number in [0, 1) is in `lower..upper`; with replacement, a row comes as often
    /// as a Poisson number of mean `upper - lower` says. The seed of a partition is `seed + its number`.
    /// `sorted`: the input is sorted so that each partition has an order, not for one of all rows.
    Sample { lower: u64, upper: u64, with_replacement: bool, seed: i64, sorted: bool },
}

impl Rows {
    pub fn sample(lower: f64, upper: f64, with_replacement: bool, seed: i64, sorted: bool) -> Self {
        Rows::Sample { lower: lower.to_bits(), upper: upper.to_bits(), with_replacement, seed, sorted }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Choose {
    pub input: Arc<LogicalPlan>,
    pub rows: Rows,
}

impl Choose {
    pub fn over(input: Arc<LogicalPlan>, rows: Rows) -> LogicalPlan {
        LogicalPlan::Extension(Extension { node: Arc::new(Choose { input, rows }) })
    }
}

impl PartialOrd for Choose {
    fn partial_cmp(&self, _other: &Self) -> Option<std::cmp::Ordering> {
        None
    }
}

impl UserDefinedLogicalNodeCore for Choose {
    one_input!("Choose", |this, input| Choose { input, rows: this.rows });

    fn prevent_predicate_push_down_columns(&self) -> HashSet<String> {
        self.schema().fields().iter().map(|f| f.name().clone()).collect()
    }

    fn fmt_for_explain(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self.rows {
            Rows::Last(n) => write!(f, "Tail: {n}"),
            Rows::Sample { lower, upper, with_replacement, seed, .. } => {
                let (lower, upper) = (f64::from_bits(lower), f64::from_bits(upper));
                write!(f, "Sample: {lower}..{upper} replacement={with_replacement} seed={seed}")
            }
        }
    }
}
