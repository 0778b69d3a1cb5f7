//! MaxAbsScaler: every entry divided by its greatest absolute value.

use std::sync::Arc;

use async_trait::async_trait;
use vonk_common::SparkResult;
use vonk_plan::Literal;
use vonk_plan::relation::MlArg;

use super::rescale::Rescale;
use super::standard_scaler::{moments, scaled};
use crate::frame::Columns;
use crate::host::{Frame, MlHost};
use crate::linalg::Vector;
use crate::operator::{Class, Estimator, Fit, Model, Role, Stored, TransformOutput};
use crate::params::{Kind, Param, Params};

const NAME: &str = "org.apache.spark.ml.feature.MaxAbsScaler";

const PARAMS: &[Param] = &[Param::unset("inputCol", Kind::String), Param::output()];

pub static CLASS: Class = Class { name: NAME, params: PARAMS, seed_class: NAME, role: Role::Estimator(&MaxAbsScaler) };

pub static MODEL: Class = Class {
    name: "org.apache.spark.ml.feature.MaxAbsScalerModel",
    params: PARAMS,
    seed_class: NAME,
    role: Role::Model(load),
};

struct MaxAbsScaler;

#[async_trait]
impl Estimator for MaxAbsScaler {
    async fn fit(&self, host: &dyn MlHost, params: &Params, data: &Frame) -> SparkResult<Fit> {
        let found = moments(host, params, data).await?;
        let greatest = found.least().iter().zip(found.greatest()).map(|(a, b)| a.abs().max(b.abs())).collect();
        Ok(Fit::from(Arc::new(MaxAbsScalerModel { greatest: Vector::compressed(greatest) }) as Arc<dyn Model>))
    }
}

pub struct MaxAbsScalerModel {
    greatest: Vector,
}

fn load(stored: &Stored) -> SparkResult<Arc<dyn Model>> {
    Ok(Arc::new(MaxAbsScalerModel { greatest: Vector::from_literal(stored.get("maxAbs")?)? }))
}

impl Model for MaxAbsScalerModel {
    fn class(&self) -> &'static Class {
        &MODEL
    }

    fn transform(&self, params: &Params, input: Columns<'_>) -> SparkResult<TransformOutput> {
        let factor = self.greatest.to_dense().into_iter().map(|m| if m == 0.0 { 1.0 } else { 1.0 / m }).collect();
        let scale = Rescale { before: vec![], factor, after: vec![], compress: false };
        scaled(params, input, self.greatest.len(), scale)
    }

    fn describe(&self, params: &Params) -> String {
        format!("MaxAbsScalerModel: uid={}, numFeatures={}", params.uid, self.greatest.len())
    }

    fn attribute(&self, _: &Params, name: &str, _: &[MlArg]) -> SparkResult<Option<Literal>> {
        Ok((name == "maxAbs").then(|| self.greatest.to_literal()))
    }

    fn store(&self) -> Stored {
        Stored::row(vec![("maxAbs", self.greatest.to_literal())])
    }

    fn size(&self) -> usize {
        200 + 8 * self.greatest.len()
    }
}
