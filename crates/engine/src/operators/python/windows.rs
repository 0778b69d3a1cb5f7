//! The rows of each row's window frame, as two columns that workers slice their input by.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int32Array, RecordBatch};
use arrow::compute::SortOptions;
use datafusion::common::Result;
use datafusion::logical_expr::WindowFrame;
use datafusion::logical_expr::window_state::WindowFrameContext;

use super::groups::ranges;

/// First row and row after the last of each row's frame, counted in its partition.
/// `keys`: the columns that order a partition, and how.
pub fn bounds(
    frame: &WindowFrame,
    batch: &RecordBatch,
    ends: &[u32],
    keys: &[(usize, SortOptions)],
) -> Result<[ArrayRef; 2]> {
    let rows = batch.num_rows();
    let (mut begins, mut stops) = (Vec::with_capacity(rows), Vec::with_capacity(rows));
    let options: Vec<SortOptions> = keys.iter().map(|(_, o)| *o).collect();
    let frame = Arc::new(frame.clone());
    for range in ranges(ends) {
        let length = range.len();
        let columns: Vec<ArrayRef> = keys.iter().map(|(i, _)| batch.column(*i).slice(range.start, length)).collect();
        let mut context = WindowFrameContext::new(Arc::clone(&frame), options.clone());
        let mut last = 0..0;
        for row in 0..length {
            last = context.calculate_range(&columns, &last, length, row)?;
            begins.push(last.start as i32);
            stops.push(last.end as i32);
        }
    }
    Ok([Arc::new(Int32Array::from(begins)), Arc::new(Int32Array::from(stops))])
}
