//! StringIndexer: labels of one or several columns by number, most frequent first or by name.

use std::cmp::Ordering;
use std::sync::Arc;

use async_trait::async_trait;
use vonk_common::SparkResult;
use vonk_plan::Literal;
use vonk_plan::relation::MlArg;
use vonk_plan::types::DataType;

use super::index_strings::{IndexStrings, Unknown};
use crate::aggregate::strings::{Strings, counts};
use crate::attributes::Attribute;
use crate::error::illegal_argument;
use crate::frame::Columns;
use crate::function::call;
use crate::host::{Frame, MlHost};
use crate::linalg::udt::string_array;
use crate::operator::{Class, Estimator, Fit, Model, Role, Stored, TransformOutput};
use crate::params::{Kind, Param, Params, Valid, strings};

const NAME: &str = "org.apache.spark.ml.feature.StringIndexer";

const PARAMS: &[Param] = &[
    Param::string("handleInvalid", "error").valid(Valid::OneOf(&["error", "skip", "keep"])),
    Param::unset("inputCol", Kind::String),
    Param::unset("inputCols", Kind::Strings),
    Param::output(),
    Param::unset("outputCols", Kind::Strings),
    Param::string("stringOrderType", "frequencyDesc").valid(Valid::OneOf(&[
        "frequencyDesc",
        "frequencyAsc",
        "alphabetDesc",
        "alphabetAsc",
    ])),
];

pub static CLASS: Class = Class { name: NAME, params: PARAMS, seed_class: NAME, role: Role::Estimator(&StringIndexer) };

pub static MODEL: Class = Class {
    name: "org.apache.spark.ml.feature.StringIndexerModel",
    params: PARAMS,
    seed_class: NAME,
    role: Role::Model(load),
};

struct StringIndexer;

/// What an indexer keeps of a column that it names `__unknown`.
const UNKNOWN: &str = "__unknown";

#[async_trait]
impl Estimator for StringIndexer {
    async fn fit(&self, host: &dyn MlHost, params: &Params, data: &Frame) -> SparkResult<Fit> {
        let (inputs, _) = params.in_out()?;
        let mut texts = vec![];
        for name in &inputs {
            texts.push(text(data.columns(), name)?);
        }
        let found = data.pass(host, texts, Strings { together: false }).await?;
        let order = params.string("stringOrderType")?;
        let mut labels: Vec<Arc<[String]>> = vec![];
        for mut column in counts(&found)? {
            column.sort_unstable_by(|a, b| compare(&order, a, b));
            labels.push(column.into_iter().map(|(label, _)| label).collect());
        }
        labels.resize(inputs.len(), Arc::from([]));
        Ok(Fit::from(Arc::new(StringIndexerModel { labels }) as Arc<dyn Model>))
    }
}

/// The column as an argument of string functions: NULL-safe text of strings and numbers.
fn text(columns: Columns<'_>, name: &str) -> SparkResult<datafusion::logical_expr::Expr> {
    let column = columns.get(name)?;
    match &column.data_type {
        t if t.is_string() => Ok(column.expr.clone()),
        t if t.is_numeric() => Ok(call(super::index_to_string::AsText, vec![column.expr.clone()], true).expr),
        t => Err(illegal_argument(format!(
            "requirement failed: The input column {name} must be either string type or numeric type, but got {t}."
        ))),
    }
}

fn compare(order: &str, a: &(String, u64), b: &(String, u64)) -> Ordering {
    let names = || a.0.encode_utf16().cmp(b.0.encode_utf16());
    if order.eq_ignore_ascii_case("frequencyAsc") {
        a.1.cmp(&b.1).then_with(names)
    } else if order.eq_ignore_ascii_case("alphabetDesc") {
        names().reverse()
    } else if order.eq_ignore_ascii_case("alphabetAsc") {
        names()
    } else {
        b.1.cmp(&a.1).then_with(names)
    }
}

pub struct StringIndexerModel {
    pub labels: Vec<Arc<[String]>>,
}

fn load(stored: &Stored) -> SparkResult<Arc<dyn Model>> {
    let Literal::Array(_, columns) = stored.get("labelsArray")? else {
        return Err(illegal_argument("labelsArray is no array"));
    };
    let labels = columns.iter().map(|c| strings(c).unwrap_or_default().into()).collect();
    Ok(Arc::new(StringIndexerModel { labels }))
}

impl Model for StringIndexerModel {
    fn class(&self) -> &'static Class {
        &MODEL
    }

    fn transform(&self, params: &Params, input: Columns<'_>) -> SparkResult<TransformOutput> {
        let (inputs, outputs) = params.in_out()?;
        let handle = params.string("handleInvalid")?;
        let unknown = if handle == "keep" { Unknown::Keep } else { Unknown::Error };
        let mut out = TransformOutput::default();
        for ((name, output), labels) in inputs.iter().zip(&outputs).zip(&self.labels) {
            // A column that is not there is passed over, as in Spark.
            if input.find(name).is_none() {
                continue;
            }
            input.absent(output)?;
            let text = text(input, name)?;
            if handle == "skip" {
                let known = call(IndexStrings::new(labels.clone(), Unknown::Test), vec![text.clone()], false).expr;
                out.filter = Some(match out.filter.take() {
                    Some(all) => all.and(known),
                    None => known,
                });
            }
            let mut names = labels.to_vec();
            if handle == "keep" {
                names.push(UNKNOWN.to_string());
            }
            let mut expr = call(IndexStrings::new(labels.clone(), unknown), vec![text], false);
            expr.metadata = Some(Attribute::nominal(&names).named(output.as_str()).metadata());
            out.columns.push((output.clone(), expr));
        }
        Ok(out)
    }

    fn describe(&self, params: &Params) -> String {
        let handle = params.string("handleInvalid").unwrap_or_default();
        let several = |name: &str, short: &str| {
            params.strings(name).map(|c| format!(", {short}={}", c.len())).unwrap_or_default()
        };
        format!(
            "StringIndexerModel: uid={}, handleInvalid={handle}{}{}",
            params.uid,
            several("inputCols", "numInputCols"),
            several("outputCols", "numOutputCols")
        )
    }

    fn attribute(&self, _: &Params, name: &str, _: &[MlArg]) -> SparkResult<Option<Literal>> {
        Ok(match name {
            "labels" => match self.labels.as_slice() {
                [labels] => Some(string_array(labels)),
                _ => {
                    return Err(illegal_argument(
                        "requirement failed: This StringIndexerModel is fitted by multiple columns, call labelsArray instead to return array of labels.",
                    ));
                }
            },
            "labelsArray" => Some(self.labels_array()),
            _ => None,
        })
    }

    fn store(&self) -> Stored {
        Stored::row(vec![("labelsArray", self.labels_array())])
    }

    fn size(&self) -> usize {
        200 + self.labels.iter().flat_map(|c| c.iter()).map(|l| l.len() + 24).sum::<usize>()
    }
}

impl StringIndexerModel {
    fn labels_array(&self) -> Literal {
        Literal::Array(
            DataType::array(DataType::STRING, true),
            self.labels.iter().map(|labels| string_array(labels)).collect(),
        )
    }
}
