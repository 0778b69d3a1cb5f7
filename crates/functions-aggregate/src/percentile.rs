//! Percentiles of all values of a group: `percentile`, `median`, `percentile_cont`,
//! `percentile_disc`, `percentile_approx`.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, Float64Array, Int64Array, IntervalYearMonthArray, UInt32Array};
use datafusion::arrow::compute::{SortOptions, cast as arrow_cast, sort_to_indices, take};
use datafusion::arrow::datatypes::{DataType as Arrow, Int32Type, IntervalYearMonthType};
use datafusion::common::{Result as DfResult, ScalarValue};
use vonk_common::error::{quote_id, quote_sql};
use vonk_common::{SparkError, SparkResult};
use vonk_expr::cast::zone::Zone;
use vonk_expr::cast::{Caster, Mode, convert};
use vonk_expr::coercion::implicit_cast_target;
use vonk_expr::exec_err;
use vonk_expr::{AggregateCall, Body, FnContext, FunctionSpec, SqlText, TypedExpr, Want};
use vonk_plan::Literal;
use vonk_plan::types::DataType;

use crate::build::{cast_to, text_named, typed, unexpected, with_filter};
use crate::gather::{Gather, list, null, state_types};
use crate::groups::column;
use crate::udaf::{Aggregate, AggregateCallData};

pub const SPECS: &[&FunctionSpec] = &[
    &FunctionSpec::new("percentile", "agg_funcs", Body::Aggregate(percentile))
        .usage("percentile(col, percentage[, frequency]) - The exact percentile, interpolated."),
    &FunctionSpec::new("median", "agg_funcs", Body::Aggregate(median)).usage("median(col) - The middle value."),
    &FunctionSpec::new("percentile_cont", "agg_funcs", Body::Aggregate(|c, a| within(c, a, "cont")))
        .usage("percentile_cont(p) WITHIN GROUP (ORDER BY col) - The percentile, interpolated."),
    &FunctionSpec::new("percentile_disc", "agg_funcs", Body::Aggregate(|c, a| within(c, a, "disc")))
        .usage("percentile_disc(p) WITHIN GROUP (ORDER BY col) - The percentile among the values."),
    &FunctionSpec::new("percentile_approx", "agg_funcs", Body::Aggregate(approx))
        .aliases(&["approx_percentile"])
        .usage("percentile_approx(col, percentage[, accuracy]) - The percentile among the values."),
];

/// Parameters: kind (`cont`, `disc`, `approx`), `desc` or not, percentages with blanks between,
/// `array` if the result is one.
pub static PERCENTILE: Aggregate = Aggregate {
    name: "spark_percentile",
    state: state_types,
    accumulator: |c| Ok(Gather::boxed(c, true, finish, null)),
    groups: None,
};

const VALUES: &str = "((\"NUMERIC\" or \"INTERVAL DAY TO SECOND\" or \"INTERVAL YEAR TO MONTH\") or \"TIME\")";

/// Constant percentages, and whether they came as an array.
fn percentages(ctx: &FnContext, sql: &SqlText, arg: &TypedExpr) -> SparkResult<(Vec<f64>, bool)> {
    let many = matches!(arg.data_type, DataType::Array(..));
    let to = match &arg.data_type {
        DataType::Array(_, nullable) => DataType::array(DataType::Double, *nullable),
        _ => DataType::Double,
    };
    let mismatch = |class: &str| {
        SparkError::new(format!("DATATYPE_MISMATCH.{class}")).param("sqlExpr", quote_sql(sql)).at(ctx.origin.clone())
    };
    if implicit_cast_target(&arg.data_type, &Want::Type(to.clone()), ctx.ansi()).is_none() {
        let approx = ctx.name.contains("approx");
        let wanted = if approx { "(\"DOUBLE\" or \"ARRAY<DOUBLE>\")".into() } else { quote_sql(to.sql()) };
        return Err(unexpected(ctx, sql, 1, &wanted, arg));
    }
    if !arg.foldable {
        let wanted = if many { "\"ARRAY<DOUBLE>\"" } else { "\"DOUBLE\"" };
        return Err(ctx.non_foldable(sql, "percentage", wanted, arg));
    }
    let value = cast_to(ctx, arg.clone(), &to)?.constant()?;
    let all = match &value {
        Some(ScalarValue::Float64(Some(v))) => vec![*v],
        Some(ScalarValue::List(array)) if array.len() == 1 && array.is_valid(0) => {
            let items: Float64Array = column(&[array.value(0)], 0).map_err(vonk_expr::spark_error)?;
            items.iter().flatten().collect()
        }
        _ => return Err(mismatch("UNEXPECTED_NULL").param("exprName", "percentage")),
    };
    if let Some(bad) = all.iter().find(|p| !(0.0..=1.0).contains(*p)) {
        return Err(mismatch("VALUE_OUT_OF_RANGE")
            .param("exprName", "percentage")
            .param("valueRange", "[0.0, 1.0]")
            .param("currentValue", format!("{bad:?}D")));
    }
    Ok((all, many))
}

/// The column that percentiles are taken of, as a type that can be interpolated.
fn values(ctx: &FnContext, sql: &SqlText, arg: TypedExpr) -> SparkResult<(TypedExpr, DataType)> {
    match &arg.data_type {
        DataType::YearMonthInterval(..) => Ok((arg, DataType::YEAR_MONTH)),
        DataType::DayTimeInterval(..) => Ok((arg, DataType::DAY_TIME)),
        t if t.is_numeric() || t.is_string() || *t == DataType::Null => {
            Ok((cast_to(ctx, arg, &DataType::Double)?, DataType::Double))
        }
        _ => Err(unexpected(ctx, sql, 0, VALUES, &arg)),
    }
}

fn params(kind: &str, descending: bool, all: &[f64], many: bool) -> Vec<String> {
    let texts: Vec<String> = all.iter().map(|p| p.to_string()).collect();
    vec![
        kind.into(),
        if descending { "desc" } else { "asc" }.into(),
        texts.join(" "),
        if many { "array" } else { "one" }.into(),
    ]
}

struct Plan<'a> {
    kind: &'a str,
    descending: bool,
    percentages: (Vec<f64>, bool),
}

fn built(
    ctx: &FnContext,
    call: &AggregateCall,
    plan: Plan,
    value: TypedExpr,
    ty: DataType,
    frequency: Option<TypedExpr>,
    sql: SqlText,
) -> TypedExpr {
    let (all, many) = plan.percentages;
    let ty = if many { DataType::array(ty, false) } else { ty };
    let mut args = vec![value];
    args.extend(frequency);
    let types = args.iter().map(|a| a.data_type.clone()).collect();
    let data =
        AggregateCallData::new(ctx, &PERCENTILE, types, ty).with_params(params(plan.kind, plan.descending, &all, many));
    typed(call, data, &args, true, sql)
}

fn percentile(ctx: &FnContext, call: AggregateCall) -> SparkResult<TypedExpr> {
    ctx.arity(&call.args, 2..=3)?;
    let mut shown = call.args.clone();
    if shown.len() == 2 {
        shown.push(TypedExpr::literal(&Literal::Int(1))?);
    }
    let sql = text_named("percentile", &call, &shown);
    let [col, p, ..] = call.args.as_slice() else { return Err(SparkError::internal("percentile of two")) };
    let (value, ty) = values(ctx, &sql, col.clone())?;
    let percentages = percentages(ctx, &sql, p)?;
    let frequency = match call.args.get(2) {
        Some(f) => ctx.coerce(vec![f.clone()], 1, &[Want::Integral])?.pop(),
        None => None,
    };
    let frequency = match frequency {
        Some(f) => Some(cast_to(ctx, f, &DataType::Long)?),
        None => None,
    };
    let plan = Plan { kind: "cont", descending: false, percentages };
    Ok(built(ctx, &call, plan, value, ty, frequency, sql))
}

fn median(ctx: &FnContext, call: AggregateCall) -> SparkResult<TypedExpr> {
    ctx.arity(&call.args, 1..=1)?;
    let sql = text_named("median", &call, &call.args);
    let Some(col) = call.args.first().cloned() else { return Err(SparkError::internal("median of one")) };
    let (value, ty) = match &col.data_type {
        // Said of the cast, since Spark's median is a percentile of a cast column.
        t if t.is_moment() || *t == DataType::Boolean => {
            return Err(SparkError::new("DATATYPE_MISMATCH.CAST_WITHOUT_SUGGESTION")
                .param("sqlExpr", quote_sql(&sql))
                .param("srcType", quote_sql(col.data_type.sql()))
                .param("targetType", "\"DOUBLE\"")
                .at(ctx.origin.clone()));
        }
        _ => values(ctx, &sql, col)?,
    };
    let plan = Plan { kind: "cont", descending: false, percentages: (vec![0.5], false) };
    Ok(built(ctx, &call, plan, value, ty, None, sql))
}

fn within(ctx: &FnContext, call: AggregateCall, kind: &str) -> SparkResult<TypedExpr> {
    ctx.arity(&call.args, 1..=1)?;
    let [(key, sort)] = call.within_group.as_slice() else {
        let class = if call.within_group.is_empty() { "WITHIN_GROUP_MISSING" } else { "WRONG_NUM_ORDERINGS" };
        return Err(SparkError::new(format!("INVALID_WITHIN_GROUP_EXPRESSION.{class}"))
            .param("funcName", quote_id([&*ctx.name]))
            .param("expectedNum", 1)
            .param("actualNum", call.within_group.len())
            .at(ctx.origin.clone()));
    };
    let Some(p) = call.args.first() else { return Err(SparkError::internal("percentile of one")) };
    let pair = SqlText::call(&ctx.name, [key.sql.clone(), p.sql.clone()]);
    let (value, ty) = values(ctx, &pair, key.clone())?;
    let percentages = percentages(ctx, &pair, p)?;
    let plain = AggregateCall { filter: None, ..call.clone() };
    let order = SqlText::concat([
        text_named(&ctx.name, &plain, std::slice::from_ref(p)),
        " WITHIN GROUP (ORDER BY ".into(),
        key.sql.clone(),
        if sort.asc { ")" } else { " DESC)" }.into(),
    ]);
    let plan = Plan { kind, descending: !sort.asc, percentages };
    let sql = with_filter(&call, order);
    Ok(built(ctx, &call, plan, value, ty, None, sql))
}

fn approx(ctx: &FnContext, call: AggregateCall) -> SparkResult<TypedExpr> {
    ctx.arity(&call.args, 2..=3)?;
    let mut shown = call.args.clone();
    if shown.len() == 2 {
        shown.push(TypedExpr::literal(&Literal::Int(10_000))?);
    }
    let sql = text_named(&ctx.name, &call, &shown);
    let [col, p, accuracy, ..] = shown.as_slice() else { return Err(SparkError::internal("percentile of two")) };
    let value = match &col.data_type {
        t if t.is_numeric() || t.is_ansi_interval() || t.is_datetime() || matches!(t, DataType::Time(_)) => col.clone(),
        t if t.is_string() || *t == DataType::Null => cast_to(ctx, col.clone(), &DataType::Double)?,
        t if t.is_nanos() => cast_to(ctx, col.clone(), &DataType::Date)?,
        _ => {
            let required = "(\"NUMERIC\" or \"DATE\" or \"TIMESTAMP\" or \"TIMESTAMP_NTZ\" or \"INTERVAL YEAR TO MONTH\" or \"INTERVAL DAY TO SECOND\")";
            return Err(unexpected(ctx, &sql, 0, required, col));
        }
    };
    let percentages = percentages(ctx, &sql, p)?;
    if !accuracy.data_type.is_integral() {
        return Err(unexpected(ctx, &sql, 2, "\"INTEGRAL\"", accuracy));
    }
    let n: i64 = match accuracy.constant()? {
        Some(v) if !v.is_null() => v.to_string().parse().unwrap_or(0),
        Some(_) => {
            return Err(SparkError::new("DATATYPE_MISMATCH.UNEXPECTED_NULL")
                .param("sqlExpr", quote_sql(&sql))
                .param("exprName", "accuracy")
                .at(ctx.origin.clone()));
        }
        None => {
            return Err(ctx.non_foldable(&sql, "accuracy", "\"BIGINT\"", accuracy));
        }
    };
    if n <= 0 || n > i64::from(i32::MAX) {
        return Err(SparkError::new("DATATYPE_MISMATCH.VALUE_OUT_OF_RANGE")
            .param("sqlExpr", quote_sql(&sql))
            .param("exprName", "accuracy")
            .param("valueRange", "(0, 2147483647]")
            .param("currentValue", format!("{n}L"))
            .at(ctx.origin.clone()));
    }
    let ty = value.data_type.clone();
    let plan = Plan { kind: "approx", descending: false, percentages };
    Ok(built(ctx, &call, plan, value, ty, None, sql))
}

fn finish(call: &AggregateCallData, columns: &[ArrayRef]) -> DfResult<ScalarValue> {
    let Some(values) = columns.first() else { return null(call) };
    let options = SortOptions { descending: call.param(1) == "desc", nulls_first: false };
    let order = sort_to_indices(values, Some(options), None)?;
    let sorted = take(values, &order, None)?;
    // Running totals of the frequencies.
    let totals: Vec<i64> = match columns.get(1) {
        None => (1..=sorted.len() as i64).collect(),
        Some(_) => {
            let counts: Int64Array = column(columns, 1)?;
            let mut sum = 0i64;
            let mut out = Vec::with_capacity(sorted.len());
            for i in order.values() {
                let i = *i as usize;
                let n = if counts.is_null(i) { 0 } else { counts.value(i) };
                if n < 0 {
                    return Err(call.error(
                        SparkError::new("NEGATIVE_VALUES_IN_FREQUENCY_EXPRESSION")
                            .param("frequencyExpression", quote_sql(n))
                            .param("negativeValue", format!("{n}L")),
                    ));
                }
                sum += n;
                out.push(sum);
            }
            out
        }
    };
    let total = totals.last().copied().unwrap_or(0);
    if total == 0 {
        return null(call);
    }
    let at = |rank: i64| totals.partition_point(|t| *t < rank).min(totals.len() - 1) as u32;
    let percentages = call.param(2).split_whitespace().filter_map(|p| p.parse::<f64>().ok());
    let picked: ArrayRef = match call.param(0) {
        "cont" => {
            let numbers = numbers(&sorted)?;
            let get = |rank: i64| numbers.value(at(rank) as usize);
            let out = percentages.map(|p| {
                let position = (total - 1) as f64 * p;
                let (low, high) = (position.floor(), position.ceil());
                let (a, b) = (get(low as i64 + 1), get(high as i64 + 1));
                if low == high || a == b { a } else { (high - position) * a + (position - low) * b }
            });
            from_numbers(&Float64Array::from_iter_values(out), sorted.data_type())?
        }
        kind => {
            let ranks = percentages.map(|p| {
                let rank = (p * total as f64).ceil() as i64;
                at(if kind == "approx" { rank.max(1) } else { rank })
            });
            let picked = take(&sorted, &UInt32Array::from_iter_values(ranks), None)?;
            match kind {
                "disc" => from_numbers(&numbers(&picked)?, sorted.data_type())?,
                _ => by_way_of_doubles(&picked)?,
            }
        }
    };
    if call.param(3) == "array" { list(call, picked) } else { ScalarValue::try_from_array(&picked, 0) }
}

/// The values as far as doubles can hold them, as which Spark's digest does (`ApproximatePercentile`): what is larger than
/// its type is NULL of decimals, and the largest value of others.
fn by_way_of_doubles(values: &ArrayRef) -> DfResult<ArrayRef> {
    Ok(match values.data_type() {
        Arrow::Decimal128(precision, scale) => {
            let own = DataType::Decimal(*precision, *scale);
            let zone = Zone::named("UTC").map_err(exec_err)?;
            let caster = Caster { mode: Mode::Try, zone: &zone, origin: None };
            let doubles = convert(&caster, values, &own, &DataType::Double)?;
            convert(&caster, &doubles, &DataType::Double, &own)?
        }
        Arrow::Int64 | Arrow::Timestamp(..) | Arrow::Duration(_) | Arrow::Time64(_) => {
            let whole: Int64Array = column(&[arrow_cast(values, &Arrow::Int64)?], 0)?;
            let rounded: Int64Array = whole.unary(|v| v as f64 as i64);
            arrow_cast(&rounded, values.data_type())?
        }
        _ => Arc::clone(values),
    })
}

/// Doubles of numbers and intervals.
fn numbers(values: &ArrayRef) -> DfResult<Float64Array> {
    let plain = match values.data_type() {
        Arrow::Float64 => Arc::clone(values),
        Arrow::Interval(_) => {
            Arc::new(column::<IntervalYearMonthArray>(std::slice::from_ref(values), 0)?.reinterpret_cast::<Int32Type>())
        }
        _ => arrow_cast(values, &Arrow::Int64)?,
    };
    column(&[arrow_cast(&plain, &Arrow::Float64)?], 0)
}

/// Back to the type of the values; intervals lose what is after the point.
fn from_numbers(values: &Float64Array, to: &Arrow) -> DfResult<ArrayRef> {
    Ok(match to {
        Arrow::Float64 => Arc::new(values.clone()),
        Arrow::Interval(_) => Arc::new(values.unary::<_, IntervalYearMonthType>(|v| v as i32)),
        _ => arrow_cast(&arrow_cast(values, &Arrow::Int64)?, to)?,
    })
}
