//! The number of the nearest centre of a row.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Int32Array};
use vonk_common::SparkResult;
use vonk_plan::types::DataType;

use crate::aggregate::kmeans::Centres;
use crate::aggregate::vectors;
use crate::error::failed_row;
use crate::function::RowFunction;
use crate::wire::{Reader, Writer};

pub const NAME: &str = "ml_assign";

#[derive(Debug)]
pub struct Assign {
    pub centres: Centres,
}

pub fn decode(bytes: &[u8]) -> SparkResult<Arc<dyn RowFunction>> {
    Ok(Arc::new(Assign { centres: Centres::read(&mut Reader::new(bytes))? }))
}

impl RowFunction for Assign {
    fn name(&self) -> &'static str {
        NAME
    }

    fn encode(&self) -> Vec<u8> {
        self.centres.write(Writer::new()).done()
    }

    fn result(&self) -> DataType {
        DataType::Int
    }

    fn eval(&self, args: &[ArrayRef], _: usize) -> SparkResult<ArrayRef> {
        let nearest = |row: Option<crate::linalg::Row<'_>>| match row {
            Some(row) => Ok(self.centres.nearest(&row).0 as i32),
            None => Err(failed_row("KMeansModel", "features are NULL")),
        };
        Ok(Arc::new(vectors(args, 0)?.iter().map(nearest).collect::<SparkResult<Vec<_>>>().map(Int32Array::from)?))
    }
}
