//! `RowId`: a column of numbers that grow with the rows (`monotonically_increasing_id`).
//!
//! A node of its own, not an expression: its rows are those that are there at this place of the query, in
//! this order. No condition is moved below it, and no sort under it is dropped.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType as Arrow, Field};
use datafusion::common::{DFSchema, DFSchemaRef, Result};
use datafusion::logical_expr::{Expr, Extension, LogicalPlan, UserDefinedLogicalNodeCore};
use vonk_common::SparkError;
use vonk_expr::exec_err;

/// Output: the input's columns, then the numbers.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RowId {
    pub input: Arc<LogicalPlan>,
    pub column: String,
    pub schema: DFSchemaRef,
}

impl RowId {
    pub fn over(input: Arc<LogicalPlan>, column: String) -> Result<LogicalPlan> {
        Ok(LogicalPlan::Extension(Extension { node: Arc::new(RowId::try_new(input, column)?) }))
    }

    fn try_new(input: Arc<LogicalPlan>, column: String) -> Result<Self> {
        let mut fields: Vec<_> = input.schema().iter().map(|(q, f)| (q.cloned(), f.clone())).collect();
        fields.push((None, Arc::new(Field::new(&column, Arrow::Int64, true))));
        let schema = Arc::new(DFSchema::new_with_metadata(fields, Default::default())?);
        Ok(RowId { input, column, schema })
    }
}

impl PartialOrd for RowId {
    fn partial_cmp(&self, _other: &Self) -> Option<std::cmp::Ordering> {
        None
    }
}

impl UserDefinedLogicalNodeCore for RowId {
    fn name(&self) -> &str {
        "RowId"
    }

    fn inputs(&self) -> Vec<&LogicalPlan> {
        vec![&self.input]
    }

    fn schema(&self) -> &DFSchemaRef {
        &self.schema
    }

    fn expressions(&self) -> Vec<Expr> {
        vec![]
    }

    fn prevent_predicate_push_down_columns(&self) -> HashSet<String> {
        self.schema.fields().iter().map(|f| f.name().clone()).collect()
    }

    fn fmt_for_explain(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "RowId: {}", self.column)
    }

    fn with_exprs_and_inputs(&self, _exprs: Vec<Expr>, inputs: Vec<LogicalPlan>) -> Result<Self> {
        match inputs.into_iter().next() {
            Some(input) => RowId::try_new(Arc::new(input), self.column.clone()),
            None => Err(exec_err(SparkError::internal("RowId needs an input"))),
        }
    }

    fn necessary_children_exprs(&self, output_columns: &[usize]) -> Option<Vec<Vec<usize>>> {
        let own = self.input.schema().fields().len();
        Some(vec![output_columns.iter().copied().filter(|i| *i < own).collect()])
    }
}
