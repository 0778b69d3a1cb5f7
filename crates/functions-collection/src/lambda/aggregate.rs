//! `aggregate`/`reduce`: folds an array from the left.
//!
//! All rows of a batch step together: round k merges the k-th element of every row that has one.

use datafusion::arrow::array::{Array, ArrayRef, UInt32Array};
use datafusion::arrow::compute::{interleave, take};
use datafusion::common::Result as DfResult;
use vonk_common::SparkResult;
use vonk_common::error::quote_sql;
use vonk_expr::cast::cast;
use vonk_expr::lambda::HigherOrderArg;
use vonk_expr::spec::Body;
use vonk_expr::{Call, FnContext, FunctionSpec, TypedExpr};
use vonk_plan::types::DataType;

use super::array::{array_value, as_list};
use super::udf::{HigherOrder, Lambdas, build};
use super::{arity, bind, parameter, value};
use crate::lists::{range, retype};

pub(crate) static FUNCTIONS: &[&HigherOrder] = &[&AGGREGATE_FN];

static AGGREGATE_FN: HigherOrder = HigherOrder { name: "aggregate", eval: eval_aggregate, until_null_of: 1 };

pub static AGGREGATE: FunctionSpec = FunctionSpec::new("aggregate", "lambda_funcs", Body::HigherOrder(build_aggregate))
    .aliases(&["reduce"])
    .usage("aggregate(array, start, merge[, finish]) - merge(…merge(start, first)…, last), then finish of that");

fn build_aggregate(ctx: &FnContext, args: Vec<HigherOrderArg>) -> SparkResult<TypedExpr> {
    arity(ctx, args.len(), &[3, 4])?;
    let with_finish = args.len() == 4;
    let mut args = args.into_iter();
    let (array, element, element_null) = array_value(ctx, args.next())?;
    let start = value(ctx, args.next())?;
    let state = parameter(&start.data_type, true);
    let mut merge = bind(ctx, args.next(), &[state.clone(), parameter(&element, element_null)], 2)?;
    if merge.body.data_type == DataType::Null {
        let sql = merge.body.sql.clone();
        merge.body = cast(&ctx.facts, merge.body, &start.data_type)?;
        merge.body.sql = sql;
    }
    if !merge.body.data_type.same_type(&start.data_type) {
        return Err(vonk_common::SparkError::new("DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE")
            .param("sqlExpr", quote_sql(super::sql(ctx, &[&array, &start], &[&merge])))
            .param("paramIndex", "third")
            .param("requiredType", quote_sql(start.data_type.sql()))
            .param("inputSql", merge.body.quoted_sql())
            .param("inputType", quote_sql(merge.body.data_type.sql()))
            .at(ctx.origin.clone()));
    }
    let nullable = array.nullable;
    let mut lambdas = vec![merge];
    let (ty, finish_null) = match with_finish {
        true => {
            let finish = bind(ctx, args.next(), &[state], 1)?;
            let out = (finish.body.data_type.clone(), finish.body.nullable);
            lambdas.push(finish);
            out
        }
        false => (start.data_type.clone(), true),
    };
    let mut out = build(ctx, &AGGREGATE_FN, vec![array, start], lambdas, ty, nullable || finish_null, vec![]);
    if !with_finish {
        // Spark prints the identity that it puts in place of a missing `finish`.
        let text = out.sql.to_string();
        let text = text.strip_suffix(')').unwrap_or(&text).to_string();
        out.sql = format!("{text}, lambdafunction(namedlambdavariable(), namedlambdavariable()))").into();
    }
    Ok(out)
}

fn eval_aggregate(call: &Call, lambdas: &Lambdas, values: &[ArrayRef], rows: usize) -> DfResult<ArrayRef> {
    let list = as_list(&values[0])?;
    let mut state = values[1].clone();
    let longest = (0..rows).map(|r| range(list, r).len()).max().unwrap_or(0);
    for k in 0..longest {
        let active: Vec<u32> = (0..rows).filter(|r| range(list, *r).len() > k).map(|r| r as u32).collect();
        let picked: UInt32Array =
            active.iter().map(|r| (range(list, *r as usize).start + k) as u32).collect::<Vec<_>>().into();
        let active: UInt32Array = active.into();
        let current = take(&state, &active, None)?;
        let element = take(list.values(), &picked, None)?;
        let merged = retype(lambdas.evaluate(0, &[current, element], &active)?, state.data_type());
        if active.len() == rows {
            state = merged;
            continue;
        }
        let mut choice: Vec<(usize, usize)> = (0..rows).map(|r| (0, r)).collect();
        for (m, r) in active.values().iter().enumerate() {
            choice[*r as usize] = (1, m);
        }
        state = interleave(&[state.as_ref(), merged.as_ref()], &choice)?;
    }
    // Rows without an array give NULL.
    let present: UInt32Array = (0..rows).map(|r| (!list.is_null(r)).then_some(r as u32)).collect();
    if lambdas.count() > 1 {
        let all = UInt32Array::from_iter_values(0..rows as u32);
        state = lambdas.evaluate(1, &[state], &all)?;
    }
    Ok(retype(take(&state, &present, None)?, &call.arrow_return_type()))
}
