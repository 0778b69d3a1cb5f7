//! IndexToString: the label of a number. Beside it the text of numbers, which indexers start from.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, StringArray};
use vonk_common::SparkResult;
use vonk_plan::types::DataType;

use crate::aggregate::doubles;
use crate::attributes::Attribute;
use crate::error::{failed_row, illegal_argument};
use crate::frame::Columns;
use crate::function::{RowFunction, arg, as_strings, call};
use crate::linalg::java_double;
use crate::operator::{Class, Role, TransformOutput, Transformer};
use crate::params::{Kind, Param, Params};
use crate::wire::{Reader, Writer};

pub static CLASS: Class = Class {
    name: "org.apache.spark.ml.feature.IndexToString",
    params: &[Param::unset("inputCol", Kind::String), Param::unset("labels", Kind::Strings), Param::output()],
    seed_class: "",
    role: Role::Transformer(&IndexToString),
};

struct IndexToString;

impl Transformer for IndexToString {
    fn transform(&self, params: &Params, input: Columns<'_>) -> SparkResult<TransformOutput> {
        let (name, output) = (params.string("inputCol")?, params.string("outputCol")?);
        let column = input.get(&name)?;
        let number = input.number(&name)?;
        input.absent(&output)?;
        let known = || Attribute::of(column.metadata.as_ref())?.values();
        let labels = params.strings("labels").filter(|l| !l.is_empty()).or_else(known).ok_or_else(|| {
            illegal_argument(format!("Metadata of column {name} has no labels and none are given: set the labels."))
        })?;
        Ok(TransformOutput::column(output, call(Labels { labels: labels.into() }, vec![number], true)))
    }
}

pub const NAME: &str = "ml_labels";

#[derive(Debug)]
struct Labels {
    labels: Arc<[String]>,
}

pub fn decode(bytes: &[u8]) -> SparkResult<Arc<dyn RowFunction>> {
    Ok(Arc::new(Labels { labels: Reader::new(bytes).strs()?.into() }))
}

impl RowFunction for Labels {
    fn name(&self) -> &'static str {
        NAME
    }

    fn encode(&self) -> Vec<u8> {
        Writer::new().strs(&self.labels).done()
    }

    fn result(&self) -> DataType {
        DataType::STRING
    }

    fn eval(&self, args: &[ArrayRef], _: usize) -> SparkResult<ArrayRef> {
        let label = |v: Option<f64>| match v {
            None => Ok(None),
            Some(v) if v >= 0.0 && v.fract() == 0.0 => match self.labels.get(v as usize) {
                Some(label) => Ok(Some(label)),
                None => Err(self.unseen(v)),
            },
            Some(v) => Err(self.unseen(v)),
        };
        let out = doubles(args, 0)?.iter().map(label).collect::<SparkResult<StringArray>>()?;
        Ok(Arc::new(out))
    }
}

impl Labels {
    fn unseen(&self, v: f64) -> vonk_common::SparkError {
        failed_row("IndexToString", format!("Unseen index: {} ??", java_double(v)))
    }
}

pub const TEXT: &str = "ml_text";

/// Numbers as text.
#[derive(Debug)]
pub struct AsText;

pub fn decode_text(_: &[u8]) -> SparkResult<Arc<dyn RowFunction>> {
    Ok(Arc::new(AsText))
}

impl RowFunction for AsText {
    fn name(&self) -> &'static str {
        TEXT
    }

    fn encode(&self) -> Vec<u8> {
        vec![]
    }

    fn result(&self) -> DataType {
        DataType::STRING
    }

    fn eval(&self, args: &[ArrayRef], _: usize) -> SparkResult<ArrayRef> {
        Ok(Arc::new(as_strings(arg(args, 0)?)?))
    }
}
