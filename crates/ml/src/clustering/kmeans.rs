//! KMeans: Lloyd's iterations from random or k-means|| centres.

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::logical_expr::lit;
use vonk_common::{SparkError, SparkResult};
use vonk_plan::types::DataType;

use super::kmeans_model::{KMeansModel, MODEL_NAME, load};
use super::kmeans_start;
use crate::aggregate::kmeans::{Centres, Measure, Nearest};
use crate::aggregate::moments::{Found, Labels, Moments};
use crate::error::illegal_argument;
use crate::frame::Columns;
use crate::host::{Frame, MlHost};
use crate::linalg::norm;
use crate::linalg::udt::is_vector;
use crate::operator::{Class, Estimator, Fit, Role, Training};
use crate::params::{Kind, Param, Params, Valid};
use crate::wire::Reader;

const NAME: &str = "org.apache.spark.ml.clustering.KMeans";

const PARAMS: &[Param] = &[
    Param::string("distanceMeasure", "euclidean").valid(Valid::OneOf(&["euclidean", "cosine"])),
    Param::string("featuresCol", "features"),
    Param::string("initMode", "k-means||").valid(Valid::OneOf(&["random", "k-means||"])),
    Param::int("initSteps", 2).valid(Valid::Above(0.0)),
    Param::string("intermediateStorageLevel", "MEMORY_AND_DISK"),
    Param::int("k", 2).valid(Valid::Above(1.0)),
    Param::double("maxBlockSizeInMB", 0.0).valid(Valid::From(0.0)),
    Param::int("maxIter", 20).valid(Valid::From(0.0)),
    Param::string("predictionCol", "prediction"),
    Param::seed(),
    Param::string("solver", "auto").valid(Valid::OneOf(&["auto", "row", "block"])),
    Param::double("tol", 1e-4).valid(Valid::From(0.0)),
    Param::unset("weightCol", Kind::String),
];

pub static CLASS: Class = Class { name: NAME, params: PARAMS, seed_class: NAME, role: Role::Estimator(&KMeans) };

pub static MODEL: Class = Class { name: MODEL_NAME, params: PARAMS, seed_class: NAME, role: Role::Model(load) };

struct KMeans;

pub fn measure(params: &Params) -> SparkResult<Measure> {
    Ok(if params.string("distanceMeasure")? == "cosine" { Measure::Cosine } else { Measure::Euclidean })
}

/// Features as a vector column. Arrays of numbers are not taken yet.
pub fn features(columns: Columns<'_>, params: &Params) -> SparkResult<datafusion::logical_expr::Expr> {
    let name = params.string("featuresCol")?;
    let column = columns.get(&name)?;
    match &column.data_type {
        t if is_vector(t) => Ok(column.expr.clone()),
        DataType::Array(..) => Err(SparkError::unsupported("KMeans over a column of arrays")),
        t => Err(illegal_argument(format!(
            "requirement failed: Column {name} must be of type equal to one of the following types: [vector, array<double>, array<float>] but was actually of type {t}."
        ))),
    }
}

#[async_trait]
impl Estimator for KMeans {
    async fn fit(&self, host: &dyn MlHost, params: &Params, data: &Frame) -> SparkResult<Fit> {
        let columns = data.columns();
        let weight = columns.weight(params.optional("weightCol"))?;
        // The last column counts rows, for starts that know no weights.
        let kept = data.keep(host, vec![features(columns, params)?, weight, lit(1.0)]).await?;
        let found = kept.pass(host, &[0, 2, 1], Moments { labels: Labels::Ignored }).await?;
        let found = Found::decode(&found)?;
        let (measure, d) = (measure(params)?, found.features());
        let start = kmeans_start::centres(host, params, &kept, measure, d, found.rows).await?;
        let mut centres = Centres::new(measure, d, start);
        let (k, tolerance, limit) = (centres.len(), params.double("tol")?, params.count("maxIter")?);
        let (mut iterations, mut cost, mut converged) = (0, 0.0, false);
        while iterations < limit && !converged {
            let sums = Reader::new(&kept.pass(host, &[0, 1], Nearest { centres: centres.clone() }).await?).f64s()?;
            let (Some((total, rest)), true) = (sums.split_first(), d > 0) else { break };
            let (weights, totals) = rest.split_at_checked(k).unwrap_or((rest, &[]));
            let mut next = centres.values.to_vec();
            converged = true;
            for ((centre, weight), sum) in next.chunks_exact_mut(d).zip(weights).zip(totals.chunks_exact(d)) {
                // A centre without points stays where it is.
                if *weight > 0.0 {
                    let mut moved: Vec<f64> = sum.iter().map(|s| s / weight).collect();
                    converged &= match measure {
                        Measure::Euclidean => {
                            let square: f64 = moved.iter().zip(&*centre).map(|(a, b)| (a - b) * (a - b)).sum();
                            square <= tolerance * tolerance
                        }
                        Measure::Cosine => {
                            let length = norm(&moved);
                            moved.iter_mut().for_each(|v| *v /= length);
                            let cosine: f64 = moved.iter().zip(&*centre).map(|(a, b)| a * b).sum();
                            1.0 - cosine <= tolerance
                        }
                    };
                    centre.copy_from_slice(&moved);
                }
            }
            centres = Centres::new(measure, d, next);
            cost = *total;
            iterations += 1;
        }
        let training = Training { iterations, cost, ..Training::default() };
        Ok(Fit { model: Arc::new(KMeansModel { centres, measure }), training: Some(training) })
    }
}
