//! `sequence`: numbers, dates and timestamps from a start to a stop.

use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, Date32Array, DurationMicrosecondArray, Int64Array, IntervalMonthDayNanoArray,
    IntervalYearMonthArray, TimestampMicrosecondArray,
};
use datafusion::arrow::compute::cast as arrow_cast;
use datafusion::arrow::datatypes::DataType as Arrow;
use datafusion::common::Result as DfResult;
use datafusion::logical_expr::ColumnarValue;
use vonk_common::limits::MAX_ARRAY_LENGTH;
use vonk_common::{SparkError, SparkResult};
use vonk_expr::cast::cast;
use vonk_expr::cast::zone::Zone;
use vonk_expr::coercion::common_type;
use vonk_expr::context::Nullability;
use vonk_expr::kernel::array_arg;
use vonk_expr::{Call, FnContext, FunctionSpec, Kernel, TypedExpr, exec_err};
use vonk_functions_math::operator::datetime_arith::moved;
use vonk_plan::types::DataType;

use crate::lists::{item_field, list_of, within_bounds};

static SEQUENCE_KERNEL: Kernel = Kernel::new("sequence", eval);

pub static SEQUENCE: FunctionSpec = FunctionSpec::scalar("sequence", "array_funcs", build)
    .usage("sequence(start, stop[, step]) - an array from start to stop, by 1 or a day if no step is given")
    .kernels(&[&SEQUENCE_KERNEL]);

const MICROS_PER_DAY: i64 = 86_400_000_000;
/// The shortest month: how long a sequence by months is at most.
const DAYS_PER_MONTH: i64 = 28;

fn is_interval(t: &DataType) -> bool {
    matches!(t, DataType::CalendarInterval | DataType::YearMonthInterval(..) | DataType::DayTimeInterval(..))
}

fn build(ctx: &FnContext, mut args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    ctx.arity(&args, 2..=3)?;
    let sql = ctx.sql(&args);
    // The step takes part unless it is an interval.
    let alike = args.iter().take_while(|a| !is_interval(&a.data_type)).count().max(2);
    let mut common = Some(DataType::Null);
    for a in args.iter().take(alike) {
        common = common.and_then(|c| common_type(&c, &a.data_type, ctx.ansi()));
    }
    if let Some(ty) = &common {
        for a in args.iter_mut().take(alike).filter(|a| !a.data_type.same_type(ty)) {
            *a = cast(&ctx.facts, a.clone(), ty)?;
        }
    }
    let step = args.get(2).map(|s| &s.data_type);
    let fits = match &common {
        Some(t) if t.is_integral() => step.is_none_or(|s| s == t),
        Some(DataType::Date | DataType::Timestamp | DataType::TimestampNtz) => step.is_none_or(is_interval),
        _ => false,
    };
    let Some(ty) = common.filter(|_| fits) else {
        return Err(ctx
            .mismatch("SEQUENCE_WRONG_INPUT_TYPES", &args)
            .param("functionName", vonk_common::error::quote_id([&*ctx.name]))
            .param("startType", "(\"TIMESTAMP\" or \"TIMESTAMP_NTZ\" or \"DATE\")")
            .param("stepType", "(\"INTERVAL\" or \"INTERVAL YEAR TO MONTH\" or \"INTERVAL DAY TO SECOND\")")
            .param("otherStartType", "\"INTEGRAL\""));
    };
    let mut out = ctx.call(&SEQUENCE_KERNEL, args, DataType::array(ty, false), Nullability::Args);
    out.sql = sql;
    Ok(out)
}

/// What lies between two elements: a number, or parts of an interval.
#[derive(Clone, Copy)]
enum Step {
    Number(i64),
    Interval { months: i32, days: i64, micros: i64 },
}

/// The steps of all rows.
enum Steps {
    Default { temporal: bool },
    Numbers(Int64Array),
    Calendar(IntervalMonthDayNanoArray),
    Months(IntervalYearMonthArray),
    Micros(DurationMicrosecondArray),
}

impl Steps {
    fn new(args: &[ColumnarValue], temporal: bool, rows: usize) -> DfResult<Steps> {
        if args.len() < 3 {
            return Ok(Steps::Default { temporal });
        }
        let array = array_arg(args, 2, rows)?;
        let any = array.as_any();
        if let Some(a) = any.downcast_ref::<IntervalMonthDayNanoArray>() {
            return Ok(Steps::Calendar(a.clone()));
        }
        if let Some(a) = any.downcast_ref::<IntervalYearMonthArray>() {
            return Ok(Steps::Months(a.clone()));
        }
        if let Some(a) = any.downcast_ref::<DurationMicrosecondArray>() {
            return Ok(Steps::Micros(a.clone()));
        }
        Ok(Steps::Numbers(longs(&array)?))
    }

    fn get(&self, row: usize, up: bool) -> Option<Step> {
        let interval = |months, days, micros| Step::Interval { months, days, micros };
        let sign = if up { 1 } else { -1 };
        match self {
            Steps::Default { temporal: true } => Some(interval(0, sign, 0)),
            Steps::Default { temporal: false } => Some(Step::Number(sign)),
            Steps::Numbers(a) => a.is_valid(row).then(|| Step::Number(a.value(row))),
            Steps::Calendar(a) => a.is_valid(row).then(|| {
                let v = a.value(row);
                interval(v.months, v.days.into(), v.nanoseconds / 1000)
            }),
            Steps::Months(a) => a.is_valid(row).then(|| interval(a.value(row), 0, 0)),
            Steps::Micros(a) => {
                a.is_valid(row).then(|| interval(0, a.value(row) / MICROS_PER_DAY, a.value(row) % MICROS_PER_DAY))
            }
        }
    }

    /// The type's name in messages.
    fn type_name(&self) -> &'static str {
        match self {
            Steps::Months(_) => "interval year to month",
            Steps::Micros(_) => "interval day to second",
            _ => "interval",
        }
    }
}

fn longs(array: &ArrayRef) -> DfResult<Int64Array> {
    let array = match array.data_type() {
        Arrow::Date32 => arrow_cast(array, &Arrow::Int32)?,
        _ => array.clone(),
    };
    let wide = arrow_cast(&array, &Arrow::Int64)?;
    wide.as_any()
        .downcast_ref::<Int64Array>()
        .cloned()
        .ok_or_else(|| exec_err(SparkError::internal("sequence of no numbers")))
}

fn eval(call: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let (start, stop) = (longs(&array_arg(args, 0, rows)?)?, longs(&array_arg(args, 1, rows)?)?);
    let ty = call.arg_types.first().cloned().unwrap_or(DataType::Long);
    let dates = ty == DataType::Date;
    let temporal = dates || matches!(ty, DataType::Timestamp | DataType::TimestampNtz);
    let zone = match ty {
        DataType::Timestamp => Zone::named(&call.time_zone).map_err(exec_err)?,
        _ => Zone::utc(),
    };
    let steps = Steps::new(args, temporal, rows)?;
    let (mut values, mut lengths, mut valid) = (vec![], Vec::with_capacity(rows), Vec::with_capacity(rows));
    for row in 0..rows {
        let before = values.len();
        let known = start.is_valid(row) && stop.is_valid(row);
        let step = known.then(|| steps.get(row, start.value(row) <= stop.value(row))).flatten();
        valid.push(step.is_some());
        let (from, to) = (start.value(row), stop.value(row));
        match step {
            None => {}
            Some(Step::Number(by)) => count(call, &mut values, from, to, by)?,
            Some(Step::Interval { months: 0, days: 0, .. }) if dates => {
                return Err(
                    call.error(SparkError::new("_LEGACY_ERROR_TEMP_3242").param("intervalType", steps.type_name()))
                );
            }
            Some(Step::Interval { months: 0, days, micros: 0 }) if dates => count(call, &mut values, from, to, days)?,
            Some(Step::Interval { months: 0, days: 0, micros }) => count(call, &mut values, from, to, micros)?,
            Some(Step::Interval { months, days, micros }) => {
                let scale = if dates { MICROS_PER_DAY } else { 1 };
                let way = Way { from: from * scale, to: to * scale, months, days, micros };
                walk(call, &mut values, &way, scale, &zone)?;
            }
        }
        lengths.push(values.len() - before);
    }
    let field = item_field(&call.arrow_return_type())?;
    let items: ArrayRef = match field.data_type() {
        Arrow::Date32 => Arc::new(Date32Array::from_iter_values(values.iter().map(|v| *v as i32))),
        Arrow::Timestamp(_, tz) => Arc::new(TimestampMicrosecondArray::from(values).with_timezone_opt(tz.clone())),
        other => arrow_cast(&Int64Array::from(values), other)?,
    };
    Ok(ColumnarValue::Array(list_of(field, items, lengths, valid)?))
}

/// How many elements there are, at most.
fn length(call: &Call, have: usize, from: i64, to: i64, by: i64) -> DfResult<usize> {
    let fits = (by > 0 && from <= to) || (by < 0 && from >= to) || (by == 0 && from == to);
    if !fits {
        let message = format!("requirement failed: Illegal sequence boundaries: {from} to {to} by {by}");
        return Err(call.error(SparkError::new("ILLEGAL_ARGUMENT").param("message", message)));
    }
    let length = if by == 0 { 1 } else { 1 + (i128::from(to) - i128::from(from)) / i128::from(by) };
    if length > MAX_ARRAY_LENGTH as i128 {
        return Err(call.error(
            SparkError::new("COLLECTION_SIZE_LIMIT_EXCEEDED.PARAMETER")
                .param("numberOfElements", length)
                .param("maxRoundedArrayLength", MAX_ARRAY_LENGTH)
                .param("functionName", "`sequence`")
                .param("parameter", "`count`"),
        ));
    }
    let length = length as usize;
    within_bounds(call, have.saturating_add(length))?;
    Ok(length)
}

fn count(call: &Call, values: &mut Vec<i64>, from: i64, to: i64, by: i64) -> DfResult<()> {
    let n = length(call, values.len(), from, to, by)?;
    values.extend((0..n as i64).map(|i| from.wrapping_add(i.wrapping_mul(by))));
    Ok(())
}

/// A way through time, in microseconds.
struct Way {
    from: i64,
    to: i64,
    months: i32,
    days: i64,
    micros: i64,
}

/// Adds multiples of the interval to the start, so that the 31st stays the 31st where there is one.
fn walk(call: &Call, values: &mut Vec<i64>, way: &Way, scale: i64, zone: &Zone) -> DfResult<()> {
    let by = way
        .days
        .saturating_add(i64::from(way.months) * DAYS_PER_MONTH)
        .saturating_mul(MICROS_PER_DAY)
        .saturating_add(way.micros);
    let most = length(call, values.len(), way.from, way.to, by)?;
    let end = || call.error(SparkError::new("DATETIME_OVERFLOW").param("operation", "add an interval of a sequence"));
    for i in 0..=most as i64 {
        let months = i32::try_from(i64::from(way.months).saturating_mul(i)).map_err(|_| end())?;
        let (days, micros) = (way.days.saturating_mul(i), way.micros.saturating_mul(i));
        let t = moved(way.from, months, days, micros, zone).ok_or_else(end)?;
        if if by < 0 { t < way.to } else { t > way.to } {
            break;
        }
        values.push(t.div_euclid(scale));
    }
    Ok(())
}
