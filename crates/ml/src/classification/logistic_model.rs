//! The model of a logistic regression.

use std::sync::Arc;

use async_trait::async_trait;
use vonk_common::{SparkError, SparkResult};
use vonk_plan::Literal;
use vonk_plan::relation::MlArg;

use super::classify::Classify;
use super::logistic_regression::MODEL;
use crate::attributes::{Attribute, Group};
use crate::error::illegal_argument;
use crate::frame::Columns;
use crate::function::{call, fields};
use crate::host::MlHost;
use crate::linalg::udt::number;
use crate::linalg::{Matrix, Vector};
use crate::operator::{Class, Model, Stored, TransformOutput};
use crate::params::Params;
use crate::summary::{Answer, Summarize, Summary};

pub const MODEL_NAME: &str = "org.apache.spark.ml.classification.LogisticRegressionModel";

pub struct LogisticModel {
    pub classes: usize,
    /// One row per class, or a single one for the second of two.
    pub coefficients: Matrix,
    pub intercepts: Vector,
    pub multinomial: bool,
}

pub fn load(stored: &Stored) -> SparkResult<Arc<dyn Model>> {
    let classes = number(stored.get("numClasses")?).ok_or_else(|| SparkError::internal("numClasses"))?;
    Ok(Arc::new(LogisticModel {
        classes: classes as usize,
        coefficients: Matrix::from_literal(stored.get("coefficientMatrix")?)?.into_row_major(),
        intercepts: Vector::from_literal(stored.get("interceptVector")?)?,
        multinomial: matches!(stored.get("isMultinomial")?, Literal::Boolean(true)),
    }))
}

impl LogisticModel {
    pub fn function(&self, params: &Params) -> SparkResult<Classify> {
        let thresholds = params.doubles("thresholds").unwrap_or_default();
        let threshold = match thresholds.as_slice() {
            [a, b] if !params.is_set("threshold") => 1.0 / (1.0 + a / b),
            _ => params.double("threshold")?,
        };
        if !thresholds.is_empty() && thresholds.len() != self.classes {
            return Err(illegal_argument(format!(
                "requirement failed: LogisticRegressionModel.transform() called with non-matching numClasses and thresholds.length. numClasses={}, but thresholds has length {}",
                self.classes,
                thresholds.len()
            )));
        }
        Ok(Classify {
            coefficients: self.coefficients.values.clone().into(),
            intercepts: self.intercepts.to_dense().into(),
            features: self.coefficients.cols,
            multinomial: self.multinomial,
            threshold,
            thresholds,
        })
    }
}

/// The vector that a client sent as the only argument.
pub(crate) fn vector_argument(args: &[MlArg]) -> SparkResult<Vector> {
    match args {
        [MlArg::Param(v)] => Vector::from_literal(v),
        _ => Err(illegal_argument("a vector was expected as the only argument")),
    }
}

impl Model for LogisticModel {
    fn class(&self) -> &'static Class {
        &MODEL
    }

    fn transform(&self, params: &Params, input: Columns<'_>) -> SparkResult<TransformOutput> {
        let features = input.vector(&params.string("featuresCol")?)?;
        let whole = call(self.function(params)?, vec![features.expr.clone()], false);
        let vector = Group::sized(self.classes).metadata();
        let class = Attribute::nominal_count(self.classes).metadata();
        let names = [("rawPredictionCol", &vector), ("probabilityCol", &vector), ("predictionCol", &class)];
        let mut out = TransformOutput::default();
        for (mut part, (param, metadata)) in fields(&whole).into_iter().zip(names) {
            if let Some(name) = params.optional(param) {
                part.metadata = Some(metadata.clone());
                out.columns.push((name, part));
            }
        }
        Ok(out)
    }

    fn describe(&self, params: &Params) -> String {
        format!(
            "LogisticRegressionModel: uid={}, numClasses={}, numFeatures={}",
            params.uid, self.classes, self.coefficients.cols
        )
    }

    fn attribute(&self, params: &Params, name: &str, args: &[MlArg]) -> SparkResult<Option<Literal>> {
        let single = |what: &str, instead: &str| {
            if self.multinomial {
                Err(illegal_argument(format!("Multinomial models contain a {what}, use {instead} instead.")))
            } else {
                Ok(())
            }
        };
        Ok(Some(match name {
            "numClasses" => Literal::Int(self.classes as i32),
            "numFeatures" => Literal::Int(self.coefficients.cols as i32),
            "coefficientMatrix" => self.coefficients.to_literal(),
            "interceptVector" => self.intercepts.to_literal(),
            "coefficients" => {
                single("matrix of coefficients", "coefficientMatrix")?;
                Vector::compressed(self.coefficients.values.clone()).to_literal()
            }
            "intercept" => {
                single("vector of intercepts", "interceptVector")?;
                Literal::Double(self.intercepts.to_dense().first().copied().unwrap_or(0.0))
            }
            "predict" | "predictRaw" | "predictProbability" => {
                let function = self.function(params)?;
                let vector = vector_argument(args)?;
                let raw = function.raw(&vector.as_row());
                let probability = function.probability(&raw);
                match name {
                    "predict" => Literal::Double(function.prediction(&raw, &probability)),
                    "predictRaw" => Vector::Dense(raw).to_literal(),
                    _ => Vector::Dense(probability).to_literal(),
                }
            }
            _ => return Ok(None),
        }))
    }

    fn store(&self) -> Stored {
        Stored::row(vec![
            ("numClasses", Literal::Int(self.classes as i32)),
            ("numFeatures", Literal::Int(self.coefficients.cols as i32)),
            ("interceptVector", self.intercepts.to_literal()),
            ("coefficientMatrix", self.coefficients.to_literal()),
            ("isMultinomial", Literal::Boolean(self.multinomial)),
        ])
    }

    fn size(&self) -> usize {
        300 + 8 * (self.coefficients.values.len() + self.classes)
    }

    fn summarize(&self) -> Option<&dyn Summarize> {
        Some(self)
    }
}

#[async_trait]
impl Summarize for LogisticModel {
    async fn summarize(
        &self,
        host: &dyn MlHost,
        summary: &Summary,
        name: &str,
        args: &[MlArg],
    ) -> SparkResult<Option<Answer>> {
        let score = (self.classes <= 2).then_some("probabilityCol");
        super::summary::summarize(host, summary, score, name, args).await
    }
}
