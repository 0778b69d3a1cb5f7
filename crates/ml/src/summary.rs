//! Summaries: what can be asked of a model about its training data, or about data it is evaluated on.
//!
//! Nothing is computed before it is asked for; results of passes are kept.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::array::{ArrayRef, Float64Array, RecordBatch};
use datafusion::logical_expr::Expr;
use parking_lot::Mutex;
use vonk_common::SparkResult;
use vonk_plan::relation::{MlArg, MlOperatorRef, MlRelation};
use vonk_plan::types::{DataType, StructField, StructType};
use vonk_plan::{Literal, Relation, RelationKind};

use crate::aggregate::Pass;
use crate::host::MlHost;
use crate::operator::{Fitted, Training};

/// A summary of a model on a data set.
pub struct Summary {
    /// The model's id, for relations that apply it.
    pub id: String,
    pub fitted: Fitted,
    /// What the model is applied to.
    pub dataset: Relation,
    /// The data is the training data.
    pub training: Option<Training>,
    passes: Mutex<HashMap<String, Arc<[u8]>>>,
}

/// The value of a summary's attribute.
#[derive(Debug, Clone)]
pub enum Answer {
    Value(Literal),
    /// Rows that are at hand.
    Rows(StructType, RecordBatch),
    /// Rows that are still to be computed.
    Relation(Box<Relation>),
}

impl From<Literal> for Answer {
    fn from(v: Literal) -> Self {
        Answer::Value(v)
    }
}

impl From<f64> for Answer {
    fn from(v: f64) -> Self {
        Answer::Value(Literal::Double(v))
    }
}

#[async_trait]
pub trait Summarize: Send + Sync {
    /// The attribute of that name; none if there is no such.
    async fn summarize(
        &self,
        host: &dyn MlHost,
        summary: &Summary,
        name: &str,
        args: &[MlArg],
    ) -> SparkResult<Option<Answer>>;
}

impl Summary {
    pub fn new(id: String, fitted: Fitted, dataset: Relation, training: Option<Training>) -> Self {
        Summary { id, fitted, dataset, training, passes: Mutex::default() }
    }

    /// The result of a pass over the predictions. `columns` picks the input from the predictions.
    pub async fn pass<F>(&self, host: &dyn MlHost, pass: impl Pass, columns: F) -> SparkResult<Arc<[u8]>>
    where
        F: FnOnce(&crate::host::Frame) -> SparkResult<Vec<Expr>> + Send,
    {
        let key = format!("{}{:?}", pass.name(), pass.encode());
        if let Some(found) = self.passes.lock().get(&key) {
            return Ok(found.clone());
        }
        let frame = self.fitted.predictions(host, self.dataset.clone()).await?;
        let exprs = columns(&frame)?;
        let found: Arc<[u8]> = frame.pass(host, exprs, pass).await?.into();
        self.passes.lock().insert(key, found.clone());
        Ok(found)
    }

    /// The data set with the model's columns.
    pub fn predictions(&self) -> Relation {
        Relation::new(RelationKind::Ml(Box::new(MlRelation::Transform {
            operator: MlOperatorRef::Model(self.id.clone()),
            input: self.dataset.clone(),
            params: vec![],
        })))
    }

    /// Columns and other values that are parameters.
    pub fn param(&self, name: &str) -> SparkResult<Answer> {
        Ok(Answer::Value(Literal::string(self.fitted.params.string(name)?)))
    }
}

/// Rows of numbers.
pub fn table<const N: usize>(names: [&str; N], columns: [Vec<f64>; N]) -> SparkResult<Answer> {
    let schema = StructType::new(names.map(|n| StructField::new(n, DataType::Double, false)));
    let arrow = Arc::new(vonk_expr::arrow_types::to_arrow_schema(&schema));
    let columns = columns.into_iter().map(|c| Arc::new(Float64Array::from(c)) as ArrayRef).collect();
    let batch = RecordBatch::try_new(arrow, columns).map_err(crate::linalg::column::arrow_error)?;
    Ok(Answer::Rows(schema, batch))
}
