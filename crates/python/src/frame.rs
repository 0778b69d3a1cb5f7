//! A piece of input on its way to a worker.

use arrow::array::RecordBatch;

/// Rows, and where groups end in them.
///
/// Ends are row numbers, exclusive and ascending. Rows after the last end belong to a group that
/// goes on in the next frame; the end of the input ends it. Frames of cogrouped kinds hold whole
/// groups, the same number on both sides (a side may have none of its rows: the end repeats).
#[derive(Debug, Clone)]
pub struct Frame {
    pub left: RecordBatch,
    pub ends: Vec<u32>,
    pub right: Option<(RecordBatch, Vec<u32>)>,
}

impl Frame {
    /// Rows of a kind without groups.
    pub fn rows(left: RecordBatch) -> Self {
        Frame { left, ends: vec![], right: None }
    }
}
