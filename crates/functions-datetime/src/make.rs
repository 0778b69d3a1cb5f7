//! `make_date` and the `make_timestamp` family.

use datafusion::arrow::array::{Date32Array, Decimal128Array, Int32Array, StringArray, Time64NanosecondArray};
use datafusion::arrow::datatypes::{Date32Type, TimestampMicrosecondType};
use datafusion::common::Result as DfResult;
use datafusion::logical_expr::ColumnarValue;
use vonk_common::{SparkError, SparkResult};
use vonk_expr::columns::primitive_rows;
use vonk_expr::context::Nullability;
use vonk_expr::{Call, Col, FnContext, FunctionSpec, Kernel, TypedExpr, Want, not_null};
use vonk_plan::types::DataType;

use crate::add::{arithmetic_overflow, renamed};
use crate::args::{MICROS_PER_DAY, MICROS_PER_SECOND, session_zone};
use crate::zones::LastZone;
use vonk_expr::cast::text::datetime::{days_from_civil, month_length};
use vonk_expr::cast::zone::Zone;

const GROUP: &str = "datetime_funcs";

pub static SPECS: &[FunctionSpec] = &[
    FunctionSpec::scalar("make_date", GROUP, build_date)
        .usage("The date of a year, a month and a day.")
        .kernels(&[&MAKE_DATE]),
    FunctionSpec::scalar("make_timestamp", GROUP, |c, a| build(c, a, None, false))
        .usage("The timestamp of a date and a time in parts or as a DATE and a TIME, in a zone.")
        .kernels(&[&MAKE, &FROM_DATE]),
    FunctionSpec::scalar("make_timestamp_ltz", GROUP, |c, a| build(c, a, Some(DataType::Timestamp), false))
        .usage("The timestamp of a date and a time in parts or as a DATE and a TIME, in a zone.")
        .kernels(&[&MAKE, &FROM_DATE]),
    FunctionSpec::scalar("make_timestamp_ntz", GROUP, |c, a| build(c, a, Some(DataType::TimestampNtz), false))
        .usage("The wall clock timestamp of a date and a time in parts or as a DATE and a TIME.")
        .kernels(&[&MAKE, &FROM_DATE]),
    FunctionSpec::scalar("try_make_timestamp", GROUP, |c, a| build(c, a, None, true))
        .usage("As make_timestamp, NULL where there is no such moment.")
        .kernels(&[&TRY_MAKE, &FROM_DATE]),
    FunctionSpec::scalar("try_make_timestamp_ltz", GROUP, |c, a| build(c, a, Some(DataType::Timestamp), true))
        .usage("As make_timestamp_ltz, NULL where there is no such moment.")
        .kernels(&[&TRY_MAKE, &FROM_DATE]),
    FunctionSpec::scalar("try_make_timestamp_ntz", GROUP, |c, a| build(c, a, Some(DataType::TimestampNtz), true))
        .usage("As make_timestamp_ntz, NULL where there is no such moment.")
        .kernels(&[&TRY_MAKE, &FROM_DATE]),
];

static MAKE_DATE: Kernel = Kernel::new("make_date", make_date);
static MAKE: Kernel = Kernel::new("make_timestamp", |c, a, n| make(c, a, n, false));
static TRY_MAKE: Kernel = Kernel::new("try_make_timestamp", |c, a, n| make(c, a, n, true));
static FROM_DATE: Kernel = Kernel::new("make_timestamp_from_date", from_date);

fn build_date(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    let args = ctx.coerce(args, 3, &[Want::INT, Want::INT, Want::INT])?;
    let nulls = if ctx.ansi() { Nullability::Args } else { Nullability::Always };
    Ok(ctx.call(&MAKE_DATE, args, DataType::Date, nulls))
}

/// The type that TIMESTAMP stands for in the session.
pub fn session_timestamp(ctx: &FnContext) -> DataType {
    match ctx.facts.conf.get("spark.sql.timestampType") {
        Some(t) if t.eq_ignore_ascii_case("TIMESTAMP_NTZ") => DataType::TimestampNtz,
        _ => DataType::Timestamp,
    }
}

fn build(ctx: &FnContext, args: Vec<TypedExpr>, ty: Option<DataType>, tolerant: bool) -> SparkResult<TypedExpr> {
    let named = ty.is_some();
    let ntz = ty == Some(DataType::TimestampNtz);
    let ty = ty.unwrap_or_else(|| session_timestamp(ctx));
    if args.len() <= 3 {
        ctx.arity(&args, if named { 2..=if ntz { 2 } else { 3 } } else { 1..=3 })?;
        let args = ctx.expect(args, 1, &[Want::DATE, Want::AnyTime, Want::Str])?;
        let texts = args.clone();
        let nulls = if ntz { Nullability::Always } else { Nullability::Args };
        let out = ctx.call(&FROM_DATE, args, ty, nulls);
        return Ok(match &*ctx.name {
            "make_timestamp_ltz" | "try_make_timestamp_ltz" => renamed(out, "make_timestamp", &texts),
            "try_make_timestamp_ntz" => renamed(out, "make_timestamp_ntz", &texts),
            _ => out,
        });
    }
    ctx.arity(&args, if ntz { 6..=6 } else { 6..=7 })?;
    let parts =
        [Want::INT, Want::INT, Want::INT, Want::INT, Want::INT, Want::Type(DataType::Decimal(16, 6)), Want::Str];
    let wants = &parts[..args.len()];
    let args = ctx.coerce(args, 6, wants)?;
    if tolerant {
        // The zone of `try_make_timestamp` does not show in its text.
        let shown: Vec<TypedExpr> = args.iter().take(if named { 7 } else { 6 }).cloned().collect();
        return Ok(renamed(ctx.call(&TRY_MAKE, args, ty, Nullability::Always), &ctx.name, &shown));
    }
    let nulls = if ctx.ansi() { Nullability::Args } else { Nullability::Always };
    Ok(ctx.call(&MAKE, args, ty, nulls))
}

/// A field that is out of its bounds, in Java's words.
pub fn out_of_bounds(message: String) -> SparkError {
    SparkError::new("DATETIME_FIELD_OUT_OF_BOUNDS.WITHOUT_SUGGESTION").param("rangeMessage", message)
}

pub fn check(field: &str, low: i64, high: i64, value: i64) -> SparkResult<()> {
    if (low..=high).contains(&value) {
        return Ok(());
    }
    Err(out_of_bounds(format!("Invalid value for {field} (valid values {low} - {high}): {value}")))
}

pub const MONTH_NAMES: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// The day number, or Java's complaint about the date.
pub fn day_number(year: i64, month: i64, day: i64) -> SparkResult<i64> {
    check("Year", -999_999_999, 999_999_999, year)?;
    check("MonthOfYear", 1, 12, month)?;
    if !(1..=31).contains(&day) {
        return Err(out_of_bounds(format!("Invalid value for DayOfMonth (valid values 1 - 28/31): {day}")));
    }
    let length = i64::from(month_length(year, month as u32));
    if day > length {
        return Err(out_of_bounds(match day {
            29 => format!("Invalid date 'February 29' as '{year}' is not a leap year"),
            _ => {
                let name = MONTH_NAMES.get(month as usize - 1).map(|m| m.to_uppercase()).unwrap_or_default();
                format!("Invalid date '{name} {day}'")
            }
        }));
    }
    days_from_civil(year, month as u32, day as u32).ok_or_else(|| out_of_bounds("Invalid date".into()))
}

fn make_date(call: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let year = Col::<Int32Array>::new(args, 0)?;
    let month = Col::<Int32Array>::new(args, 1)?;
    let day = Col::<Int32Array>::new(args, 2)?;
    primitive_rows::<Date32Type>(call, rows, |i| {
        let (y, m, d) = not_null!(year.get(i), month.get(i), day.get(i));
        match day_number(y.into(), m.into(), d.into()) {
            // A year that Java's dates have and Spark's do not is an error in any mode.
            Ok(n) => i32::try_from(n).map(Some).map_err(|_| call.error(arithmetic_overflow("overflow"))),
            Err(e) if call.ansi => Err(call.error(e)),
            Err(_) => Ok(None),
        }
    })
}

/// Microseconds of a day; 60 seconds exactly are the next minute.
fn micros_of_day(hour: i64, minute: i64, seconds: i128, tolerant: &str) -> SparkResult<i64> {
    // Spark has no more than an int's bits of them.
    let micros = i64::from(seconds as i32);
    let whole = micros.div_euclid(MICROS_PER_SECOND);
    check("HourOfDay", 0, 23, hour)?;
    check("MinuteOfHour", 0, 59, minute)?;
    if whole == 60 && micros % MICROS_PER_SECOND != 0 {
        return Err(SparkError::new("INVALID_FRACTION_OF_SECOND")
            .param("secAndMicros", format!("{}.{:06}", whole, micros % MICROS_PER_SECOND).trim_end_matches('0'))
            .param("ansiConfig", vonk_common::error::quote_sql("spark.sql.ansi.enabled"))
            .param("suggestion", tolerant));
    }
    if whole != 60 {
        check("SecondOfMinute", 0, 59, whole)?;
    }
    Ok((hour * 3600 + minute * 60) * MICROS_PER_SECOND + micros)
}

fn make(call: &Call, args: &[ColumnarValue], rows: usize, tolerant: bool) -> DfResult<ColumnarValue> {
    let parts: DfResult<Vec<_>> = (0..5).map(|i| Col::<Int32Array>::new(args, i)).collect();
    let parts = parts?;
    let [year, month, day, hour, minute] = &parts[..] else { return Ok(args[0].clone()) };
    let seconds = Col::<Decimal128Array>::new(args, 5)?;
    let zone_name = if args.len() > 6 { Some(Col::<StringArray>::new(args, 6)?) } else { None };
    let ntz = call.return_type == DataType::TimestampNtz;
    let session = if ntz { Zone::UTC } else { session_zone(call)? };
    let mut last = LastZone::default();
    let suggestion = "`try_make_timestamp`";
    primitive_rows::<TimestampMicrosecondType>(call, rows, |i| {
        let (y, m, d) = not_null!(year.get(i), month.get(i), day.get(i));
        let (h, min, s) = not_null!(hour.get(i), minute.get(i), seconds.get(i));
        let zone = match &zone_name {
            Some(name) => match last.get(not_null!(name.get(i))) {
                Ok(zone) => zone,
                Err(_) if tolerant => return Ok(None),
                Err(e) => return Err(call.error(e)),
            },
            None => &session,
        };
        let moment = || -> SparkResult<Option<i64>> {
            let day = day_number(y.into(), m.into(), d.into())?;
            let micros = micros_of_day(h.into(), min.into(), s, suggestion)?;
            let local = day.checked_mul(MICROS_PER_DAY).and_then(|x| x.checked_add(micros));
            let local = local.ok_or_else(|| arithmetic_overflow("long overflow"))?;
            if ntz && zone_name.is_none() {
                return Ok(Some(local));
            }
            Ok(zone.micros_to_utc(local))
        };
        match moment() {
            Ok(v) => Ok(v),
            // A moment beyond all that Spark can hold is an error in any mode.
            Err(e) if call.ansi && !tolerant || e.class() == "ARITHMETIC_OVERFLOW" => Err(call.error(e)),
            Err(_) => Ok(None),
        }
    })
}

fn from_date(call: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let date = Col::<Date32Array>::new(args, 0)?;
    let time = if args.len() > 1 { Some(Col::<Time64NanosecondArray>::new(args, 1)?) } else { None };
    let zone_name = if args.len() > 2 { Some(Col::<StringArray>::new(args, 2)?) } else { None };
    let ntz = call.return_type == DataType::TimestampNtz;
    let session = if ntz { Zone::UTC } else { session_zone(call)? };
    let mut last = LastZone::default();
    primitive_rows::<TimestampMicrosecondType>(call, rows, |i| {
        let day = i64::from(not_null!(date.get(i)));
        let micros = match &time {
            Some(t) => not_null!(t.get(i)) / 1000,
            None => 0,
        };
        let zone = match &zone_name {
            Some(name) => last.get(not_null!(name.get(i))).map_err(|e| call.error(e))?,
            None => &session,
        };
        Ok(zone.micros_to_utc(day * MICROS_PER_DAY + micros))
    })
}
