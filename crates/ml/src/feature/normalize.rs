//! Normalizer: vectors of length 1 in a p-norm.

use std::sync::Arc;

use datafusion::arrow::array::ArrayRef;
use vonk_common::SparkResult;
use vonk_plan::types::DataType;

use crate::aggregate::vectors;
use crate::attributes::Group;
use crate::frame::Columns;
use crate::function::{RowFunction, call};
use crate::linalg::udt::vector_type;
use crate::linalg::{Row, VectorBuilder};
use crate::operator::{Class, Role, TransformOutput, Transformer};
use crate::params::{Kind, Param, Params, Valid};
use crate::wire::{Reader, Writer};

pub static CLASS: Class = Class {
    name: "org.apache.spark.ml.feature.Normalizer",
    params: &[Param::unset("inputCol", Kind::String), Param::output(), Param::double("p", 2.0).valid(Valid::From(1.0))],
    seed_class: "",
    role: Role::Transformer(&Normalizer),
};

struct Normalizer;

impl Transformer for Normalizer {
    fn transform(&self, params: &Params, input: Columns<'_>) -> SparkResult<TransformOutput> {
        let output = params.string("outputCol")?;
        let column = input.vector(&params.string("inputCol")?)?;
        input.absent(&output)?;
        let mut expr = call(Normalize { p: params.double("p")? }, vec![column.expr.clone()], true);
        expr.metadata = Group::of(column.metadata.as_ref()).map(|g| Group::sized(g.size).metadata());
        Ok(TransformOutput::column(output, expr))
    }
}

pub const NAME: &str = "ml_normalize";

#[derive(Debug)]
struct Normalize {
    p: f64,
}

pub fn decode(bytes: &[u8]) -> SparkResult<Arc<dyn RowFunction>> {
    Ok(Arc::new(Normalize { p: Reader::new(bytes).f64()? }))
}

impl RowFunction for Normalize {
    fn name(&self) -> &'static str {
        NAME
    }

    fn encode(&self) -> Vec<u8> {
        Writer::new().f64(self.p).done()
    }

    fn result(&self) -> DataType {
        vector_type()
    }

    fn eval(&self, args: &[ArrayRef], rows: usize) -> SparkResult<ArrayRef> {
        let mut out = VectorBuilder::with_capacity(rows, 0);
        let mut scaled = vec![];
        for row in vectors(args, 0)?.iter() {
            let Some(row) = row else {
                out.push_null();
                continue;
            };
            let values = row.values();
            let norm = if self.p == 2.0 {
                row.squared_norm().sqrt()
            } else if self.p.is_infinite() {
                values.iter().fold(0.0, |m: f64, v| m.max(v.abs()))
            } else {
                values.iter().map(|v| v.abs().powf(self.p)).sum::<f64>().powf(1.0 / self.p)
            };
            let factor = if norm == 0.0 { 1.0 } else { 1.0 / norm };
            scaled.clear();
            scaled.extend(values.iter().map(|v| v * factor));
            match row {
                Row::Dense(_) => out.push_dense(&scaled),
                Row::Sparse { size, indices, .. } => {
                    out.push_sparse(size, indices.iter().copied().zip(scaled.iter().copied()));
                }
            }
        }
        out.finish()
    }
}
