//! Columns of date, timestamp and interval arithmetic. Parameters of a call: the mode, then the
//! sign (`-` subtracts the right side).

use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, Date32Array, Decimal128Array, DurationMicrosecondArray, Float64Array, Int32Array, Int64Array,
    IntervalMonthDayNanoArray, IntervalYearMonthArray, Time64NanosecondArray, TimestampMicrosecondArray,
};
use datafusion::arrow::datatypes::{
    DataType as Arrow, Date32Type, Decimal128Type, DurationMicrosecondType, Float32Type, Float64Type, Int8Type,
    Int16Type, Int32Type, Int64Type, IntervalMonthDayNano, IntervalMonthDayNanoType, IntervalYearMonthType,
    Time64NanosecondType, TimestampMicrosecondType, i256,
};
use datafusion::common::{DataFusionError, Result as DfResult};
use datafusion::logical_expr::ColumnarValue;
use vonk_common::SparkError;
use vonk_expr::cast::text::datetime::{civil, days_from_civil, month_length};
use vonk_expr::cast::zone::Zone;
use vonk_expr::kernel::{array_arg, typed_arg};
use vonk_expr::{Call, Kernel, nanos};
use vonk_plan::types::DataType;

use super::super::decimal::{self, pow10, round_div};
use crate::support::{Mode, downcast, map_optional, overflow, zip_optional};

const MICROS_PER_DAY: i64 = 86_400_000_000;

pub static DATE_ADD: Kernel = Kernel::new("date_plus_days", date_plus_days);
pub static ADD_MONTHS: Kernel = Kernel::new("plus_months", |c, a, n| nanos::moved(c, a, n, plus_months));
pub static ADD_INTERVAL: Kernel = Kernel::new("plus_interval", |c, a, n| nanos::moved(c, a, n, plus_interval));
pub static DATES_BETWEEN: Kernel = Kernel::new("dates_between", dates_between);
pub static TIMESTAMPS_BETWEEN: Kernel = Kernel::new("timestamps_between", timestamps_between);
pub static INTERVAL_SUM: Kernel = Kernel::new("interval_sum", interval_sum);
pub static INTERVAL_TIMES: Kernel = Kernel::new("interval_times", |c, a, n| interval_scaled(c, a, n, false));
pub static INTERVAL_OVER: Kernel = Kernel::new("interval_over", |c, a, n| interval_scaled(c, a, n, true));
pub static INTERVAL_RATIO: Kernel = Kernel::new("interval_ratio", interval_ratio);

fn done(array: impl Array + 'static) -> DfResult<ColumnarValue> {
    Ok(ColumnarValue::Array(Arc::new(array)))
}

fn minus(call: &Call) -> bool {
    call.param(1) == "-"
}

fn mode(call: &Call) -> Mode {
    Mode::from_name(call.param(0))
}

/// A result, or what the mode says of an overflow.
fn or_overflow<T>(call: &Call, value: Option<T>) -> DfResult<Option<T>> {
    match value {
        None if mode(call) != Mode::Try => Err(interval_overflow(call)),
        v => Ok(v),
    }
}

fn interval_overflow(call: &Call) -> DataFusionError {
    let function = match call.kernel.name {
        "interval_sum" if minus(call) => "try_subtract",
        "interval_sum" => "try_add",
        "interval_times" => "try_multiply",
        "interval_over" => "try_divide",
        _ => return overflow(call, "long overflow", ""),
    };
    call.error(
        SparkError::new("INTERVAL_ARITHMETIC_OVERFLOW.WITH_SUGGESTION")
            .param("functionName", vonk_common::error::quote_id([function])),
    )
}

/// Spark subtracts by adding the negated interval, which the least one has not.
fn negation_overflow(call: &Call) -> DataFusionError {
    call.error(SparkError::new("INTERVAL_ARITHMETIC_OVERFLOW.WITHOUT_SUGGESTION"))
}

fn datetime_overflow(call: &Call) -> DataFusionError {
    overflow(call, "long overflow", "")
}

fn date_plus_days(call: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let (dates, days) = (typed_arg::<Date32Array>(args, 0, rows)?, typed_arg::<Int32Array>(args, 1, rows)?);
    let sub = minus(call);
    let out: Date32Array = datafusion::arrow::compute::kernels::arity::binary(&dates, &days, |d, n| {
        if sub { d.wrapping_sub(n) } else { d.wrapping_add(n) }
    })?;
    done(out)
}

/// The day moved by months, the day of the month cut to the month's length.
pub fn days_plus_months(days: i32, months: i32) -> Option<i32> {
    let (year, month, day) = civil(days.into());
    let total = year * 12 + i64::from(month) - 1 + i64::from(months);
    let (year, month) = (total.div_euclid(12), total.rem_euclid(12) as u32 + 1);
    i32::try_from(days_from_civil(year, month, day.min(month_length(year, month)))?).ok()
}

fn plus_months(call: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let months = typed_arg::<IntervalYearMonthArray>(args, 1, rows)?;
    let sub = minus(call);
    let signed = |m: i32| if sub { m.checked_neg().ok_or_else(|| negation_overflow(call)) } else { Ok(m) };
    if call.return_type == DataType::Date {
        let dates = typed_arg::<Date32Array>(args, 0, rows)?;
        return done(zip_optional::<_, _, Date32Type>(&dates, &months, |d, m| {
            match days_plus_months(d, signed(m)?) {
                Some(v) => Ok(Some(v)),
                None => Err(datetime_overflow(call)),
            }
        })?);
    }
    let zone = zone_of(call);
    let times = typed_arg::<TimestampMicrosecondArray>(args, 0, rows)?;
    timestamps(
        call,
        zip_optional::<_, _, TimestampMicrosecondType>(&times, &months, |t, m| {
            moved(t, signed(m)?, 0, 0, &zone).map(Some).ok_or_else(|| datetime_overflow(call))
        })?,
    )
}

fn zone_of(call: &Call) -> Zone {
    match call.arg_types.first() {
        Some(DataType::Timestamp | DataType::TimestampLtzNanos(_)) => Zone::parse(&call.time_zone).unwrap_or(Zone::UTC),
        _ => Zone::UTC,
    }
}

fn timestamps(call: &Call, array: TimestampMicrosecondArray) -> DfResult<ColumnarValue> {
    match call.return_type {
        DataType::Timestamp => done(array.with_timezone(vonk_expr::arrow_types::UTC)),
        _ => done(array),
    }
}

/// A timestamp moved by months and days on the wall clock, then by exact microseconds.
pub fn moved(t: i64, months: i32, days: i64, micros: i64, zone: &Zone) -> Option<i64> {
    let mut instant = t;
    if months != 0 || days != 0 {
        let offset = i64::from(zone.offset_at(t.div_euclid(1_000_000))) * 1_000_000;
        let local = t.checked_add(offset)?;
        let mut day = i32::try_from(local.div_euclid(MICROS_PER_DAY)).ok()?;
        if months != 0 {
            day = days_plus_months(day, months)?;
        }
        let total = i64::from(day).checked_add(days)?;
        let local = total.checked_mul(MICROS_PER_DAY)?.checked_add(local.rem_euclid(MICROS_PER_DAY))?;
        // In an overlap the offset stays what it was.
        let kept = local.checked_sub(offset)?;
        let holds = i64::from(zone.offset_at(kept.div_euclid(1_000_000))) * 1_000_000 == offset;
        instant = if holds { kept } else { zone.micros_to_utc(local)? };
    }
    instant.checked_add(micros)
}

fn plus_interval(call: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let step = array_arg(args, 1, rows)?;
    let sub = minus(call);
    let zone = zone_of(call);
    let start = array_arg(args, 0, rows)?;
    if let Some(step) = step.as_any().downcast_ref::<IntervalMonthDayNanoArray>() {
        let apply = |t: i64, v: IntervalMonthDayNano| -> Option<i64> {
            let sign = if sub { -1 } else { 1 };
            moved(
                t,
                v.months * sign,
                i64::from(v.days) * i64::from(sign),
                v.nanoseconds / 1000 * i64::from(sign),
                &zone,
            )
        };
        if call.return_type == DataType::Date {
            let dates: Date32Array = downcast(&start)?;
            return done(zip_optional::<_, _, Date32Type>(&dates, step, |d, v| {
                if v.nanoseconds != 0 && mode(call) == Mode::Ansi {
                    let e = SparkError::new("INVALID_INTERVAL_WITH_MICROSECONDS_ADDITION");
                    return Err(call.error(e.param("ansiConfig", crate::support::ANSI_KEY)));
                }
                let out = apply(i64::from(d) * MICROS_PER_DAY, v)
                    .and_then(|t| i32::try_from(t.div_euclid(MICROS_PER_DAY)).ok());
                out.map(Some).ok_or_else(|| datetime_overflow(call))
            })?);
        }
        let times: TimestampMicrosecondArray = downcast(&start)?;
        return timestamps(
            call,
            zip_optional::<_, _, TimestampMicrosecondType>(&times, step, |t, v| {
                apply(t, v).map(Some).ok_or_else(|| datetime_overflow(call))
            })?,
        );
    }
    let step: DurationMicrosecondArray = downcast(&step)?;
    let signed = |v: i64| if sub { v.checked_neg().ok_or_else(|| negation_overflow(call)) } else { Ok(v) };
    match start.data_type() {
        Arrow::Date32 => {
            let dates: Date32Array = downcast(&start)?;
            done(zip_optional::<_, _, Date32Type>(&dates, &step, |d, v| {
                let days = (v / MICROS_PER_DAY) as i32;
                Ok(Some(if sub { d.wrapping_sub(days) } else { d.wrapping_add(days) }))
            })?)
        }
        Arrow::Time64(_) => {
            let times: Time64NanosecondArray = downcast(&start)?;
            done(zip_optional::<_, _, Time64NanosecondType>(&times, &step, |t, v| {
                let out = signed(v)?.checked_mul(1000).and_then(|v| t.checked_add(v));
                match out.filter(|v| (0..86_400_000_000_000).contains(v)) {
                    Some(v) => Ok(Some(v)),
                    None if mode(call) == Mode::Try => Ok(None),
                    None => Err(call
                        .error(SparkError::new("DATETIME_OVERFLOW").param("operation", "add an interval to a time"))),
                }
            })?)
        }
        _ => {
            let times: TimestampMicrosecondArray = downcast(&start)?;
            timestamps(
                call,
                zip_optional::<_, _, TimestampMicrosecondType>(&times, &step, |t, v| {
                    let v = signed(v)?;
                    let out = moved(t, 0, v / MICROS_PER_DAY, v % MICROS_PER_DAY, &zone);
                    out.map(Some).ok_or_else(|| datetime_overflow(call))
                })?,
            )
        }
    }
}

fn dates_between(call: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let (a, b) = (typed_arg::<Date32Array>(args, 0, rows)?, typed_arg::<Date32Array>(args, 1, rows)?);
    done(zip_optional::<_, _, DurationMicrosecondType>(&a, &b, |x, y| {
        let days = i64::from(x) - i64::from(y);
        days.checked_mul(MICROS_PER_DAY).map(Some).ok_or_else(|| datetime_overflow(call))
    })?)
}

fn timestamps_between(call: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    if matches!(call.arg_types.first(), Some(DataType::Time(_))) {
        let a = typed_arg::<Time64NanosecondArray>(args, 0, rows)?;
        let b = typed_arg::<Time64NanosecondArray>(args, 1, rows)?;
        return done(zip_optional::<_, _, DurationMicrosecondType>(&a, &b, |x, y| Ok(Some((x - y) / 1000)))?);
    }
    let zone = zone_of(call);
    let moments = |i| downcast::<TimestampMicrosecondArray>(&nanos::micros(&array_arg(args, i, rows)?));
    let (a, b) = (moments(0)?, moments(1)?);
    done(zip_optional::<_, _, DurationMicrosecondType>(&a, &b, |x, y| {
        let between = || zone.micros_to_local(x)?.checked_sub(zone.micros_to_local(y)?);
        between().map(Some).ok_or_else(|| datetime_overflow(call))
    })?)
}

fn interval_sum(call: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let sub = minus(call);
    match call.return_type {
        DataType::YearMonthInterval(..) => {
            let a = typed_arg::<IntervalYearMonthArray>(args, 0, rows)?;
            let b = typed_arg::<IntervalYearMonthArray>(args, 1, rows)?;
            done(zip_optional::<_, _, IntervalYearMonthType>(&a, &b, |x, y| {
                or_overflow(call, if sub { x.checked_sub(y) } else { x.checked_add(y) })
            })?)
        }
        DataType::DayTimeInterval(..) => {
            let a = typed_arg::<DurationMicrosecondArray>(args, 0, rows)?;
            let b = typed_arg::<DurationMicrosecondArray>(args, 1, rows)?;
            done(zip_optional::<_, _, DurationMicrosecondType>(&a, &b, |x, y| {
                or_overflow(call, if sub { x.checked_sub(y) } else { x.checked_add(y) })
            })?)
        }
        _ => {
            let a = typed_arg::<IntervalMonthDayNanoArray>(args, 0, rows)?;
            let b = typed_arg::<IntervalMonthDayNanoArray>(args, 1, rows)?;
            done(zip_optional::<_, _, IntervalMonthDayNanoType>(&a, &b, |x, y| {
                let sum = || {
                    if sub {
                        Some(IntervalMonthDayNano::new(
                            x.months.checked_sub(y.months)?,
                            x.days.checked_sub(y.days)?,
                            x.nanoseconds.checked_sub(y.nanoseconds)?,
                        ))
                    } else {
                        Some(IntervalMonthDayNano::new(
                            x.months.checked_add(y.months)?,
                            x.days.checked_add(y.days)?,
                            x.nanoseconds.checked_add(y.nanoseconds)?,
                        ))
                    }
                };
                or_overflow(call, sum())
            })?)
        }
    }
}

/// `interval * number` or `interval / number`, rounded half up.
fn interval_scaled(call: &Call, args: &[ColumnarValue], rows: usize, divide: bool) -> DfResult<ColumnarValue> {
    let number = array_arg(args, 1, rows)?;
    match call.return_type {
        DataType::YearMonthInterval(..) => {
            let a = typed_arg::<IntervalYearMonthArray>(args, 0, rows)?;
            let wide: Int64Array = map_optional(&a, |v| Ok(Some(i64::from(v))))?;
            let out = scaled_numbers(call, &wide, &number, divide)?;
            done(map_optional::<_, IntervalYearMonthType>(&out, |v| or_overflow(call, i32::try_from(v).ok()))?)
        }
        DataType::DayTimeInterval(..) => {
            let a = typed_arg::<DurationMicrosecondArray>(args, 0, rows)?;
            let wide: Int64Array = map_optional(&a, |v| Ok(Some(v)))?;
            let out = scaled_numbers(call, &wide, &number, divide)?;
            done(map_optional::<_, DurationMicrosecondType>(&out, |v| Ok(Some(v)))?)
        }
        _ => {
            let a = typed_arg::<IntervalMonthDayNanoArray>(args, 0, rows)?;
            let n: Float64Array = downcast(&number)?;
            done(zip_optional::<_, _, IntervalMonthDayNanoType>(&a, &n, |v, n| {
                if divide && n == 0.0 {
                    return match mode(call) {
                        Mode::Ansi => Err(call.error(SparkError::new("INTERVAL_DIVIDED_BY_ZERO"))),
                        _ => Ok(None),
                    };
                }
                match (calendar_scaled(v, n, divide, mode(call)), mode(call)) {
                    (None, Mode::Ansi) => Err(overflow(call, "overflow", "")),
                    (v, _) => Ok(v),
                }
            })?)
        }
    }
}

/// Months and days beyond INT: none, but in legacy mode as many as it holds.
fn calendar_scaled(v: IntervalMonthDayNano, n: f64, divide: bool, mode: Mode) -> Option<IntervalMonthDayNano> {
    let by = |x: f64| if divide { x / n } else { x * n };
    let months = by(f64::from(v.months));
    let days = by(f64::from(v.days));
    let micros = by((v.nanoseconds / 1000) as f64);
    // Java's whole number of NaN is 0.
    let whole = |x: f64| {
        let t = if x.is_nan() { 0.0 } else { x.trunc() };
        let fits = t >= f64::from(i32::MIN) && t <= f64::from(i32::MAX);
        (fits || mode == Mode::Legacy).then_some(t as i32)
    };
    let extra = (days - f64::from(whole(days)?)) * MICROS_PER_DAY as f64;
    // Java rounds halves up.
    let micros = (micros + extra + 0.5).floor();
    let micros = if micros.is_nan() { 0.0 } else { micros };
    if micros.abs() >= 9.2e15 {
        return None;
    }
    Some(IntervalMonthDayNano::new(whole(months)?, whole(days)?, (micros as i64).checked_mul(1000)?))
}

fn scaled_numbers(call: &Call, a: &Int64Array, number: &ArrayRef, divide: bool) -> DfResult<Int64Array> {
    let zero = || match mode(call) {
        Mode::Try => Ok(None),
        _ => Err(call.error(SparkError::new("INTERVAL_DIVIDED_BY_ZERO"))),
    };
    let narrow = |v: i256| v.to_i128().and_then(|v| i64::try_from(v).ok());
    match number.data_type() {
        Arrow::Decimal128(_, scale) => {
            let n: Decimal128Array = downcast(number)?;
            let unit = pow10(u32::from(scale.unsigned_abs()));
            zip_optional::<_, Decimal128Type, Int64Type>(a, &n, |x, y| {
                let (x, y) = (i256::from_i128(i128::from(x)), i256::from_i128(y));
                match divide {
                    true if y == i256::ZERO => zero(),
                    true => or_overflow(call, narrow(round_div(x.wrapping_mul(unit), y))),
                    false => or_overflow(call, narrow(round_div(x.wrapping_mul(y), unit))),
                }
            })
        }
        Arrow::Int64 => {
            let n: Int64Array = downcast(number)?;
            zip_optional(a, &n, |x, y| match divide {
                true if y == 0 => zero(),
                true => or_overflow(call, narrow(round_div(i256::from_i128(x.into()), i256::from_i128(y.into())))),
                false => or_overflow(call, x.checked_mul(y)),
            })
        }
        _ => {
            let n: Float64Array = downcast(number)?;
            zip_optional(a, &n, |x, y| {
                if divide && y == 0.0 {
                    return zero();
                }
                let out = if divide { x as f64 / y } else { x as f64 * y };
                let fits = out.abs() <= i64::MAX as f64;
                // Half up, as HALF_UP rounds: away from zero.
                or_overflow(call, fits.then(|| out.round() as i64))
            })
        }
    }
}

fn interval_ratio(call: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let wide = |i: usize| -> DfResult<Int64Array> {
        let array = array_arg(args, i, rows)?;
        match array.data_type() {
            Arrow::Duration(_) => map_optional(&downcast::<DurationMicrosecondArray>(&array)?, |v| Ok(Some(v))),
            _ => map_optional(&downcast::<IntervalYearMonthArray>(&array)?, |v| Ok(Some(i64::from(v)))),
        }
    };
    done(zip_optional::<_, _, Int64Type>(&wide(0)?, &wide(1)?, |x, y| match (y, mode(call)) {
        (0, Mode::Try) => Ok(None),
        (0, _) => Err(call.error(SparkError::new("INTERVAL_DIVIDED_BY_ZERO"))),
        _ => x.checked_div(y).map(Some).ok_or_else(|| overflow(call, "Overflow in integral divide", "try_divide")),
    })?)
}

/// The value with its sign changed, for numbers and intervals.
pub fn negate(call: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let array = array_arg(args, 0, rows)?;
    let checked = mode(call) == Mode::Ansi;
    let no_opposite = || call.error(SparkError::new("INTERVAL_ARITHMETIC_OVERFLOW.WITHOUT_SUGGESTION"));
    macro_rules! whole {
        ($t:ty, $raise:expr) => {{
            let a = downcast::<datafusion::arrow::array::PrimitiveArray<$t>>(&array)?;
            done(map_optional::<$t, $t>(&a, |v| match v.checked_neg() {
                Some(v) => Ok(Some(v)),
                None if $raise => Err(overflow(call, "overflow", "")),
                None => Ok(Some(v)),
            })?)
        }};
    }
    match array.data_type() {
        Arrow::Int8 => whole!(Int8Type, checked),
        Arrow::Int16 => whole!(Int16Type, checked),
        Arrow::Int32 => whole!(Int32Type, checked),
        Arrow::Int64 => whole!(Int64Type, checked),
        Arrow::Interval(datafusion::arrow::datatypes::IntervalUnit::YearMonth) => {
            let a = downcast::<IntervalYearMonthArray>(&array)?;
            done(map_optional::<_, IntervalYearMonthType>(&a, |v| v.checked_neg().map(Some).ok_or_else(no_opposite))?)
        }
        Arrow::Duration(_) => {
            let a = downcast::<DurationMicrosecondArray>(&array)?;
            done(map_optional::<_, DurationMicrosecondType>(&a, |v| v.checked_neg().map(Some).ok_or_else(no_opposite))?)
        }
        Arrow::Float32 => {
            let a = downcast::<datafusion::arrow::array::Float32Array>(&array)?;
            done(a.unary::<_, Float32Type>(|v| if v.is_nan() { f32::NAN } else { -v }))
        }
        Arrow::Float64 => {
            let a = downcast::<Float64Array>(&array)?;
            done(a.unary::<_, Float64Type>(|v| if v.is_nan() { f64::NAN } else { -v }))
        }
        Arrow::Decimal128(p, s) => {
            let a = downcast::<Decimal128Array>(&array)?;
            let out = a.try_unary::<_, Decimal128Type, _>(|v| decimal::negated(call, v, (*p, *s)))?;
            done(out.with_precision_and_scale(*p, *s)?)
        }
        Arrow::Interval(_) => {
            let a = downcast::<IntervalMonthDayNanoArray>(&array)?;
            done(map_optional::<_, IntervalMonthDayNanoType>(&a, |v| {
                let out = || {
                    Some(IntervalMonthDayNano::new(
                        v.months.checked_neg()?,
                        v.days.checked_neg()?,
                        v.nanoseconds.checked_neg()?,
                    ))
                };
                or_overflow(call, out())
            })?)
        }
        other => Err(call.error(SparkError::internal(format!("no sign on {other}")))),
    }
}
