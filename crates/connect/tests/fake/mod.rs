//! A backend without an engine: it knows `range`, and tables whose names say what happens.

use std::sync::Arc;
use std::time::Duration;

use arrow::array::{Int64Array, RecordBatch};
use arrow::datatypes::{DataType as ArrowType, Field, Schema};
use arrow::ipc::writer::StreamWriter;
use async_trait::async_trait;
use futures::{StreamExt, stream};
use parking_lot::RwLock;
use vonk_common::planner::{self, Deep};
use vonk_common::{Origin, SessionConf, SparkError, SparkResult};
use vonk_connect::backend::*;
use vonk_plan::command::{Command, Statement};
use vonk_plan::{DataType, Relation, RelationKind, StructField, StructType};

pub struct FakeBackend;

pub struct FakeSession {
    conf: RwLock<SessionConf>,
}

#[async_trait]
impl Backend for FakeBackend {
    async fn open_session(&self, _: &SessionKey) -> SparkResult<Arc<dyn BackendSession>> {
        Ok(Arc::new(FakeSession { conf: RwLock::default() }))
    }
}

/// What a plan comes down to.
enum Leaf {
    Range(i64, i64),
    Table(String, Option<Arc<Origin>>),
    Other,
}

fn leaf(mut relation: &Relation) -> Leaf {
    loop {
        relation = match &relation.kind {
            RelationKind::Range { start, end, .. } => return Leaf::Range(*start, *end),
            RelationKind::Table { name, .. } => return Leaf::Table(name.join("."), relation.origin.clone()),
            RelationKind::Project { input, .. } | RelationKind::Filter { input, .. } => input,
            RelationKind::Select(select) => &select.from,
            _ => return Leaf::Other,
        };
    }
}

fn rows(start: i64, end: i64) -> SparkResult<ResultItem> {
    let wrong = |e: arrow::error::ArrowError| SparkError::internal(e);
    let schema = Arc::new(Schema::new(vec![Field::new("id", ArrowType::Int64, false)]));
    let batch = RecordBatch::try_new(Arc::clone(&schema), vec![Arc::new(Int64Array::from_iter_values(start..end))]);
    let mut writer = StreamWriter::try_new(vec![], &schema).map_err(wrong)?;
    writer.write(&batch.map_err(wrong)?).map_err(wrong)?;
    let data = writer.into_inner().map_err(wrong)?;
    Ok(ResultItem::Batch { rows: (end - start) as u64, data: data.into() })
}

fn schema() -> StructType {
    StructType::new([StructField::new("id", DataType::Long, false)])
}

fn items(items: Vec<SparkResult<ResultItem>>) -> SparkResult<ResultStream> {
    Ok(stream::iter(items).boxed())
}

fn query(leaf: Leaf, op: Arc<OperationContext>) -> SparkResult<ResultStream> {
    let head = Ok(ResultItem::Schema(schema()));
    match leaf {
        Leaf::Range(start, end) => items(vec![head, rows(start, end)]),
        Leaf::Other => items(vec![head, rows(0, 1)]),
        Leaf::Table(name, origin) => match name.as_str() {
            "sleep" => Ok(stream::once(async move {
                op.report(Progress {
                    stages: vec![StageProgress { tasks: 2, ..Default::default() }],
                    running_tasks: 1,
                });
                op.cancelled().await;
                head
            })
            .boxed()),
            "slow" => Ok(stream::iter(0..50i64)
                .then(|i| async move {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    if i == 0 { Ok(ResultItem::Schema(schema())) } else { rows(i, i + 1) }
                })
                .boxed()),
            // Far more than the replay buffer holds.
            "big" => Ok(stream::iter(0..64i64).map(|i| rows(i * 100_000, (i + 1) * 100_000)).boxed()),
            "fails" => Err(SparkError::new("DIVIDE_BY_ZERO").param("config", "\"x\"").at(origin)),
            "panics" => std::panic::resume_unwind(Box::new("the fake was told to")),
            other => Err(SparkError::new("TABLE_OR_VIEW_NOT_FOUND").param("relationName", other).at(origin)),
        },
    }
}

#[async_trait]
impl BackendSession for FakeSession {
    fn conf(&self) -> &RwLock<SessionConf> {
        &self.conf
    }

    async fn clone_session(self: Arc<Self>, _: &SessionKey) -> SparkResult<Arc<dyn BackendSession>> {
        let conf = self.conf.read().clone();
        Ok(Arc::new(FakeSession { conf: RwLock::new(conf) }))
    }

    async fn execute(self: Arc<Self>, plan: Deep<Execution>, op: Arc<OperationContext>) -> SparkResult<ResultStream> {
        enum Todo {
            Query(Leaf),
            Checked,
            Command(Box<Command>),
        }
        let todo = planner::run(move || match plan.into_inner() {
            Some(Execution::Relation(relation)) => Ok(Todo::Query(leaf(&relation))),
            Some(Execution::Sql(Statement::Query(relation))) => match leaf(&relation) {
                Leaf::Table(name, origin) if name == "missing" => {
                    Err(SparkError::new("TABLE_OR_VIEW_NOT_FOUND").param("relationName", "`missing`").at(origin))
                }
                _ => Ok(Todo::Checked),
            },
            Some(Execution::Sql(Statement::Command(command)) | Execution::Command(command)) => {
                Ok(Todo::Command(Box::new(command)))
            }
            None => Err(SparkError::internal("no plan")),
        });
        match todo.await?? {
            Todo::Query(leaf) => query(leaf, op),
            Todo::Checked => items(vec![Ok(ResultItem::SqlQuery)]),
            Todo::Command(command) if matches!(*command, Command::Unsupported(_)) => {
                Err(SparkError::unsupported("this command"))
            }
            Todo::Command(_) => match rows(7, 8)? {
                ResultItem::Batch { data, .. } => {
                    items(vec![Ok(ResultItem::SqlRows { data, schema: Default::default() })])
                }
                other => items(vec![Ok(other)]),
            },
        }
    }

    async fn analyze(self: Arc<Self>, question: Deep<Analyze>) -> SparkResult<Analyzed> {
        match question.get() {
            Some(Analyze::Schema(_)) => Ok(Analyzed::Schema(schema())),
            Some(Analyze::Explain { .. }) => Ok(Analyzed::Text("== Physical Plan ==".into())),
            Some(Analyze::IsLocal(_)) => Ok(Analyzed::Flag(true)),
            _ => Err(SparkError::unsupported("this question")),
        }
    }
}
