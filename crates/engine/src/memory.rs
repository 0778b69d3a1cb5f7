//! The memory pool and the spill directory of the server.
//!
//! One pool bounds all queries: operators that can spill share what is left fairly, so that one
//! greedy sort makes itself spill instead of making its neighbour fail. Spill files live in a
//! directory of this process that goes away with it.

use std::path::PathBuf;
use std::sync::Arc;

use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::FairSpillPool;
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use vonk_common::{SparkError, SparkResult};
use vonk_expr::spark_error;

/// Bytes the pool gets when the configuration is silent: 60 % of the machine's (or container's).
pub fn default_pool_bytes() -> usize {
    let total = total_memory().unwrap_or(4 << 30);
    total / 10 * 6
}

/// Memory of the machine, or the cgroup's limit where that is lower.
fn total_memory() -> Option<usize> {
    let info = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = info.lines().find(|l| l.starts_with("MemTotal:"))?;
    let kib: usize = line.split_whitespace().nth(1)?.parse().ok()?;
    let limit = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"]
        .iter()
        .find_map(|path| std::fs::read_to_string(path).ok()?.trim().parse::<usize>().ok());
    Some(limit.unwrap_or(usize::MAX).min(kib * 1024))
}

/// A spill directory, removed when dropped.
#[derive(Debug)]
pub struct SpillDirectory {
    _dir: tempfile::TempDir,
    pub path: PathBuf,
}

/// The run-time environment with a pool of `bytes` and a spill directory below `spill_root`.
pub fn runtime(bytes: usize, spill_root: Option<&PathBuf>) -> SparkResult<(Arc<RuntimeEnv>, SpillDirectory)> {
    let mut builder = tempfile::Builder::new();
    builder.prefix("vonk-spill-");
    let dir = match spill_root {
        Some(root) => std::fs::create_dir_all(root).and_then(|()| builder.tempdir_in(root)),
        None => builder.tempdir(),
    };
    let dir = dir.map_err(|e| SparkError::internal(format!("spill directory: {e}")))?;
    let path = dir.path().to_path_buf();
    let disk = DiskManagerBuilder::default()
        .with_mode(DiskManagerMode::Directories(vec![path.clone()]))
        .with_max_temp_directory_size(u64::MAX);
    let env = RuntimeEnvBuilder::new()
        .with_disk_manager_builder(disk)
        .with_memory_pool(Arc::new(FairSpillPool::new(bytes)))
        .build_arc()
        .map_err(spark_error)?;
    Ok((env, SpillDirectory { _dir: dir, path }))
}
