//! `array_sort`: natural order with NULLs last, or the order of a comparator lambda.

use std::cmp::Ordering;

use datafusion::arrow::array::{Array, ArrayRef, Int32Array, UInt32Array};
use datafusion::arrow::compute::take;
use datafusion::common::Result as DfResult;
use vonk_common::{SparkError, SparkResult};
use vonk_expr::collation::key_array;
use vonk_expr::lambda::HigherOrderArg;
use vonk_expr::spec::Body;
use vonk_expr::{Call, FnContext, FunctionSpec, TypedExpr, exec_err};
use vonk_plan::types::DataType;

use super::array::{array_value, as_list};
use super::udf::{HigherOrder, Lambdas, build};
use super::{arity, bind, parameter};
use crate::lists::{ListTaker, item_field, range};
use crate::rows::rows_of;

pub(crate) static FUNCTIONS: &[&HigherOrder] = &[&SORT_FN];

static SORT_FN: HigherOrder = HigherOrder { name: "array_sort", eval: eval_sort, until_null_of: 1 };

/// Longest array that a comparator sorts: every pair of elements is compared at once.
const MAX_COMPARED: usize = 4096;

pub static ARRAY_SORT: FunctionSpec = FunctionSpec::new("array_sort", "lambda_funcs", Body::HigherOrder(build_sort))
    .usage("array_sort(array[, comparator]) - the array sorted, NULLs last, or as the comparator says");

/// What Spark prints for the comparator it puts in when none is given.
const DEFAULT_COMPARATOR: &str = "lambdafunction((IF(((namedlambdavariable() IS NULL) AND (namedlambdavariable() IS NULL)), 0, (IF((namedlambdavariable() IS NULL), 1, (IF((namedlambdavariable() IS NULL), -1, (IF((namedlambdavariable() < namedlambdavariable()), -1, (IF((namedlambdavariable() > namedlambdavariable()), 1, 0)))))))))), namedlambdavariable(), namedlambdavariable())";

fn build_sort(ctx: &FnContext, args: Vec<HigherOrderArg>) -> SparkResult<TypedExpr> {
    arity(ctx, args.len(), &[1, 2])?;
    let with_comparator = args.len() == 2;
    let mut args = args.into_iter();
    let (array, element, n) = array_value(ctx, args.next())?;
    let (ty, nullable) = (array.data_type.clone(), array.nullable);
    let mut lambdas = vec![];
    if with_comparator {
        let p = parameter(&element, n);
        let comparator = bind(ctx, args.next(), &[p.clone(), p], 2)?;
        if !matches!(comparator.body.data_type, DataType::Int) {
            let name = vonk_common::error::quote_id(["lambdafunction"]);
            return Err(ctx
                .mismatch("UNEXPECTED_RETURN_TYPE", &[array, comparator.body.clone()])
                .param("functionName", name)
                .param("expectedType", "\"INT\"")
                .param("actualType", vonk_common::error::quote_sql(comparator.body.data_type.sql())));
        }
        lambdas.push(comparator);
    }
    if !with_comparator && !element.is_orderable() {
        return Err(SparkError::new("DATATYPE_MISMATCH.INVALID_ORDERING_TYPE")
            .param("sqlExpr", "\"(namedlambdavariable() < namedlambdavariable())\"")
            .param("functionName", "`<`")
            .param("dataType", vonk_common::error::quote_sql(element.sql()))
            .at(ctx.origin.clone()));
    }
    let mut out = build(ctx, &SORT_FN, vec![array.clone()], lambdas, ty, nullable, vec![]);
    if !with_comparator {
        out.sql = vonk_expr::SqlText::call(&ctx.name, [array.sql.clone(), DEFAULT_COMPARATOR.into()]);
    }
    Ok(out)
}

fn eval_sort(call: &Call, lambdas: &Lambdas, values: &[ArrayRef], rows: usize) -> DfResult<ArrayRef> {
    let list = as_list(&values[0])?;
    let natural = match lambdas.count() {
        0 => {
            let keys = match &call.return_type {
                DataType::Array(element, _) => key_array(list.values(), element)?,
                _ => list.values().clone(),
            };
            rows_of(&[&keys])?.pop()
        }
        _ => None,
    };
    let mut taker = ListTaker::new(vec![list.values().clone()], rows);
    for row in 0..rows {
        if list.is_null(row) {
            taker.end_null();
            continue;
        }
        let r = range(list, row);
        let mut order: Vec<usize> = r.clone().collect();
        match &natural {
            Some(keys) => order.sort_by(|x, y| {
                let (nx, ny) = (list.values().is_null(*x), list.values().is_null(*y));
                nx.cmp(&ny).then_with(|| keys.row(*x).cmp(&keys.row(*y)))
            }),
            None => {
                let matrix = compare_all(call, lambdas, list.values(), r.clone(), row)?;
                let n = r.len();
                let start = r.start;
                order = sorted(order, &|x, y| matrix[(x - start) * n + (y - start)]);
            }
        }
        order.into_iter().for_each(|j| taker.push(0, j));
        taker.end_row();
    }
    taker.finish(item_field(&call.arrow_return_type())?)
}

/// The comparator's answers for all ordered pairs of the row's elements, row-major.
fn compare_all(
    call: &Call,
    lambdas: &Lambdas,
    values: &ArrayRef,
    r: std::ops::Range<usize>,
    row: usize,
) -> DfResult<Vec<Ordering>> {
    let n = r.len();
    if n > MAX_COMPARED {
        return Err(call.error(SparkError::unsupported(format!(
            "array_sort with a comparator on more than {MAX_COMPARED} elements"
        ))));
    }
    let left: UInt32Array = r.clone().flat_map(|i| std::iter::repeat_n(i as u32, n)).collect::<Vec<_>>().into();
    let right: UInt32Array = (0..n).flat_map(|_| r.clone().map(|j| j as u32)).collect::<Vec<_>>().into();
    let from = UInt32Array::from(vec![row as u32; n * n]);
    let out = lambdas.evaluate(0, &[take(values, &left, None)?, take(values, &right, None)?], &from)?;
    let Some(out) = out.as_any().downcast_ref::<Int32Array>() else {
        return Err(exec_err(SparkError::internal("comparator")));
    };
    (0..n * n)
        .map(|i| match out.is_null(i) {
            true => {
                Err(call
                    .error(SparkError::new("COMPARATOR_RETURNS_NULL").param("firstValue", "").param("secondValue", "")))
            }
            false => Ok(out.value(i).cmp(&0)),
        })
        .collect()
}

/// Shorter arrays Java sorts by insertion.
const SHORT: usize = 32;

/// A stable sort that ends and does not panic whatever the comparator answers; of short arrays in the order that
/// Java gives also where the answers contradict each other.
fn sorted(items: Vec<usize>, compare: &dyn Fn(usize, usize) -> Ordering) -> Vec<usize> {
    if items.len() < SHORT { insertion_sort(items, compare) } else { merge_sort(items, compare) }
}

/// Each item after the first run goes behind the last one that is not greater, found by halving.
fn insertion_sort(mut items: Vec<usize>, compare: &dyn Fn(usize, usize) -> Ordering) -> Vec<usize> {
    let falls = |pair: &[usize]| matches!(pair, [a, b] if compare(*b, *a) == Ordering::Less);
    let descends = items.get(..2).is_some_and(falls);
    let run = 1 + items.windows(2).take_while(|pair| falls(pair) == descends).count();
    if descends && let Some(falling) = items.get_mut(..run) {
        falling.reverse();
    }
    for at in run..items.len() {
        let item = items.remove(at);
        let (mut low, mut high) = (0, at);
        while low < high {
            let middle = (low + high) / 2;
            match items.get(middle).map(|other| compare(item, *other)) {
                Some(Ordering::Less) => high = middle,
                _ => low = middle + 1,
            }
        }
        items.insert(low, item);
    }
    items
}

fn merge_sort(items: Vec<usize>, compare: &dyn Fn(usize, usize) -> Ordering) -> Vec<usize> {
    if items.len() < 2 {
        return items;
    }
    let mut left = items;
    let right = left.split_off(left.len() / 2);
    let (left, right) = (merge_sort(left, compare), merge_sort(right, compare));
    let mut out = Vec::with_capacity(left.len() + right.len());
    let (mut i, mut j) = (left.into_iter().peekable(), right.into_iter().peekable());
    while let (Some(x), Some(y)) = (i.peek(), j.peek()) {
        let next = if compare(*x, *y) == Ordering::Greater { j.next() } else { i.next() };
        out.extend(next);
    }
    out.extend(i);
    out.extend(j);
    out
}
