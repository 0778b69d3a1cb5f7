//! ClusteringEvaluator: the silhouette.

use std::sync::Arc;

use async_trait::async_trait;
use vonk_common::SparkResult;

use crate::aggregate::kmeans::Measure;
use crate::aggregate::silhouette::{Silhouette, clusters, total};
use crate::error::illegal_argument;
use crate::host::{Frame, MlHost};
use crate::operator::{Class, Evaluator, Role};
use crate::params::{Kind, Param, Params, Valid};

pub static CLASS: Class = Class {
    name: "org.apache.spark.ml.evaluation.ClusteringEvaluator",
    params: &[
        Param::string("distanceMeasure", "squaredEuclidean").valid(Valid::OneOf(&["squaredEuclidean", "cosine"])),
        Param::string("featuresCol", "features"),
        Param::string("metricName", "silhouette").valid(Valid::OneOf(&["silhouette"])),
        Param::string("predictionCol", "prediction"),
        Param::unset("weightCol", Kind::String),
    ],
    seed_class: "",
    role: Role::Evaluator(&ClusteringEvaluator),
};

struct ClusteringEvaluator;

#[async_trait]
impl Evaluator for ClusteringEvaluator {
    async fn evaluate(&self, host: &dyn MlHost, params: &Params, data: &Frame) -> SparkResult<f64> {
        let columns = data.columns();
        let exprs = vec![
            columns.vector(&params.string("featuresCol")?)?.expr.clone(),
            columns.number(&params.string("predictionCol")?)?,
            columns.weight(params.optional("weightCol"))?,
        ];
        let cosine = params.string("distanceMeasure")? == "cosine";
        let measure = if cosine { Measure::Cosine } else { Measure::Euclidean };
        let found = data.pass(host, exprs.clone(), Silhouette { measure, clusters: None }).await?;
        let found = clusters(&found)?;
        if found.len() < 2 {
            return Err(illegal_argument("assertion failed: Number of clusters must be greater than one."));
        }
        let scores = Silhouette { measure, clusters: Some(Arc::new(found)) };
        let (sum, weight) = total(&data.pass(host, exprs, scores).await?)?;
        Ok(sum / weight)
    }
}
