//! A plan's rows into files.
//!
//! Each partition of the plan is a task that writes files of its own. With partition columns, a
//! task's rows are sorted by them first (spilling if need be), so that it has one file open.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::{Array, RecordBatch, StringArray};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::{LexOrdering, PhysicalSortExpr};
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties};
use futures::StreamExt;
use tokio::sync::watch;
use uuid::Uuid;
use vonk_common::error::{quote_id, quote_sql};
use vonk_common::{SessionConf, SparkError, SparkResult};
use vonk_expr::cast::text::format_array;
use vonk_expr::cast::zone::Zone;
use vonk_expr::spark_error;
use vonk_plan::relation::Options;
use vonk_plan::types::{DataType, StructType};

use super::encode::{Encoding, OpenFile};
use super::stage::{Replace, Stage};
use super::tasks::Tasks;
use crate::fs::{Files, Place};
use crate::source::options::{number, text};
use crate::source::partitions::folder_name;
use crate::source::{Format, check_duplicates};

/// What is to be written where.
#[derive(Debug, Clone)]
pub struct WriteJob {
    pub format: Format,
    pub target: Place,
    /// The plan's columns.
    pub schema: StructType,
    pub partition_by: Vec<String>,
    pub overwrite: Overwrite,
    pub options: Options,
    pub conf: Arc<SessionConf>,
}

/// What a write takes the place of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Overwrite {
    /// Nothing: files are added.
    Append,
    /// All that is in the target.
    Static,
    /// The partitions that occur among the rows.
    Dynamic,
    /// One folder of the target, all of it: `PARTITION (a = 1)` given in the statement.
    Folder(String),
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WriteStats {
    pub rows: u64,
    pub files: u64,
    /// Folders of partitions written to, below the target: `a=1/b=x`.
    pub partitions: BTreeSet<String>,
}

impl Overwrite {
    /// How `mode("overwrite")` is meant: by option, else by setting.
    pub fn by_mode(options: &Options, conf: &SessionConf, partitioned: bool) -> Self {
        let by_conf = conf.get("spark.sql.sources.partitionOverwriteMode").unwrap_or("static");
        let mode = text(options, "partitionoverwritemode").unwrap_or(by_conf);
        if partitioned && mode.eq_ignore_ascii_case("dynamic") { Overwrite::Dynamic } else { Overwrite::Static }
    }
}

impl WriteJob {
    /// Checks columns and types, as Spark does before anything runs.
    pub fn check(&self) -> SparkResult<()> {
        let case = self.conf.case_sensitive();
        if self.format != Format::Csv {
            check_duplicates(self.schema.fields.iter().map(|f| f.name.as_str()), case)?;
        }
        for name in &self.partition_by {
            let Some(i) = self.column(name) else {
                return Err(SparkError::new("_LEGACY_ERROR_TEMP_1155")
                    .param("col", name)
                    .param("schemaCatalog", DataType::Struct(self.schema.clone())));
            };
            if let Some(field) = self.schema.fields.get(i).filter(|f| !f.data_type.is_atomic()) {
                return Err(SparkError::new("INVALID_PARTITION_COLUMN_DATA_TYPE")
                    .param("type", quote_sql(field.data_type.sql())));
            }
        }
        if !self.partition_by.is_empty() && self.partition_by.len() == self.schema.len() {
            return Err(SparkError::new("ALL_PARTITION_COLUMNS_NOT_ALLOWED"));
        }
        if self.format == Format::BinaryFile {
            return Err(SparkError::new("UNSUPPORTED_FEATURE.WRITE_FOR_BINARY_SOURCE"));
        }
        let data = self.data_schema();
        for field in data.fields.iter() {
            if !supports(self.format, &field.data_type) {
                return Err(SparkError::new("UNSUPPORTED_DATA_TYPE_FOR_DATASOURCE")
                    .param("columnName", quote_id([&field.name]))
                    .param("columnType", quote_sql(field.data_type.sql()))
                    .param("format", self.format.title()));
            }
        }
        if self.format == Format::Text && data.len() != 1 {
            return Err(SparkError::new("_LEGACY_ERROR_TEMP_1290").param("schemaSize", data.len()));
        }
        Ok(())
    }

    fn column(&self, name: &str) -> Option<usize> {
        let case = self.conf.case_sensitive();
        let same = |a: &str| a == name || !case && a.to_lowercase() == name.to_lowercase();
        self.schema.fields.iter().position(|f| same(&f.name))
    }

    fn partition_columns(&self) -> Vec<usize> {
        self.partition_by.iter().filter_map(|n| self.column(n)).collect()
    }

    fn data_columns(&self) -> Vec<usize> {
        let partitions = self.partition_columns();
        (0..self.schema.len()).filter(|i| !partitions.contains(i)).collect()
    }

    /// The columns that go into the files.
    fn data_schema(&self) -> StructType {
        StructType::new(self.data_columns().into_iter().filter_map(|i| self.schema.fields.get(i).cloned()))
    }
}

/// Can files of the format hold the type?
fn supports(format: Format, t: &DataType) -> bool {
    use DataType as T;
    match format {
        Format::Text => t.is_string(),
        Format::Orc => match t {
            T::Array(e, _) => supports(format, e),
            T::Map(k, v, _) => supports(format, k) && supports(format, v),
            T::Struct(s) => !s.is_empty() && s.fields.iter().all(|f| supports(format, &f.data_type)),
            T::Udt(u) => supports(format, &u.sql_type),
            T::Null | T::Variant | T::CalendarInterval | T::Time(_) | T::Geometry(_) | T::Geography(_) => false,
            _ => true,
        },
        Format::Csv => t.is_atomic() && !matches!(t, T::Geometry(_) | T::Geography(_)),
        Format::Json => match t {
            T::Array(e, _) => supports(format, e),
            T::Map(k, v, _) => supports(format, k) && supports(format, v),
            T::Struct(s) => s.fields.iter().all(|f| supports(format, &f.data_type)),
            T::Udt(u) => supports(format, &u.sql_type),
            T::Geometry(_) | T::Geography(_) => false,
            _ => true,
        },
        _ => match t {
            T::Array(e, _) => supports(format, e),
            T::Map(k, v, _) => supports(format, k) && supports(format, v),
            T::Struct(s) => !s.is_empty() && s.fields.iter().all(|f| supports(format, &f.data_type)),
            T::Udt(u) => supports(format, &u.sql_type),
            T::CalendarInterval => false,
            _ => true,
        },
    }
}

/// Runs the plan into files and commits them. Dropping the future undoes everything.
pub async fn write(
    files: &Files,
    job: WriteJob,
    plan: Arc<dyn ExecutionPlan>,
    context: Arc<TaskContext>,
) -> SparkResult<WriteStats> {
    job.check()?;
    let max_rows = match number::<i64>(&job.options, "maxrecordsperfile")? {
        Some(n) => n,
        None => job.conf.i64("spark.sql.files.maxRecordsPerFile").unwrap_or(0),
    };
    let task = Arc::new(Task {
        files: files.clone(),
        encoding: Arc::new(Encoding::new(job.format, &job.data_schema(), &job.options, &job.conf)?),
        write_id: Uuid::new_v4(),
        partition_columns: job.partition_columns(),
        data_columns: job.data_columns(),
        zone: job.conf.time_zone().to_string(),
        max_rows: usize::try_from(max_rows).ok().filter(|n| *n > 0).unwrap_or(usize::MAX),
        schema: job.schema.clone(),
    });
    let plan = sorted(plan, &task.partition_columns)?;
    let mut tasks = Tasks::new(Stage::open(files, &job.target).await?);
    let mut stats = WriteStats::default();
    let mut written = vec![];
    let outcome = async {
        for partition in 0..plan.output_partitioning().partition_count() {
            let stream = plan.execute(partition, Arc::clone(&context)).map_err(spark_error)?;
            tasks.start(Arc::clone(&task), partition, stream);
        }
        while let Some(done) = tasks.next().await {
            let done = done?;
            stats.rows += done.rows;
            stats.partitions.extend(done.partitions);
            written.extend(done.written);
        }
        Ok(())
    };
    let outcome: SparkResult<()> = outcome.await;
    let stage = tasks.finish(outcome).await?;
    stats.files = written.len() as u64;
    let replace = match &job.overwrite {
        Overwrite::Append => vec![],
        Overwrite::Static => vec![Replace::All],
        Overwrite::Dynamic => stats.partitions.iter().cloned().map(Replace::Folder).collect(),
        Overwrite::Folder(folder) => vec![Replace::Folder(folder.clone())],
    };
    stage.commit(&written, &replace).await?;
    Ok(stats)
}

/// The plan with each partition sorted by the partition columns.
fn sorted(plan: Arc<dyn ExecutionPlan>, by: &[usize]) -> SparkResult<Arc<dyn ExecutionPlan>> {
    let schema = plan.schema();
    let keys = by.iter().filter_map(|i| {
        let field = schema.fields().get(*i)?;
        Some(PhysicalSortExpr::new(Arc::new(Column::new(field.name(), *i)), arrow::compute::SortOptions::default()))
    });
    Ok(match LexOrdering::new(keys.collect::<Vec<_>>()) {
        Some(order) => Arc::new(SortExec::new(order, plan).with_preserve_partitioning(true)),
        None => plan,
    })
}

/// What the tasks of a write share.
pub(super) struct Task {
    files: Files,
    encoding: Arc<Encoding>,
    write_id: Uuid,
    partition_columns: Vec<usize>,
    data_columns: Vec<usize>,
    schema: StructType,
    zone: String,
    max_rows: usize,
}

#[derive(Default)]
pub(super) struct TaskResult {
    rows: u64,
    partitions: BTreeSet<String>,
    written: Vec<String>,
}

impl Task {
    pub(super) async fn run(
        &self,
        partition: usize,
        mut input: SendableRecordBatchStream,
        folder: &Place,
        mut stop: watch::Receiver<bool>,
    ) -> SparkResult<TaskResult> {
        let mut out = TaskResult::default();
        let mut open: Option<(String, OpenFile)> = None;
        let mut files_of_task = 0;
        // Spark's first task writes a file even when there are no rows.
        if partition == 0 && self.partition_columns.is_empty() {
            open = Some((String::new(), self.start(partition, &mut files_of_task, "", folder, &mut out).await?));
        }
        loop {
            // A write under way is never dropped: what it does to the file system would go on.
            let batch = tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop) => return Ok(out),
                batch = input.next() => batch,
            };
            let Some(batch) = batch else { break };
            let batch = batch.map_err(spark_error)?;
            out.rows += batch.num_rows() as u64;
            for (at, length, below) in self.runs(&batch)? {
                let data = batch.project(&self.data_columns).map_err(|e| spark_error(e.into()))?;
                let (mut at, end) = (at, at + length);
                while at < end {
                    let full = open.as_ref().is_some_and(|(of, f)| *of != below || f.rows >= self.max_rows);
                    if full && let Some((_, file)) = open.take() {
                        file.close().await?;
                    }
                    let file = match &mut open {
                        Some((_, file)) => file,
                        None => {
                            let file = self.start(partition, &mut files_of_task, &below, folder, &mut out).await?;
                            &mut open.insert((below.clone(), file)).1
                        }
                    };
                    let rows = (end - at).min(self.max_rows - file.rows);
                    file.write(&data.slice(at, rows)).await?;
                    at += rows;
                }
            }
        }
        if let Some((_, file)) = open {
            file.close().await?;
        }
        Ok(out)
    }

    async fn start(
        &self,
        partition: usize,
        number: &mut usize,
        below: &str,
        folder: &Place,
        out: &mut TaskResult,
    ) -> SparkResult<OpenFile> {
        let joint = if self.partition_columns.is_empty() { "-" } else { "." };
        if !below.is_empty() && out.partitions.insert(below.to_string()) {
            *number = 0;
        }
        let name = format!("part-{partition:05}-{}{joint}c{number:03}{}", self.write_id, self.encoding.extension);
        *number += 1;
        let path = if below.is_empty() { name } else { format!("{below}/{name}") };
        let file = self.encoding.create(&self.files, &folder.join(&path)).await?;
        out.written.push(path);
        Ok(file)
    }

    /// Runs of rows of one partition: start, length and folder.
    fn runs(&self, batch: &RecordBatch) -> SparkResult<Vec<(usize, usize, String)>> {
        if batch.num_rows() == 0 {
            return Ok(vec![]);
        }
        if self.partition_columns.is_empty() {
            return Ok(vec![(0, batch.num_rows(), String::new())]);
        }
        let columns: Vec<_> = self.partition_columns.iter().map(|i| Arc::clone(batch.column(*i))).collect();
        let ranges = arrow::compute::partition(&columns).map_err(|e| spark_error(e.into()))?.ranges();
        let zone = Zone::named(&self.zone)?;
        let mut texts: Vec<(&str, StringArray)> = vec![];
        for (i, column) in self.partition_columns.iter().zip(&columns) {
            let Some(field) = self.schema.fields.get(*i) else { continue };
            texts.push((&field.name, format_array(column, &field.data_type, &zone).map_err(spark_error)?));
        }
        let folder = |row: usize| {
            let parts = texts.iter().map(|(name, text)| folder_name(name, text.is_valid(row).then(|| text.value(row))));
            parts.collect::<Vec<_>>().join("/")
        };
        Ok(ranges.into_iter().map(|r| (r.start, r.len(), folder(r.start))).collect())
    }
}
