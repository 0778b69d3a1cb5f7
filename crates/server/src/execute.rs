//! Runs one operation and turns its results into the items the Connect service sends.

use std::sync::Arc;

use futures::stream::BoxStream;
use futures::{StreamExt, stream};
use vonk_common::planner::Deep;
use vonk_common::{SparkError, SparkResult};
use vonk_connect::backend::{
    Execution, MetricValue, NodeMetrics, ObservedMetrics, OperationContext, Progress, ResultItem, ResultStream,
    StageProgress,
};
use vonk_engine::command::Rows;
use vonk_engine::resolver::Observation;
use vonk_engine::{ProgressSnapshot, Session};
use vonk_plan::command::Statement;
use vonk_plan::{Command, Literal, Relation};

use crate::ipc;
use crate::ml::Library;

/// How often a running query tells how far it has come.
const REPORT_EVERY: std::time::Duration = std::time::Duration::from_millis(200);

pub async fn run(
    session: Arc<Session>,
    ml: Arc<Library>,
    plan: Deep<Execution>,
    op: Arc<OperationContext>,
) -> SparkResult<ResultStream> {
    match plan.into_inner().ok_or_else(|| SparkError::internal("a plan was taken twice"))? {
        Execution::Relation(relation) => query(session, relation, op).await,
        Execution::Command(command) => one_command(session, ml, command).await,
        Execution::Sql(Statement::Query(relation)) => {
            session.analyze(relation).await?;
            Ok(items(vec![ResultItem::SqlQuery]))
        }
        Execution::Sql(Statement::Command(command)) => {
            let rows = session.run_command(command).await?;
            Ok(items(vec![sql_rows(&rows)?]))
        }
    }
}

fn items(all: Vec<ResultItem>) -> ResultStream {
    stream::iter(all.into_iter().map(Ok)).boxed()
}

fn sql_rows(rows: &Rows) -> SparkResult<ResultItem> {
    let schema = vonk_engine::exact::exact_schema(&rows.schema);
    let exact: SparkResult<Vec<_>> = rows
        .batches
        .iter()
        .map(|b| {
            vonk_engine::exact::exact_batch(b, &rows.schema, &schema).map_err(|e| vonk_expr::spark_error(e.into()))
        })
        .collect();
    Ok(ResultItem::SqlRows { data: ipc::encode(&schema, &exact?)?, schema: rows.schema.clone() })
}

/// A query: schema, batches (at least one), metrics.
async fn query(session: Arc<Session>, relation: Relation, op: Arc<OperationContext>) -> SparkResult<ResultStream> {
    let (query, observations) = session.query_observing(relation).await?;
    let rows = query.run()?;
    let schema = rows.schema.clone();
    let arrow_schema = rows.arrow_schema.clone();
    let progress = rows.progress.clone();
    let encode_schema = arrow_schema.clone();
    let mut sent = false;
    let reporter = tokio::spawn({
        let (progress, op) = (progress.clone(), op.clone());
        async move {
            loop {
                tokio::time::sleep(REPORT_EVERY).await;
                op.report(stages(&progress.snapshot()));
            }
        }
    });
    let guard = AbortOnDrop(reporter);
    let batches: BoxStream<'static, SparkResult<ResultItem>> = rows
        .batches
        .filter_map(move |batch| {
            let item = match batch {
                Ok(b) if b.num_rows() == 0 && sent => None,
                Ok(b) => {
                    sent = true;
                    Some(
                        ipc::encode(&encode_schema, std::slice::from_ref(&b))
                            .map(|data| ResultItem::Batch { rows: b.num_rows() as u64, data }),
                    )
                }
                Err(e) => Some(Err(e)),
            };
            futures::future::ready(item)
        })
        .boxed();
    let empty = arrow::array::RecordBatch::new_empty(arrow_schema.clone());
    let empty = ipc::encode(&arrow_schema, &[empty])?;
    let head = stream::iter([Ok(ResultItem::Schema(schema))]);
    let tail = {
        let progress = progress.clone();
        let op = op.clone();
        stream::once(async move {
            drop(guard);
            op.report(stages(&progress.snapshot()));
            let mut out = vec![Ok(ResultItem::Metrics(metrics(&progress)))];
            out.extend(observed(&session, observations).await.into_iter().map(Ok));
            out.extend(reported(&session).map(Ok));
            stream::iter(out)
        })
        .flatten()
    };
    Ok(head.chain(at_least_one(batches, empty)).chain(tail).boxed())
}

/// The metrics of `df.observe`, each computed by a query of its own.
async fn observed(session: &Arc<Session>, observations: Vec<Observation>) -> Vec<ResultItem> {
    let mut out = vec![];
    for o in observations {
        let values = session.observe(&o).await;
        let plan_id = o.plan_id.unwrap_or_default();
        out.push(ResultItem::Observed(ObservedMetrics { name: o.name, plan_id, values }));
    }
    out
}

/// What the session's Python workers reported: profiles.
fn reported(session: &Session) -> Option<ResultItem> {
    let updates = session.server.python.take_updates(&session.id);
    let values = updates.into_iter().map(|u| (String::new(), Literal::Binary(u.into())));
    let values: Vec<_> = values.collect();
    let name = "__python_accumulator__".to_string();
    (!values.is_empty()).then_some(ResultItem::Observed(ObservedMetrics { name, plan_id: 0, values: Ok(values) }))
}

/// Adds a batch without rows when there is none at all.
fn at_least_one(
    batches: BoxStream<'static, SparkResult<ResultItem>>,
    empty: bytes::Bytes,
) -> BoxStream<'static, SparkResult<ResultItem>> {
    stream::unfold((batches, false, Some(empty)), |(mut batches, some, mut empty)| async move {
        match batches.next().await {
            Some(item) => Some((item, (batches, true, empty))),
            None if some => None,
            None => empty.take().map(|data| (Ok(ResultItem::Batch { rows: 0, data }), (batches, true, None))),
        }
    })
    .boxed()
}

struct AbortOnDrop(tokio::task::JoinHandle<()>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn stages(s: &ProgressSnapshot) -> Progress {
    let stage =
        StageProgress { id: 0, tasks: s.tasks, completed_tasks: s.tasks_done, input_bytes: s.bytes_read, done: s.done };
    Progress { stages: vec![stage], running_tasks: s.tasks.saturating_sub(s.tasks_done) }
}

fn metrics(progress: &vonk_engine::Progress) -> Vec<NodeMetrics> {
    progress
        .operators()
        .into_iter()
        .map(|o| NodeMetrics {
            name: o.operator,
            plan_id: o.id as i64,
            parent: o.parent.map_or(-1, |p| p as i64),
            values: o
                .values
                .into_iter()
                .map(|(name, value)| MetricValue { name, value: value as i64, kind: "sum".into() })
                .collect(),
        })
        .collect()
}

/// A command message: what it answers depends on the command.
async fn one_command(session: Arc<Session>, ml: Arc<Library>, command: Command) -> SparkResult<ResultStream> {
    match command {
        Command::Ml(command) => {
            let answer = ml.execute(&session, *command).await?;
            Ok(items(answer.map(ResultItem::Ml).into_iter().collect()))
        }
        Command::Checkpoint { input, local, eager } => {
            let id = session.checkpoint(*input, local, eager).await?;
            Ok(items(vec![ResultItem::Checkpoint { id }]))
        }
        Command::GetResources => Ok(items(vec![ResultItem::Resources(Default::default())])),
        other => {
            let observations = match &other {
                Command::Write(w) => session.observations(&w.input).await?,
                Command::WriteTable(w) => session.observations(&w.input).await?,
                _ => vec![],
            };
            session.run_command(other).await?;
            Ok(items(observed(&session, observations).await))
        }
    }
}
