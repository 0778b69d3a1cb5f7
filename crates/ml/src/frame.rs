//! Analysed relations as the library uses them: columns by name, further columns, passes over them.

use std::sync::Arc;

use datafusion::arrow::array::{Array, BinaryArray};
use datafusion::common::Column;
use datafusion::logical_expr::expr::AggregateFunction;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, cast, lit};
use vonk_common::error::quote_id;
use vonk_common::{SparkError, SparkResult};
use vonk_expr::{TypedExpr, spark_error};
use vonk_plan::types::DataType;

use crate::aggregate::{Pass, PassUdaf};
use crate::error::illegal_argument;
use crate::host::{Frame, MlHost, PARTITION};
use crate::linalg::udt::is_vector;
use crate::operator::TransformOutput;

/// The columns that a transformer sees.
#[derive(Clone, Copy)]
pub struct Columns<'a>(pub &'a [TypedExpr]);

impl<'a> Columns<'a> {
    pub fn find(&self, name: &str) -> Option<&'a TypedExpr> {
        let exact = self.0.iter().find(|c| c.output_name() == name);
        exact.or_else(|| self.0.iter().find(|c| c.output_name().eq_ignore_ascii_case(name)))
    }

    /// Error: `FIELD_NOT_FOUND`.
    pub fn get(&self, name: &str) -> SparkResult<&'a TypedExpr> {
        self.find(name).ok_or_else(|| {
            let names: Vec<_> = self.0.iter().map(|c| quote_id([c.output_name()])).collect();
            SparkError::new("FIELD_NOT_FOUND").param("fieldName", quote_id([name])).param("fields", names.join(", "))
        })
    }

    pub fn vector(&self, name: &str) -> SparkResult<&'a TypedExpr> {
        let column = self.get(name)?;
        if is_vector(&column.data_type) {
            return Ok(column);
        }
        Err(illegal_argument(format!(
            "requirement failed: Column {name} must be of type class org.apache.spark.ml.linalg.VectorUDT:struct<type:tinyint,size:int,indices:array<int>,values:array<double>> but was actually {}.",
            java_type(&column.data_type)
        )))
    }

    /// A numeric column as doubles.
    pub fn number(&self, name: &str) -> SparkResult<Expr> {
        let column = self.get(name)?;
        if !column.data_type.is_numeric() {
            return Err(illegal_argument(format!(
                "requirement failed: Column {name} must be of type numeric but was actually of type {}.",
                column.data_type
            )));
        }
        Ok(double(column))
    }

    /// The column as doubles, or 1 where there is none.
    pub fn weight(&self, name: Option<String>) -> SparkResult<Expr> {
        match name {
            Some(name) => self.number(&name),
            None => Ok(lit(1.0)),
        }
    }

    /// Error when the output column is there already.
    pub fn absent(&self, name: &str) -> SparkResult<()> {
        match self.find(name) {
            Some(_) => Err(illegal_argument(format!("Output column {name} already exists."))),
            None => Ok(()),
        }
    }
}

pub fn double(column: &TypedExpr) -> Expr {
    match column.data_type {
        DataType::Double => column.expr.clone(),
        _ => cast(column.expr.clone(), datafusion::arrow::datatypes::DataType::Float64),
    }
}

fn java_type(t: &DataType) -> String {
    format!("class org.apache.spark.sql.types.{}$:{t}", t.class_name())
}

impl Frame {
    pub fn columns(&self) -> Columns<'_> {
        Columns(&self.columns)
    }

    /// With the output of a transformer.
    pub fn with(mut self, output: TransformOutput) -> SparkResult<Frame> {
        if let Some(filter) = output.filter {
            self.plan = LogicalPlanBuilder::from(self.plan)
                .filter(filter)
                .and_then(LogicalPlanBuilder::build)
                .map_err(spark_error)?;
        }
        for (name, mut expr) in output.columns {
            expr.name = Some(name.as_str().into());
            match self.columns.iter_mut().find(|c| c.output_name() == name) {
                Some(column) => *column = expr,
                None => self.columns.push(expr),
            }
        }
        Ok(self)
    }

    /// A plan of these expressions under the names `a0`, `a1`, ….
    pub fn project(&self, exprs: Vec<Expr>) -> SparkResult<LogicalPlan> {
        let named = exprs.into_iter().enumerate().map(|(i, e)| e.alias(format!("a{i}")));
        LogicalPlanBuilder::from(self.plan.clone())
            .project(named.collect::<Vec<_>>())
            .and_then(LogicalPlanBuilder::build)
            .map_err(spark_error)
    }

    /// Runs a pass over these expressions.
    pub async fn pass(&self, host: &dyn MlHost, exprs: Vec<Expr>, pass: impl Pass) -> SparkResult<Vec<u8>> {
        let names: Vec<String> = (0..exprs.len()).map(|i| format!("a{i}")).collect();
        run_pass(host, self.project(exprs)?, &names, Arc::new(pass)).await
    }

    /// Keeps these expressions ready for many passes.
    pub async fn keep(&self, host: &dyn MlHost, exprs: Vec<Expr>) -> SparkResult<Kept> {
        Ok(Kept { plan: host.cache(self.project(exprs)?).await? })
    }
}

/// Training data, ready for passes.
#[derive(Debug, Clone)]
pub struct Kept {
    plan: LogicalPlan,
}

impl Kept {
    /// Runs a pass over the columns of these numbers.
    pub async fn pass(&self, host: &dyn MlHost, columns: &[usize], pass: impl Pass) -> SparkResult<Vec<u8>> {
        let names: Vec<String> = columns.iter().map(|i| format!("a{i}")).collect();
        run_pass(host, self.plan.clone(), &names, Arc::new(pass)).await
    }

    /// The same with the number of the partition as the last column.
    pub async fn pass_by_partition(
        &self,
        host: &dyn MlHost,
        columns: &[usize],
        pass: impl Pass,
    ) -> SparkResult<Vec<u8>> {
        let mut names: Vec<String> = columns.iter().map(|i| format!("a{i}")).collect();
        names.push(PARTITION.to_string());
        run_pass(host, self.plan.clone(), &names, Arc::new(pass)).await
    }
}

async fn run_pass(host: &dyn MlHost, plan: LogicalPlan, names: &[String], pass: Arc<dyn Pass>) -> SparkResult<Vec<u8>> {
    let column = |name: &String| {
        let qualifier = plan.schema().iter().find(|(_, f)| f.name() == name).and_then(|(q, _)| q.cloned());
        Expr::Column(Column::new(qualifier, name))
    };
    let args = names.iter().map(column).collect();
    let function = Arc::new(PassUdaf::udaf(pass.clone()));
    let call = Expr::AggregateFunction(AggregateFunction::new_udf(function, args, false, None, vec![], None));
    let plan = LogicalPlanBuilder::from(plan)
        .aggregate(Vec::<Expr>::new(), vec![call.alias("state")])
        .and_then(LogicalPlanBuilder::build)
        .map_err(spark_error)?;
    let found = host.collect(plan).await?;
    let state = found.iter().flatten().find_map(|b| {
        let states = b.columns().first()?.as_any().downcast_ref::<BinaryArray>()?;
        (!states.is_empty()).then(|| states.value(0).to_vec())
    });
    Ok(state.unwrap_or_else(|| pass.start().encode()))
}
