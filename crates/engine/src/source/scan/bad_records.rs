//! Records of CSV and JSON that cannot be read: the column that keeps their text, and what each mode
//! makes of their rows. Which records are bad is found out by the reader of the format.

use arrow::array::RecordBatch;
use arrow::compute::{cast, filter_record_batch};
use arrow::datatypes::DataType as Arrow;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::common::Result;
use vonk_common::{SessionConf, SparkError};
use vonk_plan::relation::Options;

use super::Split;
use super::reading::{Reading, Stop};
use crate::source::lines;
use crate::source::options::{ParseMode, parse_mode, text};

/// The name of the column for bad records.
pub fn corrupt_name(options: &Options, conf: &SessionConf) -> String {
    let by_conf = conf.get("spark.sql.columnNameOfCorruptRecord").unwrap_or("_corrupt_record");
    text(options, "columnnameofcorruptrecord").unwrap_or(by_conf).to_string()
}

impl Reading {
    /// Where the column for records that cannot be read stands; none when nobody asked for it.
    pub(super) fn corrupt_column(&self) -> Option<usize> {
        let name = corrupt_name(&self.settings.options, &self.settings.conf);
        self.settings.data_schema.fields.iter().position(|f| f.name == name && f.data_type.is_string())
    }

    /// The batch without its bad rows, or an error for them, as the mode says.
    pub(super) fn judged(&self, split: &Split, batch: RecordBatch, bad: &[bool]) -> Result<RecordBatch, Stop> {
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
