//! Questions to Python workers outside of queries: what a table function's `analyze` says.

pub mod files;

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::{Field, Schema};
use arrow::ipc::writer::StreamEncoder;
use serde_json::{Value, json};
use vonk_analyzer::resolver::{UdtfAnalysis, UdtfArgument};
use vonk_common::{SparkError, SparkResult};
use vonk_expr::arrow_types::to_arrow;
use vonk_plan::expr::UserCode;
use vonk_plan::relation::UdtfCall;
use vonk_plan::types::json as types;
use vonk_python::{Call, Reply};

use crate::operators::python::session::PythonSession;
use crate::session::Session;

/// Asks a worker of the session.
pub async fn ask(session: &Session, name: &str, value: Value, blobs: Vec<Arc<[u8]>>) -> SparkResult<Reply> {
    let python = PythonSession::of(session.state().config()).map_err(vonk_expr::spark_error)?;
    ask_in(&python, name, value, blobs).await
}

/// Asks a worker.
pub async fn ask_in(python: &PythonSession, name: &str, value: Value, blobs: Vec<Arc<[u8]>>) -> SparkResult<Reply> {
    let call = Call {
        name: name.to_string(),
        value,
        blobs,
        conf: python.conf.clone(),
        environment: Arc::clone(&python.environment),
    };
    python.pool.call(call).await
}

/// An error of `analyze` in Python, as the analysis reports it.
fn failed(e: SparkError) -> SparkError {
    let message = e.params().iter().find(|(k, _)| k == "msg" || k == "traceback").map(|(_, v)| v.to_string());
    let message = message.unwrap_or_else(|| e.to_string());
    SparkError::new("TABLE_VALUED_FUNCTION_FAILED_TO_ANALYZE_IN_PYTHON").param("msg", message.trim())
}

pub async fn analyze_udtf(session: &Session, call: &UdtfCall, args: &[UdtfArgument]) -> SparkResult<UdtfAnalysis> {
    let UserCode::Python { command, .. } = &call.code else {
        return Err(SparkError::unsupported("table functions in Java and Scala"));
    };
    let mut blobs: Vec<Arc<[u8]>> = vec![Arc::clone(command)];
    let mut arguments = vec![];
    for a in args {
        let mut told = json!({ "type": types::to_json(&a.value.data_type), "table": a.is_table });
        if let Some(name) = &a.name {
            told["name"] = json!(name);
        }
        if !a.is_table && a.value.foldable {
            told["constant"] = json!(true);
            told["value"] = json!(blobs.len());
            blobs.push(one_value(a)?);
        } else {
            told["constant"] = json!(false);
        }
        arguments.push(told);
    }
    let value = json!({ "name": call.name, "arguments": arguments });
    let reply = ask(session, "analyze_udtf", value, blobs).await.map_err(failed)?;
    let told = &reply.value;
    let text = |v: &Value, key: &str| v.get(key).and_then(Value::as_str).map(str::to_string);
    let list = |key: &str| told.get(key).and_then(Value::as_array).cloned().unwrap_or_default();
    let schema = told.get("schema").ok_or_else(|| SparkError::internal("analyze gave no schema"))?;
    let order = |o: &Value| {
        let ascending = o.get("ascending").and_then(Value::as_bool).unwrap_or(true);
        Some((text(o, "name")?, ascending, o.get("nulls_first").and_then(Value::as_bool)))
    };
    let pickled = reply.blobs.first().cloned().ok_or_else(|| SparkError::internal("analyze gave no result"))?;
    Ok(UdtfAnalysis {
        schema: types::parse_struct(&schema.to_string())?,
        single_partition: told.get("single_partition").and_then(Value::as_bool).unwrap_or(false),
        partition_by: list("partition_by").iter().filter_map(|v| v.as_str().map(str::to_string)).collect(),
        order_by: list("order_by").iter().filter_map(order).collect(),
        select: list("select").iter().filter_map(|s| Some((text(s, "name")?, text(s, "alias")))).collect(),
        pickled,
    })
}

/// A constant argument: the message of a batch of one row.
fn one_value(a: &UdtfArgument) -> SparkResult<Arc<[u8]>> {
    let value = a.value.constant()?.ok_or_else(|| SparkError::internal("a constant without a value"))?;
    let write = || -> datafusion::common::Result<Vec<u8>> {
        let array: ArrayRef = value.to_array()?;
        let field = Field::new("c", to_arrow(&a.value.data_type), true);
        let array = crate::exact::retype(&array, field.data_type())?;
        let schema = Arc::new(Schema::new(vec![field]));
        let mut encoder = StreamEncoder::try_new(&schema)?;
        // The first batch has the schema's message before it, which no worker asks for.
        encoder.encode(&RecordBatch::new_empty(Arc::clone(&schema)))?;
        let parts = encoder.encode(&RecordBatch::try_new(schema, vec![array])?)?;
        Ok(parts.iter().flat_map(|p| p.as_slice()).copied().collect())
    };
    write().map(Arc::from).map_err(vonk_expr::spark_error)
}
