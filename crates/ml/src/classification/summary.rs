//! Summaries of classifiers: measures by class, and curves for two classes.

use datafusion::logical_expr::Expr;
use vonk_common::SparkResult;
use vonk_plan::Literal;
use vonk_plan::relation::MlArg;

use crate::aggregate::confusion::{Confusion, Found};
use crate::aggregate::curve::{Curve, points};
use crate::error::illegal_argument;
use crate::evaluation::binary_metrics::BinaryMetrics;
use crate::evaluation::multiclass_metrics::MulticlassMetrics;
use crate::host::{Frame, MlHost};
use crate::linalg::udt::{double_array, number};
use crate::summary::{Answer, Summary, table};

/// Points of a training curve at most, about.
const BINS: usize = 1000;

impl Summary {
    /// A column of the predictions, the label and the weight.
    fn judged(&self, frame: &Frame, first: &str) -> SparkResult<Vec<Expr>> {
        let columns = frame.columns();
        let params = &self.fitted.params;
        Ok(vec![
            columns.get(first)?.expr.clone(),
            columns.number(&params.string("labelCol")?)?,
            columns.weight(params.optional("weightCol"))?,
        ])
    }

    async fn multiclass(&self, host: &dyn MlHost) -> SparkResult<MulticlassMetrics> {
        let prediction = self.fitted.params.string("predictionCol")?;
        let found = self.pass(host, Confusion { eps: 1e-15 }, |f| self.judged(f, &prediction)).await?;
        Ok(MulticlassMetrics::new(&Found::decode(&found)?))
    }

    async fn binary(&self, host: &dyn MlHost, score: &str) -> SparkResult<BinaryMetrics> {
        let found = self.pass(host, Curve, |f| self.judged(f, score)).await?;
        Ok(BinaryMetrics::new(points(&found)?, BINS))
    }
}

/// The attributes of a classifier's summary; the binary ones for `score`, the column that curves are
/// drawn from.
pub(super) async fn summarize(
    host: &dyn MlHost,
    summary: &Summary,
    score: Option<&str>,
    name: &str,
    args: &[MlArg],
) -> SparkResult<Option<Answer>> {
    let beta = match args {
        [MlArg::Param(v)] => number(v).unwrap_or(1.0),
        _ => 1.0,
    };
    let list = |v: Vec<f64>| Ok(Some(Answer::Value(double_array(&v))));
    let one = |v: f64| Ok(Some(Answer::from(v)));
    match name {
        "predictions" => return Ok(Some(Answer::Relation(Box::new(summary.predictions())))),
        "predictionCol" | "labelCol" | "featuresCol" | "probabilityCol" => return summary.param(name).map(Some),
        "scoreCol" => return score.map(|s| summary.param(s)).transpose(),
        "weightCol" => {
            let name = summary.fitted.params.optional("weightCol").unwrap_or_else(|| "weightCol".into());
            return Ok(Some(Answer::Value(Literal::string(name))));
        }
        "objectiveHistory" | "totalIterations" => {
            return Ok(summary.training.as_ref().map(|t| match name {
                "totalIterations" => Answer::Value(Literal::Int(t.iterations as i32)),
                _ => Answer::Value(double_array(&t.objective_history)),
            }));
        }
        "roc" | "areaUnderROC" | "pr" | "fMeasureByThreshold" | "precisionByThreshold" | "recallByThreshold" => {
            let Some(score) = score else { return Ok(None) };
            let m = summary.binary(host, &summary.fitted.params.string(score)?).await?;
            let pair = |names: [&str; 2], points: Vec<(f64, f64)>| {
                let (a, b) = points.into_iter().unzip();
                table(names, [a, b]).map(Some)
            };
            return match name {
                "roc" => pair(["FPR", "TPR"], m.roc()),
                "pr" => pair(["recall", "precision"], m.pr()),
                "areaUnderROC" => one(m.area_under_roc()),
                "fMeasureByThreshold" => pair(["threshold", "F-Measure"], m.f_measure(beta)),
                "precisionByThreshold" => pair(["threshold", "precision"], m.precision()),
                _ => pair(["threshold", "recall"], m.recall()),
            };
        }
        _ => {}
    }
    let known = [
        "labels",
        "truePositiveRateByLabel",
        "recallByLabel",
        "falsePositiveRateByLabel",
        "precisionByLabel",
        "fMeasureByLabel",
        "accuracy",
        "weightedTruePositiveRate",
        "weightedRecall",
        "weightedFalsePositiveRate",
        "weightedPrecision",
        "weightedFMeasure",
    ];
    if !known.contains(&name) {
        return Ok(None);
    }
    if summary.fitted.params.optional("predictionCol").is_none() {
        return Err(illegal_argument("the summary needs a prediction column"));
    }
    let m = summary.multiclass(host).await?;
    match name {
        "labels" => list(m.labels()),
        "truePositiveRateByLabel" | "recallByLabel" => list(m.by_label(|c| c.recall())),
        "falsePositiveRateByLabel" => list(m.by_label(|c| c.false_positive_rate(m.total))),
        "precisionByLabel" => list(m.by_label(|c| c.precision())),
        "fMeasureByLabel" => list(m.by_label(|c| c.f_measure(beta))),
        "accuracy" => one(m.accuracy()),
        "weightedTruePositiveRate" | "weightedRecall" => one(m.weighted(|c| c.recall())),
        "weightedFalsePositiveRate" => one(m.weighted(|c| c.false_positive_rate(m.total))),
        "weightedPrecision" => one(m.weighted(|c| c.precision())),
        _ => one(m.weighted(|c| c.f_measure(beta))),
    }
}
