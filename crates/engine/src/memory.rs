//! The memory pool and the spill directory of the server.
//!
//! One pool bounds all queries. Operators that can spill share [`SPILLABLE`] of it evenly, so that a
//! greedy sort makes itself spill instead of making its neighbour fail; the rest is kept for what
//! cannot spill, such as the merge of a sort that has spilled. Spill files live in a directory of
//! this process that goes away with it.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use datafusion::common::{DataFusionError, Result};
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryLimit, MemoryPool, MemoryReservation};
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use parking_lot::Mutex;
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

/// Tenths of the pool that operators which can spill may fill.
const SPILLABLE: usize = 5;

/// What an operator that can spill gets while there is any, however many there are.
const LEAST_SHARE: usize = 4 << 20;

/// The memory pool.
#[derive(Debug)]
pub struct SharedPool {
    size: usize,
    state: Mutex<Use>,
}

#[derive(Debug, Default)]
struct Use {
    /// Operators that can spill.
    spillers: usize,
    spillable: usize,
    fixed: usize,
}

impl SharedPool {
    pub fn new(size: usize) -> Self {
        SharedPool { size, state: Mutex::default() }
    }

    fn refuse(&self, reservation: &MemoryReservation, additional: usize, left: usize) -> DataFusionError {
        DataFusionError::ResourcesExhausted(format!(
            "{additional} more bytes for {}, which has {}; {left} are left to it of {}",
            reservation.consumer().name(),
            reservation.size(),
            self.size,
        ))
    }
}

impl fmt::Display for SharedPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "shared({} bytes)", self.size)
    }
}

impl MemoryPool for SharedPool {
    fn name(&self) -> &str {
        "shared"
    }

    fn register(&self, consumer: &MemoryConsumer) {
        self.state.lock().spillers += usize::from(consumer.can_spill());
    }

    fn unregister(&self, consumer: &MemoryConsumer) {
        let mut state = self.state.lock();
        state.spillers = state.spillers.saturating_sub(usize::from(consumer.can_spill()));
    }

    fn grow(&self, reservation: &MemoryReservation, additional: usize) {
        let mut state = self.state.lock();
        match reservation.consumer().can_spill() {
            true => state.spillable += additional,
            false => state.fixed += additional,
        }
    }

    fn shrink(&self, reservation: &MemoryReservation, shrink: usize) {
        let mut state = self.state.lock();
        match reservation.consumer().can_spill() {
            true => state.spillable = state.spillable.saturating_sub(shrink),
            false => state.fixed = state.fixed.saturating_sub(shrink),
        }
    }

    fn try_grow(&self, reservation: &MemoryReservation, additional: usize) -> Result<()> {
        let mut state = self.state.lock();
        let free = self.size.saturating_sub(state.fixed + state.spillable);
        if !reservation.consumer().can_spill() {
            if additional > free {
                return Err(self.refuse(reservation, additional, free));
            }
            state.fixed += additional;
            return Ok(());
        }
        let budget = (self.size / 10 * SPILLABLE).min(self.size.saturating_sub(state.fixed));
        // A few batches for everyone: an operator that holds nothing has nothing to spill.
        let share = (budget / state.spillers.max(1)).max(LEAST_SHARE);
        let left = share.saturating_sub(reservation.size()).min(budget.saturating_sub(state.spillable)).min(free);
        if additional > left {
            return Err(self.refuse(reservation, additional, left));
        }
        state.spillable += additional;
        Ok(())
    }

    fn reserved(&self) -> usize {
        let state = self.state.lock();
        state.fixed + state.spillable
    }

    fn memory_limit(&self) -> MemoryLimit {
        MemoryLimit::Finite(self.size)
    }
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
        .with_memory_pool(Arc::new(SharedPool::new(bytes)))
        .build_arc()
        .map_err(spark_error)?;
    Ok((env, SpillDirectory { _dir: dir, path }))
}
