//! The number of each label: string indexing, and the test whether a row's labels are known.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use datafusion::arrow::array::{Array, ArrayRef, BooleanArray, Float64Array};
use vonk_common::SparkResult;
use vonk_plan::types::DataType;

use crate::error::failed_row;
use crate::function::{RowFunction, arg, as_strings};
use crate::wire::{Reader, Writer};

pub const NAME: &str = "ml_index_strings";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unknown {
    Error,
    /// The number after the last label.
    Keep,
    /// Is the label known? Gives booleans.
    Test,
}

#[derive(Debug)]
pub struct IndexStrings {
    labels: Arc<[String]>,
    unknown: Unknown,
    numbers: OnceLock<HashMap<String, f64>>,
}

impl IndexStrings {
    pub fn new(labels: Arc<[String]>, unknown: Unknown) -> Self {
        IndexStrings { labels, unknown, numbers: OnceLock::new() }
    }
}

pub fn decode(bytes: &[u8]) -> SparkResult<Arc<dyn RowFunction>> {
    let mut r = Reader::new(bytes);
    let unknown = match r.u64()? {
        0 => Unknown::Error,
        1 => Unknown::Keep,
        _ => Unknown::Test,
    };
    Ok(Arc::new(IndexStrings::new(r.strs()?.into(), unknown)))
}

impl RowFunction for IndexStrings {
    fn name(&self) -> &'static str {
        NAME
    }

    fn encode(&self) -> Vec<u8> {
        Writer::new().u64(self.unknown as u64).strs(&self.labels).done()
    }

    fn result(&self) -> DataType {
        if self.unknown == Unknown::Test { DataType::Boolean } else { DataType::Double }
    }

    fn eval(&self, args: &[ArrayRef], _: usize) -> SparkResult<ArrayRef> {
        let numbers =
            self.numbers.get_or_init(|| self.labels.iter().enumerate().map(|(i, l)| (l.clone(), i as f64)).collect());
        let texts = as_strings(arg(args, 0)?)?;
        if self.unknown == Unknown::Test {
            let known = texts.iter().map(|t| Some(t.is_some_and(|t| numbers.contains_key(t))));
            return Ok(Arc::new(known.collect::<BooleanArray>()));
        }
        let mut out = Vec::with_capacity(texts.len());
        let mut last: Option<(&str, f64)> = None;
        for text in texts.iter() {
            let number = match (text, last) {
                (Some(t), Some((l, n))) if t == l => n,
                (Some(t), _) => match numbers.get(t) {
                    Some(n) => *n,
                    None => self.unseen(&format!(
                        "Unseen label: {t}. To handle unseen labels, set Param handleInvalid to keep."
                    ))?,
                },
                (None, _) => self.unseen(
                    "StringIndexer encountered NULL value. To handle or skip NULLS, try setting StringIndexer.handleInvalid.",
                )?,
            };
            last = text.map(|t| (t, number));
            out.push(number);
        }
        Ok(Arc::new(Float64Array::from(out)))
    }
}

impl IndexStrings {
    fn unseen(&self, message: &str) -> SparkResult<f64> {
        match self.unknown {
            Unknown::Keep => Ok(self.labels.len() as f64),
            _ => Err(failed_row("StringIndexerModel", message)),
        }
    }
}
