//! ORC files: the projected columns of a range's stripes, and defaults for columns that a file lacks.
//! Stripes are decoded in [`crate::orc`].

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, new_null_array};
use datafusion::common::DataFusionError;
use vonk_expr::arrow_types::to_arrow;

use super::Split;
use super::reading::{Reading, Stop};
use crate::source::orc::{self, Ended};

impl Reading {
    pub(super) fn orc(&self, split: &Split, put: &mut dyn FnMut(RecordBatch) -> Result<(), Stop>) -> Result<(), Stop> {
        let fields = &self.settings.data_schema.fields;
        let wanted: Vec<_> = self.projection.iter().filter_map(|i| Some((*i, fields.get(*i)?))).collect();
        let case_sensitive = self.settings.conf.case_sensitive();
        let mut take = |(rows, columns): (usize, Vec<Option<ArrayRef>>)| {
            let batch = self.batch(split, rows, |i| {
                let at = wanted.iter().position(|(column, _)| *column == i);
                let field = at.and_then(|at| wanted.get(at)).map(|(_, field)| *field);
                let Some(field) = field else { return Err(DataFusionError::Internal("a column is missing".into())) };
                match at.and_then(|at| columns.get(at)) {
                    Some(Some(column)) => Ok(Arc::clone(column)),
                    _ => {
                        let nulls = new_null_array(&to_arrow(&field.data_type), rows);
                        self.settings.existing.filled(&field.name, nulls, &vec![true; rows])
                    }
                }
            });
            put(batch?)
        };
        let with = (&self.files, &self.runtime, self.batch_rows);
        orc::read(with, split, &wanted, case_sensitive, &mut take).map_err(|ended| match ended {
            Ended::File(e) => e.into(),
            Ended::Taker(stop) => stop,
        })
    }
}
