//! What the footers of Parquet files tell of a table: how many rows it has, and the range of each column.
//!
//! They are estimates, for the order of joins and for which side is held in memory: compressed sizes are
//! far off where columns repeat. No answer is made of them, so that footers once read may be remembered.
//! Of a table of many files, some are asked, and the rest is taken to be alike.

use std::sync::Arc;

use arrow::datatypes::{Schema, SchemaRef};
use datafusion::catalog::Session;
use datafusion::common::stats::Precision;
use datafusion::common::{ColumnStatistics, Result, Statistics};
use datafusion::datasource::physical_plan::parquet::metadata::DFParquetMetadata;
use datafusion::execution::cache::cache_manager::FileMetadataCache;
use datafusion::execution::object_store::ObjectStoreUrl;
use futures::{StreamExt, TryStreamExt};
use object_store::{ObjectMeta, ObjectStore};
use vonk_common::limits::MAX_FOOTERS;

/// Footers that are read at one time.
const AT_ONCE: usize = 8;

/// Estimates for all columns of a table, those of the folders (which nothing is known of) behind those
/// of the files. `None` where no file can be read: the scan will tell.
pub async fn statistics(
    session: &dyn Session,
    store: &ObjectStoreUrl,
    files: &[ObjectMeta],
    file_schema: SchemaRef,
    columns: usize,
) -> Option<Statistics> {
    let runtime = session.runtime_env();
    let store = runtime.object_store(store).ok()?;
    let cache = runtime.cache_manager.get_file_metadata_cache();
    let step = files.len().div_ceil(MAX_FOOTERS).max(1);
    let asked: Vec<ObjectMeta> = files.iter().step_by(step).cloned().collect();
    let reads = asked
        .clone()
        .into_iter()
        .map(|file| one(Arc::clone(&store), Arc::clone(&cache), file, Arc::clone(&file_schema)));
    let found: Result<Vec<Statistics>> = futures::stream::iter(reads).buffered(AT_ONCE).try_collect().await;
    let bytes = |files: &[ObjectMeta]| files.iter().map(|f| f.size as f64).sum::<f64>();
    let part = bytes(&asked) / bytes(files).max(1.0);
    merged(&found.ok()?, &file_schema, part, columns)
}

async fn one(
    store: Arc<dyn ObjectStore>,
    cache: Arc<FileMetadataCache>,
    file: ObjectMeta,
    schema: SchemaRef,
) -> Result<Statistics> {
    let footer = DFParquetMetadata::new(store.as_ref(), &file).with_file_metadata_cache(Some(cache));
    footer.fetch_statistics(&schema).await
}

/// `part`: how much of the table the files are that were asked.
fn merged(found: &[Statistics], schema: &Schema, part: f64, columns: usize) -> Option<Statistics> {
    let mut all = Statistics::try_merge_iter(found, schema).ok()?.to_inexact();
    let rows = *all.num_rows.get_value()?;
    if part < 1.0 {
        all.num_rows = Precision::Inexact((rows as f64 / part.max(f64::MIN_POSITIVE)) as usize);
        all.column_statistics.iter_mut().for_each(|c| *c = ColumnStatistics::new_unknown());
    }
    all.column_statistics.resize(columns, ColumnStatistics::new_unknown());
    all.total_byte_size = Precision::Absent;
    Some(all)
}
