//! One session: its settings, its names, its cached results, and the DataFusion state made of them.

use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use datafusion::execution::SessionState;
use datafusion::logical_expr::LogicalPlan;
use parking_lot::{Mutex, RwLock};
use vonk_analyzer::resolver::{MlColumns, MlRows};
use vonk_catalog::{Catalog, SessionNames};
use vonk_common::{SessionConf, SparkError, SparkResult};
use vonk_expr::TypedExpr;
use vonk_plan::relation::{MlMethod, MlOperatorRef};
use vonk_plan::types::StructType;
use vonk_plan::{Literal, Relation};

use crate::python::files::SessionFiles;
use crate::query::Prepared;
use crate::server::Server;
use crate::state;

/// The machine learning library as queries see it. It stands above the engine, which knows it by
/// this trait only.
#[async_trait]
pub trait MachineLearning: Send + Sync {
    fn transform(
        &self,
        operator: &MlOperatorRef,
        params: &[(String, Literal)],
        input: &StructType,
        columns: &[TypedExpr],
    ) -> SparkResult<MlColumns>;

    async fn fetch(
        &self,
        session: &Arc<Session>,
        object: &str,
        methods: &[MlMethod],
        dataset: Option<&Relation>,
    ) -> SparkResult<MlRows>;
}

pub struct Session {
    pub server: Arc<Server>,
    pub user: Arc<str>,
    /// What `current_user()` gives, and whom new tables belong to.
    pub acts_as: Arc<str>,
    pub id: Arc<str>,
    conf: RwLock<SessionConf>,
    pub names: RwLock<SessionNames>,
    pub(crate) cache: crate::cache::Cache,
    pub(crate) python_files: Mutex<SessionFiles>,
    /// The machine learning library, once the server has given it.
    ml: OnceLock<Arc<dyn MachineLearning>>,
    /// The state built for the settings beside it.
    state: Mutex<Option<(SessionConf, Arc<SessionState>)>>,
}

impl Session {
    pub(crate) fn new(server: &Arc<Server>, user: &str, id: &str, conf: SessionConf) -> Self {
        Session {
            server: Arc::clone(server),
            user: user.into(),
            acts_as: if user.is_empty() { os_user() } else { user.into() },
            id: id.into(),
            conf: RwLock::new(conf),
            names: RwLock::default(),
            cache: Default::default(),
            python_files: Mutex::default(),
            ml: OnceLock::new(),
            state: Mutex::new(None),
        }
    }

    pub(crate) fn fork(&self, user: &str, id: &str) -> Self {
        let fork = Session::new(&self.server, user, id, self.conf());
        *fork.names.write() = self.names.read().clone();
        fork
    }

    /// Gives the session its machine learning library; only the first one counts.
    pub fn set_ml(&self, ml: Arc<dyn MachineLearning>) {
        let _ = self.ml.set(ml);
    }

    pub fn ml(&self) -> SparkResult<Arc<dyn MachineLearning>> {
        self.ml.get().cloned().ok_or_else(|| SparkError::unsupported("machine learning in this session"))
    }

    /// The settings as they are now.
    pub fn conf(&self) -> SessionConf {
        self.conf.read().clone()
    }

    /// The settings, shared: for services that read and set them.
    pub fn conf_lock(&self) -> &RwLock<SessionConf> {
        &self.conf
    }

    pub fn files(&self) -> crate::fs::Files {
        crate::fs::Files::new(Arc::clone(&self.server.runtime))
    }

    /// The class of a data source written in Python.
    pub fn python_source(&self, name: &str) -> Option<Arc<[u8]>> {
        self.names.read().data_sources.get(&name.to_lowercase()).cloned()
    }

    pub fn catalog(&self) -> &dyn Catalog {
        &*self.server.catalog
    }

    /// Has the state built anew at the next query.
    pub(crate) fn forget_state(&self) {
        *self.state.lock() = None;
    }

    /// DataFusion's state for the present settings: built again only when they have changed.
    pub fn state(&self) -> Arc<SessionState> {
        let conf = self.conf();
        let mut slot = self.state.lock();
        match &*slot {
            Some((of, state)) if *of == conf => Arc::clone(state),
            _ => {
                let state = Arc::new(state::build(&self.server, &conf, &self.id, self.python_environment(&conf)));
                *slot = Some((conf, Arc::clone(&state)));
                state
            }
        }
    }

    /// Plans an analysed query. Call it anywhere: the work is done on a planner thread.
    pub async fn prepare(self: &Arc<Self>, plan: LogicalPlan, schema: StructType) -> SparkResult<Prepared> {
        Prepared::plan(Arc::clone(self), plan, schema).await
    }
}

/// The user that the server runs as: whom a client acts for that names nobody.
fn os_user() -> Arc<str> {
    let named = |key| std::env::var(key).ok().filter(|name| !name.is_empty());
    let known = || nix::unistd::User::from_uid(nix::unistd::getuid()).ok().flatten().map(|user| user.name);
    named("USER").or_else(known).unwrap_or_default().into()
}
