//! Writing into a data source written in Python: a writer for each partition of the rows, whose
//! messages are committed together, or given up together.

use std::sync::Arc;

use arrow::array::{Array, AsArray, RecordBatch};
use datafusion::physical_plan::ExecutionPlanProperties;
use futures::{StreamExt, TryStreamExt};
use serde_json::json;
use tokio::task::JoinSet;
use vonk_common::planner::Deep;
use vonk_common::{SparkError, SparkResult};
use vonk_expr::spark_error;
use vonk_plan::Relation;
use vonk_plan::relation::Options;
use vonk_plan::types::{DataType, StructField, StructType, json as types};
use vonk_python::{Arg, Frame, Function, Task, eval_type};

use crate::operators::python::session::PythonSession;
use crate::python::ask_in;
use crate::session::Session;
use crate::source::python::failed;

impl Session {
    pub async fn save_python(
        self: &Arc<Self>,
        input: Deep<Relation>,
        provider: &str,
        class: Arc<[u8]>,
        options: &Options,
        overwrite: bool,
    ) -> SparkResult<()> {
        let query = self.query(input).await?;
        let python = PythonSession::of(query.state().config()).map_err(spark_error)?;
        let value = json!({
            "provider": provider,
            "options": options,
            "schema": types::struct_to_json(&query.schema),
            "overwrite": overwrite,
        });
        let reply = ask_in(&python, "plan_write", value, vec![class]).await;
        let reply = reply.map_err(|e| failed(e, "initialize", "writer"))?;
        let writer = reply.blobs.into_iter().next().ok_or_else(|| SparkError::internal("no writer came back"))?;
        let function = Function {
            chain: vec![Arc::clone(&writer)],
            args: (0..query.schema.len()).map(Arg::Positional).collect(),
            name: provider.to_string(),
            ..Function::default()
        };
        let task = Arc::new(Task {
            eval_type: eval_type::SOURCE_WRITE,
            functions: vec![function],
            input: query.schema.clone(),
            output: StructType::new([StructField::new("message", DataType::Binary, true)]),
            conf: python.conf.clone(),
            environment: Arc::clone(&python.environment),
            ..Task::default()
        });
        let partitions = query.plan.output_partitioning().partition_count();
        let mut writers = JoinSet::new();
        for (i, rows) in query.run_partitions()?.into_iter().enumerate() {
            let (pool, task) = (python.pool.clone(), Arc::clone(&task));
            writers.spawn(async move {
                let frames = rows.map(|batch| batch.map(Frame::rows).map_err(spark_error)).boxed();
                let batches: SparkResult<Vec<RecordBatch>> = pool.run(task, frames).try_collect().await;
                (i, batches.map(|b| message(&b)))
            });
        }
        // A partition that failed has no message.
        let mut messages: Vec<Arc<[u8]>> = vec![Arc::from([]); partitions];
        let mut failure = None;
        while let Some(done) = writers.join_next().await {
            match done {
                Ok((i, Ok(message))) => {
                    if let Some(place) = messages.get_mut(i) {
                        *place = message;
                    }
                }
                Ok((_, Err(e))) => failure = failure.or(Some(e)),
                Err(e) => failure = failure.or_else(|| Some(SparkError::internal(e))),
            }
        }
        let abort = failure.is_some();
        let blobs: Vec<_> = std::iter::once(writer).chain(messages).collect();
        let ended = ask_in(&python, "end_write", json!({ "abort": abort }), blobs.clone()).await;
        match (failure, ended) {
            (Some(e), _) => Err(e),
            (None, Ok(_)) => Ok(()),
            (None, Err(e)) => {
                // What could not be committed is given up; that this fails, too, is no news.
                let _ = ask_in(&python, "end_write", json!({ "abort": true }), blobs).await;
                Err(failed(e, "commit or abort", "write"))
            }
        }
    }
}

/// The pickled message of one partition.
fn message(batches: &[RecordBatch]) -> Arc<[u8]> {
    let column = batches.iter().find(|b| b.num_rows() > 0).and_then(|b| b.columns().first());
    let bytes = column.and_then(|c| c.as_binary_opt::<i32>()).filter(|c| !c.is_null(0)).map(|c| c.value(0));
    Arc::from(bytes.unwrap_or_default())
}
