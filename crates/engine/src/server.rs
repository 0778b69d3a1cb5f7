//! What the sessions of one server share.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use dashmap::DashMap;
use datafusion::execution::runtime_env::RuntimeEnv;
use vonk_catalog::{Catalog, Embedded, SharedNames};
use vonk_common::{SessionConf, SparkError, SparkResult};
use vonk_python::Pool;

use crate::fs;
use crate::memory::{self, SpillDirectory};
use crate::session::Session;

/// How a server is started. Every field has a sensible default.
#[derive(Debug, Clone, Default)]
pub struct ServerConfig {
    /// Where managed tables live (`spark.sql.warehouse.dir`); default `spark-warehouse` here.
    pub warehouse: Option<PathBuf>,
    /// Size of the memory pool; default 60 % of the machine's memory.
    pub memory_bytes: Option<usize>,
    /// Where the spill directory is made; default the system's temporary directory.
    pub spill_root: Option<PathBuf>,
    /// Partitions that run at one time; default the number of cores.
    pub parallelism: Option<usize>,
    /// Keep the catalog in memory instead of in the warehouse.
    pub volatile_catalog: bool,
    /// Settings that every session starts with.
    pub settings: Vec<(String, String)>,
    /// Test mode: every physical plan goes through the codec before it runs.
    pub recode_plans: bool,
}

pub struct Server {
    pub runtime: Arc<RuntimeEnv>,
    pub catalog: Arc<dyn Catalog>,
    pub shared_names: SharedNames,
    /// The warehouse directory as a URI.
    pub warehouse: String,
    pub parallelism: usize,
    pub memory_bytes: usize,
    pub recode_plans: bool,
    /// The processes that run users' Python.
    pub python: Pool,
    /// Have workers been started ahead of need?
    warmed: AtomicBool,
    settings: SessionConf,
    sessions: DashMap<(String, String), Arc<Session>>,
    spill: SpillDirectory,
}

impl Server {
    pub fn start(config: ServerConfig) -> SparkResult<Arc<Self>> {
        let memory_bytes = config.memory_bytes.unwrap_or_else(memory::default_pool_bytes);
        let (runtime, spill) = memory::runtime(memory_bytes, config.spill_root.as_ref())?;
        let warehouse = config.warehouse.clone().unwrap_or_else(|| PathBuf::from("spark-warehouse"));
        let warehouse = std::path::absolute(&warehouse)
            .map_err(|e| SparkError::internal(format!("warehouse {}: {e}", warehouse.display())))?;
        let uri = fs::local_uri(&warehouse);
        let catalog: Arc<dyn Catalog> = if config.volatile_catalog {
            Arc::new(Embedded::in_memory(&uri)?)
        } else {
            Arc::new(Embedded::open(&warehouse.join(".vonk").join("catalog.sqlite"), &uri)?)
        };
        let parallelism =
            config.parallelism.unwrap_or_else(|| std::thread::available_parallelism().map_or(4, |n| n.get())).max(1);
        let mut settings = SessionConf::new();
        settings.force("spark.sql.warehouse.dir", uri.as_str());
        for (key, value) in &config.settings {
            settings.force(key.as_str(), value.as_str());
        }
        Ok(Arc::new(Server {
            runtime,
            catalog,
            shared_names: SharedNames::default(),
            warehouse: uri,
            parallelism,
            memory_bytes,
            recode_plans: config.recode_plans,
            python: Pool::new(),
            warmed: AtomicBool::new(false),
            settings,
            sessions: DashMap::new(),
            spill,
        }))
    }

    /// The session of that user and id: a fresh one the first time.
    pub fn session(self: &Arc<Self>, user: &str, id: &str) -> Arc<Session> {
        let key = (user.to_string(), id.to_string());
        let entry = self.sessions.entry(key);
        let new = || Arc::new(Session::new(self, user, id, self.settings.clone()));
        let session = Arc::clone(&entry.or_insert_with(new));
        // Whoever opens a session may have Python functions: workers start while it makes its first query.
        if tokio::runtime::Handle::try_current().is_ok() && !self.warmed.swap(true, Ordering::Relaxed) {
            self.python.warm(session.python_environment(&self.settings));
        }
        session
    }

    /// A session that starts with the settings, names and cached results of another.
    pub fn clone_session(self: &Arc<Self>, source: &Session, user: &str, id: &str) -> Arc<Session> {
        let session = Arc::new(source.fork(user, id));
        self.sessions.insert((user.to_string(), id.to_string()), Arc::clone(&session));
        session
    }

    /// Forgets the session and what it cached.
    pub fn close_session(&self, user: &str, id: &str) {
        self.sessions.remove(&(user.to_string(), id.to_string()));
        self.python.end_session(id);
    }

    /// Where rows go that memory has no room for.
    pub fn spill_folder(&self) -> &std::path::Path {
        &self.spill.path
    }

    /// Settings of a fresh session.
    pub fn default_settings(&self) -> &SessionConf {
        &self.settings
    }
}
