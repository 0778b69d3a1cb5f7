//! One client session: its operations, artifacts and errors, around the engine's session.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::time::Instant;
use tonic::Status;
use uuid::Uuid;
use vonk_common::limits::{DETACHED_OPERATION, MAX_OPERATIONS_PER_SESSION, OPERATION_TOMBSTONES};
use vonk_common::{SparkError, SparkResult};

use crate::artifacts::ArtifactStore;
use crate::backend::{BackendSession, OperationContext, SessionKey, cancelled};
use crate::bounded::Bounded;
use crate::convert::Converter;
use crate::error;
use crate::operation::{Operation, Outcome};

/// Errors of one session whose details can be fetched.
const KEPT_ERRORS: usize = 100;

pub struct Session {
    pub key: SessionKey,
    /// Random: tells the client when the session is not the one it knew.
    pub server_id: String,
    pub backend: Arc<dyn BackendSession>,
    pub artifacts: Arc<ArtifactStore>,
    operations: Mutex<Operations>,
    errors: Mutex<Bounded<String, SparkError>>,
    last_used: Mutex<Instant>,
}

struct Operations {
    live: HashMap<String, Arc<Operation>>,
    ended: Bounded<String, Tombstone>,
    closed: bool,
}

#[derive(Clone, Copy)]
struct Tombstone {
    outcome: Outcome,
    abandoned: bool,
}

/// An error that has been given an id in its session.
#[derive(Debug, Clone)]
pub struct KeptError {
    pub error: SparkError,
    pub id: String,
}

impl KeptError {
    pub fn status(&self) -> Status {
        error::status(&self.error, Some(&self.id))
    }
}

/// Where an operation stands, for `GetStatus`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    Running,
    /// At its end, but the client has not released it.
    Ending,
    Over(Outcome),
    Unknown,
}

impl Session {
    pub fn new(key: SessionKey, backend: Arc<dyn BackendSession>, artifacts: ArtifactStore) -> Self {
        Session {
            key,
            server_id: Uuid::new_v4().to_string(),
            backend,
            artifacts: Arc::new(artifacts),
            operations: Mutex::new(Operations {
                live: HashMap::new(),
                ended: Bounded::new(OPERATION_TOMBSTONES),
                closed: false,
            }),
            errors: Mutex::new(Bounded::new(KEPT_ERRORS)),
            last_used: Mutex::new(Instant::now()),
        }
    }

    pub fn touch(&self) {
        *self.last_used.lock() = Instant::now();
    }

    /// Since when nothing has happened here; none while an operation lives.
    pub fn idle_since(&self) -> Option<Instant> {
        self.operations.lock().live.is_empty().then(|| *self.last_used.lock())
    }

    /// Turns messages of this session into plans.
    pub fn converter(&self) -> Converter {
        let artifacts = Arc::clone(&self.artifacts);
        let conf = self.backend.conf().read().clone();
        Converter::new(conf, Arc::new(move |hash| artifacts.cached(hash)))
    }

    /// Registers a new operation, or finds the one that the same request started before: true if new.
    pub fn start_operation(
        &self,
        context: OperationContext,
        request_hash: u64,
        reattachable: bool,
    ) -> SparkResult<(Arc<Operation>, bool)> {
        let handle = |class: &'static str| Err(SparkError::new(class).param("handle", &context.id));
        let mut operations = self.operations.lock();
        if operations.closed {
            return Err(SparkError::new("INVALID_HANDLE.SESSION_CLOSED").param("handle", &self.key.id));
        }
        if let Some(existing) = operations.live.get(&context.id) {
            if existing.request_hash == request_hash && existing.reattachable && reattachable {
                return Ok((Arc::clone(existing), false));
            }
            return handle("INVALID_HANDLE.OPERATION_ALREADY_EXISTS");
        }
        if operations.ended.contains(&context.id) {
            return handle("INVALID_HANDLE.OPERATION_ABANDONED");
        }
        if operations.live.len() >= MAX_OPERATIONS_PER_SESSION {
            return Err(error::plain(
                "java.util.concurrent.RejectedExecutionException",
                format!("a session may have {MAX_OPERATIONS_PER_SESSION} operations at one time"),
            ));
        }
        let operation = Arc::new(Operation::new(context, request_hash, reattachable));
        operations.live.insert(operation.id().to_string(), Arc::clone(&operation));
        Ok((operation, true))
    }

    /// An operation by id, if it lives.
    pub fn operation(&self, id: &str) -> Option<Arc<Operation>> {
        self.operations.lock().live.get(id).cloned()
    }

    /// An operation to go on with. Errors: `INVALID_HANDLE.OPERATION_ABANDONED` and `…_NOT_FOUND`.
    pub fn operation_to_reattach(&self, id: &str) -> SparkResult<Arc<Operation>> {
        let operations = self.operations.lock();
        match operations.live.get(id) {
            Some(operation) if operation.reattachable => Ok(Arc::clone(operation)),
            Some(_) => Err(SparkError::new("INVALID_CURSOR.NOT_REATTACHABLE")),
            None => {
                let abandoned = operations.ended.get(&id.to_string()).is_some_and(|t| t.abandoned);
                let class = if abandoned { "OPERATION_ABANDONED" } else { "OPERATION_NOT_FOUND" };
                Err(SparkError::new(format!("INVALID_HANDLE.{class}")).param("handle", id))
            }
        }
    }

    /// Forgets an operation, stopping it if it runs. True if there was one.
    pub fn end_operation(&self, id: &str, abandoned: bool) -> bool {
        let mut operations = self.operations.lock();
        let Some(operation) = operations.live.remove(id) else { return false };
        let outcome = match operation.outcome() {
            Outcome::Running => Outcome::Cancelled,
            outcome => outcome,
        };
        operations.ended.insert(id.to_string(), Tombstone { outcome, abandoned });
        drop(operations);
        operation.fail(self.keep(cancelled()));
        self.touch();
        true
    }

    /// Cancels the running operations that `which` selects; gives their ids.
    pub fn interrupt(&self, which: impl Fn(&Operation) -> bool) -> Vec<String> {
        let chosen: Vec<_> = self.operations.lock().live.values().filter(|o| which(o)).cloned().collect();
        let running = chosen.into_iter().filter(|o| o.outcome() == Outcome::Running);
        running.filter(|o| o.fail(self.keep(cancelled()))).map(|o| o.id().to_string()).collect()
    }

    /// Ends the operations to which no client has come back in time.
    pub fn reap(&self, now: Instant) {
        let expired = |o: &Operation| o.detached_since().is_some_and(|at| now >= at + DETACHED_OPERATION);
        let ids: Vec<String> =
            self.operations.lock().live.values().filter(|o| expired(o)).map(|o| o.id().to_string()).collect();
        for id in ids {
            log::info!("operation {id} has been without a client for too long");
            self.end_operation(&id, true);
        }
    }

    /// Where each operation stands: those asked for, or all that are known.
    pub fn standings(&self, ids: &[String]) -> Vec<(String, Standing)> {
        let operations = self.operations.lock();
        let standing = |id: &String| match (operations.live.get(id), operations.ended.get(id)) {
            (Some(o), _) if o.outcome() == Outcome::Running => Standing::Running,
            (Some(_), _) => Standing::Ending,
            (None, Some(t)) => Standing::Over(t.outcome),
            (None, None) => Standing::Unknown,
        };
        if ids.is_empty() {
            let all = operations.live.keys().chain(operations.ended.iter().map(|(id, _)| id));
            return all.map(|id| (id.clone(), standing(id))).collect();
        }
        ids.iter().map(|id| (id.clone(), standing(id))).collect()
    }

    /// Gives an error an id. A fault of the server itself is logged; the user gets its id as a ticket.
    pub fn keep(&self, error: SparkError) -> KeptError {
        let id = Uuid::new_v4().to_string();
        let error = if error.class() == "INTERNAL_ERROR" {
            log::error!("ticket {id}: {error}");
            let message = error.params().first().map(|(_, m)| m.as_str()).unwrap_or_default();
            SparkError::internal(format!("{message} (ticket {id})")).at(error.origin().cloned())
        } else {
            error
        };
        self.errors.lock().insert(id.clone(), error.clone());
        KeptError { error, id }
    }

    /// The status for an error, with the id of its details.
    pub fn status(&self, error: SparkError) -> Status {
        self.keep(error).status()
    }

    pub fn kept_error(&self, id: &str) -> Option<SparkError> {
        self.errors.lock().get(&id.to_string()).cloned()
    }

    /// Stops everything that runs here. The files go when the last user of the session is gone.
    pub async fn close(&self) {
        let ids: Vec<String> = {
            let mut operations = self.operations.lock();
            operations.closed = true;
            operations.live.keys().cloned().collect()
        };
        for id in ids {
            self.end_operation(&id, false);
        }
        self.backend.close().await;
    }
}
