//! LinearSVC: a linear support vector machine with an L2 penalty, for two classes.
//!
//! The hinge loss has kinks: like Spark it is minimised by OWL-QN, without an L1 penalty.

use std::sync::Arc;

use async_trait::async_trait;
use vonk_common::{SparkError, SparkResult};
use vonk_plan::Literal;
use vonk_plan::relation::MlArg;

use super::classify::Classify;
use super::logistic_model::vector_argument;
use super::scaled_objective::{ScaledObjective, Shape};
use crate::aggregate::logistic::Loss;
use crate::aggregate::moments::{Found, Labels, Moments};
use crate::attributes::{Attribute, Group};
use crate::error::illegal_argument;
use crate::frame::Columns;
use crate::function::{call, fields};
use crate::host::{Frame, MlHost};
use crate::linalg::Vector;
use crate::linalg::udt::number;
use crate::operator::{Class, Estimator, Fit, Model, Role, Stored, Training, TransformOutput};
use crate::optimize::{Settings, minimize};
use crate::params::{Kind, Param, Params, Valid};
use crate::summary::{Answer, Summarize, Summary};

const NAME: &str = "org.apache.spark.ml.classification.LinearSVC";

const PARAMS: &[Param] = &[
    Param::int("aggregationDepth", 2).valid(Valid::From(2.0)),
    Param::string("featuresCol", "features"),
    Param::bool("fitIntercept", true),
    Param::string("labelCol", "label"),
    Param::double("maxBlockSizeInMB", 0.0).valid(Valid::From(0.0)),
    Param::int("maxIter", 100).valid(Valid::From(0.0)),
    Param::string("predictionCol", "prediction"),
    Param::string("rawPredictionCol", "rawPrediction"),
    Param::double("regParam", 0.0).valid(Valid::From(0.0)),
    Param::bool("standardization", true),
    Param::double("threshold", 0.0),
    Param::double("tol", 1e-6).valid(Valid::From(0.0)),
    Param::unset("weightCol", Kind::String),
];

pub static CLASS: Class = Class { name: NAME, params: PARAMS, seed_class: NAME, role: Role::Estimator(&LinearSvc) };

pub static MODEL: Class = Class {
    name: "org.apache.spark.ml.classification.LinearSVCModel",
    params: PARAMS,
    seed_class: NAME,
    role: Role::Model(load),
};

struct LinearSvc;

#[async_trait]
impl Estimator for LinearSvc {
    async fn fit(&self, host: &dyn MlHost, params: &Params, data: &Frame) -> SparkResult<Fit> {
        let columns = data.columns();
        let features = columns.vector(&params.string("featuresCol")?)?.expr.clone();
        let label = columns.number(&params.string("labelCol")?)?;
        let weight = columns.weight(params.optional("weightCol"))?;
        let kept = data.keep(host, vec![features, label, weight]).await?;
        let found = Found::decode(&kept.pass(host, &[0, 1, 2], Moments { labels: Labels::Classes }).await?)?;
        if found.rows == 0 {
            return Err(illegal_argument("ML algorithm was given empty dataset."));
        }
        if found.classes.len() > 2 {
            return Err(illegal_argument(format!(
                "requirement failed: LinearSVC only supports binary classification. {} classes detected in {}__labelCol",
                found.classes.len(),
                params.uid
            )));
        }
        let shape = Shape { d: found.features(), k: 1, loss: Loss::Hinge, fit_intercept: params.bool("fitIntercept")? };
        let inverse: Vec<f64> = found.deviations().iter().map(|s| if *s == 0.0 { 0.0 } else { 1.0 / s }).collect();
        let (reg, standardize) = (params.double("regParam")?, params.bool("standardization")?);
        let l2 = inverse.iter().map(|i| reg * if standardize { 1.0 } else { i * i }).collect();
        let mut objective = ScaledObjective {
            host,
            kept: &kept,
            shape: &shape,
            mean: found.means(),
            inverse,
            l2,
            weight: found.weight,
        };
        let start = vec![0.0; shape.size()];
        let settings =
            Settings { max_iter: params.count("maxIter")?, tolerance: params.double("tol")?, l1: Some(start.clone()) };
        let solution = minimize(&mut objective, start, &settings).await?;
        let (coefficients, intercepts) = objective.fold(&solution.x);
        let model = LinearSvcModel {
            coefficients: Vector::compressed(coefficients),
            intercept: intercepts.first().copied().unwrap_or(0.0),
        };
        let iterations = solution.history.len() - 1;
        let training = Training { objective_history: solution.history, iterations, ..Training::default() };
        Ok(Fit { model: Arc::new(model), training: Some(training) })
    }
}

pub struct LinearSvcModel {
    coefficients: Vector,
    intercept: f64,
}

fn load(stored: &Stored) -> SparkResult<Arc<dyn Model>> {
    Ok(Arc::new(LinearSvcModel {
        coefficients: Vector::from_literal(stored.get("coefficients")?)?,
        intercept: number(stored.get("intercept")?).ok_or_else(|| SparkError::internal("intercept"))?,
    }))
}

impl LinearSvcModel {
    fn function(&self, params: &Params) -> SparkResult<Classify> {
        // The threshold is one of margins: as that of a probability it goes through the logistic curve.
        let threshold = 1.0 / (1.0 + (-params.double("threshold")?).exp());
        Ok(Classify {
            coefficients: self.coefficients.to_dense().into(),
            intercepts: vec![self.intercept].into(),
            features: self.coefficients.len(),
            multinomial: false,
            threshold,
            thresholds: vec![],
        })
    }
}

impl Model for LinearSvcModel {
    fn class(&self) -> &'static Class {
        &MODEL
    }

    fn transform(&self, params: &Params, input: Columns<'_>) -> SparkResult<TransformOutput> {
        let features = input.vector(&params.string("featuresCol")?)?;
        let whole = call(self.function(params)?, vec![features.expr.clone()], false);
        let mut out = TransformOutput::default();
        for (i, mut part) in fields(&whole).into_iter().enumerate() {
            let (param, metadata) = match i {
                0 => ("rawPredictionCol", Group::sized(2).metadata()),
                2 => ("predictionCol", Attribute::nominal_count(2).metadata()),
                _ => continue,
            };
            if let Some(name) = params.optional(param) {
                part.metadata = Some(metadata);
                out.columns.push((name, part));
            }
        }
        Ok(out)
    }

    fn describe(&self, params: &Params) -> String {
        format!("LinearSVCModel: uid={}, numClasses=2, numFeatures={}", params.uid, self.coefficients.len())
    }

    fn attribute(&self, params: &Params, name: &str, args: &[MlArg]) -> SparkResult<Option<Literal>> {
        Ok(Some(match name {
            "coefficients" => self.coefficients.to_literal(),
            "intercept" => Literal::Double(self.intercept),
            "numFeatures" => Literal::Int(self.coefficients.len() as i32),
            "numClasses" => Literal::Int(2),
            "predict" | "predictRaw" => {
                let function = self.function(params)?;
                let vector = vector_argument(args)?;
                let raw = function.raw(&vector.as_row());
                match name {
                    "predict" => Literal::Double(function.prediction(&raw, &[])),
                    _ => Vector::Dense(raw).to_literal(),
                }
            }
            _ => return Ok(None),
        }))
    }

    fn store(&self) -> Stored {
        Stored::row(vec![
            ("coefficients", self.coefficients.to_literal()),
            ("intercept", Literal::Double(self.intercept)),
        ])
    }

    fn size(&self) -> usize {
        200 + 8 * self.coefficients.len()
    }

    fn summarize(&self) -> Option<&dyn Summarize> {
        Some(self)
    }
}

#[async_trait]
impl Summarize for LinearSvcModel {
    async fn summarize(
        &self,
        host: &dyn MlHost,
        summary: &Summary,
        name: &str,
        args: &[MlArg],
    ) -> SparkResult<Option<Answer>> {
        super::summary::summarize(host, summary, Some("rawPredictionCol"), name, args).await
    }
}
