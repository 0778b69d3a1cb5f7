//! `map_filter`, `transform_keys`, `transform_values`, `map_zip_with`.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, BooleanArray, MapArray, UInt32Array};
use datafusion::arrow::compute::{concat, take};
use datafusion::common::Result as DfResult;
use vonk_common::{SparkError, SparkResult};
use vonk_expr::cast::can_null;
use vonk_expr::lambda::HigherOrderArg;
use vonk_expr::spec::Body;
use vonk_expr::{Call, FnContext, FunctionSpec, TypedExpr, exec_err};
use vonk_plan::types::DataType;

use super::udf::{HigherOrder, Lambdas, build};
use super::{arity, bind, boolean, parameter, value};
use crate::map::construct::{MapTaker, check_key};
use crate::rows::{element_keys, rows_of};

pub(crate) static FUNCTIONS: &[&HigherOrder] = &[&MAP_FN, &ZIP_FN];

static MAP_FN: HigherOrder = HigherOrder { name: "map_lambda", eval: eval_map, until_null_of: 1 };
static ZIP_FN: HigherOrder = HigherOrder { name: "map_zip_with", eval: eval_zip, until_null_of: 2 };

pub static MAP_FILTER: FunctionSpec =
    FunctionSpec::new("map_filter", "lambda_funcs", Body::HigherOrder(|c, a| build_map(c, a, "filter")))
        .usage("map_filter(map, p) - the entries for which p(key, value) holds");
pub static TRANSFORM_KEYS: FunctionSpec =
    FunctionSpec::new("transform_keys", "lambda_funcs", Body::HigherOrder(|c, a| build_map(c, a, "keys")))
        .usage("transform_keys(map, f) - the map with each key replaced by f(key, value)");
pub static TRANSFORM_VALUES: FunctionSpec =
    FunctionSpec::new("transform_values", "lambda_funcs", Body::HigherOrder(|c, a| build_map(c, a, "values")))
        .usage("transform_values(map, f) - the map with each value replaced by f(key, value)");
pub static MAP_ZIP_WITH: FunctionSpec = FunctionSpec::new("map_zip_with", "lambda_funcs", Body::HigherOrder(build_zip))
    .usage("map_zip_with(a, b, f) - for each key of either map f(key, value in a, value in b)");

fn map_value(ctx: &FnContext, arg: Option<HigherOrderArg>) -> SparkResult<(TypedExpr, DataType, DataType, bool)> {
    let v = value(ctx, arg)?;
    match v.data_type.clone() {
        DataType::Map(k, x, n) => Ok((v, *k, *x, n)),
        _ => Err(ctx.unexpected_type(&[v], 0, "\"MAP\"")),
    }
}

fn as_map(array: &ArrayRef) -> DfResult<&MapArray> {
    array.as_any().downcast_ref::<MapArray>().ok_or_else(|| exec_err(SparkError::internal("not a map")))
}

fn policy(ctx: &FnContext) -> String {
    ctx.facts.conf.get("spark.sql.mapKeyDedupPolicy").unwrap_or("EXCEPTION").to_string()
}

fn build_map(ctx: &FnContext, args: Vec<HigherOrderArg>, which: &str) -> SparkResult<TypedExpr> {
    arity(ctx, args.len(), &[2])?;
    let mut args = args.into_iter();
    let (map, k, v, n) = map_value(ctx, args.next())?;
    let lambda = bind(ctx, args.next(), &[parameter(&k, false), parameter(&v, n)], 2)?;
    let body = (lambda.body.data_type.clone(), lambda.body.nullable);
    let ty = match which {
        "filter" => {
            boolean(ctx, &[&map], &lambda)?;
            map.data_type.clone()
        }
        "keys" => {
            check_key(ctx, &[map.clone(), lambda.body.clone()], &body.0)?;
            DataType::map(body.0, v, n)
        }
        _ => DataType::map(k, body.0, body.1),
    };
    let nullable = map.nullable;
    Ok(build(ctx, &MAP_FN, vec![map], vec![lambda], ty, nullable, vec![which.to_string(), policy(ctx)]))
}

fn eval_map(call: &Call, lambdas: &Lambdas, values: &[ArrayRef], rows: usize) -> DfResult<ArrayRef> {
    let map = as_map(&values[0])?;
    let offsets = map.value_offsets();
    let spans: Vec<_> =
        (0..rows).map(|r| if map.is_null(r) { 0..0 } else { offsets[r] as usize..offsets[r + 1] as usize }).collect();
    let picked: UInt32Array = spans.iter().cloned().flatten().map(|j| j as u32).collect::<Vec<_>>().into();
    let from: UInt32Array =
        spans.iter().enumerate().flat_map(|(r, s)| std::iter::repeat_n(r as u32, s.len())).collect::<Vec<_>>().into();
    let (keys, vals) = (take(map.keys(), &picked, None)?, take(map.values(), &picked, None)?);
    let out = lambdas.evaluate(0, &[keys.clone(), vals.clone()], &from)?;
    let (keys, vals) = match call.param(0) {
        "keys" => (out.clone(), vals),
        "values" => (keys, out.clone()),
        _ => (keys, vals),
    };
    let keep = match call.param(0) {
        "filter" => {
            out.as_any().downcast_ref::<BooleanArray>().cloned().or_else(|| Some(BooleanArray::new_null(out.len())))
        }
        _ => None,
    };
    let mut taker = MapTaker::new(call, call.param(1), keys, vals)?;
    let mut at = 0;
    for (row, span) in spans.iter().enumerate() {
        if map.is_null(row) {
            taker.null();
            continue;
        }
        let range = at..at + span.len();
        at = range.end;
        taker.row(range.filter(|j| keep.as_ref().is_none_or(|k| k.is_valid(*j) && k.value(*j))).map(|j| (j, j)))?;
    }
    taker.finish()
}

fn build_zip(ctx: &FnContext, args: Vec<HigherOrderArg>) -> SparkResult<TypedExpr> {
    arity(ctx, args.len(), &[3])?;
    let mut args = args.into_iter();
    let (a, ka, va, _) = map_value(ctx, args.next())?;
    let (b, kb, vb, _) = map_value(ctx, args.next())?;
    // A key must not become NULL on its way to the common type.
    let common = vonk_expr::coercion::common_type(&ka, &kb, ctx.ansi());
    let Some(key) = common.filter(|key| !can_null(&ka, key) && !can_null(&kb, key)) else {
        return Err(ctx
            .mismatch("MAP_ZIP_WITH_DIFF_TYPES", &[a.clone(), b.clone()])
            .param("functionName", "`map_zip_with`")
            .param("leftType", vonk_common::error::quote_sql(ka.sql()))
            .param("rightType", vonk_common::error::quote_sql(kb.sql())));
    };
    let retyped = |m: TypedExpr, v: &DataType| match &m.data_type {
        DataType::Map(k, _, _) if !k.same_type(&key) => {
            vonk_expr::cast::cast(&ctx.facts, m, &DataType::map(key.clone(), v.clone(), true))
        }
        _ => Ok(m),
    };
    let (a, b) = (retyped(a, &va)?, retyped(b, &vb)?);
    let lambda = bind(ctx, args.next(), &[parameter(&key, false), parameter(&va, true), parameter(&vb, true)], 3)?;
    let ty = DataType::map(key, lambda.body.data_type.clone(), lambda.body.nullable);
    let nullable = a.nullable || b.nullable;
    Ok(build(ctx, &ZIP_FN, vec![a, b], vec![lambda], ty, nullable, vec![policy(ctx)]))
}

fn eval_zip(call: &Call, lambdas: &Lambdas, values: &[ArrayRef], rows: usize) -> DfResult<ArrayRef> {
    let (a, b) = (as_map(&values[0])?, as_map(&values[1])?);
    let (ka, kb) = (a.keys().clone(), b.keys().clone());
    let keys = rows_of(&[&element_keys(call, 0, &ka)?, &element_keys(call, 1, &kb)?])?;
    let span = |m: &MapArray, r: usize| m.value_offsets()[r] as usize..m.value_offsets()[r + 1] as usize;
    let (mut key, mut left, mut right, mut from, mut lengths) = (vec![], vec![], vec![], vec![], vec![]);
    for row in 0..rows {
        let start = key.len();
        if !a.is_null(row) && !b.is_null(row) {
            let (sa, sb) = (span(a, row), span(b, row));
            let mut matched = vec![false; sb.len()];
            for i in sa {
                let other = sb.clone().find(|j| keys[1].row(*j) == keys[0].row(i));
                if let Some(j) = other {
                    matched[j - sb.start] = true;
                }
                key.push(i as u32);
                left.push(Some(i as u32));
                right.push(other.map(|j| j as u32));
                from.push(row as u32);
            }
            for j in sb.clone().filter(|j| !matched[j - sb.start]) {
                key.push((ka.len() + j) as u32);
                left.push(None);
                right.push(Some(j as u32));
                from.push(row as u32);
            }
        }
        lengths.push(key.len() - start);
    }
    let pool = concat(&[ka.as_ref(), kb.as_ref()])?;
    let keys = take(&pool, &UInt32Array::from(key), None)?;
    let left = take(a.values(), &UInt32Array::from(left), None)?;
    let right = take(b.values(), &UInt32Array::from(right), None)?;
    let out = lambdas.evaluate(0, &[keys.clone(), left, right], &from.into())?;
    let mut taker = MapTaker::new(call, call.param(0), keys, out)?;
    let mut at = 0;
    for (row, n) in lengths.into_iter().enumerate() {
        match a.is_null(row) || b.is_null(row) {
            true => taker.null(),
            false => taker.row((at..at + n).map(|j| (j, j)))?,
        }
        at += n;
    }
    taker.finish().map(|m| Arc::clone(&m))
}
