//! Tokenizer: text in lower case, cut at every white-space character.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, ListArray, StringArray};
use datafusion::arrow::buffer::{NullBuffer, OffsetBuffer};
use vonk_common::SparkResult;
use vonk_expr::arrow_types::element_field;
use vonk_plan::types::DataType;

use crate::error::illegal_argument;
use crate::frame::Columns;
use crate::function::{RowFunction, arg, as_strings, call};
use crate::operator::{Class, Role, TransformOutput, Transformer};
use crate::params::{Kind, Param, Params};

pub static CLASS: Class = Class {
    name: "org.apache.spark.ml.feature.Tokenizer",
    params: &[Param::unset("inputCol", Kind::String), Param::output()],
    seed_class: "",
    role: Role::Transformer(&Tokenizer),
};

struct Tokenizer;

impl Transformer for Tokenizer {
    fn transform(&self, params: &Params, input: Columns<'_>) -> SparkResult<TransformOutput> {
        let (name, output) = (params.string("inputCol")?, params.string("outputCol")?);
        let column = input.get(&name)?;
        if !column.data_type.is_string() {
            return Err(illegal_argument(format!(
                "requirement failed: Input type must be string type but got {}.",
                column.data_type
            )));
        }
        input.absent(&output)?;
        Ok(TransformOutput::column(output, call(Tokenize, vec![column.expr.clone()], true)))
    }
}

pub const NAME: &str = "ml_tokenize";

#[derive(Debug)]
struct Tokenize;

pub fn decode(_: &[u8]) -> SparkResult<Arc<dyn RowFunction>> {
    Ok(Arc::new(Tokenize))
}

impl RowFunction for Tokenize {
    fn name(&self) -> &'static str {
        NAME
    }

    fn encode(&self) -> Vec<u8> {
        vec![]
    }

    fn result(&self) -> DataType {
        DataType::array(DataType::STRING, true)
    }

    fn eval(&self, args: &[ArrayRef], _: usize) -> SparkResult<ArrayRef> {
        let texts = as_strings(arg(args, 0)?)?;
        let (mut words, mut lengths) = (vec![], Vec::with_capacity(texts.len()));
        for text in texts.iter() {
            let before = words.len();
            let lower = text.unwrap_or_default().to_lowercase();
            words.extend(lower.split([' ', '\t', '\n', '\u{b}', '\u{c}', '\r']).map(str::to_string));
            // Java's split leaves empty words at the end out, unless there is nothing to split.
            while words.len() > before + usize::from(lower.is_empty()) && words.last().is_some_and(String::is_empty) {
                words.pop();
            }
            if text.is_none() {
                words.truncate(before);
            }
            lengths.push(words.len() - before);
        }
        let nulls: Option<NullBuffer> = texts.logical_nulls();
        let values = Arc::new(StringArray::from(words));
        let list =
            ListArray::try_new(element_field(&DataType::STRING), OffsetBuffer::from_lengths(lengths), values, nulls);
        Ok(Arc::new(list.map_err(crate::linalg::column::arrow_error)?))
    }
}
