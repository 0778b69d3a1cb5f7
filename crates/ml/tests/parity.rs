//! Training and judging as Apache Spark does: the cases (data, parameters, results) were recorded
//! from Spark 4.3.0 by `tests/cases/record.py`.

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::array::{ArrayRef, Float64Array, RecordBatch};
use datafusion::arrow::datatypes::{Field, Schema};
use datafusion::catalog::MemTable;
use datafusion::catalog::default_table_source::provider_as_source;
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder, ident};
use datafusion::physical_plan::collect_partitioned;
use datafusion::prelude::{SessionConfig, SessionContext};
use serde_json::Value;
use vonk_common::{SparkError, SparkResult};
use vonk_expr::{TypedExpr, spark_error};
use vonk_ml::host::{Frame, MlHost};
use vonk_ml::linalg::udt::vector_type;
use vonk_ml::linalg::{Matrix, Vector, VectorBuilder};
use vonk_ml::operator::{Fit, Fitted};
use vonk_ml::registry;
use vonk_ml::summary::{Answer, Summary};
use vonk_plan::relation::MlMethod;
use vonk_plan::types::{DataType, StructType};
use vonk_plan::{Literal, Relation};

struct Local {
    context: SessionContext,
    data: Frame,
}

#[async_trait]
impl MlHost for Local {
    async fn analyze(&self, _: Relation) -> SparkResult<Frame> {
        Ok(self.data.clone())
    }

    async fn collect(&self, plan: LogicalPlan) -> SparkResult<Vec<Vec<RecordBatch>>> {
        let state = self.context.state();
        let plan = state.create_physical_plan(&plan).await.map_err(spark_error)?;
        collect_partitioned(plan, self.context.task_ctx()).await.map_err(spark_error)
    }

    fn conf(&self, _: &str) -> Option<String> {
        None
    }

    async fn exists(&self, _: &str) -> SparkResult<bool> {
        Err(SparkError::internal("no files"))
    }

    async fn remove(&self, _: &str) -> SparkResult<()> {
        Err(SparkError::internal("no files"))
    }

    async fn write_text(&self, _: &str, _: &str) -> SparkResult<()> {
        Err(SparkError::internal("no files"))
    }

    async fn read_text(&self, _: &str) -> SparkResult<String> {
        Err(SparkError::internal("no files"))
    }

    async fn write_parquet(&self, _: &str, _: &StructType, _: RecordBatch) -> SparkResult<()> {
        Err(SparkError::internal("no files"))
    }

    async fn read_parquet(&self, _: &str) -> SparkResult<Vec<RecordBatch>> {
        Err(SparkError::internal("no files"))
    }
}

fn cases() -> Value {
    serde_json::from_str(include_str!("cases/train-4.3.0.json")).unwrap_or_default()
}

fn numbers(v: &Value) -> Vec<f64> {
    match v {
        Value::Array(items) => items.iter().flat_map(numbers).collect(),
        v => v.as_f64().into_iter().collect(),
    }
}

fn vectors(rows: &Value) -> SparkResult<ArrayRef> {
    let mut b = VectorBuilder::default();
    rows.as_array().into_iter().flatten().for_each(|r| b.push_dense(&numbers(r)));
    b.finish()
}

fn host(columns: Vec<(&str, DataType, ArrayRef)>) -> SparkResult<Local> {
    let fields: Vec<_> = columns.iter().map(|(n, _, a)| Field::new(*n, a.data_type().clone(), true)).collect();
    let schema = Arc::new(Schema::new(fields));
    let arrays = columns.iter().map(|(_, _, a)| a.clone()).collect();
    let batch = RecordBatch::try_new(schema.clone(), arrays).map_err(|e| spark_error(e.into()))?;
    let table = MemTable::try_new(schema, vec![vec![batch]]).map_err(spark_error)?;
    let plan = LogicalPlanBuilder::scan("t", provider_as_source(Arc::new(table)), None)
        .and_then(LogicalPlanBuilder::build)
        .map_err(spark_error)?;
    let typed = |(name, t, _): (&str, DataType, ArrayRef)| {
        let mut e = TypedExpr::new(ident(name), t, true, name.to_string());
        e.name = Some(name.into());
        e
    };
    let context = SessionContext::new_with_config(SessionConfig::new().with_target_partitions(1));
    Ok(Local { context, data: Frame { plan, columns: columns.into_iter().map(typed).collect() } })
}

fn doubles(v: &Value) -> ArrayRef {
    Arc::new(Float64Array::from(numbers(v)))
}

fn training_data(cases: &Value) -> SparkResult<Local> {
    let data = &cases["data"];
    let mut columns = vec![("features", vector_type(), vectors(&data["features"])?)];
    columns.extend(["y", "m", "w", "t"].map(|n| (n, DataType::Double, doubles(&data[n]))));
    host(columns)
}

fn literal(v: &Value) -> Literal {
    match v {
        Value::Bool(b) => Literal::Boolean(*b),
        Value::String(s) => Literal::string(s.as_str()),
        Value::Number(n) if n.is_i64() => Literal::Int(n.as_i64().unwrap_or_default() as i32),
        v => Literal::Double(v.as_f64().unwrap_or_default()),
    }
}

fn params(v: &Value) -> Vec<(String, Literal)> {
    v.as_object().into_iter().flatten().map(|(k, v)| (k.clone(), literal(v))).collect()
}

fn close(what: &str, mine: &[f64], spark: &[f64], tolerance: f64, failures: &mut Vec<String>) {
    let near = |(a, b): (&f64, &f64)| (a - b).abs() <= tolerance * b.abs().max(1.0);
    if mine.len() != spark.len() || !mine.iter().zip(spark).all(near) {
        failures.push(format!("{what}\n   vonk  {mine:?}\n   spark {spark:?}"));
    }
}

fn flat(v: &Literal) -> Vec<f64> {
    match v {
        Literal::Array(_, items) => items.iter().flat_map(flat).collect(),
        v => vonk_ml::linalg::udt::number(v).into_iter().collect(),
    }
}

async fn ask(host: &Local, summary: &Summary, name: &str) -> SparkResult<Vec<f64>> {
    let method = MlMethod { name: name.into(), args: vec![] };
    let model = summary.fitted.model.clone();
    let Some(s) = model.summarize() else { return Ok(vec![]) };
    match s.summarize(host, summary, &method.name, &method.args).await? {
        Some(Answer::Value(v)) => Ok(flat(&v)),
        _ => Ok(vec![]),
    }
}

async fn fit(host: &Local, class: &str, given: &Value) -> SparkResult<(Fitted, Summary)> {
    let (class, estimator) = registry::estimator(class)?;
    let params = class.params("uid").with(&params(given))?;
    let Fit { model, training } = estimator.fit(host, &params, &host.data).await?;
    let fitted = Fitted { params, model };
    let summary = Summary::new("id".into(), fitted.clone(), Relation::table(vec![]), training);
    Ok((fitted, summary))
}

fn value(fitted: &Fitted, name: &str) -> Vec<f64> {
    match fitted.model.attribute(&fitted.params, name, &[]) {
        Ok(Some(v @ Literal::Udt(..))) => match (Vector::from_literal(&v), Matrix::from_literal(&v)) {
            (Ok(v), _) => v.to_dense(),
            (_, Ok(m)) => m.into_row_major().values,
            _ => vec![],
        },
        Ok(Some(v)) => flat(&v),
        _ => vec![],
    }
}

/// (name in the case, how to ask for it, tolerance)
async fn compare(
    host: &Local,
    class: &str,
    list: &str,
    attributes: &[(&str, &str)],
    summaries: &[(&str, &str)],
) -> SparkResult<()> {
    let mut failures = vec![];
    for case in cases()[list].as_array().into_iter().flatten() {
        let (given, wanted) = (&case["params"], &case["result"]);
        let (fitted, summary) = match fit(host, class, given).await {
            Ok(found) => found,
            Err(e) if e.class() == "UNSUPPORTED_FEATURE.VONK" => continue,
            Err(e) => {
                failures.push(format!("{given}: {e}"));
                continue;
            }
        };
        for (key, name) in attributes {
            close(&format!("{given} {key}"), &value(&fitted, name), &numbers(&wanted[*key]), 1e-6, &mut failures);
        }
        for (key, name) in summaries {
            if wanted.get(key).is_none() {
                continue;
            }
            match ask(host, &summary, name).await {
                Ok(mine) => close(&format!("{given} {key}"), &mine, &numbers(&wanted[*key]), 1e-6, &mut failures),
                Err(e) => failures.push(format!("{given} {key}: {e}")),
            }
        }
    }
    assert!(failures.is_empty(), "{} differences\n{}", failures.len(), failures.join("\n"));
    Ok(())
}

#[tokio::test]
async fn logistic_regression() -> SparkResult<()> {
    let summaries = ["objectiveHistory", "totalIterations", "accuracy", "weightedFMeasure", "areaUnderROC"];
    compare(
        &training_data(&cases())?,
        "org.apache.spark.ml.classification.LogisticRegression",
        "logistic",
        &[("coefficients", "coefficientMatrix"), ("intercepts", "interceptVector")],
        &summaries.map(|n| (n, n)),
    )
    .await
}

#[tokio::test]
async fn linear_regression() -> SparkResult<()> {
    compare(
        &training_data(&cases())?,
        "org.apache.spark.ml.regression.LinearRegression",
        "linear",
        &[("coefficients", "coefficients"), ("intercept", "intercept"), ("scale", "scale")],
        &[
            ("objectiveHistory", "objectiveHistory"),
            ("totalIterations", "totalIterations"),
            ("rmse", "rootMeanSquaredError"),
            ("r2", "r2"),
            ("r2adj", "r2adj"),
            ("mae", "meanAbsoluteError"),
            ("explainedVariance", "explainedVariance"),
            ("dof", "degreesOfFreedom"),
            ("devianceResiduals", "devianceResiduals"),
            ("coefficientStandardErrors", "coefficientStandardErrors"),
            ("tValues", "tValues"),
            ("pValues", "pValues"),
        ],
    )
    .await
}

#[tokio::test]
async fn kmeans() -> SparkResult<()> {
    compare(
        &training_data(&cases())?,
        "org.apache.spark.ml.clustering.KMeans",
        "kmeans",
        &[],
        &[("cost", "trainingCost"), ("iter", "numIter"), ("sizes", "clusterSizes")],
    )
    .await
}

#[tokio::test]
async fn evaluators() -> SparkResult<()> {
    let cases = cases();
    let (data, input) = (&cases["data"], &cases["evalInput"]);
    let pairs = input["multi"].as_array().cloned().unwrap_or_default();
    let part = |i: usize| Value::Array(pairs.iter().map(|p| p[i].clone()).collect());
    let column = |name: &'static str, v: &Value| (name, DataType::Double, doubles(v));
    let common =
        || vec![column("y", &data["y"]), column("m", &data["m"]), column("w", &data["w"]), column("t", &data["t"])];
    let mut failures = vec![];
    for (key, wanted) in cases["evaluators"].as_object().into_iter().flatten() {
        let (kind, given) = key.split_once(' ').unwrap_or_default();
        let given: Value = serde_json::from_str(given).unwrap_or_default();
        let mut columns = common();
        let class = match kind {
            "binary" => {
                columns.push(("rawPrediction", vector_type(), vectors(&input["binaryRaw"])?));
                "BinaryClassificationEvaluator"
            }
            "multi" => {
                columns.push(("probability", vector_type(), vectors(&part(0))?));
                columns.push(column("prediction", &part(1)));
                "MulticlassClassificationEvaluator"
            }
            "regression" => {
                columns.push(column("prediction", &input["regression"]));
                "RegressionEvaluator"
            }
            _ => {
                columns.push(("features", vector_type(), vectors(&data["features"])?));
                columns.push(column("prediction", &input["cluster"]));
                "ClusteringEvaluator"
            }
        };
        let host = host(columns)?;
        let (class, evaluator) = registry::evaluator(&format!("org.apache.spark.ml.evaluation.{class}"))?;
        let params = class.params("uid").with(&params(&given))?;
        let mine = evaluator.evaluate(&host, &params, &host.data).await?;
        close(key, &[mine], &numbers(wanted), 1e-9, &mut failures);
    }
    assert!(failures.is_empty(), "{} differences\n{}", failures.len(), failures.join("\n"));
    Ok(())
}

#[tokio::test]
async fn linear_svc() -> SparkResult<()> {
    let summaries = ["objectiveHistory", "totalIterations", "accuracy", "areaUnderROC"];
    compare(
        &training_data(&cases())?,
        "org.apache.spark.ml.classification.LinearSVC",
        "svc",
        &[("coefficients", "coefficients"), ("intercept", "intercept")],
        &summaries.map(|n| (n, n)),
    )
    .await
}
