//! The model of k-means, and its summary.

use std::sync::Arc;

use async_trait::async_trait;
use vonk_common::{SparkError, SparkResult};
use vonk_plan::relation::MlArg;
use vonk_plan::types::DataType;
use vonk_plan::{Expr as PlanExpr, Literal};

use super::assign::Assign;
use super::kmeans::{MODEL, features};
use crate::aggregate::kmeans::{Centres, Measure};
use crate::attributes::Attribute;
use crate::classification::logistic_model::vector_argument;
use crate::frame::{Columns, double};
use crate::function::call;
use crate::host::MlHost;
use crate::linalg::udt::{number, vector_type};
use crate::linalg::{Matrix, Vector};
use crate::operator::{Class, Model, Stored, TransformOutput};
use crate::params::Params;
use crate::summary::{Answer, Summarize, Summary};

pub const MODEL_NAME: &str = "org.apache.spark.ml.clustering.KMeansModel";

pub struct KMeansModel {
    pub centres: Centres,
    pub measure: Measure,
}

pub fn load(stored: &Stored) -> SparkResult<Arc<dyn Model>> {
    let numbers = stored.all("clusterIdx")?;
    let vectors = stored.all("clusterCenter")?;
    let mut rows: Vec<(f64, Vec<f64>)> = vec![];
    for (n, v) in numbers.into_iter().zip(vectors) {
        let n = number(n).ok_or_else(|| SparkError::internal("clusterIdx"))?;
        rows.push((n, Vector::from_literal(v)?.to_dense()));
    }
    rows.sort_by(|a, b| a.0.total_cmp(&b.0));
    let width = rows.first().map_or(0, |r| r.1.len());
    let values = rows.into_iter().flat_map(|(_, c)| c).collect();
    // The measure is a parameter; `transform` takes it from there.
    Ok(Arc::new(KMeansModel { centres: Centres::new(Measure::Euclidean, width, values), measure: Measure::Euclidean }))
}

impl KMeansModel {
    fn centres(&self, params: &Params) -> SparkResult<Centres> {
        let measure = super::kmeans::measure(params)?;
        if measure == self.measure {
            return Ok(self.centres.clone());
        }
        Ok(Centres::new(measure, self.centres.width, self.centres.values.to_vec()))
    }
}

impl Model for KMeansModel {
    fn class(&self) -> &'static Class {
        &MODEL
    }

    fn transform(&self, params: &Params, input: Columns<'_>) -> SparkResult<TransformOutput> {
        let function = Assign { centres: self.centres(params)? };
        let mut expr = call(function, vec![features(input, params)?], false);
        expr.metadata = Some(Attribute::nominal_count(self.centres.len()).metadata());
        Ok(TransformOutput::column(params.string("predictionCol")?, expr))
    }

    fn describe(&self, params: &Params) -> String {
        format!(
            "KMeansModel: uid={}, k={}, distanceMeasure={}, numFeatures={}",
            params.uid,
            self.centres.len(),
            params.string("distanceMeasure").unwrap_or_default(),
            self.centres.width
        )
    }

    fn attribute(&self, params: &Params, name: &str, args: &[MlArg]) -> SparkResult<Option<Literal>> {
        Ok(Some(match name {
            "clusterCenterMatrix" => {
                let values = self.centres.values.to_vec();
                Matrix::from_rows(self.centres.len(), self.centres.width, values).to_literal()
            }
            "numFeatures" => Literal::Int(self.centres.width as i32),
            "predict" => {
                let vector = vector_argument(args)?;
                Literal::Int(self.centres(params)?.nearest(&vector.as_row()).0 as i32)
            }
            _ => return Ok(None),
        }))
    }

    fn store(&self) -> Stored {
        let row = |(i, c): (usize, &[f64])| vec![Literal::Int(i as i32), Vector::Dense(c.to_vec()).to_literal()];
        Stored {
            fields: vec![("clusterIdx", DataType::Int), ("clusterCenter", vector_type())],
            rows: self.centres.iter().enumerate().map(row).collect(),
        }
    }

    fn size(&self) -> usize {
        200 + 8 * self.centres.values.len()
    }

    fn summarize(&self) -> Option<&dyn Summarize> {
        Some(self)
    }
}

#[async_trait]
impl Summarize for KMeansModel {
    async fn summarize(
        &self,
        host: &dyn MlHost,
        summary: &Summary,
        name: &str,
        _: &[MlArg],
    ) -> SparkResult<Option<Answer>> {
        let params = &summary.fitted.params;
        let integer = |n: usize| Ok(Some(Answer::Value(Literal::Int(n as i32))));
        match name {
            "predictionCol" | "featuresCol" => summary.param(name).map(Some),
            "predictions" => Ok(Some(Answer::Relation(Box::new(summary.predictions())))),
            "cluster" => {
                let column = PlanExpr::column(params.string("predictionCol")?);
                Ok(Some(Answer::Relation(Box::new(summary.predictions().project(vec![column])))))
            }
            "k" => integer(self.centres.len()),
            "numIter" => integer(summary.training.as_ref().map_or(0, |t| t.iterations)),
            "trainingCost" => Ok(summary.training.as_ref().map(|t| Answer::from(t.cost))),
            "clusterSizes" => {
                let pass = crate::aggregate::confusion::Confusion { eps: 0.0 };
                let prediction = params.string("predictionCol")?;
                let columns = |f: &crate::host::Frame| {
                    let column = double(f.columns().get(&prediction)?);
                    Ok(vec![column.clone(), column, datafusion::logical_expr::lit(1.0)])
                };
                let found = crate::aggregate::confusion::Found::decode(&summary.pass(host, pass, columns).await?)?;
                let mut sizes = vec![0i64; self.centres.len()];
                for (_, cluster, count) in found.cells() {
                    if let Some(size) = sizes.get_mut(cluster as usize) {
                        *size = count as i64;
                    }
                }
                let sizes = sizes.into_iter().map(Literal::Long).collect();
                Ok(Some(Answer::Value(Literal::Array(DataType::Long, sizes))))
            }
            _ => Ok(None),
        }
    }
}
