//! `count_min_sketch`: counts of values in a table of hashed rows, in the bytes that Spark writes.

use datafusion::arrow::array::{Array, ArrayRef, AsArray, BinaryArray};
use datafusion::arrow::compute::cast as arrow_cast;
use datafusion::arrow::datatypes::{DataType as Arrow, Int64Type};
use datafusion::common::{Result as DfResult, ScalarValue};
use datafusion::logical_expr::Accumulator;
use vonk_common::{SparkError, SparkResult};
use vonk_expr::random::{Bits, JavaRandom};
use vonk_expr::{AggregateCall, Body, FnContext, FunctionSpec, TypedExpr, Want};
use vonk_functions_math::hash::murmur3;
use vonk_plan::types::DataType;

use crate::build::{text, typed, unexpected};
use crate::groups::column;
use crate::udaf::{Aggregate, AggregateCallData};

pub const SPECS: &[&FunctionSpec] = &[&FunctionSpec::new("count_min_sketch", "agg_funcs", Body::Aggregate(build))
    .parameters(&["column", "epsilon", "confidence", "seed"])
    .usage("count_min_sketch(col, eps, confidence, seed) - A count-min sketch of the values.")
    .literal_nulls()];

/// Parameters: depth, width, seed.
pub static COUNT_MIN: Aggregate = Aggregate {
    name: "spark_count_min_sketch",
    state: |_| vec![Arrow::Binary],
    accumulator: |c| Ok(Box::new(Sketch::new(c))),
    groups: None,
};

fn build(ctx: &FnContext, call: AggregateCall) -> SparkResult<TypedExpr> {
    ctx.arity(&call.args, 4..=4)?;
    let sql = text(ctx, &call, &call.args);
    let [value, eps, confidence, seed] = call.args.as_slice() else {
        return Err(SparkError::internal("count-min of four"));
    };
    if !(value.data_type.is_integral() || value.data_type.is_string() || value.data_type == DataType::Binary) {
        return Err(unexpected(ctx, &sql, 0, "(\"INTEGRAL\" or \"STRING\" or \"BINARY\")", value));
    }
    for (i, n) in [(1, eps), (2, confidence)] {
        if !matches!(n.data_type, DataType::Double | DataType::Null) {
            return Err(unexpected(ctx, &sql, i, "\"DOUBLE\"", n));
        }
    }
    let numbers = ctx.coerce(vec![eps.clone(), confidence.clone()], 2, &[Want::DOUBLE, Want::DOUBLE])?;
    let mut constants = vec![];
    for n in &numbers {
        match n.constant()? {
            Some(ScalarValue::Float64(Some(v))) if v > 0.0 => constants.push(v),
            _ => {
                return Err(SparkError::new("DATATYPE_MISMATCH.VALUE_OUT_OF_RANGE")
                    .param("sqlExpr", vonk_common::error::quote_sql(&sql))
                    .param("exprName", "eps")
                    .param("valueRange", "(0.0, 1.7976931348623157E308]")
                    .param("currentValue", n.quoted_sql())
                    .at(ctx.origin.clone()));
            }
        }
    }
    let [eps, confidence] = constants.as_slice() else { return Err(SparkError::internal("two constants")) };
    if !matches!(seed.data_type, DataType::Int | DataType::Long) {
        return Err(unexpected(ctx, &sql, 3, "(\"INT\" or \"BIGINT\")", seed));
    }
    // A wide seed is cut to 32 bits.
    let seed = super::whole(&super::parameter(ctx, &sql, &call.args, 3, "seed")?) as i32;
    let width = (2.0 / eps).ceil() as i64;
    let depth = (-(1.0 - confidence).ln() / 2f64.ln()).ceil() as i64;
    let params = vec![depth.to_string(), width.to_string(), seed.to_string()];
    let data = AggregateCallData::new(ctx, &COUNT_MIN, vec![value.data_type.clone()], DataType::Binary);
    Ok(typed(&call, data.with_params(params), std::slice::from_ref(value), false, sql))
}

#[derive(Debug)]
struct Sketch {
    total: i64,
    width: usize,
    factors: Vec<i64>,
    table: Vec<i64>,
}

impl Sketch {
    fn new(call: &AggregateCallData) -> Self {
        let depth: usize = call.param(0).parse().unwrap_or(1);
        let width: usize = call.param(1).parse().unwrap_or(1).max(1);
        let mut random = JavaRandom::new(call.param(2).parse().unwrap_or(0));
        let factors = (0..depth).map(|_| i64::from(random.next_below(i32::MAX))).collect();
        Sketch { total: 0, width, factors, table: vec![0; depth * width] }
    }

    fn count(&mut self, row: usize, bucket: usize) {
        if let Some(cell) = self.table.get_mut(row * self.width + bucket) {
            *cell += 1;
        }
    }

    fn add_number(&mut self, v: i64) {
        for row in 0..self.factors.len() {
            let factor = self.factors.get(row).copied().unwrap_or(0);
            let mut hash = factor.wrapping_mul(v);
            hash = hash.wrapping_add(hash >> 32) & i64::from(i32::MAX);
            self.count(row, hash as usize % self.width);
        }
        self.total += 1;
    }

    fn add_bytes(&mut self, v: &[u8]) {
        let first = murmur3::bytes(v, 0);
        let second = murmur3::bytes(v, first);
        for row in 0..self.factors.len() {
            let hash = first.wrapping_add((row as i32).wrapping_mul(second)) % self.width as i32;
            self.count(row, hash.unsigned_abs() as usize);
        }
        self.total += 1;
    }

    fn to_bytes(&self) -> Vec<u8> {
        let mut out = 1i32.to_be_bytes().to_vec();
        out.extend(self.total.to_be_bytes());
        out.extend((self.factors.len() as i32).to_be_bytes());
        out.extend((self.width as i32).to_be_bytes());
        self.factors.iter().chain(&self.table).for_each(|v| out.extend(v.to_be_bytes()));
        out
    }
}

impl Accumulator for Sketch {
    fn update_batch(&mut self, values: &[ArrayRef]) -> DfResult<()> {
        let Some(values) = values.first() else { return Ok(()) };
        match values.data_type() {
            Arrow::Utf8 => values.as_string::<i32>().iter().flatten().for_each(|v| self.add_bytes(v.as_bytes())),
            Arrow::Binary => values.as_binary::<i32>().iter().flatten().for_each(|v| self.add_bytes(v)),
            _ => {
                let wide = arrow_cast(values, &Arrow::Int64)?;
                wide.as_primitive::<Int64Type>().iter().flatten().for_each(|v| self.add_number(v));
            }
        }
        Ok(())
    }

    fn evaluate(&mut self) -> DfResult<ScalarValue> {
        Ok(ScalarValue::Binary(Some(self.to_bytes())))
    }

    fn size(&self) -> usize {
        self.table.len() * 8
    }

    fn state(&mut self) -> DfResult<Vec<ScalarValue>> {
        Ok(vec![self.evaluate()?])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> DfResult<()> {
        let all: BinaryArray = column(states, 0)?;
        for bytes in all.iter().flatten() {
            let word = |b: &[u8]| b.try_into().map(i64::from_be_bytes).unwrap_or(0);
            self.total += bytes.get(4..12).map_or(0, word);
            let table = bytes.get(20 + self.factors.len() * 8..).unwrap_or_default();
            for (cell, other) in self.table.iter_mut().zip(table.chunks_exact(8)) {
                *cell += word(other);
            }
        }
        Ok(())
    }
}
