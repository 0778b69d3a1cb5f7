//! Persisted relations (`df.cache`, `CACHE TABLE`) and checkpoints.
//!
//! A persisted relation is computed when a query first uses it, and its rows are kept as Arrow
//! batches under a reservation of the memory pool. Rows that do not fit are not kept: the relation
//! is computed again by each query, as Spark does with partitions that find no memory.
//!
//! The analyzer asks for every relation of a query whether it is persisted; relations are compared
//! by structure, the client's plan ids left out ([`crate::fingerprint`]).

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arrow::record_batch::RecordBatch;
use datafusion::datasource::MemTable;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use futures::TryStreamExt;
use parking_lot::Mutex;
use tokio::runtime::Handle;
use vonk_analyzer::Source;
use vonk_catalog::TableName;
use vonk_common::planner::Deep;
use vonk_common::{SparkError, SparkResult};
use vonk_plan::command::Name;
use vonk_plan::types::StructType;
use vonk_plan::{Relation, RelationKind};

use crate::fingerprint::Fingerprint;
use crate::session::Session;

/// Rows kept in memory, with what they occupy accounted for.
pub struct Kept {
    table: Arc<MemTable>,
    schema: StructType,
    _memory: MemoryReservation,
}

enum State {
    /// Nobody has asked for the rows yet.
    Pending,
    Ready(Arc<Kept>),
    /// The rows found no memory.
    TooLarge,
}

struct Entry {
    id: u64,
    relation: Arc<Deep<Relation>>,
    fingerprint: Fingerprint,
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

impl Kept {
    fn source(&self) -> Source {
        Source { provider: self.table.clone(), schema: self.schema.clone(), qualifier: vec![], hidden: 0 }
    }
}

impl Session {
    /// Marks a relation to be kept when it is next computed.
    pub async fn persist(self: &Arc<Self>, relation: Relation) -> SparkResult<()> {
        self.analyze(relation.clone()).await?;
        let mut entries = self.cache.entries.lock();
        if !entries.iter().any(|e| e.is(&relation)) {
            let id = NEXT.fetch_add(1, Ordering::Relaxed);
            let fingerprint = Fingerprint::of(&relation);
            let relation = Arc::new(Deep::new(relation));
            entries.push(Entry { id, relation, fingerprint, state: Arc::new(Mutex::new(State::Pending)) });
        }
        Ok(())
    }

    pub fn unpersist(&self, relation: &Relation) {
        self.cache.entries.lock().retain(|e| !e.is(relation));
    }

    pub fn is_persisted(&self, relation: &Relation) -> bool {
        self.cache.entries.lock().iter().any(|e| e.is(relation))
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
        let (id, query, state) = {
            let entries = self.cache.entries.lock();
            let found = entries.iter().find(|e| !building.contains(&e.id) && e.is(relation))?;
            (found.id, found.relation.clone(), found.state.clone())
        };
        match &*state.lock() {
            State::Ready(kept) => return Some(kept.source()),
            State::TooLarge => return None,
            State::Pending => {}
        }
        let built = runtime.block_on(self.compute(&query, building.iter().copied().chain([id]).collect()));
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

    /// The rows of a relation as a table in memory; none when the memory pool has no room.
    async fn compute(
        self: &Arc<Self>,
        relation: &Arc<Deep<Relation>>,
        building: Vec<u64>,
    ) -> SparkResult<Option<Kept>> {
        let Some(relation) = relation.get() else { return Ok(None) };
        let analyzed = self.analyze_building(relation.clone(), building).await?;
        let schema = analyzed.schema.clone();
        let prepared = self.prepare(analyzed.plan, analyzed.schema).await?;
        let mut rows = prepared.run()?;
        let memory = MemoryConsumer::new("persisted relation").register(&self.server.runtime.memory_pool);
        let mut batches: Vec<RecordBatch> = vec![];
        while let Some(batch) = rows.batches.try_next().await? {
            if memory.try_grow(batch.get_array_memory_size()).is_err() {
                return Ok(None);
            }
            batches.push(batch);
        }
        let per_partition = batches.len().div_ceil(self.server.parallelism).max(1);
        let mut partitions: Vec<Vec<RecordBatch>> =
            batches.chunks(per_partition).map(<[RecordBatch]>::to_vec).collect();
        if partitions.is_empty() {
            partitions.push(vec![]);
        }
        let table = MemTable::try_new(rows.arrow_schema.clone(), partitions).map_err(vonk_expr::spark_error)?;
        Ok(Some(Kept { table: Arc::new(table), schema, _memory: memory }))
    }

    /// Computes a relation and keeps its rows under an id until they are removed.
    pub async fn checkpoint(self: &Arc<Self>, input: Relation, _local: bool, _eager: bool) -> SparkResult<String> {
        let relation = Arc::new(Deep::new(input));
        let Some(kept) = self.compute(&relation, vec![]).await? else {
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
