//! The files that a session gives its Python workers: a folder of links to what the client sent,
//! gone with the session.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::json;
use tempfile::TempDir;
use vonk_common::{SessionConf, SparkError, SparkResult};
use vonk_python::Environment;

use super::ask;
use crate::session::Session;

#[derive(Default)]
pub struct SessionFiles {
    folder: Option<TempDir>,
    /// Archives of modules: on the workers' path themselves.
    modules: Vec<PathBuf>,
}

/// What a file is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileUse {
    File,
    /// A module, or an archive of some.
    Module,
    /// To be unpacked.
    Archive,
}

fn io(e: std::io::Error) -> SparkError {
    SparkError::internal(format!("a file of the session: {e}"))
}

impl Session {
    /// Where the session's Python functions run. A worker serves several sessions unless one has files
    /// of its own, or wants to know what its workers report.
    pub(crate) fn python_environment(&self, conf: &SessionConf) -> Environment {
        let files = self.python_files.lock();
        let own = files.folder.is_some() || conf.get("spark.sql.pyspark.udf.profiler").is_some_and(|p| !p.is_empty());
        Environment {
            python: conf.get("spark.pyspark.python").map(str::to_string),
            session: if own { self.id.to_string() } else { String::new() },
            files: files.folder.as_ref().map(|f| f.path().to_path_buf()),
            python_path: files.modules.clone(),
            memory_limit: conf.get("spark.executor.pyspark.memory").and_then(byte_size),
            variables: conf.all().into_iter().filter_map(|(key, value)| variable(key, value)).collect(),
        }
    }

    /// Gives the session's workers a file under the last part of its name.
    pub async fn add_python_file(
        self: &Arc<Self>,
        name: &str,
        path: &Path,
        usage: FileUse,
        alias: Option<&str>,
    ) -> SparkResult<()> {
        let own = Path::new(name).file_name().ok_or_else(|| SparkError::internal("a file without a name"))?;
        let target = {
            let mut files = self.python_files.lock();
            if files.folder.is_none() {
                files.folder = Some(tempfile::Builder::new().prefix("vonk-files-").tempdir().map_err(io)?);
            }
            let folder = files.folder.as_ref().map(|f| f.path().to_path_buf()).unwrap_or_default();
            let target = folder.join(alias.map_or(own, std::ffi::OsStr::new));
            if usage != FileUse::Archive && !target.exists() {
                std::os::unix::fs::symlink(path, &target).map_err(io)?;
            }
            let is_module = target.extension().is_some_and(|e| e == "zip" || e == "whl" || e == "egg");
            if usage == FileUse::Module && is_module && !files.modules.contains(&target) {
                files.modules.push(target.clone());
            }
            target
        };
        self.forget_state();
        if usage == FileUse::Archive {
            let value = json!({ "archive": path, "to": target });
            ask(self, "unpack", value, vec![]).await?;
        }
        Ok(())
    }
}

/// The environment variable that a setting is for.
fn variable(key: &str, value: &str) -> Option<(String, String)> {
    key.strip_prefix("spark.executorEnv.").map(|name| (name.to_string(), value.to_string()))
}

/// `512m`, `2g`; a plain number is MiB, as Spark reads this setting.
fn byte_size(text: &str) -> Option<u64> {
    let text = text.trim().to_lowercase();
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let shift = match text.get(digits.len()..)?.trim_end_matches('b').chars().next() {
        None | Some('m') => 20,
        Some('k') => 10,
        Some('g') => 30,
        Some('t') => 40,
        _ => return None,
    };
    digits.trim().parse::<u64>().ok()?.checked_mul(1 << shift)
}
