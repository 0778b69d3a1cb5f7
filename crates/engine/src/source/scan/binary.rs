//! Binary files: each is one row of its path, time, length and content. The content is read only where
//! a query asks for it.

use std::sync::Arc;

use arrow::array::{ArrayRef, BinaryArray, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use vonk_common::SparkResult;
use vonk_expr::arrow_types::UTC;

use super::Split;
use super::reading::{Reading, Stop};
use crate::source::lines;

impl Reading {
    pub(super) fn binary(
        &self,
        split: &Split,
        put: &mut dyn FnMut(RecordBatch) -> Result<(), Stop>,
    ) -> Result<(), Stop> {
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

    fn whole_raw(&self, split: &Split) -> SparkResult<Vec<u8>> {
        self.runtime.block_on(self.files.get(&split.place)).map(Into::into)
    }
}
