//! Binarizer: 1 above a threshold, else 0; for numbers and for vectors.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, Float64Array};
use datafusion::arrow::datatypes::DataType as Arrow;
use vonk_common::SparkResult;
use vonk_plan::types::DataType;

use crate::aggregate::{doubles, vectors};
use crate::attributes::{Attribute, Group};
use crate::frame::Columns;
use crate::function::{RowFunction, arg, call};
use crate::linalg::VectorBuilder;
use crate::linalg::udt::{is_vector, vector_type};
use crate::operator::{Class, Role, TransformOutput, Transformer};
use crate::params::{Kind, Param, Params};
use crate::wire::{Reader, Writer};

pub static CLASS: Class = Class {
    name: "org.apache.spark.ml.feature.Binarizer",
    params: &[
        Param::unset("inputCol", Kind::String),
        Param::unset("inputCols", Kind::Strings),
        Param::output(),
        Param::unset("outputCols", Kind::Strings),
        Param::double("threshold", 0.0),
        Param::unset("thresholds", Kind::Doubles),
    ],
    seed_class: "",
    role: Role::Transformer(&Binarizer),
};

struct Binarizer;

impl Transformer for Binarizer {
    fn transform(&self, params: &Params, input: Columns<'_>) -> SparkResult<TransformOutput> {
        let (inputs, outputs) = params.in_out()?;
        let one = params.double("threshold")?;
        let several = params.doubles("thresholds").filter(|_| params.is_set("inputCols"));
        let mut out = TransformOutput::default();
        for (i, (name, output)) in inputs.iter().zip(&outputs).enumerate() {
            let threshold = several.as_ref().and_then(|t| t.get(i).copied()).unwrap_or(one);
            let column = input.get(name)?;
            input.absent(output)?;
            let vector = is_vector(&column.data_type);
            let argument = if vector { column.expr.clone() } else { input.number(name)? };
            let mut expr = call(Binarize { threshold, vector }, vec![argument], vector);
            expr.metadata = match vector {
                true => Group::of(column.metadata.as_ref()).map(|g| Group::sized(g.size).metadata()),
                false => Some(Attribute::binary().metadata()),
            };
            out.columns.push((output.clone(), expr));
        }
        Ok(out)
    }
}

pub const NAME: &str = "ml_binarize";

#[derive(Debug)]
struct Binarize {
    threshold: f64,
    vector: bool,
}

pub fn decode(bytes: &[u8]) -> SparkResult<Arc<dyn RowFunction>> {
    let mut r = Reader::new(bytes);
    Ok(Arc::new(Binarize { threshold: r.f64()?, vector: r.bool()? }))
}

impl RowFunction for Binarize {
    fn name(&self) -> &'static str {
        NAME
    }

    fn encode(&self) -> Vec<u8> {
        Writer::new().f64(self.threshold).bool(self.vector).done()
    }

    fn result(&self) -> DataType {
        if self.vector { vector_type() } else { DataType::Double }
    }

    fn eval(&self, args: &[ArrayRef], rows: usize) -> SparkResult<ArrayRef> {
        let above = |v: f64| if v > self.threshold { 1.0 } else { 0.0 };
        if !matches!(arg(args, 0)?.data_type(), Arrow::Struct(_)) {
            let values = doubles(args, 0)?;
            return Ok(Arc::new(values.iter().map(|v| v.map(above)).collect::<Float64Array>()));
        }
        let mut out = VectorBuilder::with_capacity(rows, 0);
        let (mut dense, mut indices) = (vec![], vec![]);
        for row in vectors(args, 0)?.iter() {
            let Some(row) = row else {
                out.push_null();
                continue;
            };
            dense.resize(row.len(), 0.0);
            row.write_to(&mut dense);
            dense.iter_mut().for_each(|v| *v = above(*v));
            indices.clear();
            indices.extend(0..dense.len() as i32);
            out.push_compressed(dense.len(), &indices, &dense);
        }
        out.finish()
    }
}
