//! `histogram_numeric`: centres and heights of at most n bins, built value by value: the two
//! nearest bins become one when there are too many.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, Float64Array, IntervalYearMonthArray, StructArray};
use datafusion::arrow::compute::cast as arrow_cast;
use datafusion::arrow::datatypes::{DataType as Arrow, Int32Type};
use datafusion::common::{Result as DfResult, ScalarValue};
use vonk_common::error::quote_sql;
use vonk_common::{SparkError, SparkResult};
use vonk_expr::random::{Bits, JavaRandom};
use vonk_expr::{AggregateCall, Body, FnContext, FunctionSpec, TypedExpr};
use vonk_plan::types::{DataType, StructField};

use crate::build::{as_int, text, typed, unexpected};
use crate::gather::{Gather, list, null, state_types};
use crate::groups::column;
use crate::udaf::{Aggregate, AggregateCallData};

pub const SPECS: &[&FunctionSpec] = &[&FunctionSpec::new("histogram_numeric", "agg_funcs", Body::Aggregate(build))
    .usage("histogram_numeric(expr, nb) - A histogram of nb bins of unequal width.")];

/// Parameter: number of bins.
pub static HISTOGRAM: Aggregate = Aggregate {
    name: "spark_histogram_numeric",
    state: state_types,
    accumulator: |c| Ok(Gather::boxed(c, true, finish, null)),
    groups: None,
};

fn build(ctx: &FnContext, call: AggregateCall) -> SparkResult<TypedExpr> {
    ctx.arity(&call.args, 2..=2)?;
    let sql = text(ctx, &call, &call.args);
    let [value, bins] = call.args.as_slice() else { return Err(SparkError::internal("histogram of two")) };
    let of_days = match value.data_type.is_nanos() {
        true => Some(vonk_expr::cast::cast(&ctx.facts, value.clone(), &DataType::Date)?),
        false => None,
    };
    let value = of_days.as_ref().unwrap_or(value);
    let t = &value.data_type;
    if !(t.is_numeric() || t.is_datetime() || t.is_ansi_interval()) {
        let required = "(\"NUMERIC\" or \"DATE\" or \"TIMESTAMP\" or \"TIMESTAMP_NTZ\" or \"INTERVAL YEAR TO MONTH\" or \"INTERVAL DAY TO SECOND\")";
        return Err(unexpected(ctx, &sql, 0, required, value));
    }
    let Some(bins) = as_int(ctx, bins)? else {
        return Err(unexpected(ctx, &sql, 1, "\"INT\"", bins));
    };
    let n: i64 = match bins.constant()? {
        Some(v) if !v.is_null() => v.to_string().parse().unwrap_or(0),
        Some(_) => {
            return Err(SparkError::new("DATATYPE_MISMATCH.UNEXPECTED_NULL")
                .param("sqlExpr", quote_sql(&sql))
                .param("exprName", "nb")
                .at(ctx.origin.clone()));
        }
        None => {
            return Err(ctx.non_foldable(&sql, "nb", "\"INT\"", &bins));
        }
    };
    if n < 2 {
        return Err(SparkError::new("DATATYPE_MISMATCH.VALUE_OUT_OF_RANGE")
            .param("sqlExpr", quote_sql(&sql))
            .param("exprName", "nb")
            .param("valueRange", "[2, 2147483647]")
            .param("currentValue", n)
            .at(ctx.origin.clone()));
    }
    let bin = DataType::structure([
        StructField::new("x", value.data_type.clone(), true),
        StructField::new("y", DataType::Double, true),
    ]);
    let data = AggregateCallData::new(ctx, &HISTOGRAM, vec![value.data_type.clone()], DataType::array(bin, true))
        .with_params(vec![n.to_string()]);
    Ok(typed(&call, data, std::slice::from_ref(value), true, sql))
}

struct Histogram {
    bins: Vec<(f64, f64)>,
    most: usize,
    random: JavaRandom,
}

impl Histogram {
    fn add(&mut self, v: f64) {
        match self.bins.binary_search_by(|b| b.0.total_cmp(&v)) {
            Ok(i) => {
                if let Some(bin) = self.bins.get_mut(i) {
                    bin.1 += 1.0;
                }
            }
            Err(i) => {
                self.bins.insert(i, (v, 1.0));
                if self.bins.len() > self.most {
                    self.trim();
                }
            }
        }
    }

    /// Joins the two bins that are nearest to each other; among equals one is drawn.
    fn trim(&mut self) {
        let mut best = (f64::INFINITY, 0);
        let mut equal = 1.0;
        for (i, pair) in self.bins.windows(2).enumerate() {
            let [a, b] = pair else { continue };
            let gap = b.0 - a.0;
            if i == 0 || gap < best.0 {
                best = (gap, i);
                equal = 1.0;
            } else if gap == best.0 {
                equal += 1.0;
                if self.random.next_double() <= 1.0 / equal {
                    best.1 = i;
                }
            }
        }
        if best.1 + 1 < self.bins.len() {
            let right = self.bins.remove(best.1 + 1);
            if let Some(left) = self.bins.get_mut(best.1) {
                let height = left.1 + right.1;
                left.0 = left.0 * (left.1 / height) + right.0 / height * right.1;
                left.1 = height;
            }
        }
    }
}

fn finish(call: &AggregateCallData, columns: &[ArrayRef]) -> DfResult<ScalarValue> {
    let Some(values) = columns.first() else { return null(call) };
    let whole = match values.data_type() {
        Arrow::Date32 | Arrow::Interval(_) => Some(Arrow::Int32),
        Arrow::Timestamp(..) | Arrow::Duration(_) => Some(Arrow::Int64),
        _ => None,
    };
    let plain = match &whole {
        Some(_) if matches!(values.data_type(), Arrow::Interval(_)) => {
            Arc::new(column::<IntervalYearMonthArray>(columns, 0)?.reinterpret_cast::<Int32Type>())
        }
        Some(t) => arrow_cast(values, t)?,
        None => values.clone(),
    };
    let numbers: Float64Array = column(&[arrow_cast(&plain, &Arrow::Float64)?], 0)?;
    let most = call.param(0).parse().unwrap_or(2);
    let mut histogram = Histogram { bins: vec![], most, random: JavaRandom::new(31_183) };
    numbers.values().iter().for_each(|v| histogram.add(*v));
    let x: ArrayRef = Arc::new(Float64Array::from_iter_values(histogram.bins.iter().map(|b| b.0)));
    let y: ArrayRef = Arc::new(Float64Array::from_iter_values(histogram.bins.iter().map(|b| b.1)));
    let x = match &whole {
        Some(_) if matches!(values.data_type(), Arrow::Interval(_)) => {
            let centres = histogram.bins.iter().map(|b| b.0 as i32);
            Arc::new(IntervalYearMonthArray::from_iter_values(centres))
        }
        Some(t) => arrow_cast(&arrow_cast(&x, t)?, values.data_type())?,
        None => arrow_cast(&x, values.data_type())?,
    };
    let Arrow::List(item) = call.arrow_return_type() else {
        return Err(call.error(SparkError::internal("a list is due")));
    };
    let Arrow::Struct(fields) = item.data_type() else {
        return Err(call.error(SparkError::internal("bins are due")));
    };
    list(call, Arc::new(StructArray::try_new(fields.clone(), vec![x, y], None)?))
}
