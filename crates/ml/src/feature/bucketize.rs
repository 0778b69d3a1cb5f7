//! Bucketizer: the number of the interval that a value falls into.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Float64Array};
use vonk_common::SparkResult;
use vonk_plan::Literal;
use vonk_plan::types::DataType;

use super::present::Present;
use crate::aggregate::doubles;
use crate::attributes::Attribute;
use crate::error::{failed_row, illegal_argument};
use crate::frame::Columns;
use crate::function::{RowFunction, call};
use crate::linalg::java_double;
use crate::operator::{Class, Role, TransformOutput, Transformer};
use crate::params::{Kind, Param, Params, Valid};
use crate::wire::{Reader, Writer};

pub static CLASS: Class = Class {
    name: "org.apache.spark.ml.feature.Bucketizer",
    params: &[
        Param::string("handleInvalid", "error").valid(Valid::OneOf(&["error", "skip", "keep"])),
        Param::unset("inputCol", Kind::String),
        Param::unset("inputCols", Kind::Strings),
        Param::output(),
        Param::unset("outputCols", Kind::Strings),
        Param::unset("splits", Kind::Doubles),
        Param::unset("splitsArray", Kind::DoubleLists),
    ],
    seed_class: "",
    role: Role::Transformer(&Bucketizer),
};

struct Bucketizer;

impl Transformer for Bucketizer {
    fn transform(&self, params: &Params, input: Columns<'_>) -> SparkResult<TransformOutput> {
        let (inputs, outputs) = params.in_out()?;
        let splits: Vec<Vec<f64>> = match params.find("splitsArray") {
            Some(Literal::Array(_, items)) if params.is_set("inputCols") => {
                items.iter().filter_map(crate::linalg::udt::doubles).collect()
            }
            _ => vec![params.doubles("splits").unwrap_or_default()],
        };
        if splits.len() != inputs.len() || splits.iter().any(|s| !increasing(s)) {
            return Err(illegal_argument(format!("{} parameter splits given invalid value.", params.uid)));
        }
        let handle = params.string("handleInvalid")?;
        let (mut out, mut numbers) = (TransformOutput::default(), vec![]);
        for ((name, output), splits) in inputs.iter().zip(&outputs).zip(splits) {
            let number = input.number(name)?;
            input.absent(output)?;
            numbers.push(number.clone());
            let names: Vec<String> =
                splits.windows(2).map(|w| w.iter().map(|v| java_double(*v)).collect::<Vec<_>>().join(", ")).collect();
            let mut expr = call(Bucketize { splits, keep: handle == "keep" }, vec![number], true);
            expr.metadata = Some(Attribute::nominal(&names).with("ord", true.into()).metadata());
            out.columns.push((output.clone(), expr));
        }
        if handle == "skip" {
            out.filter = Some(call(Present, numbers, false).expr);
        }
        Ok(out)
    }
}

fn increasing(splits: &[f64]) -> bool {
    splits.len() >= 3 && splits.windows(2).all(|w| matches!(w, [a, b] if a < b))
}

pub const NAME: &str = "ml_bucketize";

#[derive(Debug)]
struct Bucketize {
    splits: Vec<f64>,
    /// NaN and NULL get a bucket of their own.
    keep: bool,
}

pub fn decode(bytes: &[u8]) -> SparkResult<Arc<dyn RowFunction>> {
    let mut r = Reader::new(bytes);
    Ok(Arc::new(Bucketize { splits: r.f64s()?, keep: r.bool()? }))
}

impl RowFunction for Bucketize {
    fn name(&self) -> &'static str {
        NAME
    }

    fn encode(&self) -> Vec<u8> {
        Writer::new().f64s(&self.splits).bool(self.keep).done()
    }

    fn result(&self) -> DataType {
        DataType::Double
    }

    fn eval(&self, args: &[ArrayRef], _: usize) -> SparkResult<ArrayRef> {
        let buckets = self.splits.len().saturating_sub(1);
        let (first, last) = (self.splits.first().copied(), self.splits.last().copied());
        let bucket = |v: Option<f64>| {
            let v = match v {
                None if !self.keep => return Ok(None),
                v => v.unwrap_or(f64::NAN),
            };
            if v.is_nan() {
                if self.keep {
                    return Ok(Some(buckets as f64));
                }
                return Err(failed_row(
                    "Bucketizer",
                    "Bucketizer encountered NaN value. To handle or skip NaNs, try setting Bucketizer.handleInvalid.",
                ));
            }
            if Some(v) == last {
                return Ok(Some(buckets as f64 - 1.0));
            }
            match self.splits.partition_point(|s| *s <= v) {
                n if n > 0 && n <= buckets => Ok(Some(n as f64 - 1.0)),
                _ => Err(failed_row(
                    "Bucketizer",
                    format!(
                        "Feature value {} out of Bucketizer bounds [{}, {}]. Check your features, or loosen the lower/upper bound constraints.",
                        java_double(v),
                        java_double(first.unwrap_or(f64::NAN)),
                        java_double(last.unwrap_or(f64::NAN))
                    ),
                )),
            }
        };
        Ok(Arc::new(doubles(args, 0)?.iter().map(bucket).collect::<SparkResult<Float64Array>>()?))
    }
}
