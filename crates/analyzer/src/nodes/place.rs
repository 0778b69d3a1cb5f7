//! `Place`: rows put into a number of partitions, as `repartition`, `coalesce` and their kin say.
//!
//! Which partition a row comes to is Spark's choice, since users see it: in `spark_partition_id`, in the
//! order of the rows, and in what a function of a whole partition gets. No condition has to stay above.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use datafusion::common::{DFSchemaRef, Result};
use datafusion::logical_expr::{Expr, Extension, LogicalPlan, SortExpr, UserDefinedLogicalNodeCore};
use vonk_common::SparkError;
use vonk_expr::exec_err;

/// How the partition of a row is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum How {
    /// Neighbouring partitions become one.
    Coalesce,
    /// The key is the partition's number.
    ByNumber,
    /// In turns. The key is the row's number, see [`super::row_id`].
    InTurns,
    /// By ranges of the keys' order, each with about as many rows.
    ByRange,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Place {
    pub input: Arc<LogicalPlan>,
    pub how: How,
    /// Columns of the input, with the order that only [`How::ByRange`] looks at.
    pub keys: Vec<SortExpr>,
    pub partitions: usize,
    /// The number was not asked for: partitions may be put together.
    pub advisory: bool,
}

impl Place {
    pub fn plan(self) -> LogicalPlan {
        LogicalPlan::Extension(Extension { node: Arc::new(self) })
    }
}

impl PartialOrd for Place {
    fn partial_cmp(&self, _other: &Self) -> Option<std::cmp::Ordering> {
        None
    }
}

impl UserDefinedLogicalNodeCore for Place {
    fn name(&self) -> &str {
        "Place"
    }

    fn inputs(&self) -> Vec<&LogicalPlan> {
        vec![&self.input]
    }

    fn schema(&self) -> &DFSchemaRef {
        self.input.schema()
    }

    fn expressions(&self) -> Vec<Expr> {
        self.keys.iter().map(|k| k.expr.clone()).collect()
    }

    fn prevent_predicate_push_down_columns(&self) -> HashSet<String> {
        HashSet::new()
    }

    fn fmt_for_explain(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "Place: {:?} {}", self.how, self.partitions)
    }

    fn with_exprs_and_inputs(&self, exprs: Vec<Expr>, inputs: Vec<LogicalPlan>) -> Result<Self> {
        let Some(input) = inputs.into_iter().next() else {
            return Err(exec_err(SparkError::internal("Place needs an input")));
        };
        let keys = self.keys.iter().zip(exprs).map(|(k, e)| SortExpr::new(e, k.asc, k.nulls_first)).collect();
        Ok(Place { input: Arc::new(input), keys, ..self.clone() })
    }

    fn necessary_children_exprs(&self, output_columns: &[usize]) -> Option<Vec<Vec<usize>>> {
        let schema = self.input.schema();
        let own = self.keys.iter().filter_map(|k| match &k.expr {
            Expr::Column(c) => schema.maybe_index_of_column(c),
            _ => None,
        });
        let mut all: Vec<usize> = output_columns.iter().copied().chain(own).collect();
        all.sort_unstable();
        all.dedup();
        Some(vec![all])
    }
}
