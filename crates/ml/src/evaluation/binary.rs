//! BinaryClassificationEvaluator.

use async_trait::async_trait;
use vonk_common::SparkResult;
use vonk_plan::types::DataType;

use super::binary_metrics::BinaryMetrics;
use crate::aggregate::curve::{Curve, points};
use crate::error::illegal_argument;
use crate::frame::double;
use crate::host::{Frame, MlHost};
use crate::linalg::udt::is_vector;
use crate::operator::{Class, Evaluator, Role};
use crate::params::{Kind, Param, Params, Valid};

pub static CLASS: Class = Class {
    name: "org.apache.spark.ml.evaluation.BinaryClassificationEvaluator",
    params: &[
        Param::string("labelCol", "label"),
        Param::string("metricName", "areaUnderROC").valid(Valid::OneOf(&["areaUnderROC", "areaUnderPR"])),
        Param::int("numBins", 1000).valid(Valid::From(0.0)),
        Param::string("rawPredictionCol", "rawPrediction"),
        Param::unset("weightCol", Kind::String),
    ],
    seed_class: "",
    role: Role::Evaluator(&BinaryClassificationEvaluator),
};

struct BinaryClassificationEvaluator;

#[async_trait]
impl Evaluator for BinaryClassificationEvaluator {
    async fn evaluate(&self, host: &dyn MlHost, params: &Params, data: &Frame) -> SparkResult<f64> {
        let columns = data.columns();
        let name = params.string("rawPredictionCol")?;
        let score = columns.get(&name)?;
        let score = match &score.data_type {
            t if is_vector(t) => score.expr.clone(),
            DataType::Double => double(score),
            t => {
                return Err(illegal_argument(format!(
                    "requirement failed: Column {name} must be of type equal to one of the following types: [double, vector] but was actually of type {t}."
                )));
            }
        };
        let label = columns.number(&params.string("labelCol")?)?;
        let weight = columns.weight(params.optional("weightCol"))?;
        let found = data.pass(host, vec![score, label, weight], Curve).await?;
        let metrics = BinaryMetrics::new(points(&found)?, params.count("numBins")?);
        Ok(if params.string("metricName")? == "areaUnderPR" {
            metrics.area_under_pr()
        } else {
            metrics.area_under_roc()
        })
    }
}
