//! The rows of a persisted relation: in memory as long as the pool has room, the rest in a file.
//!
//! The file is an Arrow IPC file in the spill directory, which goes away with the last query that
//! reads it. Rows keep their order: what is on disk comes after what is in memory.

use std::fmt;
use std::fs::File;
use std::io::BufWriter;
use std::sync::Arc;

use arrow::array::Array;
use arrow::datatypes::SchemaRef;
use arrow::ipc::reader::FileReader;
use arrow::ipc::writer::{FileWriter, IpcWriteOptions};
use arrow::record_batch::RecordBatch;
use datafusion::catalog::streaming::StreamingTable;
use datafusion::common::Result;
use datafusion::datasource::{MemTable, TableProvider};
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::stream::RecordBatchReceiverStreamBuilder;
use datafusion::physical_plan::streaming::PartitionStream;
use tempfile::NamedTempFile;
use vonk_analyzer::Source;
use vonk_common::{SparkError, SparkResult};
use vonk_expr::spark_error;
use vonk_plan::types::StructType;

use super::Level;
use crate::memory::KEPT_ROWS;
use crate::server::Server;

/// Rows that are kept, with what they occupy accounted for.
pub struct Kept {
    table: Arc<dyn TableProvider>,
    schema: StructType,
    _memory: MemoryReservation,
}

impl Kept {
    pub fn source(&self) -> Source {
        Source { provider: Arc::clone(&self.table), schema: self.schema.clone(), qualifier: vec![], hidden: 0 }
    }
}

/// Takes rows to keep.
pub struct Keeper<'s> {
    server: &'s Server,
    level: Level,
    schema: SchemaRef,
    memory: MemoryReservation,
    batches: Vec<RecordBatch>,
    disk: Option<Disk>,
}

struct Disk {
    file: NamedTempFile,
    writer: FileWriter<BufWriter<File>>,
    batches: usize,
}

fn disk_error(e: impl fmt::Display) -> SparkError {
    SparkError::internal(format!("persisted rows: {e}"))
}

impl<'s> Keeper<'s> {
    pub fn new(server: &'s Server, level: Level, schema: SchemaRef) -> Self {
        let memory = MemoryConsumer::new(KEPT_ROWS).register(&server.runtime.memory_pool);
        Keeper { server, level, schema, memory, batches: vec![], disk: None }
    }

    /// Keeps a batch; false when there is no room for it at this level.
    pub fn push(&mut self, batch: RecordBatch) -> SparkResult<bool> {
        if self.level.memory && self.disk.is_none() && self.memory.try_grow(bytes(&batch)).is_ok() {
            self.batches.push(batch);
            return Ok(true);
        }
        if !self.level.disk {
            return Ok(false);
        }
        let disk = match &mut self.disk {
            Some(disk) => disk,
            none => none.insert(Disk::create(self.server, &self.schema)?),
        };
        disk.writer.write(&batch).map_err(disk_error)?;
        disk.batches += 1;
        Ok(true)
    }

    pub fn finish(self, schema: StructType) -> SparkResult<Kept> {
        let runs = self.server.parallelism;
        let mut partitions: Vec<Vec<RecordBatch>> =
            self.batches.chunks(self.batches.len().div_ceil(runs).max(1)).map(<[RecordBatch]>::to_vec).collect();
        let table: Arc<dyn TableProvider> = match self.disk {
            None => {
                if partitions.is_empty() {
                    partitions.push(vec![]);
                }
                Arc::new(MemTable::try_new(self.schema, partitions).map_err(spark_error)?)
            }
            Some(mut disk) => {
                disk.writer.finish().map_err(disk_error)?;
                let file = Arc::new(disk.file);
                let part = |batches, range| -> Arc<dyn PartitionStream> {
                    Arc::new(Part { schema: Arc::clone(&self.schema), batches, file: Arc::clone(&file), range })
                };
                let mut parts: Vec<_> = partitions.into_iter().map(|batches| part(batches, 0..0)).collect();
                let length = disk.batches.div_ceil(runs).max(1);
                let starts = (0..disk.batches).step_by(length);
                parts.extend(starts.map(|start| part(vec![], start..(start + length).min(disk.batches))));
                Arc::new(StreamingTable::try_new(self.schema, parts).map_err(spark_error)?)
            }
        };
        Ok(Kept { table, schema, _memory: self.memory })
    }
}

impl Disk {
    fn create(server: &Server, schema: &SchemaRef) -> SparkResult<Self> {
        let file =
            tempfile::Builder::new().prefix("persisted-").tempfile_in(server.spill_folder()).map_err(disk_error)?;
        let options = IpcWriteOptions::default()
            .try_with_compression(Some(arrow::ipc::CompressionType::LZ4_FRAME))
            .map_err(disk_error)?;
        let output = BufWriter::new(file.reopen().map_err(disk_error)?);
        let writer = FileWriter::try_new_with_options(output, schema, options).map_err(disk_error)?;
        Ok(Disk { file, writer, batches: 0 })
    }
}

/// Of buffers that several batches share, each counts its part.
fn bytes(batch: &RecordBatch) -> usize {
    let of = |a: &dyn Array| a.to_data().get_slice_memory_size().unwrap_or_else(|_| a.get_array_memory_size());
    batch.columns().iter().map(|c| of(c.as_ref())).sum()
}

/// Some of the kept rows: batches in memory, then batches of the file.
struct Part {
    schema: SchemaRef,
    batches: Vec<RecordBatch>,
    file: Arc<NamedTempFile>,
    range: std::ops::Range<usize>,
}

impl fmt::Debug for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} batches in memory, {} on disk", self.batches.len(), self.range.len())
    }
}

impl PartitionStream for Part {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _: Arc<TaskContext>) -> SendableRecordBatchStream {
        let mut stream = RecordBatchReceiverStreamBuilder::new(Arc::clone(&self.schema), 2);
        let (send, batches) = (stream.tx(), self.batches.clone());
        let (file, range) = (Arc::clone(&self.file), self.range.clone());
        stream.spawn_blocking(move || {
            for batch in batches {
                if send.blocking_send(Ok(batch)).is_err() {
                    return Ok(());
                }
            }
            if range.is_empty() {
                return Ok(());
            }
            let mut reader = FileReader::try_new_buffered(file.reopen()?, None)?;
            reader.set_index(range.start)?;
            for batch in reader.take(range.len()) {
                if send.blocking_send(batch.map_err(Into::into)).is_err() {
                    return Ok(());
                }
            }
            Result::Ok(())
        });
        stream.build()
    }
}
