//! LogisticRegression: two classes or many, with L1 and L2 penalties.
//!
//! Bounds on coefficients are not done here.

use std::sync::Arc;

use async_trait::async_trait;
use vonk_common::{SparkError, SparkResult};

use super::logistic_model::{LogisticModel, MODEL_NAME, load};
use super::scaled_objective::{ScaledObjective, Shape};
use crate::aggregate::logistic::Loss;
use crate::aggregate::moments::{Found, Labels, Moments};
use crate::attributes::Attribute;
use crate::error::illegal_argument;
use crate::frame::Kept;
use crate::host::{Frame, MlHost};
use crate::linalg::{Matrix, Vector};
use crate::operator::{Class, Estimator, Fit, Role, Training};
use crate::optimize::{Settings, minimize};
use crate::params::{Kind, Param, Params, Valid};

pub const NAME: &str = "org.apache.spark.ml.classification.LogisticRegression";

pub const PARAMS: &[Param] = &[
    Param::int("aggregationDepth", 2).valid(Valid::From(2.0)),
    Param::double("elasticNetParam", 0.0).valid(Valid::Within(0.0, 1.0)),
    Param::string("family", "auto").valid(Valid::OneOf(&["auto", "binomial", "multinomial"])),
    Param::string("featuresCol", "features"),
    Param::bool("fitIntercept", true),
    Param::string("labelCol", "label"),
    Param::unset("lowerBoundsOnCoefficients", Kind::Matrix),
    Param::unset("lowerBoundsOnIntercepts", Kind::Vector),
    Param::double("maxBlockSizeInMB", 0.0).valid(Valid::From(0.0)),
    Param::int("maxIter", 100).valid(Valid::From(0.0)),
    Param::string("predictionCol", "prediction"),
    Param::string("probabilityCol", "probability"),
    Param::string("rawPredictionCol", "rawPrediction"),
    Param::double("regParam", 0.0).valid(Valid::From(0.0)),
    Param::bool("standardization", true),
    Param::double("threshold", 0.5).valid(Valid::Within(0.0, 1.0)),
    Param::unset("thresholds", Kind::Doubles),
    Param::double("tol", 1e-6).valid(Valid::From(0.0)),
    Param::unset("upperBoundsOnCoefficients", Kind::Matrix),
    Param::unset("upperBoundsOnIntercepts", Kind::Vector),
    Param::unset("weightCol", Kind::String),
];

pub static CLASS: Class =
    Class { name: NAME, params: PARAMS, seed_class: NAME, role: Role::Estimator(&LogisticRegression) };

pub static MODEL: Class = Class { name: MODEL_NAME, params: PARAMS, seed_class: NAME, role: Role::Model(load) };

struct LogisticRegression;

/// More classes than this must be announced in the label's metadata.
const MAX_CLASSES: usize = 100;

#[async_trait]
impl Estimator for LogisticRegression {
    async fn fit(&self, host: &dyn MlHost, params: &Params, data: &Frame) -> SparkResult<Fit> {
        for bound in [
            "lowerBoundsOnCoefficients",
            "lowerBoundsOnIntercepts",
            "upperBoundsOnCoefficients",
            "upperBoundsOnIntercepts",
        ] {
            if params.is_set(bound) {
                return Err(SparkError::unsupported(format!("LogisticRegression.{bound}")));
            }
        }
        let columns = data.columns();
        let label = params.string("labelCol")?;
        let features = columns.vector(&params.string("featuresCol")?)?.expr.clone();
        let announced = Attribute::of(columns.get(&label)?.metadata.as_ref()).and_then(|a| a.count());
        let weight = columns.weight(params.optional("weightCol"))?;
        let kept = data.keep(host, vec![features, columns.number(&label)?, weight]).await?;
        let found = kept.pass(host, &[0, 1, 2], Moments { labels: Labels::Classes }).await?;
        train(host, params, &kept, &Found::decode(&found)?, announced).await
    }
}

async fn train(
    host: &dyn MlHost,
    params: &Params,
    kept: &Kept,
    found: &Found,
    announced: Option<usize>,
) -> SparkResult<Fit> {
    if found.rows == 0 {
        return Err(SparkError::new("ILLEGAL_ARGUMENT").param("message", "ML algorithm was given empty dataset."));
    }
    let seen = found.classes.len();
    let classes = match announced {
        Some(n) if n < seen => {
            return Err(illegal_argument(format!(
                "requirement failed: Specified number of classes {n} was less than the number of unique labels {seen}."
            )));
        }
        Some(n) => n,
        None if seen > MAX_CLASSES => {
            return Err(illegal_argument(format!(
                "requirement failed: Classifier inferred {seen} from label values in column {}, but this exceeded the max numClasses ({MAX_CLASSES}) allowed to be inferred from values.  To avoid this error for labels with > {MAX_CLASSES} classes, specify numClasses explicitly in the metadata; this can be done by applying StringIndexer to the label column.",
                params.string("labelCol")?
            )));
        }
        None => seen,
    };
    let multinomial = match params.string("family")?.to_lowercase().as_str() {
        "multinomial" => true,
        "binomial" if classes > 2 => {
            return Err(illegal_argument(format!(
                "requirement failed: Binomial family only supports 1 or 2 outcome classes but found {classes}."
            )));
        }
        "binomial" => false,
        _ => classes > 2,
    };
    let (d, k) = (found.features(), if multinomial { classes } else { 1 });
    let fit_intercept = params.bool("fitIntercept")?;
    let loss = if multinomial { Loss::Multinomial } else { Loss::Logistic };
    let shape = Shape { d, k, loss, fit_intercept };
    let mut weights = found.classes.clone();
    weights.resize(classes.max(if multinomial { classes } else { 2 }), 0.0);
    let only = weights.iter().filter(|w| **w != 0.0).count() == 1;
    if fit_intercept && only {
        return Ok(constant(&shape, classes, &weights));
    }
    let (reg, alpha) = (params.double("regParam")?, params.double("elasticNetParam")?);
    let std = found.deviations();
    let inverse: Vec<f64> = std.iter().map(|s| if *s == 0.0 { 0.0 } else { 1.0 / s }).collect();
    let standardize = params.bool("standardization")?;
    // Penalties of coefficients that belong to scaled features.
    let l2 = inverse.iter().map(|i| (1.0 - alpha) * reg * if standardize { 1.0 } else { i * i }).collect();
    let l1 = (reg * alpha != 0.0).then(|| {
        let one: Vec<f64> = inverse.iter().map(|i| alpha * reg * if standardize { 1.0 } else { *i }).collect();
        let mut all = one.repeat(k);
        all.resize(shape.size(), 0.0);
        all
    });
    let mut objective =
        ScaledObjective { host, kept, shape: &shape, mean: found.means(), inverse, l2, weight: found.weight };
    let settings = Settings { max_iter: params.count("maxIter")?, tolerance: params.double("tol")?, l1 };
    let solution = minimize(&mut objective, start(&shape, &weights), &settings).await?;
    let (coefficients, intercepts) = unscale(&shape, &solution.x, &objective, reg == 0.0);
    let model = LogisticModel {
        classes: if multinomial { classes } else { 2 },
        coefficients: Matrix::from_rows(k, d, coefficients),
        intercepts: Vector::compressed(intercepts),
        multinomial,
    };
    let iterations = solution.history.len() - 1;
    let training = Training { objective_history: solution.history, iterations, ..Training::default() };
    Ok(Fit { model: Arc::new(model), training: Some(training) })
}

/// All labels are the same: nothing to learn but the intercept.
fn constant(shape: &Shape, classes: usize, weights: &[f64]) -> Fit {
    let label = weights.iter().position(|w| *w != 0.0).unwrap_or(0);
    let intercepts = if shape.loss == Loss::Multinomial {
        Vector::Sparse { size: classes, indices: vec![label as i32], values: vec![f64::INFINITY] }
    } else {
        Vector::Dense(vec![if label == 1 { f64::INFINITY } else { f64::NEG_INFINITY }])
    };
    let coefficients = Matrix::from_rows(shape.k, shape.d, vec![0.0; shape.k * shape.d]);
    let model = LogisticModel {
        classes: if shape.loss == Loss::Multinomial { classes } else { 2 },
        coefficients,
        intercepts,
        multinomial: (shape.loss == Loss::Multinomial),
    };
    let training = Training { objective_history: vec![0.0], ..Training::default() };
    Fit { model: Arc::new(model), training: Some(training) }
}

/// Zero, and the intercepts that the classes' weights alone suggest.
fn start(shape: &Shape, weights: &[f64]) -> Vec<f64> {
    let mut x = vec![0.0; shape.k * shape.d];
    if shape.fit_intercept && shape.loss == Loss::Multinomial {
        let raw: Vec<f64> = weights.iter().map(|w| w.ln_1p()).collect();
        let mean = raw.iter().sum::<f64>() / raw.len() as f64;
        x.extend(raw.iter().map(|r| r - mean));
    } else if shape.fit_intercept {
        let weight = |i: usize| weights.get(i).copied().unwrap_or(0.0);
        x.push((weight(1) / weight(0)).ln());
    }
    x
}

/// Coefficients and intercepts for the features as they are.
fn unscale(shape: &Shape, x: &[f64], objective: &ScaledObjective<'_>, free: bool) -> (Vec<f64>, Vec<f64>) {
    let (mut coefficients, mut intercepts) = objective.fold(x);
    let multinomial = shape.loss == Loss::Multinomial;
    if multinomial && free {
        // Without a penalty only differences between classes are determined: their mean is zero.
        for j in 0..shape.d {
            let mean = coefficients.iter().skip(j).step_by(shape.d).sum::<f64>() / shape.k as f64;
            coefficients.iter_mut().skip(j).step_by(shape.d).for_each(|c| *c -= mean);
        }
    }
    if multinomial && shape.fit_intercept {
        let mean = intercepts.iter().sum::<f64>() / shape.k as f64;
        intercepts.iter_mut().for_each(|b| *b -= mean);
    }
    (coefficients, intercepts)
}
