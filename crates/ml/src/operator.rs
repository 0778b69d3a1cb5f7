//! What an operator of the library is: a class with parameters that is an estimator, a transformer,
//! an evaluator or a fitted model.

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::array::RecordBatch;
use datafusion::logical_expr::Expr;
use vonk_common::{SparkError, SparkResult};
use vonk_expr::TypedExpr;
use vonk_plan::relation::MlArg;
use vonk_plan::types::{StructField, StructType};
use vonk_plan::{Literal, Relation};

use crate::frame::Columns;
use crate::host::{Frame, MlHost};
use crate::params::{Param, Params};
use crate::summary::Summarize;

/// A class by its Java name.
pub struct Class {
    pub name: &'static str,
    pub params: &'static [Param],
    /// The estimator's name for a model, else its own: hash of the default seed.
    pub seed_class: &'static str,
    pub role: Role,
}

pub enum Role {
    Estimator(&'static dyn Estimator),
    Transformer(&'static dyn Transformer),
    Evaluator(&'static dyn Evaluator),
    /// Made from the rows it was saved as.
    Model(fn(&Stored) -> SparkResult<Arc<dyn Model>>),
}

impl Class {
    pub fn params(&'static self, uid: &str) -> Params {
        Params::new(self.params, self.seed_class, uid)
    }
}

/// New columns of a transformer, over the columns it was given, and the rows to keep.
#[derive(Debug, Clone, Default)]
pub struct TransformOutput {
    /// A column of the same name is replaced.
    pub columns: Vec<(String, TypedExpr)>,
    /// A condition over the input's columns; it holds before the new columns are computed.
    pub filter: Option<Expr>,
}

impl TransformOutput {
    pub fn column(name: impl Into<String>, expr: TypedExpr) -> Self {
        TransformOutput { columns: vec![(name.into(), expr)], filter: None }
    }
}

/// A model just trained, and what only training knows.
pub struct Fit {
    pub model: Arc<dyn Model>,
    /// None: a class without training summary, or this once.
    pub training: Option<Training>,
}

/// What a training summary keeps besides the data.
#[derive(Debug, Clone, Default)]
pub struct Training {
    pub objective_history: Vec<f64>,
    pub iterations: usize,
    pub cost: f64,
    /// Diagonal of the inverse Gram matrix, for standard errors.
    pub inverse_diagonal: Vec<f64>,
}

impl From<Arc<dyn Model>> for Fit {
    fn from(model: Arc<dyn Model>) -> Self {
        Fit { model, training: None }
    }
}

#[async_trait]
pub trait Estimator: Send + Sync {
    async fn fit(&self, host: &dyn MlHost, params: &Params, data: &Frame) -> SparkResult<Fit>;
}

pub trait Transformer: Send + Sync {
    fn transform(&self, params: &Params, input: Columns<'_>) -> SparkResult<TransformOutput>;
}

#[async_trait]
pub trait Evaluator: Send + Sync {
    async fn evaluate(&self, host: &dyn MlHost, params: &Params, data: &Frame) -> SparkResult<f64>;
}

pub trait Model: Send + Sync {
    fn class(&self) -> &'static Class;

    fn transform(&self, params: &Params, input: Columns<'_>) -> SparkResult<TransformOutput>;

    /// `toString`.
    fn describe(&self, params: &Params) -> String;

    /// The value of an attribute or method; none if the class has none of that name.
    fn attribute(&self, params: &Params, name: &str, args: &[MlArg]) -> SparkResult<Option<Literal>>;

    /// What is saved besides the parameters.
    fn store(&self) -> Stored;

    /// Bytes in memory, about.
    fn size(&self) -> usize;

    /// For classes with summaries.
    fn summarize(&self) -> Option<&dyn Summarize> {
        None
    }
}

/// A model with its parameters.
#[derive(Clone)]
pub struct Fitted {
    pub params: Params,
    pub model: Arc<dyn Model>,
}

impl Fitted {
    pub fn with(&self, params: &[(String, Literal)]) -> SparkResult<Fitted> {
        Ok(Fitted { params: self.params.clone().with(params)?, model: self.model.clone() })
    }

    pub fn transform(&self, input: Columns<'_>) -> SparkResult<TransformOutput> {
        self.model.transform(&self.params, input)
    }

    pub async fn predictions(&self, host: &dyn MlHost, dataset: Relation) -> SparkResult<Frame> {
        let frame = host.analyze(dataset).await?;
        let output = self.transform(frame.columns())?;
        frame.with(output)
    }
}

/// Rows of a saved model: a few values, by name.
#[derive(Debug, Clone, PartialEq)]
pub struct Stored {
    pub fields: Vec<(&'static str, vonk_plan::DataType)>,
    pub rows: Vec<Vec<Literal>>,
}

impl Stored {
    /// One row.
    pub fn row(values: Vec<(&'static str, Literal)>) -> Stored {
        let fields = values.iter().map(|(n, v)| (*n, v.data_type())).collect();
        Stored { fields, rows: vec![values.into_iter().map(|(_, v)| v).collect()] }
    }

    pub fn schema(&self) -> StructType {
        StructType::new(self.fields.iter().map(|(n, t)| StructField::new(*n, t.clone(), true)))
    }

    pub fn to_batch(&self) -> SparkResult<RecordBatch> {
        let schema = self.schema();
        let columns: SparkResult<Vec<_>> = (0..self.fields.len())
            .map(|i| {
                let column: Vec<_> = self.rows.iter().filter_map(|r| r.get(i).cloned()).collect();
                let t = self.fields.get(i).map(|(_, t)| t.clone()).unwrap_or(vonk_plan::DataType::Null);
                vonk_expr::literal::array_of(&t, &column)
            })
            .collect();
        let arrow = Arc::new(vonk_expr::arrow_types::to_arrow_schema(&schema));
        RecordBatch::try_new(arrow, columns?).map_err(crate::linalg::column::arrow_error)
    }

    /// The first row's value of that name.
    pub fn get(&self, name: &str) -> SparkResult<&Literal> {
        let at = self.fields.iter().position(|(n, _)| *n == name);
        at.and_then(|i| self.rows.first()?.get(i))
            .ok_or_else(|| SparkError::internal(format!("the saved model has no {name}")))
    }

    /// All rows' values of that name.
    pub fn all(&self, name: &str) -> SparkResult<Vec<&Literal>> {
        let at = self.fields.iter().position(|(n, _)| *n == name);
        let at = at.ok_or_else(|| SparkError::internal(format!("the saved model has no {name}")))?;
        Ok(self.rows.iter().filter_map(|r| r.get(at)).collect())
    }
}
