//! Text files: each line is a row, or with `wholetext` each file is one. Where lines end is found out in
//! [`crate::source::lines`].

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringBuilder};
use datafusion::common::Result;

use super::Split;
use super::reading::{BATCH_BYTES, Reading, Stop};
use crate::source::options::flag;

impl Reading {
    pub(super) fn text(&self, split: &Split, put: &mut dyn FnMut(RecordBatch) -> Result<(), Stop>) -> Result<(), Stop> {
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
}
