//! The operator that reads CSV, JSON, text, binary and ORC files.
//!
//! Its partitions are data: runs of byte ranges of files. Each range is read, by `reading` and the
//! module of its format, on a blocking thread that hands over batches through a small channel; when
//! the stream is dropped, the thread stops at its next batch.

mod bad_records;
mod binary;
mod csv;
mod json;
mod orc;
mod reading;
mod text;

use std::fmt;
use std::sync::Arc;

use datafusion::common::{Result, ScalarValue, Statistics};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::EquivalenceProperties;
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::metrics::{ExecutionPlanMetricsSet, MetricBuilder, MetricsSet};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning, PlanProperties};
use futures::StreamExt;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use vonk_common::{SessionConf, SparkError, SparkResult};
use vonk_expr::arrow_types::to_arrow_schema;
use vonk_expr::exec_err;
use vonk_plan::relation::Options;
use vonk_plan::types::{DataType, StructField, StructType};

pub use self::bad_records::corrupt_name;
use self::reading::Reading;
use super::Format;
use super::existing::Existing;
use super::lines;
use super::load::ignores_corrupt_files;
use super::options::flag;
use super::table::{DataFile, splits};
use crate::fs::{Files, Place};
use crate::operators::leaf::leaf;

/// Batches that wait for the reader of a partition.
const WAITING: usize = 2;

/// What all ranges are read under.
#[derive(Debug, Clone)]
pub struct ScanSettings {
    pub format: Format,
    pub data_schema: StructType,
    pub partition_schema: StructType,
    pub options: Options,
    pub conf: Arc<SessionConf>,
    /// What records have in columns that they do not name.
    pub existing: Existing,
}

/// A range of a file, with the values of its folder's columns.
#[derive(Debug, Clone)]
pub struct Split {
    pub place: Place,
    pub start: u64,
    pub end: u64,
    pub size: u64,
    pub modified: i64,
    pub partition: Vec<ScalarValue>,
}

#[derive(Debug, Clone)]
pub struct TextScan {
    pub settings: Arc<ScanSettings>,
    pub splits: Arc<Vec<Vec<Split>>>,
    /// Columns of the files, then those of the folders, by number.
    pub projection: Vec<usize>,
    pub limit: Option<usize>,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

impl TextScan {
    pub fn new(
        settings: ScanSettings,
        splits: Vec<Vec<Split>>,
        projection: Vec<usize>,
        limit: Option<usize>,
    ) -> Result<Self> {
        let all = settings.data_schema.fields.iter().chain(settings.partition_schema.fields.iter()).cloned();
        let schema = Arc::new(to_arrow_schema(&StructType::new(all)).project(&projection)?);
        let properties = PlanProperties::new(
            EquivalenceProperties::new(schema),
            Partitioning::UnknownPartitioning(splits.len()),
            EmissionType::Incremental,
            Boundedness::Bounded,
        );
        Ok(TextScan {
            settings: Arc::new(settings),
            splits: Arc::new(splits),
            projection,
            limit,
            properties: Arc::new(properties),
            metrics: ExecutionPlanMetricsSet::new(),
        })
    }

    /// A scan of the files, cut into at most `partitions` runs.
    pub fn over(
        settings: ScanSettings,
        files: &[&DataFile],
        projection: Vec<usize>,
        limit: Option<usize>,
        partitions: usize,
    ) -> SparkResult<Self> {
        let whole = reads_whole_files(&settings)?;
        let mut runs: Vec<Vec<Split>> = vec![];
        for run in splits(files, partitions) {
            let mut out = vec![];
            for (file, start, end) in run {
                let place = &file.entry.place;
                let text = settings.format != Format::Orc;
                let indivisible = whole || text && lines::compression(place)?.is_compressed();
                if indivisible && start > 0 {
                    continue;
                }
                let end = if indivisible { file.entry.size } else { end };
                out.push(Split {
                    place: place.clone(),
                    start,
                    // Bytes of a compressed file are fewer than those of its text.
                    end: if indivisible { u64::MAX } else { end },
                    size: file.entry.size,
                    modified: file.entry.modified,
                    partition: file.partition.clone(),
                });
            }
            runs.push(out);
        }
        runs.retain(|r| !r.is_empty());
        TextScan::new(settings, runs, projection, limit).map_err(vonk_expr::spark_error)
    }
}

/// Must a file be read by one thread from its start?
fn reads_whole_files(settings: &ScanSettings) -> SparkResult<bool> {
    let options = &settings.options;
    Ok(match settings.format {
        Format::Csv | Format::Json => flag(options, "multiline", false)? || lines::encoding(options).is_some(),
        Format::Text => flag(options, "wholetext", false)? || lines::encoding(options).is_some(),
        Format::Orc => false,
        Format::Parquet | Format::BinaryFile => true,
    })
}

impl DisplayAs for TextScan {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let files = self.splits.iter().flatten().count();
        let names = self.schema().fields().iter().map(|f| f.name().clone()).collect::<Vec<_>>().join(", ");
        write!(f, "FileScan {}: columns=[{names}], splits={files}", self.settings.format.provider())
    }
}

impl ExecutionPlan for TextScan {
    fn name(&self) -> &str {
        "TextScan"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    leaf!();

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let splits = self.splits.get(partition).cloned().unwrap_or_default();
        let reader = Reading {
            settings: Arc::clone(&self.settings),
            files: Files::new(context.runtime_env()),
            projection: self.projection.clone(),
            schema: self.schema(),
            limit: self.limit,
            ignores_corrupt_files: ignores_corrupt_files(&self.settings.options, &self.settings.conf)
                .map_err(exec_err)?,
            batch_rows: context.session_config().batch_size(),
            bytes: MetricBuilder::new(&self.metrics).counter("bytes_scanned", partition),
            rows: MetricBuilder::new(&self.metrics).output_rows(partition),
            runtime: Handle::current(),
        };
        let (send, receive) = mpsc::channel(WAITING);
        let state = (Some((reader, splits, send)), receive, None);
        let batches = futures::stream::unfold(state, |(start, mut receive, mut task)| async move {
            if let Some((reader, splits, send)) = start {
                task = Some(tokio::task::spawn_blocking(move || reader.run(&splits, &send)));
            }
            if let Some(batch) = receive.recv().await {
                return Some((batch, (None, receive, task)));
            }
            let failed = task?.await.err()?.try_into_panic().ok()?;
            let text = vonk_common::planner::panic_message(failed.as_ref());
            Some((Err(exec_err(SparkError::internal(text))), (None, receive, None)))
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), batches.boxed())))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }

    fn partition_statistics(&self, _: Option<usize>) -> Result<Arc<Statistics>> {
        let bytes: u64 = self.splits.iter().flatten().map(|s| s.end.min(s.size).saturating_sub(s.start)).sum();
        let mut statistics = Statistics::new_unknown(&self.schema());
        let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
        statistics.total_byte_size = datafusion::common::stats::Precision::Inexact(bytes);
        statistics.num_rows =
            datafusion::common::stats::Precision::Inexact(bytes / (10 * self.settings.data_schema.len().max(1)) + 1);
        Ok(Arc::new(statistics))
    }
}

/// The schema of text files, and of binary ones.
pub fn fixed_schema(format: Format) -> StructType {
    let field = |name: &str, t: DataType| StructField::new(name, t, true);
    match format {
        Format::BinaryFile => StructType::new([
            field("path", DataType::STRING),
            field("modificationTime", DataType::Timestamp),
            field("length", DataType::Long),
            field("content", DataType::Binary),
        ]),
        _ => StructType::new([field("value", DataType::STRING)]),
    }
}
