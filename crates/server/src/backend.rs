//! Sessions of the engine for the Connect service.

use std::sync::Arc;

use async_trait::async_trait;
use parking_lot::RwLock;
use tokio::runtime::Handle;
use vonk_common::planner::Deep;
use vonk_common::{SessionConf, SparkError, SparkResult};
use vonk_connect::backend::{
    Analyze, Analyzed, Artifact, ArtifactKind, Backend as Connect, BackendSession, Execution, OperationContext,
    ResultStream, SessionKey, StorageLevel, cancelled,
};
use vonk_engine::cache::Level;
use vonk_engine::python::files::FileUse;
use vonk_engine::{Server, Session};

use crate::compute::Compute;
use crate::execute;
use crate::ml::Library;

/// The engine's server as a Connect backend.
pub struct Backend {
    server: Arc<Server>,
    compute: Compute,
}

/// A session of the engine as the Connect service sees it.
struct Connected {
    session: Arc<Session>,
    ml: Arc<Library>,
    compute: Compute,
}

impl Connected {
    fn new(session: Arc<Session>, compute: &Compute) -> Arc<Self> {
        let ml = Arc::new(Library::default());
        session.set_ml(ml.clone());
        Arc::new(Connected { session, ml, compute: compute.clone() })
    }
}

impl Backend {
    /// `compute`: the runtime that queries run on. It is not the one that serves clients.
    pub fn new(server: Arc<Server>, compute: Handle) -> Self {
        Backend { server, compute: Compute::new(compute) }
    }
}

#[async_trait]
impl Connect for Backend {
    async fn open_session(&self, key: &SessionKey) -> SparkResult<Arc<dyn BackendSession>> {
        Ok(Connected::new(self.server.session(&key.user, &key.id), &self.compute))
    }
}

#[async_trait]
impl BackendSession for Connected {
    fn conf(&self) -> &RwLock<SessionConf> {
        self.session.conf_lock()
    }

    async fn clone_session(self: Arc<Self>, key: &SessionKey) -> SparkResult<Arc<dyn BackendSession>> {
        let session = self.session.server.clone_session(&self.session, &key.user, &key.id);
        Ok(Connected::new(session, &self.compute))
    }

    async fn add_artifact(&self, artifact: Artifact) -> SparkResult<()> {
        let usage = match artifact.kind {
            ArtifactKind::PyFile => FileUse::Module,
            ArtifactKind::Archive => FileUse::Archive,
            ArtifactKind::File => FileUse::File,
            ArtifactKind::Jvm | ArtifactKind::Cache | ArtifactKind::Other => return Ok(()),
        };
        self.session.add_python_file(&artifact.name, &artifact.path, usage, artifact.alias.as_deref()).await
    }

    async fn execute(self: Arc<Self>, plan: Deep<Execution>, op: Arc<OperationContext>) -> SparkResult<ResultStream> {
        let work = execute::run(self.session.clone(), self.ml.clone(), plan, Arc::clone(&op));
        tokio::select! {
            items = self.compute.results(work) => items,
            () = op.cancelled() => Err(cancelled()),
        }
    }

    async fn analyze(self: Arc<Self>, question: Deep<Analyze>) -> SparkResult<Analyzed> {
        let session = self.session.clone();
        // Taken out of its guard, the plan goes straight to a planner thread inside the engine.
        let question = question.into_inner().ok_or_else(|| SparkError::internal("a plan was taken twice"))?;
        Ok(match question {
            Analyze::Schema(r) => Analyzed::Schema(session.analyze(r).await?.schema),
            Analyze::Explain { input, mode } => Analyzed::Text(session.explain(input, mode).await?),
            Analyze::IsLocal(r) => Analyzed::Flag(session.is_local(&r)),
            Analyze::IsStreaming(_) => Analyzed::Flag(false),
            Analyze::InputFiles(r) => Analyzed::Files(session.input_files(r).await?),
            Analyze::SameSemantics(a, b) => Analyzed::Flag(session.same_semantics(&a, &b)),
            Analyze::SemanticHash(r) => Analyzed::Hash(session.semantic_hash(&r)),
            Analyze::Persist(r, level) => {
                session.persist(r, level.map_or(Level::DEFAULT, level_to_engine)).await?;
                Analyzed::Done
            }
            Analyze::Unpersist { input, .. } => {
                session.unpersist(&input);
                Analyzed::Done
            }
            Analyze::StorageLevel(r) => Analyzed::StorageLevel(match session.storage_level(&r) {
                Some(level) => level_from_engine(level),
                None => StorageLevel { replication: 1, ..StorageLevel::default() },
            }),
        })
    }

    async fn close(&self) {
        self.session.server.close_session(&self.session.user, &self.session.id);
    }
}

fn level_to_engine(level: StorageLevel) -> Level {
    let StorageLevel { disk, memory, off_heap, deserialized, replication } = level;
    Level { disk, memory, off_heap, deserialized, replication }
}

fn level_from_engine(level: Level) -> StorageLevel {
    let Level { disk, memory, off_heap, deserialized, replication } = level;
    StorageLevel { disk, memory, off_heap, deserialized, replication }
}
