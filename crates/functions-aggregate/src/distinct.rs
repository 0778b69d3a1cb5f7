//! `DISTINCT` for any aggregate: the different argument rows are kept, and aggregated at the end.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, ListArray, StructArray};
use datafusion::arrow::buffer::OffsetBuffer;
use datafusion::arrow::compute::concat;
use datafusion::arrow::datatypes::{DataType as Arrow, Field, Fields};
use datafusion::arrow::row::{OwnedRow, RowConverter, SortField};
use datafusion::common::{Result as DfResult, ScalarValue};
use datafusion::logical_expr::Accumulator;
use hashbrown::HashSet;
use vonk_common::SparkError;

use vonk_expr::collation::key_array;

use crate::udaf::AggregateCallData;

pub struct Distinct {
    call: AggregateCallData,
    converter: RowConverter,
    /// For arguments under a collation: what stands for them where they are compared.
    keys: Option<RowConverter>,
    /// In order of appearance.
    rows: Vec<OwnedRow>,
    seen: HashSet<OwnedRow>,
    bytes: usize,
}

impl std::fmt::Debug for Distinct {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Distinct({:?}, {} rows)", self.call, self.rows.len())
    }
}

fn fields(call: &AggregateCallData) -> Fields {
    (0..call.arg_types.len()).map(|i| Field::new(format!("c{i}"), call.arrow_arg(i), true)).collect()
}

fn item(call: &AggregateCallData) -> Arc<Field> {
    Arc::new(Field::new("item", Arrow::Struct(fields(call)), true))
}

pub fn state_types(call: &AggregateCallData) -> Vec<Arrow> {
    vec![Arrow::List(item(call))]
}

impl Distinct {
    pub fn new(call: &AggregateCallData) -> DfResult<Self> {
        let columns: Vec<SortField> = (0..call.arg_types.len()).map(|i| SortField::new(call.arrow_arg(i))).collect();
        Ok(Distinct {
            call: call.clone(),
            keys: match call.arg_types.iter().any(|t| t.is_collated()) {
                true => Some(RowConverter::new(columns.clone())?),
                false => None,
            },
            converter: RowConverter::new(columns)?,
            rows: vec![],
            seen: HashSet::new(),
            bytes: 0,
        })
    }

    fn columns(&self) -> DfResult<Vec<ArrayRef>> {
        Ok(self.converter.convert_rows(self.rows.iter().map(|r| r.row()))?)
    }
}

impl Accumulator for Distinct {
    fn update_batch(&mut self, values: &[ArrayRef]) -> DfResult<()> {
        let rows = self.converter.convert_columns(values)?;
        if let Some(keys) = &self.keys {
            let pairs = values.iter().zip(&*self.call.arg_types);
            let compared = pairs.map(|(v, t)| key_array(v, t)).collect::<DfResult<Vec<_>>>()?;
            let compared = keys.convert_columns(&compared)?;
            for (row, key) in rows.iter().zip(compared.iter()) {
                if self.seen.insert(key.owned()) {
                    self.bytes += 2 * row.as_ref().len() + 160;
                    self.rows.push(row.owned());
                }
            }
            return Ok(());
        }
        for row in rows.iter() {
            let row = row.owned();
            if !self.seen.contains(&row) {
                // Twice the bytes, their allocations, and a slot each in the list and in the table.
                self.bytes += 2 * row.as_ref().len() + 160;
                self.rows.push(row.clone());
                self.seen.insert(row);
            }
        }
        Ok(())
    }

    fn evaluate(&mut self) -> DfResult<ScalarValue> {
        let mut inner = (self.call.aggregate.accumulator)(&self.call)?;
        if !self.rows.is_empty() {
            inner.update_batch(&self.columns()?)?;
        }
        inner.evaluate()
    }

    fn size(&self) -> usize {
        self.bytes
    }

    fn state(&mut self) -> DfResult<Vec<ScalarValue>> {
        let structs = match self.rows.is_empty() {
            true => StructArray::new_null(fields(&self.call), 0),
            false => StructArray::try_new(fields(&self.call), self.columns()?, None)?,
        };
        let offsets = OffsetBuffer::from_lengths([structs.len()]);
        let list = ListArray::try_new(item(&self.call), offsets, Arc::new(structs), None)?;
        Ok(vec![ScalarValue::List(Arc::new(list))])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> DfResult<()> {
        let Some(lists) = states.first().and_then(|s| s.as_list_opt::<i32>()) else {
            return Err(self.call.error(SparkError::internal("state of DISTINCT")));
        };
        let parts: Vec<ArrayRef> = lists.iter().flatten().collect();
        let parts: Vec<&dyn Array> = parts.iter().map(|p| p.as_ref()).collect();
        if parts.is_empty() {
            return Ok(());
        }
        let all = concat(&parts)?;
        match all.as_struct_opt() {
            Some(s) => self.update_batch(s.columns()),
            None => Err(self.call.error(SparkError::internal("state of DISTINCT"))),
        }
    }
}
