//! JSON files: each line, or with `multiline` each file, is a record or an array of them. Texts are
//! parsed a batch at a time; the columns out of them are built in [`crate::source::json`].

use std::borrow::Cow;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringArray};
use datafusion::common::DataFusionError;
use vonk_common::SparkError;
use vonk_plan::types::StructField;

use super::Split;
use super::reading::{BATCH_BYTES, Reading, Stop};
use crate::source::json::Builder;
use crate::source::json_text::{Json, Liberties, Reader};
use crate::source::options::flag;
use crate::source::single_variant;

impl Reading {
    pub(super) fn json(&self, split: &Split, put: &mut dyn FnMut(RecordBatch) -> Result<(), Stop>) -> Result<(), Stop> {
        let allow = Liberties::new(&self.settings.options)?;
        if flag(&self.settings.options, "multiline", false)? {
            let bytes = self.whole(split)?;
            let text = String::from_utf8_lossy(&bytes);
            return self.json_records(split, [text.as_ref()].into_iter(), allow, put);
        }
        let mut lines = self.lines(split)?;
        let (mut held, mut ends) = (String::new(), vec![]);
        loop {
            let line = lines.next_line()?;
            let ended = line.is_none();
            if let Some(line) = line.filter(|l| l.iter().any(|b| *b > b' ')) {
                held.push_str(&String::from_utf8_lossy(line));
                ends.push(held.len());
            }
            if ended || ends.len() >= self.batch_rows || held.len() >= BATCH_BYTES {
                let starts = std::iter::once(0).chain(ends.iter().copied());
                let records = starts.zip(&ends).map(|(a, b)| &held[a..*b]);
                self.json_records(split, records, allow, put)?;
                held.clear();
                ends.clear();
            }
            if ended {
                return Ok(());
            }
        }
    }

    /// Turns some texts, each a record or an array of them, into a batch.
    fn json_records<'t>(
        &self,
        split: &Split,
        texts: impl Iterator<Item = &'t str>,
        allow: Liberties,
        put: &mut dyn FnMut(RecordBatch) -> Result<(), Stop>,
    ) -> Result<(), Stop> {
        let single = single_variant::column(&self.settings.options);
        let mut records: Vec<Option<Json<'t>>> = vec![];
        let mut sources: Vec<&'t str> = vec![];
        let mut bad = vec![];
        let mut add = |record: Option<Json<'t>>, source: &'t str| {
            bad.push(record.is_none());
            records.push(record);
            sources.push(source);
        };
        for text in texts {
            let value = match Reader::new(text, allow).next_value() {
                None => continue,
                Some(value) => value.ok(),
            };
            match (value, single) {
                (Some(value), Some(name)) => add(Some(Json::Object(vec![(Cow::Owned(name.to_string()), value)])), text),
                // An array is as many records, if it is one of objects.
                (Some(Json::Array(items)), None) if items.iter().all(is_object) => {
                    items.into_iter().for_each(|item| add(Some(item), text));
                }
                (value, _) => add(value.filter(is_object), text),
            }
        }
        if records.is_empty() {
            return Ok(());
        }
        let corrupt = self.corrupt_column();
        let of_file = &self.settings.data_schema.fields;
        let wanted: Vec<usize> = self.projection.iter().copied().filter(|i| *i < of_file.len()).collect();
        let fields: Vec<StructField> =
            wanted.iter().filter(|i| Some(**i) != corrupt).filter_map(|i| of_file.get(*i).cloned()).collect();
        let builder = Builder::new(&self.settings.options, &self.settings.conf);
        let mut built = builder.columns(&records, &fields, &mut bad)?.into_iter();
        spread(&sources, &mut bad);
        let mut columns: Vec<(usize, ArrayRef)> = vec![];
        for i in wanted {
            let column = if Some(i) == corrupt {
                let raw = sources.iter().zip(&bad).map(|(s, bad)| bad.then_some(*s));
                Arc::new(raw.collect::<StringArray>()) as ArrayRef
            } else {
                built.next().ok_or_else(|| SparkError::internal("a JSON column is missing"))?
            };
            let name = of_file.get(i).map_or("", |f| f.name.as_str());
            let column = match self.settings.existing.get(name) {
                Some(_) => self.settings.existing.filled(name, column, &lacking(&records, name))?,
                None => column,
            };
            columns.push((i, column));
        }
        let mut columns = columns.into_iter();
        let batch = self.batch(split, records.len(), |i| match columns.next() {
            Some((of, column)) if of == i => Ok(column),
            _ => Err(DataFusionError::Internal("JSON columns out of order".into())),
        })?;
        put(self.judged(split, batch, &bad)?)
    }
}

fn is_object(json: &Json<'_>) -> bool {
    matches!(json, Json::Object(_))
}

/// Of records out of one text all are bad, if one is.
fn spread(sources: &[&str], bad: &mut [bool]) {
    let same = |a: usize, b: usize| match (sources.get(a), sources.get(b)) {
        (Some(a), Some(b)) => std::ptr::eq(*a, *b),
        _ => false,
    };
    let mut start = 0;
    while start < bad.len() {
        let mut end = start + 1;
        while same(start, end) {
            end += 1;
        }
        if let Some(run) = bad.get_mut(start..end)
            && run.contains(&true)
        {
            run.fill(true);
        }
        start = end;
    }
}

/// The records without a field of that name.
fn lacking(records: &[Option<Json<'_>>], name: &str) -> Vec<bool> {
    let lacks = |record: &Option<Json<'_>>| match record {
        Some(Json::Object(fields)) => !fields.iter().any(|(key, _)| key == name),
        _ => false,
    };
    records.iter().map(lacks).collect()
}
