//! What a session's Python workers are started with: an extension of DataFusion's session settings.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::common::Result;
use datafusion::prelude::SessionConfig;
use vonk_common::{SessionConf, SparkError};
use vonk_expr::exec_err;
use vonk_python::{Environment, Pool};

#[derive(Debug)]
pub struct PythonSession {
    pub pool: Pool,
    pub environment: Arc<Environment>,
    /// Settings that workers look at.
    pub conf: BTreeMap<String, String>,
}

/// Beginnings of the keys that workers look at.
const KEYS: [&str; 7] = [
    "spark.sql.execution.",
    "spark.sql.legacy.execution.",
    "spark.sql.pyspark.",
    "spark.sql.python.",
    "spark.sql.session.timeZone",
    "spark.sql.ansi.enabled",
    "spark.python.",
];

impl PythonSession {
    pub fn new(pool: Pool, environment: Arc<Environment>, conf: &SessionConf) -> Self {
        let wanted = |key: &str| KEYS.iter().any(|k| key.starts_with(k));
        let all = conf.all();
        let conf = all.into_iter().filter(|(k, _)| wanted(k)).map(|(k, v)| (k.to_string(), v.to_string())).collect();
        PythonSession { pool, environment, conf }
    }

    pub fn of(config: &SessionConfig) -> Result<Arc<PythonSession>> {
        let found = config.get_extension::<PythonSession>();
        found.ok_or_else(|| exec_err(SparkError::unsupported("Python functions here")))
    }
}
