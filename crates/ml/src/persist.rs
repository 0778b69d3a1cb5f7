//! Saved operators and models, in Spark's layout: `metadata/` with one line of JSON, `data/` with
//! Parquet. Either engine reads what the other wrote.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use datafusion::arrow::array::RecordBatch;
use datafusion::common::ScalarValue;
use serde_json::{Value, json};
use vonk_common::{SparkError, SparkResult};
use vonk_expr::literal::from_scalar;
use vonk_plan::DataType;
use vonk_plan::Literal;

use crate::error::illegal_argument;
use crate::host::MlHost;
use crate::linalg::udt::{matrix_type, vector_type};
use crate::operator::{Class, Model, Role, Stored};
use crate::params::Params;
use crate::registry;

const SPARK_VERSION: &str = "4.3.0";

fn join(path: &str, part: &str) -> String {
    format!("{}/{part}", path.trim_end_matches('/'))
}

/// Makes way for a saved object: an existing one is an error unless it may be overwritten.
pub async fn make_way(host: &dyn MlHost, path: &str, overwrite: bool) -> SparkResult<()> {
    if !host.exists(path).await? {
        return Ok(());
    }
    if overwrite {
        return host.remove(path).await;
    }
    Err(illegal_argument(format!(
        "Path {path} already exists. To overwrite it, please use write.overwrite().save(path) for Scala and use write().overwrite().save(path) for Java and Python."
    )))
}

pub async fn save(
    host: &dyn MlHost,
    path: &str,
    class: &Class,
    params: &Params,
    data: Option<Stored>,
) -> SparkResult<()> {
    let (explicit, defaults) = params.to_json();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_millis() as u64);
    let metadata = json!({
        "class": class.name,
        "timestamp": now,
        "sparkVersion": SPARK_VERSION,
        "uid": params.uid,
        "paramMap": explicit,
        "defaultParamMap": defaults,
    });
    host.write_text(&join(path, "metadata"), &metadata.to_string()).await?;
    if let Some(data) = data {
        host.write_parquet(&join(path, "data"), &data.schema(), data.to_batch()?).await?;
    }
    Ok(())
}

/// A saved object: its class and parameters, and the model if it is one.
pub struct Loaded {
    pub class: &'static Class,
    pub params: Params,
    pub model: Option<Arc<dyn Model>>,
}

pub async fn load(host: &dyn MlHost, path: &str, name: &str) -> SparkResult<Loaded> {
    let class = registry::class(name)?;
    let text = host.read_text(&join(path, "metadata")).await?;
    let line = text.lines().find(|l| !l.trim().is_empty()).unwrap_or_default();
    let metadata: Value = serde_json::from_str(line).map_err(|e| illegal_argument(format!("bad metadata: {e}")))?;
    let saved = metadata.get("class").and_then(Value::as_str).unwrap_or_default();
    if saved != class.name {
        return Err(illegal_argument(format!(
            "requirement failed: Error loading metadata: Expected class name {} but found class name {saved}",
            class.name
        )));
    }
    let uid = metadata.get("uid").and_then(Value::as_str).unwrap_or_default();
    let params = class.params(uid).with_json(metadata.get("paramMap").unwrap_or(&Value::Null))?;
    let model = match class.role {
        Role::Model(make) => Some(make(&stored(&host.read_parquet(&join(path, "data")).await?)?)?),
        _ => None,
    };
    Ok(Loaded { class, params, model })
}

/// Rows from a file as values. Vectors and matrices show by their fields.
fn stored(batches: &[RecordBatch]) -> SparkResult<Stored> {
    let mut out = Stored { fields: vec![], rows: vec![] };
    for batch in batches {
        let schema = batch.schema();
        if out.fields.is_empty() {
            for f in schema.fields() {
                let t = user_type(vonk_expr::arrow_types::from_arrow(f.data_type())?);
                out.fields.push((static_name(f.name()), t));
            }
        }
        for row in 0..batch.num_rows() {
            let values = batch.columns().iter().zip(&out.fields);
            let values = values.map(|(c, (_, t))| {
                let scalar = ScalarValue::try_from_array(c, row).map_err(vonk_expr::spark_error)?;
                let scalar = scalar.cast_to(&vonk_expr::arrow_types::to_arrow(t)).map_err(vonk_expr::spark_error)?;
                from_scalar(&scalar, t)
            });
            let values = values.collect::<SparkResult<Vec<Literal>>>()?;
            out.rows.push(values);
        }
    }
    if out.rows.is_empty() { Err(SparkError::internal("the saved model is empty")) } else { Ok(out) }
}

fn user_type(t: DataType) -> DataType {
    let same = |u: DataType| if t.same_type(u.storage()) { Some(u) } else { None };
    same(vector_type()).or_else(|| same(matrix_type())).unwrap_or(t)
}

/// Names of the columns that models are saved in.
fn static_name(name: &str) -> &'static str {
    const NAMES: &[&str] = &[
        "numClasses",
        "numFeatures",
        "interceptVector",
        "coefficientMatrix",
        "isMultinomial",
        "intercept",
        "coefficients",
        "scale",
        "clusterIdx",
        "clusterCenter",
        "labelsArray",
        "categorySizes",
        "std",
        "mean",
        "originalMin",
        "originalMax",
        "maxAbs",
    ];
    NAMES.iter().find(|n| **n == name).copied().unwrap_or("")
}
