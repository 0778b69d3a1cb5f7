//! LinearRegression: squared loss, with L1 and L2 penalties. Huber loss is not done here.

use std::sync::Arc;

use async_trait::async_trait;
use vonk_common::{SparkError, SparkResult};

use super::linear_model::{LinearModel, MODEL_NAME, load};
use super::normal_equations::Request;
use super::{least_squares, normal_equations};
use crate::aggregate::gram::{Found as GramFound, Gram};
use crate::aggregate::moments::{Found, Labels, Moments};
use crate::error::illegal_argument;
use crate::host::{Frame, MlHost};
use crate::linalg::Vector;
use crate::operator::{Class, Estimator, Fit, Role};
use crate::params::{Kind, Param, Params, Valid};

const NAME: &str = "org.apache.spark.ml.regression.LinearRegression";

const PARAMS: &[Param] = &[
    Param::int("aggregationDepth", 2).valid(Valid::From(2.0)),
    Param::double("elasticNetParam", 0.0).valid(Valid::Within(0.0, 1.0)),
    Param::double("epsilon", 1.35).valid(Valid::Above(1.0)),
    Param::string("featuresCol", "features"),
    Param::bool("fitIntercept", true),
    Param::string("labelCol", "label"),
    Param::string("loss", "squaredError").valid(Valid::OneOf(&["squaredError", "huber"])),
    Param::double("maxBlockSizeInMB", 0.0).valid(Valid::From(0.0)),
    Param::int("maxIter", 100).valid(Valid::From(0.0)),
    Param::string("predictionCol", "prediction"),
    Param::double("regParam", 0.0).valid(Valid::From(0.0)),
    Param::string("solver", "auto").valid(Valid::OneOf(&["auto", "normal", "l-bfgs"])),
    Param::bool("standardization", true),
    Param::double("tol", 1e-6).valid(Valid::From(0.0)),
    Param::unset("weightCol", Kind::String),
];

pub static CLASS: Class =
    Class { name: NAME, params: PARAMS, seed_class: NAME, role: Role::Estimator(&LinearRegression) };

pub static MODEL: Class = Class { name: MODEL_NAME, params: PARAMS, seed_class: NAME, role: Role::Model(load) };

struct LinearRegression;

/// With more features than this there are no normal equations.
const MAX_FEATURES: usize = 4096;

#[async_trait]
impl Estimator for LinearRegression {
    async fn fit(&self, host: &dyn MlHost, params: &Params, data: &Frame) -> SparkResult<Fit> {
        if params.string("loss")?.eq_ignore_ascii_case("huber") {
            return Err(SparkError::unsupported("LinearRegression with Huber loss"));
        }
        let columns = data.columns();
        let features = columns.vector(&params.string("featuresCol")?)?.expr.clone();
        let label = columns.number(&params.string("labelCol")?)?;
        let weight = columns.weight(params.optional("weightCol"))?;
        let kept = data.keep(host, vec![features, label, weight]).await?;
        let moments = Found::decode(&kept.pass(host, &[0, 1, 2], Moments { labels: Labels::Numbers }).await?)?;
        if moments.rows == 0 {
            return Err(illegal_argument("ML algorithm was given empty dataset."));
        }
        let request = Request {
            fit_intercept: params.bool("fitIntercept")?,
            reg: params.double("regParam")?,
            alpha: params.double("elasticNetParam")?,
            standardize: params.bool("standardization")?,
            max_iter: params.count("maxIter")?,
            tolerance: params.double("tol")?,
        };
        let d = moments.features();
        let solver = params.string("solver")?.to_lowercase();
        if solver == "normal" && d > MAX_FEATURES {
            return Err(illegal_argument(format!(
                "requirement failed: In order to take the normal equation approach efficiently, we set the maximum number of features to {MAX_FEATURES}."
            )));
        }
        let gram = if d <= MAX_FEATURES {
            let found = kept.pass(host, &[0, 1, 2], Gram { features: d }).await?;
            Some(GramFound::decode(&found, d)?)
        } else {
            None
        };
        let (coefficients, intercept, training) = match &gram {
            Some(gram) if solver != "l-bfgs" => normal_equations::solve(gram, &request).await?,
            gram => least_squares::solve(host, &kept, &moments, gram.as_ref(), &request).await?,
        };
        let model = LinearModel { coefficients: Vector::compressed(coefficients), intercept, scale: 1.0 };
        Ok(Fit { model: Arc::new(model), training: Some(training) })
    }
}
