//! Rows put next to those with equal keys, without sorting them.
//!
//! Each batch's rows are numbered by group as they come (a hash table of the keys); at the end only the
//! groups' keys are sorted, and one counting pass says where every row goes. Rows of a group keep the
//! order in which they came. The time is linear in the rows, where a sort is not.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::compute::{SortColumn, interleave_record_batch, lexsort_to_indices};
use arrow::datatypes::SchemaRef;
use datafusion::common::{DataFusionError, Result};
use datafusion::execution::memory_pool::MemoryReservation;
use datafusion::logical_expr::EmitTo;
use datafusion::physical_plan::aggregates::group_values::{GroupValues, new_group_values};
use datafusion::physical_plan::aggregates::order::GroupOrdering;

use super::align::bytes;

/// So many rows are copied at a time.
const STEP: usize = 1 << 15;

/// The rows of one partition.
pub struct Rows {
    keys: Vec<usize>,
    groups: Box<dyn GroupValues>,
    batches: Vec<RecordBatch>,
    /// The group of each row.
    group_of: Vec<u32>,
    interned: Vec<usize>,
    memory: MemoryReservation,
    held: usize,
}

impl Rows {
    pub fn new(schema: &SchemaRef, keys: Vec<usize>, memory: MemoryReservation) -> Result<Self> {
        let groups = new_group_values(Arc::new(schema.project(&keys)?), &GroupOrdering::None)?;
        Ok(Rows { keys, groups, batches: vec![], group_of: vec![], interned: vec![], memory, held: 0 })
    }

    /// Takes the batch, or gives back the error of the memory pool: the batch is then held as well.
    pub fn add(&mut self, batch: RecordBatch) -> Result<()> {
        let keys: Vec<ArrayRef> = batch.project(&self.keys)?.columns().to_vec();
        self.groups.intern(&keys, &mut self.interned)?;
        let too_many = |_| DataFusionError::ResourcesExhausted("more than 2^32 groups in one partition".to_string());
        for group in &self.interned {
            self.group_of.push(u32::try_from(*group).map_err(too_many)?);
        }
        self.held += bytes(&batch);
        self.batches.push(batch);
        // A row's group, and later its place.
        let all = self.held + self.groups.size() + self.group_of.len() * (size_of::<u32>() + size_of::<u64>());
        self.memory.try_resize(all)
    }

    /// The rows as they came.
    pub fn into_batches(self) -> Vec<RecordBatch> {
        self.batches
    }

    pub fn finish(mut self) -> Result<Regrouped> {
        let places = self.places()?;
        let Rows { batches, memory, .. } = self;
        Ok(Regrouped { batches, places, at: 0, _memory: memory })
    }

    /// For each row of the result where it is: the batch in the high half, the row in the low one.
    fn places(&mut self) -> Result<Vec<u64>> {
        let count = self.groups.len();
        let keys = self.groups.emit(EmitTo::All)?;
        let columns: Vec<SortColumn> = keys.into_iter().map(|values| SortColumn { values, options: None }).collect();
        let order = lexsort_to_indices(&columns, None)?;
        let mut sizes = vec![0usize; count];
        for group in &self.group_of {
            if let Some(size) = sizes.get_mut(*group as usize) {
                *size += 1;
            }
        }
        // Where the next row of each group goes.
        let mut next = vec![0usize; count];
        let mut end = 0;
        for group in order.values() {
            let group = *group as usize;
            if let (Some(next), Some(size)) = (next.get_mut(group), sizes.get(group)) {
                *next = end;
                end += size;
            }
        }
        let mut places = vec![0u64; self.group_of.len()];
        let mut groups = self.group_of.iter();
        for (number, batch) in self.batches.iter().enumerate() {
            for (row, group) in groups.by_ref().take(batch.num_rows()).enumerate() {
                let Some(next) = next.get_mut(*group as usize) else { continue };
                if let Some(place) = places.get_mut(*next) {
                    *place = (number as u64) << 32 | row as u64;
                }
                *next += 1;
            }
        }
        self.group_of = vec![];
        Ok(places)
    }
}

/// The rows in their new order, a piece at a time.
pub struct Regrouped {
    batches: Vec<RecordBatch>,
    places: Vec<u64>,
    at: usize,
    _memory: MemoryReservation,
}

impl Iterator for Regrouped {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        let end = self.places.len().min(self.at + STEP);
        let places = self.places.get(self.at..end).filter(|p| !p.is_empty())?;
        let pairs: Vec<(usize, usize)> =
            places.iter().map(|p| ((p >> 32) as usize, (p & 0xffff_ffff) as usize)).collect();
        self.at = end;
        let all: Vec<&RecordBatch> = self.batches.iter().collect();
        Some(interleave_record_batch(&all, &pairs).map_err(DataFusionError::from))
    }
}
