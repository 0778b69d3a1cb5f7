//! The reading of one partition, on a thread that may block: its ranges one after the other, each by
//! the method of its format. What the formats share is here; what they do with their bytes is not.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow::datatypes::SchemaRef;
use datafusion::common::{DataFusionError, Result};
use datafusion::physical_plan::metrics::Count;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use vonk_common::{SparkError, SparkResult};
use vonk_expr::exec_err;

use super::{ScanSettings, Split};
use crate::fs::Files;
use crate::source::Format;
use crate::source::lines::{self, Lines};
use crate::source::options::{text, unescape};

/// Bytes of text that make a batch, if its rows have not done so.
pub(super) const BATCH_BYTES: usize = 8 << 20;

type Sender = mpsc::Sender<Result<RecordBatch>>;

/// The reading of one partition.
pub(super) struct Reading {
    pub(super) settings: Arc<ScanSettings>,
    pub(super) files: Files,
    pub(super) projection: Vec<usize>,
    pub(super) schema: SchemaRef,
    pub(super) limit: Option<usize>,
    pub(super) ignores_corrupt_files: bool,
    pub(super) batch_rows: usize,
    pub(super) bytes: Count,
    pub(super) rows: Count,
    pub(super) runtime: Handle,
}

/// Why reading stops before its end.
pub(super) enum Stop {
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
    pub(super) fn run(&self, splits: &[Split], send: &Sender) {
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
                Err(Stop::Failed(_)) if self.ignores_corrupt_files => {}
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

    pub(super) fn lines(&self, split: &Split) -> SparkResult<Lines> {
        let separator = self.option("linesep").map(unescape);
        let encoding = lines::encoding(&self.settings.options);
        let range = (split.start, split.end);
        Lines::open(&self.files, &split.place, range, separator.as_deref(), encoding.as_deref(), &self.runtime)
    }

    pub(super) fn whole(&self, split: &Split) -> SparkResult<Vec<u8>> {
        let input = lines::open(&self.files, &split.place, 0, &self.runtime)?;
        let encoding = lines::encoding(&self.settings.options);
        lines::read_all(input, encoding.as_deref(), &split.place)
    }

    /// The batch of the projected columns: those of the file as computed, those of the folder repeated.
    pub(super) fn batch(
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
}
