//! Rows of a file: the stripes that begin in a range of its bytes, some columns of them.

use std::collections::HashMap;

use arrow::array::ArrayRef;
use prost::Message;
use tokio::runtime::Handle;
use vonk_common::limits::ORC_STRIPE_BYTES;
use vonk_plan::types::StructField;

use super::conform::conform;
use super::decode::{Column, Streams};
use super::messages::{StripeFooter, StripeInformation, stream};
use super::tail::{Tail, parts, range, ranges};
use super::{Malformed, Orc};
use crate::fs::{Files, Place};

/// A file that is being read, on a thread that may wait.
pub struct Reader<'a> {
    pub files: &'a Files,
    pub place: &'a Place,
    pub tail: &'a Tail,
    pub runtime: &'a Handle,
    pub batch_rows: usize,
}

/// What a batch is made of: its rows, and the columns asked for; `None` for those that the file lacks.
pub type Batch = (usize, Vec<Option<ArrayRef>>);

impl Reader<'_> {
    /// Calls `put` with the rows of the stripes that begin in the range. `wanted` are columns with their
    /// place in the table, which counts where a file has lost the names of its columns.
    pub fn stripes<E: From<Wrong>>(
        &self,
        (start, end): (u64, u64),
        wanted: &[(usize, &StructField)],
        case_sensitive: bool,
        put: &mut dyn FnMut(Batch) -> Result<(), E>,
    ) -> Result<(), E> {
        let found: Vec<Option<u32>> = wanted.iter().map(|(i, f)| self.column(*i, &f.name, case_sensitive)).collect();
        for stripe in self.tail.footer.stripes.iter().filter(|s| (start..end).contains(&s.offset())) {
            let mut columns = self.columns(stripe, &found).map_err(Wrong)?;
            let mut left = stripe.rows();
            while left > 0 {
                let rows = left.min(self.batch_rows as u64) as usize;
                left -= rows as u64;
                let mut batch = vec![];
                for (column, (_, field)) in columns.iter_mut().zip(wanted) {
                    let read = |c: &mut Column| conform(&c.read(rows)?, &field.data_type, self.tail.is_hybrid());
                    batch.push(column.as_mut().map(read).transpose().map_err(Wrong)?);
                }
                put((rows, batch))?;
            }
        }
        Ok(())
    }

    /// The number of a column of the file.
    fn column(&self, place: usize, name: &str, case_sensitive: bool) -> Option<u32> {
        let root = self.tail.footer.types.first()?;
        let names = &root.field_names;
        // Old versions of Hive wrote `_col0`, `_col1`, …
        let nameless = names.iter().all(|n| n.strip_prefix("_col").is_some_and(|d| d.parse::<usize>().is_ok()));
        let exact = names.iter().position(|n| n == name);
        let alike = || names.iter().position(|n| !case_sensitive && n.to_lowercase() == name.to_lowercase());
        let at = exact.or_else(alike).or((nameless && !names.is_empty()).then_some(place))?;
        root.subtypes.get(at).copied()
    }

    fn columns(&self, stripe: &StripeInformation, wanted: &[Option<u32>]) -> Orc<Vec<Option<Column>>> {
        let types = &self.tail.footer.types;
        let (start, footer_start, end) = parts(stripe).ok_or_else(super::ended)?;
        let footer = self.runtime.block_on(range(self.files, self.place, footer_start..end))?;
        let footer = self.tail.blocks.decompress(&footer, ORC_STRIPE_BYTES)?;
        let footer = StripeFooter::decode(footer.as_slice()).map_err(|e| e.to_string())?;
        let mut within = vec![false; types.len()];
        for (number, t) in types.iter().enumerate() {
            let own = wanted.contains(&Some(number as u32));
            let inside = own || within.get(number).copied().unwrap_or(false);
            if let Some(slot) = within.get_mut(number).filter(|_| inside) {
                *slot = true;
                for part in &t.subtypes {
                    if let Some(slot) = within.get_mut(*part as usize) {
                        *slot = true;
                    }
                }
            }
        }
        let mut streams: Streams = HashMap::new();
        let (mut at, mut room) = (start, ORC_STRIPE_BYTES);
        let (mut kept, mut of_kept) = (vec![], vec![]);
        for s in &footer.streams {
            let next = at.checked_add(s.length()).filter(|e| *e <= footer_start).ok_or_else(super::ended)?;
            let has_values = at < next && (stream::PRESENT..=stream::SECONDARY).contains(&s.kind());
            if has_values && within.get(s.column() as usize).copied().unwrap_or(false) {
                kept.push((s.column(), s.kind()));
                of_kept.push(at..next);
            }
            at = next;
        }
        let bytes = self.runtime.block_on(ranges(self.files, self.place, &of_kept))?;
        for (stream, bytes) in kept.into_iter().zip(bytes) {
            let bytes = self.tail.blocks.decompress(&bytes, room)?;
            room -= bytes.len();
            streams.insert(stream, bytes);
        }
        let column = |n: &Option<u32>| n.map(|n| Column::new(types, n, &footer, &mut streams)).transpose();
        wanted.iter().map(column).collect()
    }
}

/// A file that is not as files are.
#[derive(Debug)]
pub struct Wrong(pub Malformed);
