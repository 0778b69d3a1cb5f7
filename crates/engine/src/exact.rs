//! Results as they leave the engine: Spark's names and nullability at every level, in batches of a
//! few megabytes. Only the schema changes; the buffers of the arrays are shared.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, ListArray, MapArray, RecordBatch, RecordBatchOptions, StructArray};
use arrow::datatypes::{DataType as Arrow, Field, Schema, SchemaRef};
use arrow::error::ArrowError;
use vonk_common::limits::ARROW_BATCH_BYTES;
use vonk_expr::arrow_types::{to_arrow, to_arrow_exact};
use vonk_plan::types::StructType;

/// The Arrow schema of results with that Spark schema.
pub fn exact_schema(schema: &StructType) -> SchemaRef {
    let fields = schema.fields.iter().map(|f| Field::new(&f.name, to_arrow_exact(&f.data_type), f.nullable));
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

/// The batch under `exact`, the schema that [`exact_schema`] made of `schema`. A column that holds
/// NULLs against its promise makes its fields nullable rather than the query fail.
pub fn exact_batch(batch: &RecordBatch, schema: &StructType, exact: &SchemaRef) -> Result<RecordBatch, ArrowError> {
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    let retyped = |to: &dyn Fn(&vonk_plan::types::DataType) -> Arrow| -> Result<Vec<ArrayRef>, ArrowError> {
        let columns = batch.columns().iter().zip(schema.fields.iter());
        columns.map(|(c, f)| retype(c, &to(&f.data_type))).collect()
    };
    let strict = retyped(&to_arrow_exact)
        .and_then(|columns| RecordBatch::try_new_with_options(Arc::clone(exact), columns, &options));
    strict.or_else(|_| {
        let columns = retyped(&to_arrow)?;
        let fields = schema.fields.iter().map(|f| Field::new(&f.name, to_arrow(&f.data_type), true));
        let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        RecordBatch::try_new_with_options(schema, columns, &options)
    })
}

/// The array with the field names and nullability of `to` at every level, else the same type.
pub fn retype(array: &ArrayRef, to: &Arrow) -> Result<ArrayRef, ArrowError> {
    if array.data_type() == to {
        return Ok(Arc::clone(array));
    }
    Ok(match (array.data_type(), to) {
        (Arrow::List(_), Arrow::List(field)) => {
            let list = array.as_list::<i32>();
            let values = retype(list.values(), field.data_type())?;
            Arc::new(ListArray::try_new(Arc::clone(field), list.offsets().clone(), values, list.nulls().cloned())?)
        }
        (Arrow::Struct(_), Arrow::Struct(fields)) => {
            let parts = array.as_struct();
            let columns = parts.columns().iter().zip(fields.iter());
            let columns = columns.map(|(c, f)| retype(c, f.data_type())).collect::<Result<Vec<_>, _>>()?;
            let nulls = parts.nulls().cloned();
            Arc::new(StructArray::try_new_with_length(fields.clone(), columns, nulls, parts.len())?)
        }
        (Arrow::Map(..), Arrow::Map(field, sorted)) => {
            let map = array.as_map();
            let entries: ArrayRef = Arc::new(map.entries().clone());
            let entries = retype(&entries, field.data_type())?.as_struct().clone();
            let (offsets, nulls) = (map.offsets().clone(), map.nulls().cloned());
            Arc::new(MapArray::try_new(Arc::clone(field), offsets, entries, nulls, *sorted)?)
        }
        _ => arrow::compute::cast(array, to)?,
    })
}

/// Pieces of at most about [`ARROW_BATCH_BYTES`], at least a row each.
pub fn split(batch: RecordBatch) -> Vec<RecordBatch> {
    let bytes: usize = batch.columns().iter().map(slice_bytes).sum();
    if bytes <= ARROW_BATCH_BYTES || batch.num_rows() <= 1 {
        return vec![batch];
    }
    let pieces = bytes.div_ceil(ARROW_BATCH_BYTES);
    let rows = batch.num_rows().div_ceil(pieces).max(1);
    (0..batch.num_rows()).step_by(rows).map(|at| batch.slice(at, rows.min(batch.num_rows() - at))).collect()
}

/// Bytes of the rows the array shows: a slice does not count for the whole.
fn slice_bytes(array: &ArrayRef) -> usize {
    array.to_data().get_slice_memory_size().unwrap_or_else(|_| array.get_array_memory_size())
}

/// Batches as an Arrow IPC stream with the exact schema: how rows at hand become a local relation.
pub fn to_ipc(schema: &StructType, batches: &[RecordBatch]) -> vonk_common::SparkResult<Vec<u8>> {
    let arrow_schema = exact_schema(schema);
    let write = || -> Result<Vec<u8>, arrow::error::ArrowError> {
        let mut writer = arrow::ipc::writer::StreamWriter::try_new(vec![], &arrow_schema)?;
        for batch in batches {
            writer.write(&exact_batch(batch, schema, &arrow_schema)?)?;
        }
        writer.into_inner()
    };
    write().map_err(|e| vonk_common::SparkError::internal(format!("Arrow IPC: {e}")))
}
