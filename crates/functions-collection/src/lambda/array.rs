//! `transform`, `filter`, `exists`, `forall`/`every`-like, `zip_with`: one pass over the elements.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, BooleanArray, Int32Array, ListArray, UInt32Array};
use datafusion::arrow::compute::take;
use datafusion::common::Result as DfResult;
use vonk_common::{SparkError, SparkResult};
use vonk_expr::lambda::HigherOrderArg;
use vonk_expr::spec::Body;
use vonk_expr::{Call, FnContext, FunctionSpec, TypedExpr, exec_err};
use vonk_plan::types::DataType;

use super::udf::{HigherOrder, Lambdas, build};
use super::{arity, bind, boolean, parameter, value};
use crate::lists::{ListTaker, item_field, list_of, range};

pub(crate) static FUNCTIONS: &[&HigherOrder] = &[&TRANSFORM_FN, &FILTER_FN, &MATCH_FN, &ZIP_FN];

static TRANSFORM_FN: HigherOrder = HigherOrder { name: "transform", eval: eval_transform, until_null_of: 1 };
static FILTER_FN: HigherOrder = HigherOrder { name: "filter", eval: eval_filter, until_null_of: 1 };
static MATCH_FN: HigherOrder = HigherOrder { name: "array_match", eval: eval_match, until_null_of: 1 };
static ZIP_FN: HigherOrder = HigherOrder { name: "zip_with", eval: eval_zip, until_null_of: 2 };

pub static TRANSFORM: FunctionSpec = FunctionSpec::new("transform", "lambda_funcs", Body::HigherOrder(build_transform))
    .usage("transform(array, f) - the array of f(element) or f(element, index)");
pub static FILTER: FunctionSpec = FunctionSpec::new("filter", "lambda_funcs", Body::HigherOrder(build_filter))
    .usage("filter(array, p) - the elements for which p(element) or p(element, index) holds");
pub static EXISTS: FunctionSpec =
    FunctionSpec::new("exists", "lambda_funcs", Body::HigherOrder(|c, a| build_match(c, a, "exists")))
        .usage("exists(array, p) - true when p holds for some element");
pub static FORALL: FunctionSpec =
    FunctionSpec::new("forall", "lambda_funcs", Body::HigherOrder(|c, a| build_match(c, a, "forall")))
        .usage("forall(array, p) - true when p holds for every element");
pub static ZIP_WITH: FunctionSpec = FunctionSpec::new("zip_with", "lambda_funcs", Body::HigherOrder(build_zip))
    .usage("zip_with(a, b, f) - the array of f(a[i], b[i]), the shorter array filled up with NULLs");

/// The array argument with its element type.
pub(super) fn array_value(ctx: &FnContext, arg: Option<HigherOrderArg>) -> SparkResult<(TypedExpr, DataType, bool)> {
    let v = value(ctx, arg)?;
    match v.data_type.clone() {
        DataType::Array(e, n) => Ok((v, *e, n)),
        _ => Err(ctx.unexpected_type(&[v], 0, "\"ARRAY\"")),
    }
}

pub(super) fn as_list(array: &ArrayRef) -> DfResult<&ListArray> {
    array.as_any().downcast_ref::<ListArray>().ok_or_else(|| exec_err(SparkError::internal("not a list")))
}

/// The elements that rows of the list really have, the row and the place in it of each.
pub(super) struct Elements {
    pub values: ArrayRef,
    pub rows: UInt32Array,
    pub places: Int32Array,
    pub lengths: Vec<usize>,
    pub valid: Vec<bool>,
}

pub(super) fn elements(list: &ListArray) -> DfResult<Elements> {
    let n = list.len();
    let mut indices = Vec::with_capacity(list.values().len());
    let (mut rows, mut places) = (Vec::with_capacity(indices.capacity()), Vec::with_capacity(indices.capacity()));
    let mut lengths = Vec::with_capacity(n);
    for row in 0..n {
        let r = range(list, row);
        lengths.push(r.len());
        for (p, j) in r.enumerate() {
            indices.push(j as u32);
            rows.push(row as u32);
            places.push(p as i32);
        }
    }
    Ok(Elements {
        values: take(list.values(), &UInt32Array::from(indices), None)?,
        rows: rows.into(),
        places: places.into(),
        lengths,
        valid: (0..n).map(|i| !list.is_null(i)).collect(),
    })
}

impl Elements {
    fn apply(&self, lambdas: &Lambdas) -> DfResult<ArrayRef> {
        let places: ArrayRef = Arc::new(self.places.clone());
        lambdas.evaluate(0, &[self.values.clone(), places], &self.rows)
    }

    fn predicate(&self, lambdas: &Lambdas) -> DfResult<BooleanArray> {
        let out = self.apply(lambdas)?;
        match out.as_any().downcast_ref::<BooleanArray>() {
            Some(b) => Ok(b.clone()),
            // A predicate that is always NULL has type void.
            None => Ok(BooleanArray::new_null(out.len())),
        }
    }
}

fn build_transform(ctx: &FnContext, args: Vec<HigherOrderArg>) -> SparkResult<TypedExpr> {
    arity(ctx, args.len(), &[2])?;
    let mut args = args.into_iter();
    let (array, element, n) = array_value(ctx, args.next())?;
    let lambda = bind(ctx, args.next(), &[parameter(&element, n), parameter(&DataType::Int, false)], 1)?;
    let ty = DataType::array(lambda.body.data_type.clone(), lambda.body.nullable);
    let nullable = array.nullable;
    Ok(build(ctx, &TRANSFORM_FN, vec![array], vec![lambda], ty, nullable, vec![]))
}

fn eval_transform(call: &Call, lambdas: &Lambdas, values: &[ArrayRef], _: usize) -> DfResult<ArrayRef> {
    let e = elements(as_list(&values[0])?)?;
    let out = e.apply(lambdas)?;
    list_of(item_field(&call.arrow_return_type())?, out, e.lengths, e.valid)
}

fn build_filter(ctx: &FnContext, args: Vec<HigherOrderArg>) -> SparkResult<TypedExpr> {
    arity(ctx, args.len(), &[2])?;
    let mut args = args.into_iter();
    let (array, element, n) = array_value(ctx, args.next())?;
    let lambda = bind(ctx, args.next(), &[parameter(&element, n), parameter(&DataType::Int, false)], 1)?;
    boolean(ctx, &[&array], &lambda)?;
    let (ty, nullable) = (array.data_type.clone(), array.nullable);
    Ok(build(ctx, &FILTER_FN, vec![array], vec![lambda], ty, nullable, vec![]))
}

fn eval_filter(call: &Call, lambdas: &Lambdas, values: &[ArrayRef], rows: usize) -> DfResult<ArrayRef> {
    let list = as_list(&values[0])?;
    let e = elements(list)?;
    let keep = e.predicate(lambdas)?;
    let mut taker = ListTaker::new(vec![e.values.clone()], rows);
    let mut j = 0;
    for row in 0..rows {
        if !e.valid[row] {
            taker.end_null();
            continue;
        }
        for _ in 0..e.lengths[row] {
            if keep.is_valid(j) && keep.value(j) {
                taker.push(0, j);
            }
            j += 1;
        }
        taker.end_row();
    }
    taker.finish(item_field(&call.arrow_return_type())?)
}

fn build_match(ctx: &FnContext, args: Vec<HigherOrderArg>, which: &str) -> SparkResult<TypedExpr> {
    arity(ctx, args.len(), &[2])?;
    let mut args = args.into_iter();
    let (array, element, n) = array_value(ctx, args.next())?;
    let lambda = bind(ctx, args.next(), &[parameter(&element, n)], 1)?;
    boolean(ctx, &[&array], &lambda)?;
    let nullable = array.nullable || lambda.body.nullable;
    Ok(build(ctx, &MATCH_FN, vec![array], vec![lambda], DataType::Boolean, nullable, vec![which.to_string()]))
}

fn eval_match(call: &Call, lambdas: &Lambdas, values: &[ArrayRef], rows: usize) -> DfResult<ArrayRef> {
    let e = elements(as_list(&values[0])?)?;
    let found = e.predicate(lambdas)?;
    // `exists` looks for a true, `forall` for a false; a NULL leaves the answer open.
    let looked_for = call.param(0) == "exists";
    let mut j = 0;
    let out: BooleanArray = (0..rows)
        .map(|row| {
            let span = j..j + e.lengths[row];
            j = span.end;
            if !e.valid[row] {
                return None;
            }
            if span.clone().any(|k| found.is_valid(k) && found.value(k) == looked_for) {
                return Some(looked_for);
            }
            (!span.clone().any(|k| found.is_null(k))).then_some(!looked_for)
        })
        .collect();
    Ok(Arc::new(out))
}

fn build_zip(ctx: &FnContext, args: Vec<HigherOrderArg>) -> SparkResult<TypedExpr> {
    arity(ctx, args.len(), &[3])?;
    let mut args = args.into_iter();
    let (a, ta, _) = array_value(ctx, args.next())?;
    let (b, tb, _) = array_value(ctx, args.next())?;
    let lambda = bind(ctx, args.next(), &[parameter(&ta, true), parameter(&tb, true)], 2)?;
    let ty = DataType::array(lambda.body.data_type.clone(), lambda.body.nullable);
    let nullable = a.nullable || b.nullable;
    Ok(build(ctx, &ZIP_FN, vec![a, b], vec![lambda], ty, nullable, vec![]))
}

fn eval_zip(call: &Call, lambdas: &Lambdas, values: &[ArrayRef], rows: usize) -> DfResult<ArrayRef> {
    let (a, b) = (as_list(&values[0])?, as_list(&values[1])?);
    let (mut left, mut right, mut from) = (vec![], vec![], vec![]);
    let (mut lengths, mut valid) = (Vec::with_capacity(rows), Vec::with_capacity(rows));
    for row in 0..rows {
        let both = !a.is_null(row) && !b.is_null(row);
        let (ra, rb) = (range(a, row), range(b, row));
        let n = if both { ra.len().max(rb.len()) } else { 0 };
        for k in 0..n {
            left.push((k < ra.len()).then(|| (ra.start + k) as u32));
            right.push((k < rb.len()).then(|| (rb.start + k) as u32));
            from.push(row as u32);
        }
        lengths.push(n);
        valid.push(both);
    }
    let left = take(a.values(), &UInt32Array::from(left), None)?;
    let right = take(b.values(), &UInt32Array::from(right), None)?;
    let out = lambdas.evaluate(0, &[left, right], &from.into())?;
    list_of(item_field(&call.arrow_return_type())?, out, lengths, valid)
}
