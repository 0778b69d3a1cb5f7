//! Record batches as Arrow IPC streams, as the protocol carries them: each message is a stream of
//! its own, with schema, batch and end.

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use arrow::ipc::writer::StreamWriter;
use bytes::Bytes;
use vonk_common::{SparkError, SparkResult};

/// The batches as one stream.
pub fn encode(schema: &SchemaRef, batches: &[RecordBatch]) -> SparkResult<Bytes> {
    let write = || -> Result<Vec<u8>, arrow::error::ArrowError> {
        let bytes: usize = batches.iter().map(RecordBatch::get_array_memory_size).sum();
        let mut writer = StreamWriter::try_new(Vec::with_capacity(bytes.min(8 << 20) + 1024), schema)?;
        for batch in batches {
            writer.write(batch)?;
        }
        writer.into_inner()
    };
    write().map(Bytes::from).map_err(|e| SparkError::internal(format!("Arrow IPC: {e}")))
}
