//! MulticlassClassificationEvaluator.

use async_trait::async_trait;
use vonk_common::SparkResult;

use super::multiclass_metrics::MulticlassMetrics;
use crate::aggregate::confusion::{Confusion, Found};
use crate::host::{Frame, MlHost};
use crate::operator::{Class, Evaluator, Role};
use crate::params::{Kind, Param, Params, Valid};

pub static CLASS: Class = Class {
    name: "org.apache.spark.ml.evaluation.MulticlassClassificationEvaluator",
    params: &[
        Param::double("beta", 1.0).valid(Valid::Above(0.0)),
        Param::double("eps", 1e-15).valid(Valid::Within(0.0, 0.5)),
        Param::string("labelCol", "label"),
        Param::double("metricLabel", 0.0).valid(Valid::From(0.0)),
        Param::string("metricName", "f1").valid(Valid::OneOf(&[
            "f1",
            "accuracy",
            "weightedPrecision",
            "weightedRecall",
            "weightedTruePositiveRate",
            "weightedFalsePositiveRate",
            "weightedFMeasure",
            "truePositiveRateByLabel",
            "falsePositiveRateByLabel",
            "precisionByLabel",
            "recallByLabel",
            "fMeasureByLabel",
            "logLoss",
            "hammingLoss",
        ])),
        Param::string("predictionCol", "prediction"),
        Param::string("probabilityCol", "probability"),
        Param::unset("weightCol", Kind::String),
    ],
    seed_class: "",
    role: Role::Evaluator(&MulticlassClassificationEvaluator),
};

struct MulticlassClassificationEvaluator;

#[async_trait]
impl Evaluator for MulticlassClassificationEvaluator {
    async fn evaluate(&self, host: &dyn MlHost, params: &Params, data: &Frame) -> SparkResult<f64> {
        let columns = data.columns();
        let metric = params.string("metricName")?;
        let mut exprs = vec![
            columns.number(&params.string("predictionCol")?)?,
            columns.number(&params.string("labelCol")?)?,
            columns.weight(params.optional("weightCol"))?,
        ];
        if metric == "logLoss" {
            exprs.push(columns.vector(&params.string("probabilityCol")?)?.expr.clone());
        }
        let found = data.pass(host, exprs, Confusion { eps: params.double("eps")? }).await?;
        let m = MulticlassMetrics::new(&Found::decode(&found)?);
        let (label, beta) = (params.double("metricLabel")?, params.double("beta")?);
        Ok(match metric.as_str() {
            "accuracy" => m.accuracy(),
            "weightedPrecision" => m.weighted(|l| l.precision()),
            "weightedRecall" | "weightedTruePositiveRate" => m.weighted(|l| l.recall()),
            "weightedFalsePositiveRate" => m.weighted(|l| l.false_positive_rate(m.total)),
            "weightedFMeasure" => m.weighted(|l| l.f_measure(beta)),
            "truePositiveRateByLabel" | "recallByLabel" => m.of_label(label, |l| l.recall()),
            "falsePositiveRateByLabel" => m.of_label(label, |l| l.false_positive_rate(m.total)),
            "precisionByLabel" => m.of_label(label, |l| l.precision()),
            "fMeasureByLabel" => m.of_label(label, |l| l.f_measure(beta)),
            "logLoss" => m.log_loss(),
            "hammingLoss" => m.hamming_loss(),
            _ => m.weighted(|l| l.f_measure(1.0)),
        })
    }
}
