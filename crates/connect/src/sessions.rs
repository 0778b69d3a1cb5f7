//! All sessions of the server: opened at the first call that names them, closed by the client or after
//! a long idle time, and remembered for a while so that a late call is told what happened.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::OnceCell;
use tokio::time::Instant;
use uuid::Uuid;
use vonk_common::limits::{MAX_SESSIONS, SESSION_IDLE, SESSION_TOMBSTONES};
use vonk_common::{SparkError, SparkResult};

use crate::artifacts::ArtifactStore;
use crate::backend::{Backend, SessionKey};
use crate::bounded::Bounded;
use crate::error::plain;
use crate::session::Session;

pub struct Sessions {
    backend: Arc<dyn Backend>,
    state: Mutex<State>,
}

struct State {
    live: HashMap<SessionKey, Arc<OnceCell<Arc<Session>>>>,
    closed: Bounded<SessionKey, ()>,
}

fn handle(class: &str, key: &SessionKey) -> SparkError {
    SparkError::new(format!("INVALID_HANDLE.{class}")).param("handle", &key.id)
}

/// Refuses anything but a UUID in its usual form.
pub fn check_uuid(handle: &str) -> SparkResult<()> {
    match Uuid::try_parse(handle) {
        Ok(_) if handle.len() == 36 => Ok(()),
        _ => Err(SparkError::new("INVALID_HANDLE.FORMAT").param("handle", handle)),
    }
}

impl Sessions {
    pub fn new(backend: Arc<dyn Backend>) -> Self {
        let state = State { live: HashMap::new(), closed: Bounded::new(SESSION_TOMBSTONES) };
        Sessions { backend, state: Mutex::new(state) }
    }

    /// The session of a key, opened if need be. `observed` is the server-side id the client knows.
    pub async fn open(&self, key: &SessionKey, observed: Option<&str>) -> SparkResult<Arc<Session>> {
        check_uuid(&key.id)?;
        let cell = {
            let mut state = self.state.lock();
            if state.closed.contains(key) {
                return Err(handle("SESSION_CLOSED", key));
            }
            match state.live.get(key) {
                Some(cell) => Arc::clone(cell),
                // The client knew a session that is not here: the server has been restarted.
                None if observed.is_some() => return Err(handle("SESSION_CHANGED", key)),
                None => state.insert(key)?,
            }
        };
        let opened = cell
            .get_or_try_init(|| async {
                let backend = self.backend.open_session(key).await?;
                Ok::<_, SparkError>(Arc::new(Session::new(key.clone(), backend, ArtifactStore::default())))
            })
            .await;
        match opened {
            Ok(session) => checked(session, observed),
            Err(error) => {
                // Unless another call has had more luck in the meantime.
                if cell.get().is_none() {
                    self.state.lock().live.remove(key);
                }
                Err(error)
            }
        }
    }

    /// The session of a key, which has to be there.
    pub fn find(&self, key: &SessionKey, observed: Option<&str>) -> SparkResult<Arc<Session>> {
        check_uuid(&key.id)?;
        let state = self.state.lock();
        if state.closed.contains(key) {
            return Err(handle("SESSION_CLOSED", key));
        }
        match state.live.get(key).and_then(|cell| cell.get()) {
            Some(session) => checked(session, observed),
            None => Err(handle("SESSION_NOT_FOUND", key)),
        }
    }

    /// Copies a session under a new key.
    pub async fn duplicate(&self, source: &Arc<Session>, key: SessionKey) -> SparkResult<Arc<Session>> {
        let clone = |class: &str| {
            SparkError::new(format!("INVALID_CLONE_SESSION_REQUEST.{class}")).param("targetSessionId", &key.id)
        };
        check_uuid(&key.id).map_err(|_| clone("TARGET_SESSION_ID_FORMAT"))?;
        let cell = {
            let mut state = self.state.lock();
            if state.closed.contains(&key) {
                return Err(clone("TARGET_SESSION_ID_ALREADY_CLOSED"));
            }
            if state.live.contains_key(&key) {
                return Err(clone("TARGET_SESSION_ID_ALREADY_EXISTS"));
            }
            state.insert(&key)?
        };
        let copied = async {
            let backend = Arc::clone(&source.backend).clone_session(&key).await?;
            let (artifacts, list) = source.artifacts.duplicate()?;
            for artifact in list {
                backend.add_artifact(artifact).await?;
            }
            Ok(Arc::new(Session::new(key.clone(), backend, artifacts)))
        };
        match copied.await {
            Ok(session) => Ok(Arc::clone(cell.get_or_init(|| async { session }).await)),
            Err(error) => {
                self.state.lock().live.remove(&key);
                Err(error)
            }
        }
    }

    /// Closes a session; with `forget` the same key may be opened anew.
    pub async fn close(&self, key: &SessionKey, forget: bool) -> Option<Arc<Session>> {
        let session = {
            let mut state = self.state.lock();
            let cell = state.live.remove(key)?;
            if !forget {
                state.closed.insert(key.clone(), ());
            }
            cell.get().cloned()?
        };
        session.close().await;
        Some(session)
    }

    /// Ends what nobody has come back to. Called once a second or so.
    pub async fn reap(&self) {
        let now = Instant::now();
        for session in self.all() {
            session.reap(now);
            if session.idle_since().is_some_and(|at| now >= at + SESSION_IDLE) {
                log::info!("session {} has been idle for too long", session.key.id);
                self.close(&session.key, false).await;
            }
        }
    }

    /// Closes everything: the server stops.
    pub async fn close_all(&self) {
        for session in self.all() {
            self.close(&session.key, false).await;
        }
    }

    fn all(&self) -> Vec<Arc<Session>> {
        self.state.lock().live.values().filter_map(|cell| cell.get().cloned()).collect()
    }
}

impl State {
    fn insert(&mut self, key: &SessionKey) -> SparkResult<Arc<OnceCell<Arc<Session>>>> {
        if self.live.len() >= MAX_SESSIONS {
            return Err(plain(
                "java.util.concurrent.RejectedExecutionException",
                format!("the server may have {MAX_SESSIONS} sessions at one time"),
            ));
        }
        let cell = Arc::new(OnceCell::new());
        self.live.insert(key.clone(), Arc::clone(&cell));
        Ok(cell)
    }
}

fn checked(session: &Arc<Session>, observed: Option<&str>) -> SparkResult<Arc<Session>> {
    if observed.is_some_and(|id| id != session.server_id) {
        return Err(handle("SESSION_CHANGED", &session.key));
    }
    session.touch();
    Ok(Arc::clone(session))
}
