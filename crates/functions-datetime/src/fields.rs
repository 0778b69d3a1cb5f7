//! One field of a date or a time: `year`, `month`, `hour`, …, `dayname`, `monthname`.

use datafusion::arrow::array::{Date32Array, Time64NanosecondArray};
use datafusion::arrow::datatypes::Int32Type;
use datafusion::common::Result as DfResult;
use datafusion::logical_expr::ColumnarValue;
use vonk_common::SparkResult;
use vonk_expr::columns::{primitive_rows, slice_rows};
use vonk_expr::context::Nullability;
use vonk_expr::{Call, Col, FnContext, FunctionSpec, Kernel, TypedExpr, Want, not_null};
use vonk_plan::types::DataType;

use crate::args::{Clock, MICROS_PER_DAY, MICROS_PER_SECOND, moment};
use vonk_expr::cast::text::datetime::{civil, days_from_civil};

macro_rules! date_field {
    ($kernel:ident, $name:literal, $f:expr) => {
        pub static $kernel: Kernel = Kernel::total($name, |c, a, n| of_date(c, a, n, $f));
    };
}

date_field!(YEAR, "year", |d| civil(d).0 as i32);
date_field!(QUARTER, "quarter", |d| (civil(d).1 as i32 - 1) / 3 + 1);
date_field!(MONTH, "month", |d| civil(d).1 as i32);
date_field!(DAY, "dayofmonth", |d| civil(d).2 as i32);
date_field!(DAYOFWEEK, "dayofweek", |d| (d + 4).rem_euclid(7) as i32 + 1);
date_field!(DAYOFWEEK_ISO, "dayofweek_iso", |d| (d + 3).rem_euclid(7) as i32 + 1);
date_field!(WEEKDAY, "weekday", |d| (d + 3).rem_euclid(7) as i32);
date_field!(DAYOFYEAR, "dayofyear", day_of_year);
date_field!(WEEKOFYEAR, "weekofyear", |d| iso_week(d).1);
date_field!(YEAROFWEEK, "yearofweek", |d| iso_week(d).0 as i32);

macro_rules! time_field {
    ($kernel:ident, $name:literal, $f:expr) => {
        pub static $kernel: Kernel = Kernel::total($name, |c, a, n| of_time(c, a, n, $f));
    };
}

time_field!(HOUR, "hour", |s| (s / 3600) as i32);
time_field!(MINUTE, "minute", |s| (s / 60 % 60) as i32);
time_field!(SECOND, "second", |s| (s % 60) as i32);

static DAYNAME: Kernel = Kernel::total("dayname", |_, a, n| names(a, n, |d| DAYS[(d + 3).rem_euclid(7) as usize]));
static MONTHNAME: Kernel = Kernel::total("monthname", |_, a, n| names(a, n, |d| MONTHS[civil(d).1 as usize - 1]));

const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

const fn date(
    name: &'static str,
    usage: &'static str,
    build: fn(&FnContext, Vec<TypedExpr>) -> SparkResult<TypedExpr>,
    kernels: &'static [&'static Kernel],
) -> FunctionSpec {
    FunctionSpec::scalar(name, "datetime_funcs", build).usage(usage).kernels(kernels)
}

pub static SPECS: &[FunctionSpec] = &[
    date("year", "The year of a date.", |c, a| field(c, a, &YEAR), &[&YEAR]),
    date("quarter", "The quarter of the year, 1 to 4.", |c, a| field(c, a, &QUARTER), &[&QUARTER]),
    date("month", "The month of the year, 1 to 12.", |c, a| field(c, a, &MONTH), &[&MONTH]),
    date("dayofmonth", "The day of the month.", |c, a| field(c, a, &DAY), &[&DAY]).aliases(&["day"]),
    date("dayofweek", "The day of the week, from 1 for Sunday.", |c, a| field(c, a, &DAYOFWEEK), &[&DAYOFWEEK]),
    date("weekday", "The day of the week, from 0 for Monday.", |c, a| field(c, a, &WEEKDAY), &[&WEEKDAY]),
    date("dayofyear", "The day of the year.", |c, a| field(c, a, &DAYOFYEAR), &[&DAYOFYEAR]),
    date("weekofyear", "The ISO week of the year.", |c, a| field(c, a, &WEEKOFYEAR), &[&WEEKOFYEAR]),
    date("dayname", "The day of the week in three letters.", |c, a| name(c, a, &DAYNAME), &[&DAYNAME]),
    date("monthname", "The month in three letters.", |c, a| name(c, a, &MONTHNAME), &[&MONTHNAME]),
    date("hour", "The hour of the day.", |c, a| clock_field(c, a, &HOUR), &[&HOUR]),
    date("minute", "The minute of the hour.", |c, a| clock_field(c, a, &MINUTE), &[&MINUTE]),
    date("second", "The second of the minute.", |c, a| clock_field(c, a, &SECOND), &[&SECOND]),
];

pub fn field(ctx: &FnContext, args: Vec<TypedExpr>, kernel: &'static Kernel) -> SparkResult<TypedExpr> {
    let args = ctx.coerce(args, 1, &[Want::DATE])?;
    Ok(ctx.call(kernel, args, DataType::Int, Nullability::Args))
}

fn name(ctx: &FnContext, args: Vec<TypedExpr>, kernel: &'static Kernel) -> SparkResult<TypedExpr> {
    let args = ctx.coerce(args, 1, &[Want::DATE])?;
    Ok(ctx.call(kernel, args, DataType::STRING, Nullability::Args))
}

/// A field of a TIME or a timestamp. Spark leaves further arguments out.
pub fn clock_field(ctx: &FnContext, mut args: Vec<TypedExpr>, kernel: &'static Kernel) -> SparkResult<TypedExpr> {
    ctx.arity(&args, 1..=usize::MAX)?;
    args.truncate(1);
    if args.iter().any(|a| matches!(a.data_type, DataType::Time(_))) {
        return Ok(ctx.call(kernel, args, DataType::Int, Nullability::Always));
    }
    let want = moment(args.first(), Want::AnyTimestamp);
    let args = ctx.coerce(args, 1, &[want])?;
    Ok(ctx.call(kernel, args, DataType::Int, Nullability::Args))
}

pub fn day_of_year(days: i64) -> i32 {
    (days - days_from_civil(civil(days).0, 1, 1).unwrap_or(days)) as i32 + 1
}

/// Week-based year and week number of ISO 8601.
pub fn iso_week(days: i64) -> (i64, i32) {
    let thursday = days - (days + 3).rem_euclid(7) + 3;
    let year = civil(thursday).0;
    (year, (day_of_year(thursday) - 1) / 7 + 1)
}

fn of_date(call: &Call, args: &[ColumnarValue], rows: usize, f: fn(i64) -> i32) -> DfResult<ColumnarValue> {
    let days = Col::<Date32Array>::new(args, 0)?;
    primitive_rows::<Int32Type>(call, rows, |i| Ok(Some(f(i64::from(not_null!(days.get(i)))))))
}

fn of_time(call: &Call, args: &[ColumnarValue], rows: usize, f: fn(i64) -> i32) -> DfResult<ColumnarValue> {
    if matches!(call.arg_types.first(), Some(DataType::Time(_))) {
        let times = Col::<Time64NanosecondArray>::new(args, 0)?;
        return primitive_rows::<Int32Type>(call, rows, |i| Ok(Some(f(not_null!(times.get(i)) / 1_000_000_000))));
    }
    let clock = Clock::new(call, args, 0)?;
    primitive_rows::<Int32Type>(call, rows, |i| {
        Ok(Some(f(not_null!(clock.get(i)).rem_euclid(MICROS_PER_DAY) / MICROS_PER_SECOND)))
    })
}

fn names(args: &[ColumnarValue], rows: usize, f: fn(i64) -> &'static str) -> DfResult<ColumnarValue> {
    let days = Col::<Date32Array>::new(args, 0)?;
    slice_rows(rows, rows * 3, |i| Ok(Some(f(i64::from(not_null!(days.get(i)))))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn iso_weeks_around_new_year() {
        for (y, m, d, want) in
            [(2021, 1, 3, (2020, 53)), (2020, 12, 31, (2020, 53)), (2019, 12, 30, (2020, 1)), (1, 1, 1, (1, 1))]
        {
            assert_eq!(iso_week(days_from_civil(y, m, d).unwrap_or(0)), want, "{y}-{m}-{d}");
        }
    }
}
