//! RegressionEvaluator.

use async_trait::async_trait;
use vonk_common::SparkResult;

use crate::aggregate::residuals::{Found, Residuals};
use crate::host::{Frame, MlHost};
use crate::operator::{Class, Evaluator, Role};
use crate::params::{Kind, Param, Params, Valid};

pub static CLASS: Class = Class {
    name: "org.apache.spark.ml.evaluation.RegressionEvaluator",
    params: &[
        Param::string("labelCol", "label"),
        Param::string("metricName", "rmse").valid(Valid::OneOf(&["mse", "rmse", "r2", "mae", "var"])),
        Param::string("predictionCol", "prediction"),
        Param::bool("throughOrigin", false),
        Param::unset("weightCol", Kind::String),
    ],
    seed_class: "",
    role: Role::Evaluator(&RegressionEvaluator),
};

struct RegressionEvaluator;

#[async_trait]
impl Evaluator for RegressionEvaluator {
    async fn evaluate(&self, host: &dyn MlHost, params: &Params, data: &Frame) -> SparkResult<f64> {
        let columns = data.columns();
        let exprs = vec![
            columns.number(&params.string("predictionCol")?)?,
            columns.number(&params.string("labelCol")?)?,
            columns.weight(params.optional("weightCol"))?,
        ];
        let found = Found::decode(&data.pass(host, exprs, Residuals).await?)?;
        Ok(match params.string("metricName")?.as_str() {
            "mse" => found.mean_squared_error(),
            "r2" => found.r2(params.bool("throughOrigin")?),
            "mae" => found.mean_absolute_error(),
            "var" => found.explained_variance(),
            _ => found.mean_squared_error().sqrt(),
        })
    }
}
