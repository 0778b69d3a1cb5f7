//! How often each string occurs, in each of several columns: what a string indexer learns.
//!
//! Input: string columns. NULLs are not counted. With `together` a row in which any column is NULL is
//! left out of all columns.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray};
use vonk_common::{SparkError, SparkResult};

use super::{Pass, PassState};
use crate::wire::{Reader, Writer};

pub const NAME: &str = "ml_strings";

#[derive(Debug, Clone, Copy)]
pub struct Strings {
    pub together: bool,
}

pub fn decode(bytes: &[u8]) -> SparkResult<Arc<dyn Pass>> {
    Ok(Arc::new(Strings { together: Reader::new(bytes).bool()? }))
}

impl Pass for Strings {
    fn name(&self) -> &'static str {
        NAME
    }

    fn encode(&self) -> Vec<u8> {
        Writer::new().bool(self.together).done()
    }

    fn start(&self) -> Box<dyn PassState> {
        Box::new(State { together: self.together, counts: vec![], bytes: 0 })
    }
}

#[derive(Debug)]
struct State {
    together: bool,
    counts: Vec<HashMap<String, u64>>,
    bytes: usize,
}

/// The counts of every column.
pub fn counts(bytes: &[u8]) -> SparkResult<Vec<Vec<(String, u64)>>> {
    let mut r = Reader::new(bytes);
    let columns = r.usize()?;
    (0..columns)
        .map(|_| {
            let n = r.usize()?;
            (0..n).map(|_| Ok((r.str()?.to_string(), r.u64()?))).collect()
        })
        .collect()
}

impl State {
    fn add(&mut self, column: usize, value: &str, n: u64) {
        if self.counts.len() <= column {
            self.counts.resize_with(column + 1, HashMap::new);
        }
        let Some(counts) = self.counts.get_mut(column) else { return };
        match counts.get_mut(value) {
            Some(count) => *count += n,
            None => {
                self.bytes += value.len() + 64;
                counts.insert(value.to_string(), n);
            }
        }
    }
}

impl PassState for State {
    fn update(&mut self, columns: &[ArrayRef]) -> SparkResult<()> {
        let rows = columns.first().map_or(0, |c| c.len());
        let left_out = |row: usize| self.together && columns.iter().any(|c| c.is_null(row));
        let kept: Vec<bool> = (0..rows).map(|row| !left_out(row)).collect();
        for (i, column) in columns.iter().enumerate() {
            let strings = column
                .as_string_opt::<i32>()
                .ok_or_else(|| SparkError::internal("a column of strings was expected"))?;
            // Runs of one value cost one look-up.
            let mut run: Option<(&str, u64)> = None;
            for (value, kept) in strings.iter().zip(&kept) {
                let (Some(value), true) = (value, *kept) else { continue };
                match &mut run {
                    Some((last, n)) if *last == value => *n += 1,
                    _ => {
                        if let Some((last, n)) = run.replace((value, 1)) {
                            self.add(i, last, n);
                        }
                    }
                }
            }
            if let Some((last, n)) = run {
                self.add(i, last, n);
            }
            if self.counts.len() <= i {
                self.counts.resize_with(i + 1, HashMap::new);
            }
        }
        Ok(())
    }

    fn merge(&mut self, other: &[u8]) -> SparkResult<()> {
        for (i, column) in counts(other)?.into_iter().enumerate() {
            if self.counts.len() <= i {
                self.counts.resize_with(i + 1, HashMap::new);
            }
            for (value, n) in column {
                self.add(i, &value, n);
            }
        }
        Ok(())
    }

    fn encode(&self) -> Vec<u8> {
        let mut w = Writer::new().usize(self.counts.len());
        for column in &self.counts {
            w = w.usize(column.len());
            for (value, n) in column {
                w = w.str(value).u64(*n);
            }
        }
        w.done()
    }

    fn size(&self) -> usize {
        64 + self.bytes
    }
}
