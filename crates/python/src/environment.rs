//! Where a worker runs: the interpreter, what it may import, what it may use.

use std::collections::BTreeMap;
use std::path::PathBuf;

/// Workers are shared by tasks whose environments are equal.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Environment {
    /// The interpreter (`spark.pyspark.python`); `None`: [`crate::Pool`]'s own.
    pub python: Option<String>,
    /// The session, where its workers must not serve another; empty where they may.
    pub session: String,
    /// The folder of the session's files: current directory of `SparkFiles.get`, first on `sys.path`.
    pub files: Option<PathBuf>,
    /// Further entries of `sys.path`: `.zip`, `.whl`, `.egg` files and folders.
    pub python_path: Vec<PathBuf>,
    /// Further environment variables (`spark.executorEnv.*`).
    pub variables: BTreeMap<String, String>,
    /// Most bytes of address space (`spark.executor.pyspark.memory`); `None`: the pool's.
    pub memory_limit: Option<u64>,
}
