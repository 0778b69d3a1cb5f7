//! Data sources written in Python (`spark.dataSource.register`): a worker says the schema and the
//! partitions, and reads each of them.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{Session as Planning, TableProvider};
use datafusion::common::Result;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;
use serde_json::json;
use vonk_analyzer::Source;
use vonk_common::{SparkError, SparkResult};
use vonk_expr::arrow_types::to_arrow_schema;
use vonk_expr::exec_err;
use vonk_plan::relation::Options;
use vonk_plan::types::{DataType, StructField, StructType, json as types};
use vonk_python::{Arg, Function, Task, eval_type};
use vonk_sql::ParseOptions;

use super::python_filters;
use crate::operators::python::scan::PythonScan;
use crate::operators::python::session::PythonSession;
use crate::python::ask_in;
use crate::session::Session;

/// Whether readers are asked which conditions they apply themselves.
const PUSHDOWN: &str = "spark.sql.python.filterPushdown.enabled";

/// A source of a user's class.
pub struct PythonTable {
    name: String,
    /// The pickled source.
    source: Arc<[u8]>,
    schema: StructType,
    arrow: SchemaRef,
}

impl std::fmt::Debug for PythonTable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PythonTable({})", self.name)
    }
}

/// An error of the user's class, as Spark reports it: `Failed to {action} Python data source {kind}`.
pub fn failed(e: SparkError, action: &str, kind: &str) -> SparkError {
    let param = |name: &str| e.params().iter().find(|(k, _)| k == name).map(|(_, v)| v.to_string());
    let message = match e.class() {
        "PYTHON_EXCEPTION" => param("traceback").or_else(|| param("msg")),
        _ => return e,
    };
    SparkError::new("PYTHON_DATA_SOURCE_ERROR")
        .param("action", action)
        .param("type", kind)
        .param("msg", message.unwrap_or_default())
}

/// What the class says of itself under these options.
pub async fn load(
    session: &Session,
    provider: &str,
    class: Arc<[u8]>,
    schema: Option<&StructType>,
    options: &Options,
) -> SparkResult<Source> {
    let python = PythonSession::of(session.state().config()).map_err(vonk_expr::spark_error)?;
    let mut value = json!({ "provider": provider, "options": options });
    if let Some(schema) = schema {
        value["schema"] = types::struct_to_json(schema);
    }
    let reply = ask_in(&python, "create_source", value, vec![class]).await;
    let reply = reply.map_err(|e| failed(e, "create", "instance"))?;
    let schema = match (reply.value.get("ddl").and_then(|d| d.as_str()), reply.value.get("schema")) {
        (Some(ddl), _) => vonk_sql::parse_table_schema(ddl, &ParseOptions::new(&session.conf()))?,
        (None, Some(schema)) => types::parse_struct(&schema.to_string())?,
        (None, None) => return Err(SparkError::internal("a data source without a schema")),
    };
    let source = reply.blobs.into_iter().next().ok_or_else(|| SparkError::internal("no data source came back"))?;
    let arrow = Arc::new(to_arrow_schema(&schema));
    let table = PythonTable { name: provider.to_string(), source, schema: schema.clone(), arrow };
    Ok(Source { provider: Arc::new(table), schema, qualifier: vec![], hidden: 0 })
}

#[async_trait]
impl TableProvider for PythonTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.arrow)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        let answer = |f: &&Expr| match python_filters::describe(f) {
            Some(_) => TableProviderFilterPushDown::Inexact,
            None => TableProviderFilterPushDown::Unsupported,
        };
        Ok(filters.iter().map(answer).collect())
    }

    async fn scan(
        &self,
        session: &dyn Planning,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        _limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let python = PythonSession::of(session.config())?;
        let mut value = json!({ "schema": types::struct_to_json(&self.schema) });
        if python.conf.get(PUSHDOWN).is_some_and(|v| v.eq_ignore_ascii_case("true")) {
            value["filters"] = json!(python_filters::offered(filters));
        }
        let reply = ask_in(&python, "plan_read", value, vec![Arc::clone(&self.source)]).await;
        let reply = reply.map_err(|e| exec_err(failed(e, "initialize", "reader")))?;
        let mut blobs = reply.blobs.into_iter();
        let command = blobs.next().ok_or_else(|| exec_err(SparkError::internal("a reader without a command")))?;
        let function = Function {
            chain: vec![command],
            args: vec![Arg::Positional(0)],
            name: self.name.clone(),
            ..Function::default()
        };
        let task = Task {
            eval_type: eval_type::SOURCE_READ,
            functions: vec![function],
            input: StructType::new([StructField::new("partition", DataType::Binary, false)]),
            output: self.schema.clone(),
            conf: python.conf.clone(),
            environment: Arc::clone(&python.environment),
            ..Task::default()
        };
        // Partitions in contiguous runs: rows come in their order, whatever the parallelism.
        let all: Vec<Arc<[u8]>> = blobs.collect();
        let share = all.len().div_ceil(session.config().target_partitions().max(1)).max(1);
        let runs = all.chunks(share).map(<[_]>::to_vec).collect();
        let projection = projection.cloned().unwrap_or_else(|| (0..self.schema.len()).collect());
        Ok(Arc::new(PythonScan::new(Arc::new(task), runs, projection)?))
    }
}
