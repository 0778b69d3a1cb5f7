//! OneHotEncoder: category numbers as vectors of flags.

use std::sync::Arc;

use async_trait::async_trait;
use vonk_common::{SparkError, SparkResult};
use vonk_plan::Literal;
use vonk_plan::relation::MlArg;

use super::one_hot::OneHot;
use crate::aggregate::categories::Categories;
use crate::attributes::{Attribute, Group};
use crate::error::illegal_argument;
use crate::frame::Columns;
use crate::function::call;
use crate::host::{Frame, MlHost};
use crate::linalg::udt::{int_array, ints};
use crate::operator::{Class, Estimator, Fit, Model, Role, Stored, TransformOutput};
use crate::params::{Kind, Param, Params, Valid};
use crate::wire::Reader;

const NAME: &str = "org.apache.spark.ml.feature.OneHotEncoder";

const PARAMS: &[Param] = &[
    Param::bool("dropLast", true),
    Param::string("handleInvalid", "error").valid(Valid::OneOf(&["keep", "error"])),
    Param::unset("inputCol", Kind::String),
    Param::unset("inputCols", Kind::Strings),
    Param::output(),
    Param::unset("outputCols", Kind::Strings),
];

pub static CLASS: Class = Class { name: NAME, params: PARAMS, seed_class: NAME, role: Role::Estimator(&OneHotEncoder) };

pub static MODEL: Class = Class {
    name: "org.apache.spark.ml.feature.OneHotEncoderModel",
    params: PARAMS,
    seed_class: NAME,
    role: Role::Model(load),
};

struct OneHotEncoder;

#[async_trait]
impl Estimator for OneHotEncoder {
    async fn fit(&self, host: &dyn MlHost, params: &Params, data: &Frame) -> SparkResult<Fit> {
        let (inputs, _) = params.in_out()?;
        let columns = data.columns();
        let mut sizes: Vec<Option<usize>> = vec![];
        let mut unknown = vec![];
        for name in &inputs {
            let number = columns.number(name)?;
            let size = Attribute::of(columns.get(name)?.metadata.as_ref()).and_then(|a| a.count());
            if size.is_none() {
                unknown.push(number);
            }
            sizes.push(size);
        }
        if !unknown.is_empty() {
            let found = data.pass(host, unknown, Categories).await?;
            let mut greatest = Reader::new(&found).f64s()?.into_iter();
            for size in sizes.iter_mut().filter(|s| s.is_none()) {
                *size = greatest.next().map(|g| if g.is_finite() { g as usize + 1 } else { 0 });
            }
        }
        let categories = sizes.into_iter().map(|s| s.unwrap_or(0)).collect();
        Ok(Fit::from(Arc::new(OneHotEncoderModel { categories }) as Arc<dyn Model>))
    }
}

pub struct OneHotEncoderModel {
    categories: Vec<usize>,
}

fn load(stored: &Stored) -> SparkResult<Arc<dyn Model>> {
    let sizes = ints(stored.get("categorySizes")?).ok_or_else(|| SparkError::internal("categorySizes"))?;
    Ok(Arc::new(OneHotEncoderModel { categories: sizes.into_iter().map(|s| s.max(0) as usize).collect() }))
}

impl Model for OneHotEncoderModel {
    fn class(&self) -> &'static Class {
        &MODEL
    }

    fn transform(&self, params: &Params, input: Columns<'_>) -> SparkResult<TransformOutput> {
        let (inputs, outputs) = params.in_out()?;
        let (drop_last, keep) = (params.bool("dropLast")?, params.string("handleInvalid")? == "keep");
        if inputs.len() != self.categories.len() {
            return Err(illegal_argument(format!(
                "requirement failed: The number of input columns {} must be the same as the number of features {} during fitting.",
                inputs.len(),
                self.categories.len()
            )));
        }
        let mut out = TransformOutput::default();
        for ((name, output), categories) in inputs.iter().zip(&outputs).zip(&self.categories) {
            let number = input.number(name)?;
            input.absent(output)?;
            let values = Attribute::of(input.get(name)?.metadata.as_ref()).and_then(|a| a.values());
            let mut names = match values {
                Some(values) if values.len() == *categories => values,
                _ => (0..*categories).map(|i| i.to_string()).collect(),
            };
            match (drop_last, keep) {
                (true, false) => {
                    names.pop();
                }
                (false, true) => names.push("invalidValues".into()),
                _ => {}
            }
            let function = OneHot { categories: *categories, size: names.len(), keep };
            let mut expr = call(function, vec![number], true);
            expr.metadata = Some(Group::new(names.iter().map(|n| Attribute::binary().named(n)).collect()).metadata());
            out.columns.push((output.clone(), expr));
        }
        Ok(out)
    }

    fn describe(&self, params: &Params) -> String {
        let several = |name: &str, short: &str| {
            params.strings(name).map(|c| format!(", {short}={}", c.len())).unwrap_or_default()
        };
        format!(
            "OneHotEncoderModel: uid={}, dropLast={}, handleInvalid={}{}{}",
            params.uid,
            params.bool("dropLast").unwrap_or(true),
            params.string("handleInvalid").unwrap_or_default(),
            several("inputCols", "numInputCols"),
            several("outputCols", "numOutputCols")
        )
    }

    fn attribute(&self, _: &Params, name: &str, _: &[MlArg]) -> SparkResult<Option<Literal>> {
        Ok((name == "categorySizes").then(|| self.sizes()))
    }

    fn store(&self) -> Stored {
        Stored::row(vec![("categorySizes", self.sizes())])
    }

    fn size(&self) -> usize {
        200 + 8 * self.categories.len()
    }
}

impl OneHotEncoderModel {
    fn sizes(&self) -> Literal {
        int_array(&self.categories.iter().map(|c| *c as i32).collect::<Vec<_>>())
    }
}
