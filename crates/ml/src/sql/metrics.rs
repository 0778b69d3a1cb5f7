//! `aggregate_metrics`: the Summarizer's statistics of a column of vectors, in one pass.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, Int64Array, StructArray};
use datafusion::arrow::datatypes::DataType as Arrow;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::lit;
use vonk_common::{SparkError, SparkResult};
use vonk_expr::arrow_types::to_arrow;
use vonk_expr::spec::Body;
use vonk_expr::{AggregateCall, FnContext, FunctionSpec, SqlText, TypedExpr};
use vonk_plan::types::{DataType, StructField};

use crate::aggregate::PassUdaf;
use crate::aggregate::moments::{Found, Labels, Moments};
use crate::error::illegal_argument;
use crate::frame::double;
use crate::function::{RowFunction, arg, call};
use crate::linalg::VectorBuilder;
use crate::linalg::udt::{is_vector, vector_type};
use crate::wire::{Reader, Writer};

pub static AGGREGATE_METRICS: FunctionSpec =
    FunctionSpec::new("aggregate_metrics", vonk_expr::INTERNAL, Body::Aggregate(aggregate_metrics))
        .usage("aggregate_metrics(names, vectors, weights) - Statistics of vectors by name: mean, sum, variance, std, count, numNonZeros, max, min, normL1, normL2.");

const METRICS: &[&str] = &["mean", "sum", "variance", "std", "count", "numNonZeros", "max", "min", "normL1", "normL2"];

fn aggregate_metrics(ctx: &FnContext, call_: AggregateCall) -> SparkResult<TypedExpr> {
    ctx.arity(&call_.args, 3..=3)?;
    let [names, features, weight] = call_.args.as_slice() else { return Err(SparkError::internal("three arguments")) };
    let names = match names.constant()? {
        Some(ScalarValue::List(list)) => crate::function::as_strings(&list.value(0))?,
        _ => return Err(illegal_argument("the names of the metrics have to be constant")),
    };
    let names: Vec<String> = names.iter().flatten().map(str::to_string).collect();
    if let Some(wrong) = names.iter().find(|n| !METRICS.contains(&n.as_str())) {
        return Err(illegal_argument(format!("requirement failed: Metric {wrong} cannot be found.")));
    }
    if !is_vector(&features.data_type) {
        return Err(ctx.unexpected_type(&call_.args, 1, "\"VECTOR\""));
    }
    let udaf = Arc::new(PassUdaf::udaf(Arc::new(Moments { labels: Labels::Ignored })));
    let state = call_.aggregate(udaf, vec![features.expr.clone(), lit(0.0), double(weight)]);
    let mut out = call(Metrics { names }, vec![state], false);
    out.sql = SqlText::call("aggregate_metrics", [features.sql.clone(), weight.sql.clone()]);
    Ok(out)
}

pub const NAME: &str = "ml_metrics";

/// The state of the moments as the metrics asked for.
#[derive(Debug)]
struct Metrics {
    names: Vec<String>,
}

pub fn decode(bytes: &[u8]) -> SparkResult<Arc<dyn RowFunction>> {
    Ok(Arc::new(Metrics { names: Reader::new(bytes).strs()? }))
}

impl RowFunction for Metrics {
    fn name(&self) -> &'static str {
        NAME
    }

    fn encode(&self) -> Vec<u8> {
        Writer::new().strs(&self.names).done()
    }

    fn result(&self) -> DataType {
        let field =
            |n: &String| StructField::new(n.as_str(), if n == "count" { DataType::Long } else { vector_type() }, false);
        DataType::structure(self.names.iter().map(field))
    }

    fn eval(&self, args: &[ArrayRef], _: usize) -> SparkResult<ArrayRef> {
        let states =
            arg(args, 0)?.as_binary_opt::<i32>().ok_or_else(|| SparkError::internal("a state was expected"))?;
        let found = states.iter().map(|s| s.map(Found::decode).transpose()).collect::<SparkResult<Vec<_>>>()?;
        let mut columns: Vec<ArrayRef> = vec![];
        for name in &self.names {
            if name == "count" {
                let counts = found.iter().map(|f| Some(f.as_ref().map_or(0, |f| f.rows as i64)));
                columns.push(Arc::new(counts.collect::<Int64Array>()));
                continue;
            }
            let mut out = VectorBuilder::default();
            for f in &found {
                match f.as_ref().filter(|f| f.rows > 0) {
                    Some(f) => out.push_dense(&values(f, name)),
                    None => {
                        return Err(illegal_argument("requirement failed: Nothing has been added to this summarizer."));
                    }
                }
            }
            columns.push(out.finish()?);
        }
        let Arrow::Struct(fields) = to_arrow(&self.result()) else { return Err(SparkError::internal("struct type")) };
        Ok(Arc::new(StructArray::try_new(fields, columns, None).map_err(crate::linalg::column::arrow_error)?))
    }
}

fn values(f: &Found, name: &str) -> Vec<f64> {
    match name {
        "mean" => f.means(),
        "sum" => f.sums(),
        "variance" => f.variances(),
        "std" => f.deviations(),
        "numNonZeros" => f.non_zeros().to_vec(),
        "max" => f.greatest(),
        "min" => f.least(),
        "normL1" => f.norms_1().to_vec(),
        _ => f.norms_2(),
    }
}
