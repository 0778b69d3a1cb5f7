//! The model of a linear regression, and its summary.

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::logical_expr::Expr;
use vonk_common::{SparkError, SparkResult};
use vonk_plan::relation::MlArg;
use vonk_plan::{Expr as PlanExpr, Literal};

use super::linear_regression::MODEL;
use super::predict::Linear;
use super::student;
use crate::aggregate::residuals::{Found, Residuals};
use crate::attributes::Attribute;
use crate::classification::logistic_model::vector_argument;
use crate::error::illegal_argument;
use crate::frame::Columns;
use crate::function::call;
use crate::host::{Frame, MlHost};
use crate::linalg::Vector;
use crate::linalg::udt::{double_array, number};
use crate::operator::{Class, Model, Stored, TransformOutput};
use crate::params::Params;
use crate::summary::{Answer, Summarize, Summary};

pub const MODEL_NAME: &str = "org.apache.spark.ml.regression.LinearRegressionModel";

pub struct LinearModel {
    pub coefficients: Vector,
    pub intercept: f64,
    pub scale: f64,
}

pub fn load(stored: &Stored) -> SparkResult<Arc<dyn Model>> {
    let double = |name| number(stored.get(name)?).ok_or_else(|| SparkError::internal("a number was expected"));
    Ok(Arc::new(LinearModel {
        coefficients: Vector::from_literal(stored.get("coefficients")?)?,
        intercept: double("intercept")?,
        scale: double("scale").unwrap_or(1.0),
    }))
}

impl Model for LinearModel {
    fn class(&self) -> &'static Class {
        &MODEL
    }

    fn transform(&self, params: &Params, input: Columns<'_>) -> SparkResult<TransformOutput> {
        let features = input.vector(&params.string("featuresCol")?)?;
        let Some(output) = params.optional("predictionCol") else { return Ok(TransformOutput::default()) };
        let function = Linear { coefficients: self.coefficients.to_dense(), intercept: self.intercept };
        let mut expr = call(function, vec![features.expr.clone()], false);
        expr.metadata = Some(Attribute::numeric().metadata());
        Ok(TransformOutput::column(output, expr))
    }

    fn describe(&self, params: &Params) -> String {
        format!("LinearRegressionModel: uid={}, numFeatures={}", params.uid, self.coefficients.len())
    }

    fn attribute(&self, _: &Params, name: &str, args: &[MlArg]) -> SparkResult<Option<Literal>> {
        Ok(Some(match name {
            "coefficients" => self.coefficients.to_literal(),
            "intercept" => Literal::Double(self.intercept),
            "scale" => Literal::Double(self.scale),
            "numFeatures" => Literal::Int(self.coefficients.len() as i32),
            "predict" => {
                let vector = vector_argument(args)?;
                Literal::Double(vector.as_row().dot(&self.coefficients.to_dense()) + self.intercept)
            }
            _ => return Ok(None),
        }))
    }

    fn store(&self) -> Stored {
        Stored::row(vec![
            ("intercept", Literal::Double(self.intercept)),
            ("coefficients", self.coefficients.to_literal()),
            ("scale", Literal::Double(self.scale)),
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
impl Summarize for LinearModel {
    async fn summarize(
        &self,
        host: &dyn MlHost,
        summary: &Summary,
        name: &str,
        _: &[MlArg],
    ) -> SparkResult<Option<Answer>> {
        let params = &summary.fitted.params;
        let judged = |frame: &Frame| -> SparkResult<Vec<Expr>> {
            let columns = frame.columns();
            Ok(vec![
                columns.get(&params.string("predictionCol")?)?.expr.clone(),
                columns.number(&params.string("labelCol")?)?,
                columns.weight(params.optional("weightCol"))?,
            ])
        };
        match name {
            "predictions" => return Ok(Some(Answer::Relation(Box::new(summary.predictions())))),
            "predictionCol" | "labelCol" | "featuresCol" => return summary.param(name).map(Some),
            "objectiveHistory" | "totalIterations" => {
                return Ok(summary.training.as_ref().map(|t| match name {
                    "totalIterations" => Answer::Value(Literal::Int(t.iterations as i32)),
                    _ => Answer::Value(double_array(&t.objective_history)),
                }));
            }
            "residuals" => {
                let column = |param: &str| Ok::<_, SparkError>(PlanExpr::column(params.string(param)?));
                let difference = PlanExpr::call("-", vec![column("labelCol")?, column("predictionCol")?]);
                let rows = summary.predictions().project(vec![difference.alias("residuals")]);
                return Ok(Some(Answer::Relation(Box::new(rows))));
            }
            "explainedVariance"
            | "meanAbsoluteError"
            | "meanSquaredError"
            | "rootMeanSquaredError"
            | "r2"
            | "r2adj"
            | "numInstances"
            | "degreesOfFreedom"
            | "devianceResiduals"
            | "coefficientStandardErrors"
            | "tValues"
            | "pValues" => {}
            _ => return Ok(None),
        }
        let found = Found::decode(&summary.pass(host, Residuals, judged).await?)?;
        let fit_intercept = params.bool("fitIntercept")?;
        let used = if fit_intercept { 1.0 } else { 0.0 };
        let d = self.coefficients.len() as f64;
        let degrees = found.rows - d - used;
        let r2 = found.r2(!fit_intercept);
        let errors = || -> SparkResult<Vec<f64>> {
            let diagonal = summary.training.as_ref().map(|t| t.inverse_diagonal.as_slice()).unwrap_or_default();
            if diagonal.is_empty() || diagonal == [0.0] {
                return Err(illegal_argument("No Std. Error of coefficients available for this LinearRegressionModel"));
            }
            let variance = found.mean_squared_error() * found.weight / degrees;
            Ok(diagonal.iter().map(|v| (v * variance).sqrt()).collect())
        };
        let t_values = || -> SparkResult<Vec<f64>> {
            let mut estimates = self.coefficients.to_dense();
            estimates.push(self.intercept);
            Ok(errors()?.iter().zip(estimates).map(|(e, c)| c / e).collect())
        };
        let list = |v: Vec<f64>| Answer::Value(double_array(&v));
        Ok(Some(match name {
            "explainedVariance" => found.explained_variance().into(),
            "meanAbsoluteError" => found.mean_absolute_error().into(),
            "meanSquaredError" => found.mean_squared_error().into(),
            "rootMeanSquaredError" => found.mean_squared_error().sqrt().into(),
            "r2" => r2.into(),
            "r2adj" => (1.0 - (1.0 - r2) * (found.rows - used) / degrees).into(),
            "numInstances" => Answer::Value(Literal::Long(found.rows as i64)),
            "degreesOfFreedom" => Answer::Value(Literal::Long(degrees as i64)),
            "devianceResiduals" => list(vec![found.least, found.greatest]),
            "coefficientStandardErrors" => list(errors()?),
            "tValues" => list(t_values()?),
            _ => list(t_values()?.into_iter().map(|t| student::p_value(t, degrees)).collect()),
        }))
    }
}
