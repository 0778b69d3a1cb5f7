//! `Generate`: each input row once per element of an array of structs, whose fields become columns.

use std::fmt;
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType as Arrow, Field};
use datafusion::common::{DFSchema, DFSchemaRef, Result};
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlan, UserDefinedLogicalNodeCore};
use vonk_common::SparkError;
use vonk_expr::exec_err;

/// Output: the input's columns, then one per field of the structs.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Generate {
    pub input: Arc<LogicalPlan>,
    /// Of type array of struct.
    pub rows: Expr,
    /// A row without elements gives one row of NULLs.
    pub outer: bool,
    /// Names of the new columns.
    pub columns: Vec<String>,
    pub schema: DFSchemaRef,
}

impl PartialOrd for Generate {
    fn partial_cmp(&self, _other: &Self) -> Option<std::cmp::Ordering> {
        None
    }
}

impl Generate {
    pub fn try_new(input: Arc<LogicalPlan>, rows: Expr, outer: bool, columns: Vec<String>) -> Result<Self> {
        let mut fields: Vec<_> = input.schema().iter().map(|(q, f)| (q.cloned(), f.clone())).collect();
        let element = match rows.get_type(input.schema())? {
            Arrow::List(element) => element,
            other => return Err(exec_err(SparkError::internal(format!("a generator gives {other}")))),
        };
        let Arrow::Struct(parts) = element.data_type() else {
            return Err(exec_err(SparkError::internal("a generator gives no structs")));
        };
        if parts.len() != columns.len() {
            return Err(exec_err(SparkError::internal("a generator's columns do not fit its names")));
        }
        for (part, name) in parts.iter().zip(&columns) {
            fields.push((None, Arc::new(Field::new(name, part.data_type().clone(), true))));
        }
        let schema = Arc::new(DFSchema::new_with_metadata(fields, Default::default())?);
        Ok(Generate { input, rows, outer, columns, schema })
    }
}

impl UserDefinedLogicalNodeCore for Generate {
    fn name(&self) -> &str {
        "Generate"
    }

    fn inputs(&self) -> Vec<&LogicalPlan> {
        vec![&self.input]
    }

    fn schema(&self) -> &DFSchemaRef {
        &self.schema
    }

    fn expressions(&self) -> Vec<Expr> {
        vec![self.rows.clone()]
    }

    fn fmt_for_explain(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "Generate: {} outer={} [{}]", self.rows, self.outer, self.columns.join(", "))
    }

    fn with_exprs_and_inputs(&self, exprs: Vec<Expr>, inputs: Vec<LogicalPlan>) -> Result<Self> {
        match (exprs.into_iter().next(), inputs.into_iter().next()) {
            (Some(rows), Some(input)) => Generate::try_new(Arc::new(input), rows, self.outer, self.columns.clone()),
            _ => Err(exec_err(SparkError::internal("Generate needs an expression and an input"))),
        }
    }

    fn necessary_children_exprs(&self, output_columns: &[usize]) -> Option<Vec<Vec<usize>>> {
        let input = self.input.schema();
        let mut needed: Vec<usize> = output_columns.iter().copied().filter(|i| *i < input.fields().len()).collect();
        for c in self.rows.column_refs() {
            needed.extend(input.index_of_column(c).ok());
        }
        needed.sort_unstable();
        needed.dedup();
        Some(vec![needed])
    }
}
