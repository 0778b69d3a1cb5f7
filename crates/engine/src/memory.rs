//! The memory pool and the spill directory of the server.
//!
//! One pool bounds all queries. What an operator may take depends on its [`Kind`]: operators that can
//! spill share a part of the pool evenly, so that a greedy sort makes itself spill instead of making
//! its neighbour fail; the merges of what they spilled share another; operators that can do neither
//! leave something to both. Each gets a few batches ([`Kind::floor`]) even from a pool that is taken,
//! since who holds nothing has nothing to spill: by these alone, and by [`excess`] at most, a pool is
//! overdrawn. Spill files live in a directory of this process that goes away with it.

use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use arrow::error::ArrowError;
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

/// How an operator meets a refusal, and so what it may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Sorts and aggregates: they spill what they hold.
    Spill,
    /// Merges of sorted rows and the buffers of merge joins: they work with a few batches.
    Merge,
    /// Channels between partitions: they spill batch by batch and need no memory at all.
    Channel,
    /// Rows kept for later queries; they go to disk.
    Kept,
    /// The others (hash tables of joins, values collected): a refusal ends the query.
    Fixed,
}

impl Kind {
    fn of(consumer: &MemoryConsumer) -> Self {
        let name = consumer.name();
        match consumer.can_spill() {
            true if name.starts_with("RepartitionExec") => Kind::Channel,
            true => Kind::Spill,
            false if MERGES.iter().any(|m| name.starts_with(m)) => Kind::Merge,
            false if name == KEPT_ROWS => Kind::Kept,
            false => Kind::Fixed,
        }
    }

    /// What one reservation gets in any case. The sort of a batch in memory needs twice its bytes, its
    /// merge somewhat more.
    fn floor(self) -> usize {
        match self {
            Kind::Spill => 4 << 20,
            Kind::Merge => 6 << 20,
            Kind::Fixed => 1 << 20,
            Kind::Channel | Kind::Kept => 0,
        }
    }
}

/// What the operators of [`Kind::Merge`] are called, or the merges in them.
const MERGES: [&str; 4] = ["ExternalSorterMerge", "SortPreservingMergeExec", "RepartitionExec[Merge", "SMJStream"];

/// The name under which the cache asks for memory.
pub const KEPT_ROWS: &str = "persisted rows";

/// By how much the floors may overdraw a pool of that size.
fn excess(size: usize) -> usize {
    (size / 4).max(64 << 20)
}

/// The memory pool.
#[derive(Debug)]
pub struct SharedPool {
    size: usize,
    state: Mutex<Use>,
}

#[derive(Debug, Default)]
struct Use {
    total: usize,
    spill: Account,
    merge: Account,
    channel: Account,
    kept: Account,
    fixed: Account,
    /// Bytes of each operator, by its id.
    operators: HashMap<usize, usize>,
}

/// The operators of a kind and what they hold together.
#[derive(Debug, Default, Clone, Copy)]
struct Account {
    operators: usize,
    held: usize,
}

impl Use {
    fn account(&mut self, kind: Kind) -> &mut Account {
        match kind {
            Kind::Spill => &mut self.spill,
            Kind::Merge => &mut self.merge,
            Kind::Channel => &mut self.channel,
            Kind::Kept => &mut self.kept,
            Kind::Fixed => &mut self.fixed,
        }
    }

    fn grow(&mut self, consumer: &MemoryConsumer, bytes: usize) {
        self.total += bytes;
        self.account(Kind::of(consumer)).held += bytes;
        *self.operators.entry(consumer.id()).or_default() += bytes;
    }

    fn shrink(&mut self, consumer: &MemoryConsumer, bytes: usize) {
        self.total = self.total.saturating_sub(bytes);
        let account = self.account(Kind::of(consumer));
        account.held = account.held.saturating_sub(bytes);
        if let Some(held) = self.operators.get_mut(&consumer.id()) {
            *held = held.saturating_sub(bytes);
        }
    }

    /// How much more the reservation may take of a pool of `size` bytes.
    fn left(&mut self, size: usize, reservation: &MemoryReservation) -> usize {
        let consumer = reservation.consumer();
        let kind = Kind::of(consumer);
        let held = self.operators.get(&consumer.id()).copied().unwrap_or_default();
        let tenths = match kind {
            // A sort that is merged in memory gives its bytes to its merge, and then some.
            Kind::Spill if self.merge.operators > 0 => 3,
            Kind::Spill | Kind::Fixed => 8,
            Kind::Merge => 6,
            Kind::Channel => 2,
            Kind::Kept => 5,
        };
        let account = *self.account(kind);
        let budget = size / 10 * tenths;
        let of_kind = budget.saturating_sub(account.held);
        let share = match kind {
            Kind::Spill | Kind::Merge => (budget / account.operators.max(1)).saturating_sub(held),
            _ => of_kind,
        };
        let ordinary = share.min(of_kind).min(size.saturating_sub(self.total));
        // By reservation, since an operator has several: a merge takes what it can get, and beside it the
        // table that it feeds could not grow any more.
        let floor = kind.floor().saturating_sub(reservation.size());
        let floor = floor.min((size + excess(size)).saturating_sub(self.total));
        ordinary.max(floor)
    }
}

impl SharedPool {
    pub fn new(size: usize) -> Self {
        SharedPool { size, state: Mutex::default() }
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
        self.state.lock().account(Kind::of(consumer)).operators += 1;
    }

    fn unregister(&self, consumer: &MemoryConsumer) {
        let mut state = self.state.lock();
        let account = state.account(Kind::of(consumer));
        account.operators = account.operators.saturating_sub(1);
        state.operators.remove(&consumer.id());
    }

    fn grow(&self, reservation: &MemoryReservation, additional: usize) {
        self.state.lock().grow(reservation.consumer(), additional);
    }

    fn shrink(&self, reservation: &MemoryReservation, shrink: usize) {
        self.state.lock().shrink(reservation.consumer(), shrink);
    }

    fn try_grow(&self, reservation: &MemoryReservation, additional: usize) -> Result<()> {
        let consumer = reservation.consumer();
        let mut state = self.state.lock();
        let left = state.left(self.size, reservation);
        if additional > left {
            return Err(DataFusionError::ResourcesExhausted(format!(
                "{additional} more for {}, which has {}; {left} are left to it of {}, {} are in use",
                consumer.name(),
                state.operators.get(&consumer.id()).copied().unwrap_or_default(),
                self.size,
                state.total,
            )));
        }
        state.grow(consumer, additional);
        Ok(())
    }

    fn reserved(&self) -> usize {
        self.state.lock().total
    }

    fn memory_limit(&self) -> MemoryLimit {
        MemoryLimit::Finite(self.size)
    }
}

/// Did the pool refuse?
pub fn is_out_of_memory(e: &DataFusionError) -> bool {
    match e {
        DataFusionError::ResourcesExhausted(_) => true,
        DataFusionError::Context(_, inner) | DataFusionError::Diagnostic(_, inner) => is_out_of_memory(inner),
        DataFusionError::Shared(inner) => is_out_of_memory(inner),
        DataFusionError::Collection(all) => all.iter().any(is_out_of_memory),
        DataFusionError::External(inner) => inner.downcast_ref::<DataFusionError>().is_some_and(is_out_of_memory),
        DataFusionError::ArrowError(inner, _) => match inner.as_ref() {
            ArrowError::ExternalError(x) => x.downcast_ref::<DataFusionError>().is_some_and(is_out_of_memory),
            _ => false,
        },
        _ => false,
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
