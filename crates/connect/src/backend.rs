//! What the Connect service asks of the engine: a [`Backend`] opens sessions, a [`BackendSession`]
//! executes and analyses plans. Nothing here knows gRPC, protobuf or DataFusion, so that either
//! side can be tested without the other.
//!
//! Plans arrive wrapped in [`Deep`]: take them out on a planner thread
//! ([`vonk_common::planner::run`] or [`Deep::map`]), for they may be thousands of levels deep.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::Stream;
use parking_lot::RwLock;
use vonk_common::planner::Deep;
use vonk_common::{SessionConf, SparkError, SparkResult};
use vonk_plan::command::{ExplainMode, Statement};
use vonk_plan::{Command, Literal, Relation, StructType};

mod operation;

pub use operation::{OperationContext, Progress, StageProgress};

/// Who a session belongs to. User and id together are the key of a session.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SessionKey {
    pub user: String,
    /// The client's UUID.
    pub id: String,
}

/// The engine behind the service.
#[async_trait]
pub trait Backend: Send + Sync + 'static {
    /// A fresh session: defaults of the server, no temporary objects.
    async fn open_session(&self, key: &SessionKey) -> SparkResult<Arc<dyn BackendSession>>;

    /// The version of Spark that clients are told.
    fn spark_version(&self) -> &str {
        "4.3.0"
    }
}

/// One session of the engine.
#[async_trait]
pub trait BackendSession: Send + Sync + 'static {
    /// The settings, shared with the service that answers the client's `Config` calls.
    fn conf(&self) -> &RwLock<SessionConf>;

    /// A session that starts with this one's settings, current database, temporary views, functions
    /// and variables, and goes its own way from there. Artifacts are given to it one by one.
    async fn clone_session(self: Arc<Self>, key: &SessionKey) -> SparkResult<Arc<dyn BackendSession>>;

    /// Runs a plan. The future covers analysis and planning; the stream gives the results in the
    /// order in which the client gets them. Dropping either stops the work, as does
    /// [`OperationContext::is_cancelled`] turning true.
    async fn execute(self: Arc<Self>, plan: Deep<Execution>, op: Arc<OperationContext>) -> SparkResult<ResultStream>;

    /// Answers a question about a plan without running it.
    async fn analyze(self: Arc<Self>, question: Deep<Analyze>) -> SparkResult<Analyzed>;

    /// A file has been added to the session. It stays at its path until the session closes.
    async fn add_artifact(&self, _artifact: Artifact) -> SparkResult<()> {
        Ok(())
    }

    /// The session has ended: running operations are cancelled already.
    async fn close(&self) {}
}

/// What a client wants done.
#[derive(Debug, Clone, PartialEq)]
pub enum Execution {
    /// A DataFrame. Results: [`ResultItem::Schema`], at least one [`ResultItem::Batch`], metrics.
    Relation(Relation),
    /// A command that is a message of its own (write, view, checkpoint, ML, …). Results: those of the
    /// command, if any.
    Command(Command),
    /// `spark.sql(text)`. A query is analysed only: [`ResultItem::SqlQuery`]. A command is run, and
    /// its rows go back in one [`ResultItem::SqlRows`].
    Sql(Statement),
}

pub type ResultStream = Pin<Box<dyn Stream<Item = SparkResult<ResultItem>> + Send>>;

/// A piece of an operation's result.
#[derive(Debug, Clone, PartialEq)]
pub enum ResultItem {
    /// The schema of the batches that follow. Once, before the first batch.
    Schema(StructType),
    /// One record batch as an Arrow IPC stream of its own (schema, batch, end). About
    /// `limits::ARROW_BATCH_BYTES` or less; a result without rows is one batch of zero rows.
    Batch { rows: u64, data: Bytes },
    /// The SQL text was a query and is well formed: the client gets it back to build upon.
    SqlQuery,
    /// All rows that a SQL command gave, as one Arrow IPC stream.
    SqlRows { data: Bytes, schema: StructType },
    /// The id under which a checkpointed DataFrame is kept.
    Checkpoint { id: String },
    /// Resources by name, with their addresses.
    Resources(BTreeMap<String, Vec<String>>),
    /// The answer to an ML command.
    Ml(MlResult),
    /// Counters of the plan's nodes, after the last batch.
    Metrics(Vec<NodeMetrics>),
    /// Values collected by `DataFrame.observe`.
    Observed(ObservedMetrics),
}

#[derive(Debug, Clone, PartialEq)]
pub enum MlResult {
    Value(Literal),
    /// Text of a summary.
    Summary(String),
    /// A fitted model or an operator read from storage.
    Operator(MlOperatorInfo),
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct MlOperatorInfo {
    /// Id of the object kept by the server; else `name` is the class of an operator.
    pub object: Option<String>,
    pub name: Option<String>,
    pub uid: Option<String>,
    pub params: Vec<(String, Literal)>,
    pub warning: Option<String>,
}

/// Counters of one node of the executed plan.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct NodeMetrics {
    pub name: String,
    pub plan_id: i64,
    pub parent: i64,
    pub values: Vec<MetricValue>,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct MetricValue {
    pub name: String,
    pub value: i64,
    /// `sum`, `size`, `timing`, `nsTiming` or `average`.
    pub kind: String,
}

#[derive(Debug, Clone, PartialEq)]
pub struct ObservedMetrics {
    pub name: String,
    pub plan_id: i64,
    /// Column names and values, or why there are none.
    pub values: SparkResult<Vec<(String, Literal)>>,
}

/// A question about a plan.
#[derive(Debug, Clone, PartialEq)]
pub enum Analyze {
    /// Answer: [`Analyzed::Schema`].
    Schema(Relation),
    /// Answer: [`Analyzed::Text`].
    Explain { input: Relation, mode: ExplainMode },
    /// Can it be answered without touching a table? Answer: [`Analyzed::Flag`].
    IsLocal(Relation),
    /// Answer: [`Analyzed::Flag`].
    IsStreaming(Relation),
    /// Answer: [`Analyzed::Files`].
    InputFiles(Relation),
    /// Answer: [`Analyzed::Flag`].
    SameSemantics(Relation, Relation),
    /// Answer: [`Analyzed::Hash`].
    SemanticHash(Relation),
    /// `df.persist`; none is the default level. Answer: [`Analyzed::Done`].
    Persist(Relation, Option<StorageLevel>),
    /// Answer: [`Analyzed::Done`].
    Unpersist { input: Relation, blocking: bool },
    /// Answer: [`Analyzed::StorageLevel`].
    StorageLevel(Relation),
}

#[derive(Debug, Clone, PartialEq)]
pub enum Analyzed {
    Schema(StructType),
    Text(String),
    Flag(bool),
    Files(Vec<String>),
    Hash(i32),
    StorageLevel(StorageLevel),
    Done,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StorageLevel {
    pub disk: bool,
    pub memory: bool,
    pub off_heap: bool,
    pub deserialized: bool,
    pub replication: i32,
}

/// A file that belongs to a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Artifact {
    /// The client's name, e.g. `pyfiles/helpers.py`.
    pub name: String,
    pub kind: ArtifactKind,
    /// Where it is stored: inside the session's private directory.
    pub path: PathBuf,
    /// For archives `name#alias`: the directory name under which it is unpacked.
    pub alias: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ArtifactKind {
    /// `addArtifact(pyfile=True)`: on the Python workers' path.
    PyFile,
    /// To be unpacked for the Python workers.
    Archive,
    /// A plain file.
    File,
    /// Something for the JVM, kept and not used.
    Jvm,
    /// A block of data named by its hash.
    Cache,
    Other,
}

/// The error of an operation that was interrupted.
pub fn cancelled() -> SparkError {
    SparkError::new("OPERATION_CANCELED")
}
