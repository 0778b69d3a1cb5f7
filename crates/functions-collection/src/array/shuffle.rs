//! `shuffle`: the elements in random order; with a seed, in the order that Spark gives for it.
//!
//! A kernel keeps nothing between batches, so the generators of running queries live in
//! [`STREAMS`], under the number that the call got when it was analysed.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use datafusion::arrow::array::Array;
use datafusion::common::{Result as DfResult, ScalarValue};
use datafusion::logical_expr::ColumnarValue;
use vonk_common::{SparkError, SparkResult};
use vonk_expr::context::Nullability;
use vonk_expr::{Call, FnContext, FunctionSpec, Kernel, SqlText, TypedExpr, Want};
use vonk_plan::types::DataType;

use super::mersenne::MersenneTwister;
use crate::lists::{ListTaker, item_field, list_arg, range};

static SHUFFLE_KERNEL: Kernel = Kernel::volatile("shuffle", eval);

pub static SHUFFLE: FunctionSpec = FunctionSpec::scalar("shuffle", "array_funcs", build)
    .usage("shuffle(array[, seed]) - the elements of the array in random order")
    .kernels(&[&SHUFFLE_KERNEL])
    .literal_nulls();

static STREAMS: Mutex<BTreeMap<u64, MersenneTwister>> = Mutex::new(BTreeMap::new());
static NEXT: AtomicU64 = AtomicU64::new(0);
/// Oldest streams go first; their queries are over long since.
const MOST_STREAMS: usize = 4_000;

fn build(ctx: &FnContext, mut args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    ctx.arity(&args, 1..=2)?;
    let seed = match args.get(1) {
        Some(arg) => seed(ctx, arg)?,
        None => rand::random(),
    };
    args.truncate(1);
    let sql = SqlText::call(&ctx.name, args.iter().map(|a| a.sql.clone()));
    if args[0].data_type == DataType::Null {
        args[0] = vonk_expr::cast::cast(&ctx.facts, args[0].clone(), &DataType::array(DataType::Null, true))?;
    }
    let args = ctx.coerce(args, 1, &[Want::AnyArray])?;
    let ty = args[0].data_type.clone();
    let stream = NEXT.fetch_add(1, Ordering::Relaxed);
    let mut out =
        ctx.call_with(&SHUFFLE_KERNEL, args, ty, Nullability::Args, vec![seed.to_string(), stream.to_string()]);
    out.sql = sql;
    Ok(out)
}

fn seed(ctx: &FnContext, arg: &TypedExpr) -> SparkResult<i64> {
    match arg.as_literal() {
        Some(ScalarValue::Int64(Some(v))) => Ok(*v),
        Some(ScalarValue::Int32(Some(v))) => Ok(i64::from(*v)),
        Some(v) if v.is_null() => Ok(rand::random()),
        _ => Err(SparkError::new("INVALID_PARAMETER_VALUE.LONG")
            .param("functionName", "`shuffle`")
            .param("parameter", "`seed`")
            .param("invalidValue", arg.quoted_sql())
            .at(arg.origin.clone().or_else(|| ctx.origin.clone()))),
    }
}

fn eval(call: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let list = list_arg(args, 0, rows)?;
    let id: u64 = call.param(1).parse().unwrap_or_default();
    let mut streams = STREAMS.lock().unwrap_or_else(PoisonError::into_inner);
    if !streams.contains_key(&id) && streams.len() >= MOST_STREAMS {
        streams.pop_first();
    }
    let fresh = || MersenneTwister::new(call.param(0).parse().unwrap_or_default());
    let random = streams.entry(id).or_insert_with(fresh);
    let mut taker = ListTaker::new(vec![list.values().clone()], rows);
    let mut order: Vec<usize> = vec![];
    for row in 0..rows {
        if list.is_null(row) {
            taker.end_null();
            continue;
        }
        let elements = range(&list, row);
        order.clear();
        for i in 0..elements.len() {
            let j = random.below(i as u32 + 1) as usize;
            order.push(i);
            order.swap(i, j);
        }
        order.iter().for_each(|i| taker.push(0, elements.start + i));
        taker.end_row();
    }
    drop(streams);
    Ok(ColumnarValue::Array(taker.finish(item_field(&call.arrow_return_type())?)?))
}
