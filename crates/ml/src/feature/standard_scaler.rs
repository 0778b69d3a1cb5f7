//! StandardScaler: entries centred by their mean and divided by their standard deviation.

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::logical_expr::lit;
use vonk_common::SparkResult;
use vonk_plan::Literal;
use vonk_plan::relation::MlArg;

use super::rescale::Rescale;
use crate::aggregate::moments::{Found, Labels, Moments};
use crate::attributes::Group;
use crate::error::illegal_argument;
use crate::frame::Columns;
use crate::function::call;
use crate::host::{Frame, MlHost};
use crate::linalg::Vector;
use crate::operator::{Class, Estimator, Fit, Model, Role, Stored, TransformOutput};
use crate::params::{Kind, Param, Params};

const NAME: &str = "org.apache.spark.ml.feature.StandardScaler";

const PARAMS: &[Param] = &[
    Param::unset("inputCol", Kind::String),
    Param::output(),
    Param::bool("withMean", false),
    Param::bool("withStd", true),
];

pub static CLASS: Class =
    Class { name: NAME, params: PARAMS, seed_class: NAME, role: Role::Estimator(&StandardScaler) };

pub static MODEL: Class = Class {
    name: "org.apache.spark.ml.feature.StandardScalerModel",
    params: PARAMS,
    seed_class: NAME,
    role: Role::Model(load),
};

struct StandardScaler;

/// Moments of a scaler's input column.
pub(super) async fn moments(host: &dyn MlHost, params: &Params, data: &Frame) -> SparkResult<Found> {
    let name = params.string("inputCol")?;
    let vector = data.columns().vector(&name)?.expr.clone();
    data.columns().absent(&params.string("outputCol")?)?;
    let found = data.pass(host, vec![vector, lit(0.0), lit(1.0)], Moments { labels: Labels::Ignored }).await?;
    let found = Found::decode(&found)?;
    if found.rows == 0 {
        return Err(illegal_argument("requirement failed: Nothing has been added to this summarizer."));
    }
    Ok(found)
}

/// The output column of a scaler.
pub(super) fn scaled(
    params: &Params,
    input: Columns<'_>,
    width: usize,
    scale: Rescale,
) -> SparkResult<TransformOutput> {
    let (name, output) = (params.string("inputCol")?, params.string("outputCol")?);
    let column = input.vector(&name)?;
    input.absent(&output)?;
    let mut expr = call(scale, vec![column.expr.clone()], true);
    expr.metadata = Some(Group::sized(width).metadata());
    Ok(TransformOutput::column(output, expr))
}

#[async_trait]
impl Estimator for StandardScaler {
    async fn fit(&self, host: &dyn MlHost, params: &Params, data: &Frame) -> SparkResult<Fit> {
        let found = moments(host, params, data).await?;
        let (std, mean) = (Vector::compressed(found.deviations()), Vector::compressed(found.means()));
        Ok(Fit::from(Arc::new(StandardScalerModel { std, mean }) as Arc<dyn Model>))
    }
}

pub struct StandardScalerModel {
    std: Vector,
    mean: Vector,
}

fn load(stored: &Stored) -> SparkResult<Arc<dyn Model>> {
    let vector = |name| Vector::from_literal(stored.get(name)?);
    Ok(Arc::new(StandardScalerModel { std: vector("std")?, mean: vector("mean")? }))
}

impl Model for StandardScalerModel {
    fn class(&self) -> &'static Class {
        &MODEL
    }

    fn transform(&self, params: &Params, input: Columns<'_>) -> SparkResult<TransformOutput> {
        let before = if params.bool("withMean")? { self.mean.to_dense() } else { vec![] };
        let factor = if params.bool("withStd")? {
            self.std.to_dense().into_iter().map(|s| if s == 0.0 { 0.0 } else { 1.0 / s }).collect()
        } else {
            vec![]
        };
        scaled(params, input, self.mean.len(), Rescale { before, factor, after: vec![], compress: false })
    }

    fn describe(&self, params: &Params) -> String {
        format!(
            "StandardScalerModel: uid={}, numFeatures={}, withMean={}, withStd={}",
            params.uid,
            self.mean.len(),
            params.bool("withMean").unwrap_or(false),
            params.bool("withStd").unwrap_or(true)
        )
    }

    fn attribute(&self, _: &Params, name: &str, _: &[MlArg]) -> SparkResult<Option<Literal>> {
        Ok(match name {
            "std" => Some(self.std.to_literal()),
            "mean" => Some(self.mean.to_literal()),
            _ => None,
        })
    }

    fn store(&self) -> Stored {
        Stored::row(vec![("std", self.std.to_literal()), ("mean", self.mean.to_literal())])
    }

    fn size(&self) -> usize {
        200 + 16 * self.mean.len()
    }
}
