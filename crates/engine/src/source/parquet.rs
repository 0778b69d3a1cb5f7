//! Parquet: the schema in a file's footer, and scans through DataFusion's reader (pruning by
//! statistics, page index and bloom filters, late materialisation).

use std::ops::Range;
use std::sync::Arc;

use arrow::datatypes::Schema;
use datafusion::catalog::Session;
use datafusion::common::Result;
use datafusion::common::config::TableParquetOptions;
use datafusion::datasource::physical_plan::ParquetSource;
use datafusion::datasource::table_schema::TableSchema;
use futures::FutureExt;
use futures::future::BoxFuture;
use object_store::path::Path as Key;
use object_store::{ObjectStore, ObjectStoreExt};
use parquet::arrow::async_reader::MetadataFetch;
use parquet::arrow::parquet_to_arrow_schema;
use parquet::basic::Type as Physical;
use parquet::errors::{ParquetError, Result as ParquetResult};
use parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader};
use parquet::schema::types::SchemaDescriptor;
use vonk_common::{SparkError, SparkResult};
use vonk_expr::arrow_types::from_arrow;
use vonk_plan::types::{DataType, StructField, StructType, json};

use crate::fs::{FileEntry, Files};

/// Where Spark keeps its own schema in a file.
const SPARK_SCHEMA: &str = "org.apache.spark.sql.parquet.row.metadata";

/// The schema of one file: of one of Spark's as it was written, of others every level nullable.
pub async fn schema_of(files: &Files, file: &FileEntry) -> SparkResult<StructType> {
    let metadata = footer(files, file).await?;
    let pairs = metadata.file_metadata().key_value_metadata();
    let own = pairs.into_iter().flatten().find(|kv| kv.key == SPARK_SCHEMA).and_then(|kv| kv.value.as_deref());
    if let Some(schema) = own.and_then(|text| json::parse_struct(text).ok()) {
        return Ok(schema);
    }
    let descriptor = metadata.file_metadata().schema_descr();
    let arrow = parquet_to_arrow_schema(descriptor, None).map_err(|e| unreadable(file, e))?;
    Ok(from_footer(&arrow, descriptor)?.as_nullable())
}

async fn footer(files: &Files, file: &FileEntry) -> SparkResult<ParquetMetaData> {
    let fetch = Fetch { store: files.store(&file.place)?, key: file.place.key()? };
    ParquetMetaDataReader::new().load_and_finish(fetch, file.size).await.map_err(|e| unreadable(file, e))
}

/// Ranges of one object.
struct Fetch {
    store: Arc<dyn ObjectStore>,
    key: Key,
}

impl MetadataFetch for Fetch {
    fn fetch(&mut self, range: Range<u64>) -> BoxFuture<'_, ParquetResult<bytes::Bytes>> {
        let got = self.store.get_range(&self.key, range);
        got.map(|r| r.map_err(|e| ParquetError::External(Box::new(e)))).boxed()
    }
}

fn unreadable(file: &FileEntry, cause: impl std::fmt::Display) -> SparkError {
    log::debug!("{}: {cause}", file.place);
    SparkError::new("FAILED_READ_FILE.CANNOT_READ_FILE_FOOTER").param("path", &file.place)
}

/// Arrow's reading of the footer with the one thing it does not know: INT96 is an instant.
fn from_footer(arrow: &Schema, descriptor: &SchemaDescriptor) -> SparkResult<StructType> {
    let roots = descriptor.root_schema().get_fields();
    let fields = arrow.fields().iter().zip(roots).map(|(field, root)| {
        let int96 = root.is_primitive() && root.get_physical_type() == Physical::INT96;
        let data_type = if int96 { DataType::Timestamp } else { from_arrow(field.data_type())? };
        Ok(StructField::new(field.name(), data_type, true))
    });
    Ok(StructType::new(fields.collect::<SparkResult<Vec<_>>>()?))
}

/// The reader for these columns.
pub fn source(session: &dyn Session, schema: TableSchema) -> Result<ParquetSource> {
    let mut options = TableParquetOptions::new();
    options.global = session.config_options().execution.parquet.clone();
    options.global.coerce_int96 = Some("us".into());
    options.global.coerce_int96_tz = Some(vonk_expr::arrow_types::UTC.into());
    options.global.skip_metadata = true;
    Ok(ParquetSource::new(schema).with_table_parquet_options(options))
}
