//! Record batches as the bytes of Arrow IPC messages and back; both sides know the schema.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow::buffer::Buffer;
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use arrow::ipc::reader::StreamDecoder;
use arrow::ipc::writer::StreamEncoder;
use bytes::Bytes;
use vonk_common::{SparkError, SparkResult};
use vonk_expr::arrow_types::to_arrow_schema;
use vonk_plan::types::StructType;

use crate::wire::Part;

fn fault(e: ArrowError) -> SparkError {
    SparkError::internal(format!("Arrow IPC with a Python worker: {e}"))
}

/// Encodes the batches of one input.
pub struct Encoder {
    schema: SchemaRef,
    inner: StreamEncoder,
}

impl Encoder {
    pub fn new(fields: &StructType) -> SparkResult<Self> {
        let schema: SchemaRef = Arc::new(to_arrow_schema(fields));
        let mut inner = StreamEncoder::try_new(&schema).map_err(fault)?;
        // The first batch has the schema's message before it, which no worker asks for.
        inner.encode(&RecordBatch::new_empty(Arc::clone(&schema))).map_err(fault)?;
        Ok(Encoder { schema, inner })
    }

    pub fn encode(&mut self, batch: &RecordBatch) -> SparkResult<Part> {
        self.inner.encode(&self.conform(batch)?).map_err(fault)
    }

    /// The batch under our schema; columns of another form of the same type are cast.
    fn conform(&self, batch: &RecordBatch) -> SparkResult<RecordBatch> {
        if batch.num_columns() != self.schema.fields().len() {
            return Err(SparkError::internal("a frame for a Python worker has other columns than its task"));
        }
        let columns = batch.columns().iter().zip(self.schema.fields()).map(|(column, field)| {
            if column.data_type() == field.data_type() {
                Ok(Arc::clone(column))
            } else {
                arrow::compute::cast(column, field.data_type()).map_err(fault)
            }
        });
        let columns: Vec<ArrayRef> = columns.collect::<SparkResult<_>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options).map_err(fault)
    }
}

/// Decodes the batches of one output, without copying them.
pub struct Decoder {
    inner: StreamDecoder,
}

impl Decoder {
    pub fn new(schema: &SchemaRef) -> SparkResult<Self> {
        let mut encoder = StreamEncoder::try_new(schema).map_err(fault)?;
        let empty = encoder.encode(&RecordBatch::new_empty(Arc::clone(schema))).map_err(fault)?;
        let mut decoder = Decoder { inner: StreamDecoder::new() };
        let mut whole = false;
        for mut buffer in empty {
            whole |= decoder.feed(&mut buffer)?.is_some();
        }
        if !whole {
            decoder.end_of_batch()?;
        }
        Ok(decoder)
    }

    pub fn decode(&mut self, bytes: Bytes) -> SparkResult<RecordBatch> {
        let mut buffer = Buffer::from(bytes);
        if let Some(batch) = self.feed(&mut buffer)? {
            return Ok(batch);
        }
        self.end_of_batch()?.ok_or_else(|| SparkError::internal("a Python worker sent half a batch"))
    }

    /// A batch without buffers is over where its header is, which the decoder sees when more bytes come.
    fn end_of_batch(&mut self) -> SparkResult<Option<RecordBatch>> {
        let mut more = Buffer::from_vec(vec![0u8]);
        self.inner.decode(&mut more).map_err(fault)
    }

    fn feed(&mut self, buffer: &mut Buffer) -> SparkResult<Option<RecordBatch>> {
        let mut found = None;
        while !buffer.is_empty() {
            match self.inner.decode(buffer).map_err(fault)? {
                Some(batch) => found = Some(batch),
                None => break,
            }
        }
        Ok(found)
    }
}
