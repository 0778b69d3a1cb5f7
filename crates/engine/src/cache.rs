//! Persisted relations (`df.cache`, `CACHE TABLE`) and checkpoints.
//!
//! A persisted relation is computed when a query first uses it, and its rows are kept as its storage
//! level says ([`Kept`]): in memory, and on disk where memory has no room. Rows that may be kept in
//! memory only and do not fit are not kept at all: each query computes them again, as Spark does with
//! partitions that find no memory.
//!
//! The analyzer asks for every relation of a query whether it is persisted; relations are compared
//! by structure, the client's plan ids left out ([`crate::fingerprint`]).

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures::TryStreamExt;
use parking_lot::Mutex;
use tokio::runtime::Handle;
use vonk_analyzer::Source;
use vonk_catalog::TableName;
use vonk_common::planner::Deep;
use vonk_common::{SparkError, SparkResult, wanted};
use vonk_plan::command::Name;
use vonk_plan::{Relation, RelationKind};

use crate::fingerprint::Fingerprint;
use crate::session::Session;

mod kept;

use kept::{Keeper, Kept};

/// Where persisted rows may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Level {
    pub disk: bool,
    pub memory: bool,
    pub off_heap: bool,
    pub deserialized: bool,
    pub replication: i32,
}

impl Level {
    /// What `cache` without a level means.
    pub const DEFAULT: Level = Level { disk: true, memory: true, off_heap: false, deserialized: true, replication: 1 };

    /// The level of that name: `DISK_ONLY`, `MEMORY_AND_DISK_SER_2`.
    pub fn named(name: &str) -> SparkResult<Self> {
        let upper = name.to_ascii_uppercase();
        let (base, replication) = match upper.rsplit_once('_') {
            Some((base, "2")) => (base, 2),
            Some((base @ "DISK_ONLY", "3")) => (base, 3),
            _ => (upper.as_str(), 1),
        };
        let (disk, memory, off_heap, deserialized) = match base {
            "NONE" if replication == 1 => (false, false, false, false),
            "DISK_ONLY" => (true, false, false, false),
            "MEMORY_ONLY" => (false, true, false, true),
            "MEMORY_ONLY_SER" => (false, true, false, false),
            "MEMORY_AND_DISK" => (true, true, false, true),
            "MEMORY_AND_DISK_SER" => (true, true, false, false),
            "OFF_HEAP" if replication == 1 => (true, true, true, false),
            _ => {
                let message = format!("Invalid StorageLevel: {name}");
                return Err(SparkError::new("java.lang.IllegalArgumentException").param("message", message));
            }
        };
        Ok(Level { disk, memory, off_heap, deserialized, replication })
    }
}

enum State {
    /// Nobody has asked for the rows yet.
    Pending,
    Ready(Arc<Kept>),
    /// The rows found no room.
    TooLarge,
}

struct Entry {
    id: u64,
    relation: Arc<Deep<Relation>>,
    fingerprint: Fingerprint,
    level: Level,
    state: Arc<Mutex<State>>,
}

/// What a session keeps.
#[derive(Default)]
pub struct Cache {
    entries: Mutex<Vec<Entry>>,
    checkpoints: Mutex<HashMap<String, Arc<Kept>>>,
}

static NEXT: AtomicU64 = AtomicU64::new(1);

impl Entry {
    /// Is that the relation, the client's plan ids left out?
    fn is(&self, relation: &Relation) -> bool {
        let kind = self.relation.get().map(|r| std::mem::discriminant(&r.kind));
        kind == Some(std::mem::discriminant(&relation.kind)) && self.fingerprint.is(relation)
    }
}

impl Session {
    /// A table by its full name, so that it is found by any of its names; any other relation as it is.
    fn by_full_name<'r>(&self, relation: &'r Relation) -> Cow<'r, Relation> {
        let RelationKind::Table { name, .. } = &relation.kind else { return Cow::Borrowed(relation) };
        let temporary = |n: &String| self.names.read().temp_view(n).is_some();
        if name.len() > 2 || matches!(name.as_slice(), [single] if temporary(single)) {
            return Cow::Borrowed(relation);
        }
        let Ok(full) = crate::command::qualify(self, name) else { return Cow::Borrowed(relation) };
        let mut named = relation.clone();
        if let RelationKind::Table { name, .. } = &mut named.kind {
            *name = vec![full.catalog, full.database, full.table];
        }
        Cow::Owned(named)
    }

    /// Marks a relation to be kept when it is next computed.
    pub async fn persist(self: &Arc<Self>, relation: Relation, level: Level) -> SparkResult<()> {
        self.analyze(relation.clone()).await?;
        let relation = self.by_full_name(&relation).into_owned();
        let mut entries = self.cache.entries.lock();
        if !entries.iter().any(|e| e.is(&relation)) {
            let id = NEXT.fetch_add(1, Ordering::Relaxed);
            let fingerprint = Fingerprint::of(&relation);
            let relation = Arc::new(Deep::new(relation));
            let state = Arc::new(Mutex::new(State::Pending));
            entries.push(Entry { id, relation, fingerprint, level, state });
        }
        Ok(())
    }

    pub fn unpersist(&self, relation: &Relation) {
        let relation = &*self.by_full_name(relation);
        self.cache.entries.lock().retain(|e| !e.is(relation));
    }

    /// Where the rows of the relation may be, if it is persisted.
    pub fn storage_level(&self, relation: &Relation) -> Option<Level> {
        let relation = &*self.by_full_name(relation);
        self.cache.entries.lock().iter().find(|e| e.is(relation)).map(|e| e.level)
    }

    pub fn is_persisted(&self, relation: &Relation) -> bool {
        self.storage_level(relation).is_some()
    }

    /// `CLEAR CACHE`.
    pub fn clear_cache(&self) {
        self.cache.entries.lock().clear();
    }

    /// Rows that were computed from data that has changed are dropped; they are computed anew.
    pub fn invalidate_cache(&self) {
        for entry in self.cache.entries.lock().iter() {
            *entry.state.lock() = State::Pending;
        }
    }

    /// The same for what names the table.
    pub fn forget_rows_of(&self, table: &TableName) {
        let name = table.table.to_lowercase();
        for entry in self.cache.entries.lock().iter().filter(|e| e.fingerprint.mentions(&name)) {
            *entry.state.lock() = State::Pending;
        }
    }

    /// Whether the table or view of that name is persisted.
    pub async fn is_cached(self: &Arc<Self>, name: &Name) -> SparkResult<bool> {
        let table = Relation::table(name.clone());
        self.analyze(table.clone()).await?;
        Ok(self.is_persisted(&table)
            || self.view_query(name).is_some_and(|q| q.get().is_some_and(|r| self.is_persisted(r))))
    }

    /// Forgets the kept rows of a table that goes away.
    pub fn uncache_table(&self, name: &TableName) {
        let parts = [&name.catalog, &name.database, &name.table];
        self.cache.entries.lock().retain(|e| {
            let Some(Relation { kind: RelationKind::Table { name: cached, .. }, .. }) = e.relation.get() else {
                return true;
            };
            let tail = &parts[parts.len().saturating_sub(cached.len())..];
            !cached.iter().zip(tail).all(|(a, b)| a.eq_ignore_ascii_case(b))
        });
    }

    fn view_query(&self, name: &Name) -> Option<Arc<Deep<Relation>>> {
        match name.as_slice() {
            [single] => self.names.read().temp_view(single).map(|v| v.query.clone()),
            _ => None,
        }
    }

    /// The kept rows of a relation, computed now if they have to be. `building` holds the ids of
    /// entries whose own rows are being computed. Called on a planner thread.
    pub(crate) fn cached_source(
        self: &Arc<Self>,
        relation: &Relation,
        building: &[u64],
        runtime: &Handle,
    ) -> Option<Source> {
        if self.cache.entries.lock().is_empty() {
            return None;
        }
        let relation = &*self.by_full_name(relation);
        let (id, query, level, state) = {
            let entries = self.cache.entries.lock();
            let found = entries.iter().find(|e| !building.contains(&e.id) && e.is(relation))?;
            (found.id, found.relation.clone(), found.level, found.state.clone())
        };
        match &*state.lock() {
            State::Ready(kept) => return Some(kept.source()),
            State::TooLarge => return None,
            State::Pending => {}
        }
        let building = building.iter().copied().chain([id]).collect();
        let built = runtime.block_on(wanted::while_wanted(self.compute(&query, level, building)));
        let mut slot = state.lock();
        match built {
            Ok(Some(kept)) => {
                let source = kept.source();
                *slot = State::Ready(Arc::new(kept));
                Some(source)
            }
            Ok(None) => {
                *slot = State::TooLarge;
                None
            }
            // The query that asked will meet the error itself.
            Err(_) => None,
        }
    }

    /// The rows of a relation, kept; none when there is no room.
    async fn compute(
        self: &Arc<Self>,
        relation: &Arc<Deep<Relation>>,
        level: Level,
        building: Vec<u64>,
    ) -> SparkResult<Option<Kept>> {
        let Some(relation) = relation.get() else { return Ok(None) };
        let analyzed = self.analyze_building(relation.clone(), building).await?;
        let schema = analyzed.schema.clone();
        let prepared = self.prepare(analyzed.plan, analyzed.schema).await?;
        let mut rows = prepared.run()?;
        let mut keeper = Keeper::new(&self.server, level, Arc::clone(&rows.arrow_schema));
        while let Some(batch) = rows.batches.try_next().await? {
            if !keeper.push(batch)? {
                return Ok(None);
            }
        }
        keeper.finish(schema).map(Some)
    }

    /// Computes a relation and keeps its rows under an id until they are removed.
    pub async fn checkpoint(self: &Arc<Self>, input: Relation, _local: bool, _eager: bool) -> SparkResult<String> {
        let relation = Arc::new(Deep::new(input));
        let Some(kept) = self.compute(&relation, Level::DEFAULT, vec![]).await? else {
            return Err(SparkError::new("UNABLE_TO_ACQUIRE_MEMORY")
                .param("requestedBytes", "more")
                .param("receivedBytes", "0"));
        };
        let id = uuid::Uuid::new_v4().to_string();
        self.cache.checkpoints.lock().insert(id.clone(), Arc::new(kept));
        Ok(id)
    }

    pub fn remove_checkpoint(&self, id: &str) {
        self.cache.checkpoints.lock().remove(id);
    }

    pub(crate) fn checkpointed(&self, id: &str) -> SparkResult<Source> {
        match self.cache.checkpoints.lock().get(id) {
            Some(kept) => Ok(kept.source()),
            None => Err(SparkError::new("DATAFRAME_NOT_FOUND").param("dfId", vonk_common::error::quote_id([id]))),
        }
    }
}
