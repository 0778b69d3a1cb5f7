//! `vector_sum` and `vector_avg`: arrays of FLOAT added up place by place, in single precision.
//! Vectors that are NULL or have a NULL in them are left out.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, Float32Array};
use datafusion::arrow::datatypes::{DataType as Arrow, Field, Float32Type, Int64Type};
use datafusion::common::{Result as DfResult, ScalarValue};
use datafusion::logical_expr::Accumulator;
use vonk_common::{SparkError, SparkResult};
use vonk_expr::{AggregateCall, Body, FnContext, FunctionSpec, TypedExpr};
use vonk_plan::types::DataType;

use crate::build::{text, typed, unexpected};
use crate::gather::{list, null};
use crate::udaf::{Aggregate, AggregateCallData};

pub const SPECS: &[&FunctionSpec] = &[
    &FunctionSpec::new("vector_sum", "vector_funcs", Body::Aggregate(|c, a| build(c, a, &VECTOR_SUM)))
        .usage("vector_sum(v) - The sum of vectors, place by place."),
    &FunctionSpec::new("vector_avg", "vector_funcs", Body::Aggregate(|c, a| build(c, a, &VECTOR_AVG)))
        .usage("vector_avg(v) - The mean of vectors, place by place."),
];

pub static VECTOR_SUM: Aggregate =
    Aggregate { name: "spark_vector_sum", state, accumulator: |c| Ok(Places::boxed(c, false)), groups: None };
pub static VECTOR_AVG: Aggregate =
    Aggregate { name: "spark_vector_avg", state, accumulator: |c| Ok(Places::boxed(c, true)), groups: None };

fn item() -> Arc<Field> {
    Arc::new(Field::new("item", Arrow::Float32, true))
}

fn state(_: &AggregateCallData) -> Vec<Arrow> {
    vec![Arrow::List(item()), Arrow::Int64]
}

fn build(ctx: &FnContext, call: AggregateCall, which: &'static Aggregate) -> SparkResult<TypedExpr> {
    ctx.arity(&call.args, 1..=1)?;
    let sql = text(ctx, &call, &call.args);
    let Some(arg) = call.args.first().cloned() else { return Err(SparkError::internal("sum of one")) };
    match &arg.data_type {
        DataType::Array(e, _) if **e == DataType::Float => {}
        _ => return Err(unexpected(ctx, &sql, 0, "\"ARRAY<FLOAT>\"", &arg)),
    }
    let ty = DataType::array(DataType::Float, false);
    let data = AggregateCallData::new(ctx, which, vec![arg.data_type.clone()], ty);
    Ok(typed(&call, data, &[arg], true, sql))
}

/// The sum, or the mean as it stands, and of how many vectors it is.
#[derive(Debug)]
struct Places {
    call: AggregateCallData,
    mean: bool,
    values: Vec<f32>,
    count: i64,
}

impl Places {
    fn boxed(call: &AggregateCallData, mean: bool) -> Box<dyn Accumulator> {
        Box::new(Places { call: call.clone(), mean, values: vec![], count: 0 })
    }

    /// Takes in the sum (the mean) of `count` vectors.
    fn add(&mut self, vector: &Float32Array, count: i64) -> DfResult<()> {
        if vector.null_count() > 0 || count == 0 {
            return Ok(());
        }
        if self.count == 0 {
            self.values = vector.values().to_vec();
            self.count = count;
            return Ok(());
        }
        if vector.len() != self.values.len() {
            let name = if self.mean { "vector_avg" } else { "vector_sum" };
            return Err(self.call.error(
                SparkError::new("VECTOR_DIMENSION_MISMATCH")
                    .param("functionName", vonk_common::error::quote_id([name]))
                    .param("leftDim", self.values.len())
                    .param("rightDim", vector.len()),
            ));
        }
        self.count += count;
        let share = count as f32 / self.count as f32;
        for (own, v) in self.values.iter_mut().zip(vector.values()) {
            *own += match (self.mean, count) {
                (false, _) => *v,
                (true, 1) => (v - *own) / self.count as f32,
                (true, _) => (v - *own) * share,
            };
        }
        Ok(())
    }

    fn wrong(&self) -> datafusion::common::DataFusionError {
        self.call.error(SparkError::internal("vectors are lists of floats"))
    }
}

impl Accumulator for Places {
    fn update_batch(&mut self, values: &[ArrayRef]) -> DfResult<()> {
        let lists = values.first().and_then(|v| v.as_list_opt::<i32>()).ok_or_else(|| self.wrong())?;
        for vector in lists.iter().flatten() {
            let vector = vector.as_primitive_opt::<Float32Type>().ok_or_else(|| self.wrong())?;
            self.add(vector, 1)?;
        }
        Ok(())
    }

    fn evaluate(&mut self) -> DfResult<ScalarValue> {
        match self.count {
            0 => null(&self.call),
            _ => list(&self.call, Arc::new(Float32Array::from(self.values.clone()))),
        }
    }

    fn size(&self) -> usize {
        size_of::<Self>() + self.values.capacity() * size_of::<f32>()
    }

    fn state(&mut self) -> DfResult<Vec<ScalarValue>> {
        let items: Vec<ScalarValue> = self.values.iter().map(|v| ScalarValue::Float32(Some(*v))).collect();
        let list = ScalarValue::new_list(&items, &Arrow::Float32, true);
        Ok(vec![ScalarValue::List(list), ScalarValue::Int64(Some(self.count))])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> DfResult<()> {
        let [lists, counts] = states else { return Err(self.wrong()) };
        let lists = lists.as_list_opt::<i32>().ok_or_else(|| self.wrong())?;
        let counts = counts.as_primitive_opt::<Int64Type>().ok_or_else(|| self.wrong())?;
        for (vector, count) in lists.iter().zip(counts.iter()) {
            let (Some(vector), Some(count)) = (vector, count) else { continue };
            let vector = vector.as_primitive_opt::<Float32Type>().ok_or_else(|| self.wrong())?;
            self.add(vector, count)?;
        }
        Ok(())
    }
}
