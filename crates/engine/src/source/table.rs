//! A table over files: what queries scan.
//!
//! Filters on partition columns choose files before anything is read. Files are given to partitions
//! in contiguous runs, so that rows come in the order of the files whatever the parallelism.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray};
use arrow::datatypes::{Field, Schema, SchemaRef};
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{DFSchema, Result, ScalarValue, Statistics};
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder};
use datafusion::datasource::source::DataSourceExec;
use datafusion::datasource::table_schema::TableSchema;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::empty::EmptyExec;
use object_store::ObjectMeta;
use vonk_analyzer::row_ids::{FILE_METADATA, FILE_METADATA_FIELD, INPUT_FILE};
use vonk_common::{SparkError, SparkResult};
use vonk_expr::arrow_types::{to_arrow, to_arrow_schema};
use vonk_expr::exec_err;
use vonk_plan::relation::Options;
use vonk_plan::types::{DataType, StructField, StructType};

use super::existing::Existing;
use super::load::ignores_corrupt_files;
use super::scan::{ScanSettings, TextScan, corrupt_name};
use super::{Format, footers, metadata, parquet};
use crate::fs::{FileEntry, Files, Place};
use crate::operators::existing::ExistingExec;
use crate::operators::row_index::RowIndexExec;

/// A file with the values of its partition columns.
#[derive(Debug, Clone)]
pub struct DataFile {
    pub entry: FileEntry,
    pub partition: Vec<ScalarValue>,
}

/// Smallest piece of a file that gets a partition of its own.
const MIN_SPLIT_BYTES: u64 = 4 << 20;

#[derive(Debug)]
pub struct FileTable {
    pub format: Format,
    /// Columns in the files.
    pub data_schema: StructType,
    /// Columns in the folder names: after those of the files.
    pub partition_schema: StructType,
    pub files: Vec<DataFile>,
    pub roots: Vec<Place>,
    pub options: Options,
    pub time_zone: Arc<str>,
    /// Settings that text is parsed under.
    pub conf: Arc<vonk_common::SessionConf>,
    /// What rows have in columns that their file lacks.
    pub existing: Existing,
    schema: SchemaRef,
}

impl FileTable {
    pub fn new(
        format: Format,
        data_schema: StructType,
        partition_schema: StructType,
        files: Vec<DataFile>,
        roots: Vec<Place>,
        options: Options,
        conf: Arc<vonk_common::SessionConf>,
    ) -> Self {
        let all = StructType::new(data_schema.fields.iter().chain(partition_schema.fields.iter()).cloned());
        let schema = Arc::new(to_arrow_schema(&all));
        let time_zone = conf.time_zone().into();
        let existing = Existing::default();
        FileTable { format, data_schema, partition_schema, files, roots, options, time_zone, conf, existing, schema }
    }

    /// The same, with what rows have in columns that their file lacks.
    pub fn with_existing(mut self, existing: Existing) -> Self {
        self.existing = existing;
        self
    }

    /// The same with two last columns about each row's file: what `input_file_name` gives, and `_metadata` unless the
    /// files have a column of that name. They cost nothing until they are read.
    pub fn naming_files(mut self) -> Result<Self> {
        let mut fields = self.partition_schema.fields.to_vec();
        fields.extend(self.about_files());
        let described = fields.last().is_some_and(|f| f.name == FILE_METADATA);
        for (file, url) in self.input_files().into_iter().enumerate() {
            if let Some(file) = self.files.get_mut(file) {
                let about = if described { Some(metadata::value(self.format, &file.entry)?) } else { None };
                file.partition.push(ScalarValue::Utf8(Some(url)));
                file.partition.extend(about);
            }
        }
        let partition_schema = StructType::new(fields);
        let FileTable { format, data_schema, files, roots, options, conf, existing, .. } = self;
        Ok(FileTable::new(format, data_schema, partition_schema, files, roots, options, conf).with_existing(existing))
    }

    /// The columns that [`Self::naming_files`] adds.
    pub fn about_files(&self) -> Vec<StructField> {
        let mut all = self.data_schema.fields.iter().chain(self.partition_schema.fields.iter());
        let taken = all.any(|f| f.name.eq_ignore_ascii_case(FILE_METADATA));
        let file = StructField::new(INPUT_FILE, DataType::STRING, false);
        std::iter::once(file).chain((!taken).then(|| metadata::column(self.format))).collect()
    }

    /// Where `_metadata` stands among all columns, if it says where rows stand in their file.
    fn row_index(&self) -> Option<usize> {
        let last = self.partition_schema.fields.last()?;
        let asked = self.format == Format::Parquet && last.metadata.as_deref() == Some(FILE_METADATA_FIELD);
        asked.then(|| self.schema.fields().len() - 1)
    }

    /// All columns: those of the files, then those of the folders.
    pub fn spark_schema(&self) -> StructType {
        StructType::new(self.data_schema.fields.iter().chain(self.partition_schema.fields.iter()).cloned())
    }

    /// The files as `df.inputFiles` shows them.
    pub fn input_files(&self) -> Vec<String> {
        self.files.iter().map(|f| f.entry.place.to_string().replacen("file:/", "file:///", 1)).collect()
    }

    /// Has the other table the same rows under the same columns?
    pub fn reads_the_same(&self, other: &FileTable) -> bool {
        self.format == other.format
            && self.data_schema == other.data_schema
            && self.partition_schema == other.partition_schema
            && self.options == other.options
            && self.existing == other.existing
            && self.time_zone == other.time_zone
            && self.files.len() == other.files.len()
            && self.files.iter().zip(&other.files).all(|(a, b)| a.entry == b.entry)
    }

    fn is_partition_filter(&self, e: &Expr) -> bool {
        let columns = e.column_refs();
        let by_row = |name: &str| self.row_index().is_some() && name == FILE_METADATA;
        !columns.is_empty()
            && !e.is_volatile()
            && !columns.iter().any(|c| by_row(&c.name))
            && columns.iter().all(|c| self.partition_schema.fields.iter().any(|f| f.name == c.name))
    }

    /// The files whose partition values pass the filters.
    fn chosen(&self, session: &dyn Session, filters: &[Expr]) -> Result<Vec<&DataFile>> {
        let filters: Vec<_> = filters.iter().filter(|f| self.is_partition_filter(f)).collect();
        if filters.is_empty() || self.files.is_empty() {
            return Ok(self.files.iter().collect());
        }
        let fields = self.partition_schema.fields.iter().map(|f| Field::new(&f.name, to_arrow(&f.data_type), true));
        let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        let columns = (0..schema.fields().len())
            .map(|i| ScalarValue::iter_to_array(self.files.iter().filter_map(|f| f.partition.get(i).cloned())));
        let columns: Vec<ArrayRef> = columns.collect::<Result<_>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(self.files.len()));
        let batch = RecordBatch::try_new_with_options(Arc::clone(&schema), columns, &options)?;
        let df_schema = DFSchema::try_from(schema)?;
        let mut keep = vec![true; self.files.len()];
        for filter in filters {
            let filter = unqualified(filter.clone())?;
            let value = session.create_physical_expr(filter, &df_schema)?.evaluate(&batch)?;
            let value = value.into_array(self.files.len())?;
            if let Some(passed) = value.as_any().downcast_ref::<BooleanArray>() {
                keep.iter_mut().zip(passed.iter()).for_each(|(k, p)| *k &= p == Some(true));
            }
        }
        Ok(self.files.iter().zip(keep).filter(|(_, k)| *k).map(|(f, _)| f).collect())
    }

    async fn parquet_plan(
        &self,
        session: &dyn Session,
        projection: Option<&Vec<usize>>,
        files: &[&DataFile],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let first = files.first().map(|f| f.entry.place.clone());
        let Some(first) = first else { return self.nothing(projection) };
        let partition_fields = self.partition_schema.fields.iter();
        let partition_fields: Vec<_> =
            partition_fields.map(|f| Arc::new(Field::new(&f.name, to_arrow(&f.data_type), true))).collect();
        let file_schema = Arc::new(to_arrow_schema(&self.data_schema));
        let store = first.store_url().map_err(exec_err)?;
        let metas = files.iter().map(|f| meta(&f.entry)).collect::<Result<Vec<_>>>()?;
        let columns = self.schema.fields().len();
        let statistics = footers::statistics(session, &store, &metas, Arc::clone(&file_schema), columns).await;
        let source = parquet::source(
            session,
            TableSchema::builder(file_schema).with_table_partition_cols(partition_fields).build(),
        )?;
        // Rows are counted from the start of their file.
        let counted = self.row_index().and_then(|at| match projection {
            Some(columns) => columns.iter().position(|c| *c == at),
            None => Some(at),
        });
        let groups = match counted {
            Some(_) => self.groups_of_files(files, session.config().target_partitions())?,
            None => self.groups(files, session.config().target_partitions())?,
        };
        let config = FileScanConfigBuilder::new(store, Arc::new(source))
            .with_file_groups(groups)
            .with_limit(limit)
            .with_statistics(statistics.unwrap_or_else(|| self.size_statistics(files)))
            .with_projection_indices(projection.cloned())?
            .build();
        let scan: Arc<dyn ExecutionPlan> = DataSourceExec::from_data_source(config);
        let scan: Arc<dyn ExecutionPlan> = match self.existing.is_empty() {
            true => scan,
            false => Arc::new(ExistingExec::new(scan, self.existing.clone())?),
        };
        Ok(match counted {
            Some(column) => Arc::new(RowIndexExec::new(scan, column)),
            None => scan,
        })
    }

    /// Splits as data: contiguous runs of byte ranges of about the same size.
    fn groups(&self, files: &[&DataFile], partitions: usize) -> Result<Vec<FileGroup>> {
        splits(files, partitions).iter().map(|split| self.group(split)).collect()
    }

    /// The same without cutting a file.
    fn groups_of_files(&self, files: &[&DataFile], partitions: usize) -> Result<Vec<FileGroup>> {
        let in_each = files.len().div_ceil(partitions.max(1)).max(1);
        let whole = files.iter().map(|f| (*f, 0, f.entry.size)).collect::<Vec<_>>();
        whole.chunks(in_each).map(|run| self.group(run)).collect()
    }

    fn group(&self, split: &[(&DataFile, u64, u64)]) -> Result<FileGroup> {
        let parts = split.iter().map(|(file, start, end)| {
            let entry = &file.entry;
            let part = PartitionedFile::new_from_meta(meta(entry)?).with_partition_values(file.partition.clone());
            Ok(match (*start, *end) == (0, entry.size) {
                true => part,
                false => part.with_range(*start as i64, *end as i64),
            })
        });
        parts.collect::<Result<Vec<_>>>().map(FileGroup::new)
    }

    fn size_statistics(&self, files: &[&DataFile]) -> Statistics {
        let bytes: u64 = files.iter().map(|f| f.entry.size).sum();
        let mut statistics = Statistics::new_unknown(&self.schema);
        // Columns in memory take a multiple of their compressed size.
        let bytes = usize::try_from(bytes).unwrap_or(usize::MAX).saturating_mul(3);
        statistics.total_byte_size = datafusion::common::stats::Precision::Inexact(bytes);
        let width: usize = self.schema.fields().iter().map(|f| f.data_type().primitive_width().unwrap_or(20)).sum();
        statistics.num_rows = datafusion::common::stats::Precision::Inexact(bytes / width.max(1));
        statistics
    }

    /// Of files of text, the column for bad records is only known together with others.
    /// Error: `UNSUPPORTED_FEATURE.QUERY_ONLY_CORRUPT_RECORD_COLUMN`.
    fn check_projection(&self, projection: Option<&Vec<usize>>) -> SparkResult<()> {
        let fields = &self.data_schema.fields;
        let mut of_file: Vec<&StructField> = match projection {
            Some(columns) => columns.iter().filter_map(|i| fields.get(*i)).collect(),
            None => fields.iter().collect(),
        };
        let corrupt = corrupt_name(&self.options, &self.conf);
        match (of_file.pop(), of_file.is_empty()) {
            (Some(only), true) if only.name == corrupt && matches!(self.format, Format::Csv | Format::Json) => {
                Err(SparkError::new("UNSUPPORTED_FEATURE.QUERY_ONLY_CORRUPT_RECORD_COLUMN"))
            }
            _ => Ok(()),
        }
    }

    fn nothing(&self, projection: Option<&Vec<usize>>) -> Result<Arc<dyn ExecutionPlan>> {
        let schema = match projection {
            Some(columns) => Arc::new(self.schema.project(columns)?),
            None => Arc::clone(&self.schema),
        };
        Ok(Arc::new(EmptyExec::new(schema)))
    }
}

fn meta(entry: &FileEntry) -> Result<ObjectMeta> {
    Ok(ObjectMeta {
        location: entry.place.key().map_err(exec_err)?,
        last_modified: chrono::DateTime::from_timestamp_millis(entry.modified).unwrap_or_default(),
        size: entry.size,
        e_tag: None,
        version: None,
    })
}

/// The files whose footers can be read.
async fn readable<'a>(files: Vec<&'a DataFile>, store: &Files) -> Vec<&'a DataFile> {
    let mut out = vec![];
    for file in files {
        if parquet::schema_of(store, &file.entry).await.is_ok() {
            out.push(file);
        }
    }
    out
}

/// The files cut into at most `partitions` contiguous runs.
pub(super) fn splits<'a>(files: &[&'a DataFile], partitions: usize) -> Vec<Vec<(&'a DataFile, u64, u64)>> {
    let total: u64 = files.iter().map(|f| f.entry.size).sum();
    let share = total.div_ceil(partitions.max(1) as u64).max(MIN_SPLIT_BYTES);
    let mut out = vec![];
    let mut run = vec![];
    let mut room = share;
    for file in files {
        let (mut at, size) = (0, file.entry.size);
        while at < size || (size == 0 && at == 0) {
            // A rest that is hardly worth a piece of its own goes with the piece before.
            let rest = size - at;
            let take = if rest <= room.saturating_add(share / 10) { rest } else { room };
            run.push((*file, at, at + take));
            at += take;
            room = room.saturating_sub(take);
            if room == 0 && out.len() + 1 < partitions.max(1) {
                out.push(std::mem::take(&mut run));
                room = share;
            } else if room == 0 {
                room = u64::MAX / 2;
            }
            if size == 0 {
                break;
            }
        }
    }
    if !run.is_empty() {
        out.push(run);
    }
    out
}

/// The expression with its columns unqualified.
fn unqualified(e: Expr) -> Result<Expr> {
    use datafusion::common::Column;
    use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
    e.transform(|e| match e {
        Expr::Column(c) => Ok(Transformed::yes(Expr::Column(Column::new_unqualified(c.name)))),
        other => Ok(Transformed::no(other)),
    })
    .data()
}

#[async_trait]
impl TableProvider for FileTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        let answer = |f: &&Expr| {
            if self.is_partition_filter(f) {
                TableProviderFilterPushDown::Exact
            } else if self.format == Format::Parquet && !f.is_volatile() {
                TableProviderFilterPushDown::Inexact
            } else {
                TableProviderFilterPushDown::Unsupported
            }
        };
        Ok(filters.iter().map(answer).collect())
    }

    fn statistics(&self) -> Option<Statistics> {
        let files: Vec<_> = self.files.iter().collect();
        Some(self.size_statistics(&files))
    }

    async fn scan(
        &self,
        session: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let mut files = self.chosen(session, filters)?;
        if self.format == Format::Parquet && ignores_corrupt_files(&self.options, &self.conf).map_err(exec_err)? {
            files = readable(files, &Files::new(Arc::clone(session.runtime_env()))).await;
        }
        if files.is_empty() {
            return self.nothing(projection);
        }
        self.check_projection(projection).map_err(exec_err)?;
        match self.format {
            Format::Parquet => self.parquet_plan(session, projection, &files, limit).await,
            _ => {
                let projection = projection.cloned().unwrap_or_else(|| (0..self.schema.fields().len()).collect());
                let settings = ScanSettings {
                    format: self.format,
                    data_schema: self.data_schema.clone(),
                    partition_schema: self.partition_schema.clone(),
                    options: self.options.clone(),
                    conf: Arc::clone(&self.conf),
                    existing: self.existing.clone(),
                };
                let scan = TextScan::over(settings, &files, projection, limit, session.config().target_partitions());
                Ok(Arc::new(scan.map_err(exec_err)?))
            }
        }
    }
}
