//! The columns that a Python node sends: each once, computed below the node where it is no column.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use datafusion::arrow::datatypes::{Field, FieldRef};
use datafusion::common::{Column, DFSchema, TableReference};
use datafusion::logical_expr::{Expr, LogicalPlan, Projection};
use vonk_common::SparkResult;
use vonk_expr::arrow_types::to_arrow;
use vonk_expr::spark_error;
use vonk_plan::types::{DataType, StructField, StructType};
use vonk_python::{Arg, Function};

use super::function::PythonFunction;
use crate::analyzer::Analyzer;
use crate::scope::column_name;

/// Numbers the calls, for profiles.
static RESULTS: AtomicI64 = AtomicI64::new(1);

pub fn next_result() -> i64 {
    RESULTS.fetch_add(1, Ordering::Relaxed)
}

#[derive(Default)]
pub struct Sent {
    /// What was added, with the column that it is: for finding it again.
    known: Vec<(Expr, String)>,
    /// The columns, in the order in which they are sent, and their Spark types.
    pub columns: Vec<String>,
    pub fields: Vec<StructField>,
    computed: Vec<(String, Expr, DataType)>,
}

impl Sent {
    /// The name of the column that the expression is, or will be below the node.
    pub fn column(&mut self, analyzer: &Analyzer, e: &Expr, data_type: &DataType) -> String {
        if let Expr::Column(c) = e {
            return c.name.clone();
        }
        if let Some((_, name)) = self.known.iter().find(|(k, _)| k == e && !e.is_volatile()) {
            return name.clone();
        }
        let name = column_name(analyzer.fresh());
        self.known.push((e.clone(), name.clone()));
        self.computed.push((name.clone(), e.clone(), data_type.clone()));
        name
    }

    /// The position of an expression among the columns that are sent.
    pub fn add(&mut self, analyzer: &Analyzer, e: &Expr, name: &str, data_type: &DataType, nullable: bool) -> usize {
        let column = self.column(analyzer, e, data_type);
        if let Some(i) = self.columns.iter().position(|c| *c == column) {
            return i;
        }
        self.columns.push(column);
        self.fields.push(StructField::new(name, data_type.clone(), nullable));
        self.columns.len() - 1
    }

    /// One more column, though it may be there already.
    pub fn push(&mut self, analyzer: &Analyzer, e: &Expr, data_type: &DataType, nullable: bool) -> usize {
        let column = self.column(analyzer, e, data_type);
        let position = self.columns.len();
        self.columns.push(column);
        self.fields.push(StructField::new(format!("_{position}"), data_type.clone(), nullable));
        position
    }

    /// The function with its arguments among the columns. `functions`: innermost first.
    pub fn function(&mut self, analyzer: &Analyzer, functions: &[&Arc<PythonFunction>], args: &[Expr]) -> Function {
        let first = functions.first();
        let described = first.map(|f| f.args.as_slice()).unwrap_or_default();
        let args = args.iter().zip(described).map(|(e, (name, data_type, nullable))| {
            let i = self.add(analyzer, e, &format!("_{}", self.columns.len()), data_type, *nullable);
            match name {
                Some(name) => Arg::Named(name.clone(), i),
                None => Arg::Positional(i),
            }
        });
        let args = args.collect();
        let last = functions.last();
        Function {
            chain: functions.iter().map(|f| f.command.clone()).collect(),
            args,
            name: last.map(|f| f.name.to_string()).unwrap_or_default(),
            python_version: last.map(|f| f.python_version.to_string()).unwrap_or_default(),
            window: None,
            result_id: Some(next_result()),
        }
    }

    pub fn schema(&self) -> StructType {
        StructType::new(self.fields.iter().cloned())
    }

    /// The plan with the computed columns beside its own.
    pub fn over(&mut self, input: Arc<LogicalPlan>) -> SparkResult<Arc<LogicalPlan>> {
        if self.computed.is_empty() {
            return Ok(input);
        }
        let mut exprs: Vec<Expr> = vec![];
        let mut fields: Vec<(Option<TableReference>, FieldRef)> = vec![];
        for (qualifier, field) in input.schema().iter() {
            exprs.push(Expr::Column(Column::new(qualifier.cloned(), field.name())));
            fields.push((qualifier.cloned(), field.clone()));
        }
        for (name, e, data_type) in std::mem::take(&mut self.computed) {
            exprs.push(e.alias(&name));
            fields.push((None, Arc::new(Field::new(name, to_arrow(&data_type), true))));
        }
        let schema = DFSchema::new_with_metadata(fields, Default::default()).map_err(spark_error)?;
        let projection = Projection::try_new_with_schema(exprs, input, Arc::new(schema)).map_err(spark_error)?;
        Ok(Arc::new(LogicalPlan::Projection(projection)))
    }
}
