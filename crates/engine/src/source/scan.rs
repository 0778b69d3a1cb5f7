//! The operator that reads CSV, JSON, text, binary and ORC files.
//!
//! Its partitions are data: runs of byte ranges of files. Each range is read on a blocking thread
//! that hands over batches through a small channel; when the stream is dropped, the thread stops at
//! its next batch.

use std::fmt;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, BinaryArray, Int64Array, RecordBatch, RecordBatchOptions, StringArray, StringBuilder,
    TimestampMicrosecondArray, new_null_array,
};
use arrow::compute::{cast, filter_record_batch};
use arrow::datatypes::{DataType as Arrow, Schema, SchemaRef};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::common::{DataFusionError, Result, ScalarValue, Statistics};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::EquivalenceProperties;
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::metrics::{Count, ExecutionPlanMetricsSet, MetricBuilder, MetricsSet};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning, PlanProperties};
use futures::StreamExt;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use vonk_common::{SessionConf, SparkError, SparkResult};
use vonk_expr::arrow_types::{UTC, to_arrow, to_arrow_schema};
use vonk_expr::exec_err;
use vonk_plan::relation::Options;
use vonk_plan::types::{DataType, StructField, StructType};

use super::Format;
use super::convert::Converter;
use super::csv::{self, Dialect, Fields};
use super::existing::Existing;
use super::json::Builder;
use super::json_text::{Json, Liberties, Reader};
use super::lines::{self, Lines};
use super::options::{ParseMode, flag, parse_mode, text};
use super::orc::{self, Ended};
use super::table::{DataFile, splits};
use crate::fs::{Files, Place};
use crate::operators::leaf::leaf;

/// Bytes of text that make a batch, if its rows have not done so.
const BATCH_BYTES: usize = 8 << 20;
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

type Sender = mpsc::Sender<Result<RecordBatch>>;

/// The reading of one partition.
struct Reading {
    settings: Arc<ScanSettings>,
    files: Files,
    projection: Vec<usize>,
    schema: SchemaRef,
    limit: Option<usize>,
    batch_rows: usize,
    bytes: Count,
    rows: Count,
    runtime: Handle,
}

/// Why reading stops before its end.
enum Stop {
    /// Nobody wants more rows.
    Enough,
    Failed(DataFusionError),
}

impl From<SparkError> for Stop {
    fn from(e: SparkError) -> Self {
        Stop::Failed(exec_err(e))
    }
}

impl From<DataFusionError> for Stop {
    fn from(e: DataFusionError) -> Self {
        Stop::Failed(e)
    }
}

impl From<arrow::error::ArrowError> for Stop {
    fn from(e: arrow::error::ArrowError) -> Self {
        Stop::Failed(e.into())
    }
}

impl Reading {
    fn run(&self, splits: &[Split], send: &Sender) {
        let mut left = self.limit.unwrap_or(usize::MAX);
        for split in splits {
            self.bytes.add(usize::try_from(split.end.min(split.size) - split.start.min(split.size)).unwrap_or(0));
            let mut put = |batch: RecordBatch| {
                let batch = batch.slice(0, batch.num_rows().min(left));
                left -= batch.num_rows();
                self.rows.add(batch.num_rows());
                if batch.num_rows() > 0 && send.blocking_send(Ok(batch)).is_err() || left == 0 {
                    return Err(Stop::Enough);
                }
                Ok(())
            };
            match self.split(split, &mut put) {
                Ok(()) => {}
                Err(Stop::Enough) => return,
                Err(Stop::Failed(e)) => {
                    let _ = send.blocking_send(Err(e));
                    return;
                }
            }
        }
    }

    fn split(&self, split: &Split, put: &mut dyn FnMut(RecordBatch) -> Result<(), Stop>) -> Result<(), Stop> {
        match self.settings.format {
            Format::Csv => self.csv(split, put),
            Format::Json => self.json(split, put),
            Format::Text => self.text(split, put),
            Format::BinaryFile => self.binary(split, put),
            Format::Orc => self.orc(split, put),
            Format::Parquet => Err(SparkError::internal("Parquet is not text").into()),
        }
    }

    fn option(&self, key: &str) -> Option<&str> {
        text(&self.settings.options, key)
    }

    fn lines(&self, split: &Split) -> SparkResult<Lines> {
        let separator = self.option("linesep").map(super::options::unescape);
        let encoding = lines::encoding(&self.settings.options);
        let range = (split.start, split.end);
        Lines::open(&self.files, &split.place, range, separator.as_deref(), encoding.as_deref(), &self.runtime)
    }

    fn whole(&self, split: &Split) -> SparkResult<Vec<u8>> {
        let input = lines::open(&self.files, &split.place, 0, &self.runtime)?;
        let encoding = lines::encoding(&self.settings.options);
        let bytes = lines::read_all(input, encoding.as_deref(), &split.place)?;
        Ok(match bytes.strip_prefix(b"\xef\xbb\xbf") {
            Some(rest) => rest.to_vec(),
            None => bytes,
        })
    }

    /// The batch of the projected columns: those of the file as computed, those of the folder repeated.
    fn batch(
        &self,
        split: &Split,
        rows: usize,
        mut column: impl FnMut(usize) -> Result<ArrayRef>,
    ) -> Result<RecordBatch> {
        let of_file = self.settings.data_schema.len();
        let columns = self.projection.iter().map(|i| match i.checked_sub(of_file) {
            None => column(*i),
            Some(p) => match split.partition.get(p) {
                Some(value) => value.to_array_of_size(rows),
                None => Err(DataFusionError::Internal("a partition value is missing".into())),
            },
        });
        let columns = columns.collect::<Result<Vec<_>>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        Ok(RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options)?)
    }

    fn text(&self, split: &Split, put: &mut dyn FnMut(RecordBatch) -> Result<(), Stop>) -> Result<(), Stop> {
        let emit = |builder: &mut StringBuilder| -> Result<RecordBatch> {
            let values: ArrayRef = Arc::new(builder.finish());
            self.batch(split, values.len(), |_| Ok(Arc::clone(&values)))
        };
        let mut builder = StringBuilder::new();
        if flag(&self.settings.options, "wholetext", false)? {
            builder.append_value(String::from_utf8_lossy(&self.whole(split)?));
            return put(emit(&mut builder)?);
        }
        let mut lines = self.lines(split)?;
        let mut rows = 0;
        while let Some(line) = lines.next_line()? {
            builder.append_value(String::from_utf8_lossy(line));
            rows += 1;
            if rows >= self.batch_rows || builder.values_slice().len() >= BATCH_BYTES {
                rows = 0;
                put(emit(&mut builder)?)?;
            }
        }
        if rows > 0 {
            put(emit(&mut builder)?)?;
        }
        Ok(())
    }

    fn binary(&self, split: &Split, put: &mut dyn FnMut(RecordBatch) -> Result<(), Stop>) -> Result<(), Stop> {
        let path = lines::uri(&split.place);
        let path = path.replacen("file:///", "file:/", 1);
        let needs_content = self.projection.contains(&3);
        let content = if needs_content { self.whole_raw(split)? } else { vec![] };
        let batch = self.batch(split, 1, |i| {
            Ok(match i {
                0 => Arc::new(StringArray::from(vec![path.as_str()])) as ArrayRef,
                1 => Arc::new(TimestampMicrosecondArray::from(vec![split.modified * 1000]).with_timezone(UTC)),
                2 => Arc::new(Int64Array::from(vec![i64::try_from(split.size).unwrap_or(i64::MAX)])),
                _ => Arc::new(BinaryArray::from(vec![content.as_slice()])),
            })
        });
        put(batch?)
    }

    fn orc(&self, split: &Split, put: &mut dyn FnMut(RecordBatch) -> Result<(), Stop>) -> Result<(), Stop> {
        let fields = &self.settings.data_schema.fields;
        let wanted: Vec<_> = self.projection.iter().filter_map(|i| Some((*i, fields.get(*i)?))).collect();
        let case_sensitive = self.settings.conf.case_sensitive();
        let mut take = |(rows, columns): (usize, Vec<Option<ArrayRef>>)| {
            let batch = self.batch(split, rows, |i| {
                let at = wanted.iter().position(|(column, _)| *column == i);
                let field = at.and_then(|at| wanted.get(at)).map(|(_, field)| *field);
                let Some(field) = field else { return Err(DataFusionError::Internal("a column is missing".into())) };
                match at.and_then(|at| columns.get(at)) {
                    Some(Some(column)) => Ok(Arc::clone(column)),
                    _ => {
                        let nulls = new_null_array(&to_arrow(&field.data_type), rows);
                        self.settings.existing.filled(&field.name, nulls, &vec![true; rows])
                    }
                }
            });
            put(batch?)
        };
        let with = (&self.files, &self.runtime, self.batch_rows);
        orc::read(with, split, &wanted, case_sensitive, &mut take).map_err(|ended| match ended {
            Ended::File(e) => e.into(),
            Ended::Taker(stop) => stop,
        })
    }

    fn whole_raw(&self, split: &Split) -> SparkResult<Vec<u8>> {
        self.runtime.block_on(self.files.get(&split.place)).map(Into::into)
    }

    /// The name of the column for records that cannot be read, and its number.
    fn corrupt_column(&self) -> Option<usize> {
        let name = corrupt_name(&self.settings.options, &self.settings.conf);
        self.settings.data_schema.fields.iter().position(|f| f.name == name && f.data_type.is_string())
    }

    fn csv(&self, split: &Split, put: &mut dyn FnMut(RecordBatch) -> Result<(), Stop>) -> Result<(), Stop> {
        let options = &self.settings.options;
        let dialect = Dialect::new(options)?;
        let header = flag(options, "header", false)?;
        let mut rows = CsvRows::new(self, split)?;
        let mut fields = Fields::default();
        if flag(options, "multiline", false)? {
            let bytes = self.whole(split)?;
            let (mut at, mut first) = (0, header);
            while let Some(rest) = bytes.get(at..).filter(|r| !r.is_empty()) {
                let line_end = rest.iter().position(|b| *b == b'\n').unwrap_or(rest.len());
                let line = rest.get(..line_end).unwrap_or_default();
                if !dialect.is_record(line) {
                    at += line_end + 1;
                    continue;
                }
                let length = csv::record(rest, &dialect, true, &mut fields).max(1);
                let raw = rest.get(..length).unwrap_or_default().trim_ascii_end();
                at += length;
                if std::mem::take(&mut first) {
                    rows.check_header(&fields, header)?;
                    continue;
                }
                rows.add(&fields, raw, put)?;
            }
        } else {
            let mut lines = self.lines(split)?;
            let mut first = header && split.start == 0;
            while let Some(line) = lines.next_line()? {
                if !dialect.is_record(line) {
                    continue;
                }
                csv::record(line, &dialect, false, &mut fields);
                if std::mem::take(&mut first) {
                    rows.check_header(&fields, header)?;
                    continue;
                }
                rows.add(&fields, line, put)?;
            }
        }
        rows.flush(put)
    }

    fn json(&self, split: &Split, put: &mut dyn FnMut(RecordBatch) -> Result<(), Stop>) -> Result<(), Stop> {
        let allow = Liberties::new(&self.settings.options)?;
        if flag(&self.settings.options, "multiline", false)? {
            let bytes = self.whole(split)?;
            let text = String::from_utf8_lossy(&bytes);
            return self.json_records(split, [text.as_ref()].into_iter(), allow, put);
        }
        let mut lines = self.lines(split)?;
        let (mut held, mut ends) = (String::new(), vec![]);
        loop {
            let line = lines.next_line()?;
            let ended = line.is_none();
            if let Some(line) = line.filter(|l| l.iter().any(|b| *b > b' ')) {
                held.push_str(&String::from_utf8_lossy(line));
                ends.push(held.len());
            }
            if ended || ends.len() >= self.batch_rows || held.len() >= BATCH_BYTES {
                let starts = std::iter::once(0).chain(ends.iter().copied());
                let records = starts.zip(&ends).map(|(a, b)| &held[a..*b]);
                self.json_records(split, records, allow, put)?;
                held.clear();
                ends.clear();
            }
            if ended {
                return Ok(());
            }
        }
    }

    /// Turns some texts, each a record or an array of them, into a batch.
    fn json_records<'t>(
        &self,
        split: &Split,
        texts: impl Iterator<Item = &'t str>,
        allow: Liberties,
        put: &mut dyn FnMut(RecordBatch) -> Result<(), Stop>,
    ) -> Result<(), Stop> {
        let mut records: Vec<Option<Json<'t>>> = vec![];
        let mut sources: Vec<&'t str> = vec![];
        let mut bad = vec![];
        let mut add = |record: Option<Json<'t>>, source: &'t str| {
            bad.push(record.is_none());
            records.push(record);
            sources.push(source);
        };
        for text in texts {
            match Reader::new(text, allow).next_value() {
                None => {}
                Some(Ok(Json::Array(items))) => {
                    for item in items {
                        add(Some(item).filter(|j| matches!(j, Json::Object(_))), text);
                    }
                }
                Some(Ok(value)) => add(Some(value).filter(|j| matches!(j, Json::Object(_))), text),
                Some(Err(_)) => add(None, text),
            }
        }
        if records.is_empty() {
            return Ok(());
        }
        let corrupt = self.corrupt_column();
        let of_file = &self.settings.data_schema.fields;
        let wanted: Vec<usize> = self.projection.iter().copied().filter(|i| *i < of_file.len()).collect();
        let fields: Vec<StructField> =
            wanted.iter().filter(|i| Some(**i) != corrupt).filter_map(|i| of_file.get(*i).cloned()).collect();
        let builder = Builder::new(&self.settings.options, &self.settings.conf);
        let mut built = builder.columns(&records, &fields, &mut bad)?.into_iter();
        let mut columns: Vec<(usize, ArrayRef)> = vec![];
        for i in wanted {
            let column = if Some(i) == corrupt {
                let raw = sources.iter().zip(&bad).map(|(s, bad)| bad.then_some(*s));
                Arc::new(raw.collect::<StringArray>()) as ArrayRef
            } else {
                built.next().ok_or_else(|| SparkError::internal("a JSON column is missing"))?
            };
            let name = of_file.get(i).map_or("", |f| f.name.as_str());
            let column = match self.settings.existing.get(name) {
                Some(_) => self.settings.existing.filled(name, column, &lacking(&records, name))?,
                None => column,
            };
            columns.push((i, column));
        }
        let mut columns = columns.into_iter();
        let batch = self.batch(split, records.len(), |i| match columns.next() {
            Some((of, column)) if of == i => Ok(column),
            _ => Err(DataFusionError::Internal("JSON columns out of order".into())),
        })?;
        put(self.judged(split, batch, &bad)?)
    }

    /// The batch without its bad rows, or an error for them, as the mode says.
    fn judged(&self, split: &Split, batch: RecordBatch, bad: &[bool]) -> Result<RecordBatch, Stop> {
        if !bad.contains(&true) {
            return Ok(batch);
        }
        match parse_mode(&self.settings.options) {
            ParseMode::Permissive => Ok(batch),
            ParseMode::DropMalformed => {
                let good = bad.iter().map(|b| Some(!*b)).collect();
                Ok(filter_record_batch(&batch, &good)?)
            }
            ParseMode::FailFast => {
                let first = bad.iter().position(|b| *b).unwrap_or_default();
                let cause = SparkError::new("MALFORMED_RECORD_IN_PARSING.WITHOUT_SUGGESTION")
                    .param("badRecord", self.shown(&batch, first)?)
                    .param("failFastMode", "FAILFAST");
                Err(lines::read_failed(&split.place, &cause).caused_by(cause).into())
            }
        }
    }
}

impl Reading {
    /// What could be read of a record, as Spark shows it in its errors: `[1,null]`.
    fn shown(&self, batch: &RecordBatch, row: usize) -> Result<String> {
        let options = FormatOptions::default().with_null("null");
        let of_file = self.projection.iter().zip(batch.columns());
        let mut values = vec![];
        for (_, column) in of_file.filter(|(i, _)| **i < self.settings.data_schema.len()) {
            let value = column.slice(row, 1);
            // Dates and times as the numbers that Spark has for them inside.
            let value = match column.data_type() {
                Arrow::Date32 => cast(&value, &Arrow::Int32)?,
                Arrow::Timestamp(..) => cast(&value, &Arrow::Int64)?,
                _ => value,
            };
            values.push(ArrayFormatter::try_new(&value, &options)?.value(0).to_string());
        }
        Ok(format!("[{}]", values.join(",")))
    }
}

/// The records without a field of that name.
fn lacking(records: &[Option<Json<'_>>], name: &str) -> Vec<bool> {
    let lacks = |record: &Option<Json<'_>>| match record {
        Some(Json::Object(fields)) => !fields.iter().any(|(key, _)| key == name),
        _ => false,
    };
    records.iter().map(lacks).collect()
}

/// The name of the column for bad records.
pub fn corrupt_name(options: &Options, conf: &SessionConf) -> String {
    let by_conf = conf.get("spark.sql.columnNameOfCorruptRecord").unwrap_or("_corrupt_record");
    text(options, "columnnameofcorruptrecord").unwrap_or(by_conf).to_string()
}

/// Records of a CSV file on their way to a batch.
struct CsvRows<'r> {
    reading: &'r Reading,
    split: &'r Split,
    /// Projected columns of the file: number, place among a record's fields, converter, text.
    columns: Vec<(usize, usize, Converter, StringBuilder)>,
    corrupt: Option<usize>,
    raw: StringBuilder,
    keeps_raw: bool,
    /// How many fields a record has to have; none when not all are looked at.
    expected: Option<usize>,
    bad: Vec<bool>,
    /// How many fields each record has, where columns that are missing have values.
    lengths: Vec<usize>,
    bytes: usize,
}

impl<'r> CsvRows<'r> {
    fn new(reading: &'r Reading, split: &'r Split) -> SparkResult<Self> {
        let settings = &reading.settings;
        let corrupt = reading.corrupt_column();
        let fields = &settings.data_schema.fields;
        let wanted: Vec<usize> = reading.projection.iter().copied().filter(|i| *i < fields.len()).collect();
        let mut columns = vec![];
        for i in wanted.iter().filter(|i| Some(**i) != corrupt) {
            let Some(field) = fields.get(*i) else { continue };
            // The column for bad records is in no record.
            let place = i - usize::from(corrupt.is_some_and(|c| c < *i));
            let converter = Converter::new(&field.data_type, &settings.options, &settings.conf)?;
            columns.push((*i, place, converter, StringBuilder::new()));
        }
        let keeps_raw = corrupt.is_some_and(|c| wanted.contains(&c));
        let all = fields.len() - usize::from(corrupt.is_some());
        let pruning = settings.conf.bool("spark.sql.csv.parser.columnPruning.enabled");
        let expected = (columns.len() == all || keeps_raw || !pruning).then_some(all);
        Ok(CsvRows {
            reading,
            split,
            columns,
            corrupt,
            raw: StringBuilder::new(),
            keeps_raw,
            expected,
            bad: vec![],
            lengths: vec![],
            bytes: 0,
        })
    }

    /// With `enforceSchema=false` the header has to name the columns.
    fn check_header(&self, first: &Fields, has_header: bool) -> SparkResult<()> {
        let settings = &self.reading.settings;
        if flag(&settings.options, "enforceschema", true)? {
            return Ok(());
        }
        let case = settings.conf.case_sensitive();
        let names = csv::header(first, has_header, case);
        let same = |a: &str, b: &str| a == b || !case && a.to_lowercase() == b.to_lowercase();
        let fields = &settings.data_schema.fields;
        let fits = names.len() == fields.len() && names.iter().zip(fields.iter()).all(|(n, f)| same(n, &f.name));
        if fits { Ok(()) } else { Err(lines::read_failed(&self.split.place, "the header does not fit the schema")) }
    }

    fn add(
        &mut self,
        fields: &Fields,
        raw: &[u8],
        put: &mut dyn FnMut(RecordBatch) -> Result<(), Stop>,
    ) -> Result<(), Stop> {
        for (_, place, _, builder) in &mut self.columns {
            match fields.get(*place) {
                Some(bytes) => builder.append_value(String::from_utf8_lossy(bytes)),
                None => builder.append_null(),
            }
        }
        if self.keeps_raw {
            self.raw.append_value(String::from_utf8_lossy(raw));
        }
        if !self.reading.settings.existing.is_empty() {
            self.lengths.push(fields.len());
        }
        self.bad.push(self.expected.is_some_and(|n| n != fields.len()));
        self.bytes += raw.len();
        if self.bad.len() >= self.reading.batch_rows || self.bytes >= BATCH_BYTES {
            self.flush(put)?;
        }
        Ok(())
    }

    fn flush(&mut self, put: &mut dyn FnMut(RecordBatch) -> Result<(), Stop>) -> Result<(), Stop> {
        let mut bad = std::mem::take(&mut self.bad);
        self.bytes = 0;
        if bad.is_empty() {
            return Ok(());
        }
        let mut done = Vec::with_capacity(self.columns.len());
        let settings = &self.reading.settings;
        for (i, place, converter, builder) in &mut self.columns {
            let text = builder.finish();
            let mut column = converter.convert(&text)?;
            if column.null_count() > text.null_count() {
                for (row, flag) in bad.iter_mut().enumerate() {
                    *flag |= column.is_null(row) && text.is_valid(row);
                }
            }
            if let Some(field) =
                settings.data_schema.fields.get(*i).filter(|f| settings.existing.get(&f.name).is_some())
            {
                let short: Vec<bool> = self.lengths.iter().map(|n| n <= place).collect();
                column = settings.existing.filled(&field.name, column, &short)?;
            }
            done.push((*i, column));
        }
        self.lengths.clear();
        if let Some(corrupt) = self.corrupt.filter(|_| self.keeps_raw) {
            let raw = self.raw.finish();
            let raw = raw.iter().zip(&bad).map(|(line, bad)| line.filter(|_| *bad));
            done.push((corrupt, Arc::new(raw.collect::<StringArray>())));
        }
        let batch = self.reading.batch(self.split, bad.len(), |i| {
            let found = done.iter().find(|(of, _)| *of == i).map(|(_, c)| Arc::clone(c));
            found.ok_or_else(|| DataFusionError::Internal("a CSV column is missing".into()))
        })?;
        put(self.reading.judged(self.split, batch, &bad)?)
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

/// An Arrow schema without columns, for batches that only count.
pub fn no_columns() -> SchemaRef {
    Arc::new(Schema::empty())
}
