//! `Tail`: the last rows of the input, in order.

use std::fmt;
use std::sync::Arc;

use datafusion::common::{DFSchemaRef, Result};
use datafusion::logical_expr::{Expr, Extension, LogicalPlan, UserDefinedLogicalNodeCore};
use vonk_common::SparkError;
use vonk_expr::exec_err;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Tail {
    pub input: Arc<LogicalPlan>,
    pub rows: usize,
}

impl Tail {
    pub fn over(input: Arc<LogicalPlan>, rows: usize) -> LogicalPlan {
        LogicalPlan::Extension(Extension { node: Arc::new(Tail { input, rows }) })
    }
}

impl PartialOrd for Tail {
    fn partial_cmp(&self, _other: &Self) -> Option<std::cmp::Ordering> {
        None
    }
}

impl UserDefinedLogicalNodeCore for Tail {
    fn name(&self) -> &str {
        "Tail"
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
        write!(f, "Tail: {}", self.rows)
    }

    fn with_exprs_and_inputs(&self, _exprs: Vec<Expr>, inputs: Vec<LogicalPlan>) -> Result<Self> {
        match inputs.into_iter().next() {
            Some(input) => Ok(Tail { input: Arc::new(input), rows: self.rows }),
            None => Err(exec_err(SparkError::internal("Tail needs an input"))),
        }
    }

    fn necessary_children_exprs(&self, output_columns: &[usize]) -> Option<Vec<Vec<usize>>> {
        Some(vec![output_columns.to_vec()])
    }
}
