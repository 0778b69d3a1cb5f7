//! Groups in a sorted input: neighbours with equal keys.

use std::ops::Range;

use arrow::array::{ArrayRef, RecordBatch, UInt32Array};
use arrow::compute::{concat, concat_batches, partition};
use arrow::datatypes::SchemaRef;
use datafusion::common::Result;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::execution::memory_pool::MemoryReservation;
use futures::StreamExt;
use futures::stream::{self, BoxStream};

use super::align::bytes;
use crate::operators::rows::take_rows;

/// Finds where groups end, batch by batch.
pub struct Boundaries {
    keys: Vec<usize>,
    /// The keys of the last row.
    last: Option<Vec<ArrayRef>>,
}

impl Boundaries {
    pub fn new(keys: Vec<usize>) -> Self {
        Boundaries { keys, last: None }
    }

    /// The rows of the batch before which a group ended: 0 where the one of earlier batches did.
    pub fn ends(&mut self, batch: &RecordBatch) -> Result<Vec<u32>> {
        if self.keys.is_empty() || batch.num_rows() == 0 {
            return Ok(vec![]);
        }
        let keys = batch.project(&self.keys)?.columns().to_vec();
        let mut ends = vec![];
        if let Some(last) = &self.last {
            let first_row = last.iter().zip(&keys).map(|(a, b)| concat(&[a.as_ref(), b.slice(0, 1).as_ref()]));
            let pair: Vec<ArrayRef> = first_row.collect::<std::result::Result<_, _>>()?;
            if partition(&pair)?.len() > 1 {
                ends.push(0);
            }
        }
        let ranges = partition(&keys)?.ranges();
        ends.extend(ranges.iter().skip(1).map(|r| r.start as u32));
        let end = batch.num_rows() - 1;
        self.last = Some(keys.iter().map(|k| k.slice(end, 1)).collect());
        Ok(ends)
    }
}

/// The first row of each group of a batch, `ends` being those of the batch.
pub fn first_rows(batch: &RecordBatch, ends: &[u32], is_first: bool) -> Result<RecordBatch> {
    let rows: UInt32Array = is_first.then_some(0).into_iter().chain(ends.iter().copied()).collect();
    take_rows(batch, &rows)
}

/// Whole groups: a batch, and where groups end in it. The last ends with the batch.
pub type WholeGroups = BoxStream<'static, Result<(RecordBatch, Vec<u32>)>>;

/// The input in pieces of whole groups, of `rows` rows or a group's more.
pub fn whole_groups(
    input: SendableRecordBatchStream,
    keys: Vec<usize>,
    rows: usize,
    memory: MemoryReservation,
) -> WholeGroups {
    let state = Gathering {
        schema: input.schema(),
        boundaries: Boundaries::new(keys),
        parts: vec![],
        ends: vec![],
        count: 0,
        memory,
    };
    let pieces = stream::unfold((input, Some(state)), move |(mut input, state)| async move {
        let mut state = state?;
        loop {
            match input.next().await {
                Some(Ok(batch)) => match state.add(batch, rows) {
                    Ok(None) => {}
                    Ok(Some(piece)) => return Some((Ok(piece), (input, Some(state)))),
                    Err(e) => return Some((Err(e), (input, None))),
                },
                Some(Err(e)) => return Some((Err(e), (input, None))),
                None => return state.finish().transpose().map(|piece| (piece, (input, None))),
            }
        }
    });
    pieces.boxed()
}

struct Gathering {
    schema: SchemaRef,
    boundaries: Boundaries,
    parts: Vec<RecordBatch>,
    ends: Vec<u32>,
    /// Rows in the parts.
    count: usize,
    memory: MemoryReservation,
}

impl Gathering {
    /// A piece is cut at the last end in the batch, once there are enough rows.
    fn add(&mut self, batch: RecordBatch, rows: usize) -> Result<Option<(RecordBatch, Vec<u32>)>> {
        let ends = self.boundaries.ends(&batch)?;
        self.memory.try_grow(bytes(&batch))?;
        let before = self.count as u32;
        self.ends.extend(ends.iter().map(|e| before + e).filter(|e| *e > 0));
        let cut = ends.last().map(|e| *e as usize).filter(|e| self.count + e >= rows && self.count + e > 0);
        let Some(cut) = cut else {
            self.count += batch.num_rows();
            self.parts.push(batch);
            return Ok(None);
        };
        self.parts.push(batch.slice(0, cut));
        let piece = self.piece()?;
        let rest = batch.slice(cut, batch.num_rows() - cut);
        self.memory.try_grow(bytes(&rest))?;
        self.count = rest.num_rows();
        self.parts.push(rest);
        Ok(Some(piece))
    }

    fn finish(&mut self) -> Result<Option<(RecordBatch, Vec<u32>)>> {
        if self.count == 0 {
            return Ok(None);
        }
        self.ends.push(self.count as u32);
        self.piece().map(Some)
    }

    fn piece(&mut self) -> Result<(RecordBatch, Vec<u32>)> {
        let batch = concat_batches(&self.schema, &self.parts)?;
        self.parts.clear();
        self.memory.free();
        Ok((batch, std::mem::take(&mut self.ends)))
    }
}

/// The rows of each group.
pub fn ranges(ends: &[u32]) -> impl Iterator<Item = Range<usize>> + '_ {
    let starts = std::iter::once(0).chain(ends.iter().copied());
    starts.zip(ends).map(|(a, b)| a as usize..*b as usize)
}
