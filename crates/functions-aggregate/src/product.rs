//! `product`: the product of a group as DOUBLE. The DataFrame API has it, SQL text does not
//! (Spark's `Product`).

use datafusion::arrow::array::{ArrayRef, AsArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType as Arrow, Float64Type};
use datafusion::common::{DataFusionError, Result as DfResult, ScalarValue};
use datafusion::logical_expr::Accumulator;
use vonk_common::SparkResult;
use vonk_expr::{AggregateCall, Body, FnContext, FunctionSpec, INTERNAL, TypedExpr, Want};
use vonk_plan::types::DataType;

use crate::build::{coerced, text, typed};
use crate::udaf::{Aggregate, AggregateCallData};

pub const SPECS: &[&FunctionSpec] =
    &[&FunctionSpec::new("product", INTERNAL, Body::Aggregate(build))
        .usage("product(expr) - The product over a group.")];

pub static PRODUCT: Aggregate = Aggregate {
    name: "product",
    state: |_| vec![Arrow::Float64],
    accumulator: |_| Ok(Box::new(Product(None))),
    groups: None,
};

fn build(ctx: &FnContext, call: AggregateCall) -> SparkResult<TypedExpr> {
    ctx.arity(&call.args, 1..=1)?;
    let sql = text(ctx, &call, &call.args);
    let args = coerced(ctx, &call, 1, &[Want::Type(DataType::Double)])?;
    let data = AggregateCallData::new(ctx, &PRODUCT, vec![DataType::Double], DataType::Double);
    Ok(typed(&call, data, &args, true, sql))
}

/// NULL until there is a value.
#[derive(Debug)]
struct Product(Option<f64>);

impl Accumulator for Product {
    fn update_batch(&mut self, values: &[ArrayRef]) -> DfResult<()> {
        let Some(values) = values.first() else {
            return Err(DataFusionError::Internal("product of one".into()));
        };
        let values = cast(values, &Arrow::Float64)?;
        for v in values.as_primitive::<Float64Type>().iter().flatten() {
            self.0 = Some(self.0.unwrap_or(1.0) * v);
        }
        Ok(())
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> DfResult<()> {
        self.update_batch(states)
    }

    fn state(&mut self) -> DfResult<Vec<ScalarValue>> {
        Ok(vec![ScalarValue::Float64(self.0)])
    }

    fn evaluate(&mut self) -> DfResult<ScalarValue> {
        Ok(ScalarValue::Float64(self.0))
    }

    fn size(&self) -> usize {
        size_of_val(self)
    }
}
