//! MinMaxScaler: every entry into one range.

use std::sync::Arc;

use async_trait::async_trait;
use vonk_common::SparkResult;
use vonk_plan::Literal;
use vonk_plan::relation::MlArg;

use super::rescale::Rescale;
use super::standard_scaler::{moments, scaled};
use crate::error::illegal_argument;
use crate::frame::Columns;
use crate::host::{Frame, MlHost};
use crate::linalg::{Vector, java_double};
use crate::operator::{Class, Estimator, Fit, Model, Role, Stored, TransformOutput};
use crate::params::{Kind, Param, Params};

const NAME: &str = "org.apache.spark.ml.feature.MinMaxScaler";

const PARAMS: &[Param] =
    &[Param::unset("inputCol", Kind::String), Param::double("max", 1.0), Param::double("min", 0.0), Param::output()];

pub static CLASS: Class = Class { name: NAME, params: PARAMS, seed_class: NAME, role: Role::Estimator(&MinMaxScaler) };

pub static MODEL: Class = Class {
    name: "org.apache.spark.ml.feature.MinMaxScalerModel",
    params: PARAMS,
    seed_class: NAME,
    role: Role::Model(load),
};

struct MinMaxScaler;

fn range(params: &Params) -> SparkResult<(f64, f64)> {
    let (min, max) = (params.double("min")?, params.double("max")?);
    if min < max {
        return Ok((min, max));
    }
    Err(illegal_argument(format!(
        "requirement failed: The specified min({}) is larger or equal to max({})",
        java_double(min),
        java_double(max)
    )))
}

#[async_trait]
impl Estimator for MinMaxScaler {
    async fn fit(&self, host: &dyn MlHost, params: &Params, data: &Frame) -> SparkResult<Fit> {
        range(params)?;
        let found = moments(host, params, data).await?;
        let (least, greatest) = (Vector::compressed(found.least()), Vector::compressed(found.greatest()));
        Ok(Fit::from(Arc::new(MinMaxScalerModel { least, greatest }) as Arc<dyn Model>))
    }
}

pub struct MinMaxScalerModel {
    least: Vector,
    greatest: Vector,
}

fn load(stored: &Stored) -> SparkResult<Arc<dyn Model>> {
    let vector = |name| Vector::from_literal(stored.get(name)?);
    Ok(Arc::new(MinMaxScalerModel { least: vector("originalMin")?, greatest: vector("originalMax")? }))
}

impl Model for MinMaxScalerModel {
    fn class(&self) -> &'static Class {
        &MODEL
    }

    fn transform(&self, params: &Params, input: Columns<'_>) -> SparkResult<TransformOutput> {
        let (min, max) = range(params)?;
        let (before, greatest) = (self.least.to_dense(), self.greatest.to_dense());
        let width = before.len();
        let (mut factor, mut after) = (vec![], vec![]);
        for (lo, hi) in before.iter().zip(&greatest) {
            // A constant goes to the middle of the range.
            let span = hi - lo;
            factor.push(if span == 0.0 { 0.0 } else { (max - min) / span });
            after.push(if span == 0.0 { 0.5 * (max - min) + min } else { min });
        }
        scaled(params, input, width, Rescale { before, factor, after, compress: true })
    }

    fn describe(&self, params: &Params) -> String {
        let (min, max) = (params.double("min").unwrap_or(0.0), params.double("max").unwrap_or(1.0));
        format!(
            "MinMaxScalerModel: uid={}, numFeatures={}, min={}, max={}",
            params.uid,
            self.least.len(),
            java_double(min),
            java_double(max)
        )
    }

    fn attribute(&self, _: &Params, name: &str, _: &[MlArg]) -> SparkResult<Option<Literal>> {
        Ok(match name {
            "originalMin" => Some(self.least.to_literal()),
            "originalMax" => Some(self.greatest.to_literal()),
            _ => None,
        })
    }

    fn store(&self) -> Stored {
        Stored::row(vec![("originalMin", self.least.to_literal()), ("originalMax", self.greatest.to_literal())])
    }

    fn size(&self) -> usize {
        200 + 16 * self.least.len()
    }
}
