//! The greatest category number of each column: what a one-hot encoder learns.
//!
//! Input: the columns of category numbers, as doubles.

use std::sync::Arc;

use datafusion::arrow::array::ArrayRef;
use vonk_common::SparkResult;

use super::{Pass, PassState, doubles};
use crate::error::failed_row;
use crate::linalg::java_double;
use crate::wire::{Reader, Writer};

pub const NAME: &str = "ml_categories";

#[derive(Debug, Clone, Copy)]
pub struct Categories;

pub fn decode(_: &[u8]) -> SparkResult<Arc<dyn Pass>> {
    Ok(Arc::new(Categories))
}

impl Pass for Categories {
    fn name(&self) -> &'static str {
        NAME
    }

    fn encode(&self) -> Vec<u8> {
        vec![]
    }

    fn start(&self) -> Box<dyn PassState> {
        Box::new(State::default())
    }
}

#[derive(Debug, Default)]
struct State {
    greatest: Vec<f64>,
}

impl State {
    fn take(&mut self, i: usize, v: f64) {
        if self.greatest.len() <= i {
            self.greatest.resize(i + 1, f64::NEG_INFINITY);
        }
        if let Some(g) = self.greatest.get_mut(i) {
            *g = g.max(v);
        }
    }
}

impl PassState for State {
    fn update(&mut self, columns: &[ArrayRef]) -> SparkResult<()> {
        for i in 0..columns.len() {
            let values = doubles(columns, i)?;
            let mut greatest = f64::NEG_INFINITY;
            for v in values.iter() {
                match v {
                    Some(v) if v < 0.0 || v.fract() != 0.0 || v > f64::from(i32::MAX) => {
                        let message = if v < 0.0 { "non-negative" } else { "integers" };
                        return Err(failed_row(
                            "OneHotEncoder",
                            format!("Values from column must be {message}, but got {}", java_double(v)),
                        ));
                    }
                    Some(v) => greatest = greatest.max(v),
                    None => {}
                }
            }
            self.take(i, greatest);
        }
        Ok(())
    }

    fn merge(&mut self, other: &[u8]) -> SparkResult<()> {
        for (i, v) in Reader::new(other).f64s()?.into_iter().enumerate() {
            self.take(i, v);
        }
        Ok(())
    }

    fn encode(&self) -> Vec<u8> {
        Writer::new().f64s(&self.greatest).done()
    }

    fn size(&self) -> usize {
        64 + 8 * self.greatest.len()
    }
}
