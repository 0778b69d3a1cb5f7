//! `extract(FIELD FROM x)`, `date_part('FIELD', x)`, `datepart`: fields of dates, timestamps, times
//! and intervals.

use datafusion::arrow::array::{
    DurationMicrosecondArray, IntervalMonthDayNanoArray, IntervalYearMonthArray, Time64NanosecondArray,
};
use datafusion::arrow::datatypes::{Decimal128Type, Int8Type, Int32Type};
use datafusion::common::Result as DfResult;
use datafusion::logical_expr::ColumnarValue;
use vonk_common::error::quote_id;
use vonk_common::{SparkError, SparkResult};
use vonk_expr::columns::primitive_rows;
use vonk_expr::context::Nullability;
use vonk_expr::{Call, Col, FnContext, FunctionSpec, Kernel, SqlText, TypedExpr, Want, exec_err, not_null};
use vonk_plan::types::{DataType, DayTimeField, YearMonthField};

use crate::args::{Clock, MICROS_PER_DAY, MICROS_PER_HOUR, MICROS_PER_SECOND, moment};
use crate::fields::{self, clock_field, field};

pub static SPECS: &[FunctionSpec] = &[FunctionSpec::scalar("extract", "datetime_funcs", build)
    .aliases(&["datepart", "date_part"])
    .usage("A field of a date, a time or an interval.")
    .kernels(&[&SECONDS, &INTERVAL_PART, &fields::DAYOFWEEK_ISO, &fields::YEAROFWEEK])];

static SECONDS: Kernel = Kernel::new("seconds_with_fraction", seconds);
static INTERVAL_PART: Kernel = Kernel::new("interval_part", interval_part);

#[derive(Debug, Clone, Copy, PartialEq)]
enum Field {
    Year,
    YearOfWeek,
    Quarter,
    Month,
    Week,
    Day,
    DayOfWeek,
    DayOfWeekIso,
    DayOfYear,
    Hour,
    Minute,
    Second,
}

fn parse(name: &str) -> Option<Field> {
    Some(match name.to_ascii_uppercase().as_str() {
        "YEAR" | "Y" | "YEARS" | "YR" | "YRS" => Field::Year,
        "YEAROFWEEK" => Field::YearOfWeek,
        "QUARTER" | "QTR" => Field::Quarter,
        "MONTH" | "MON" | "MONS" | "MONTHS" => Field::Month,
        "WEEK" | "W" | "WEEKS" => Field::Week,
        "DAY" | "D" | "DAYS" => Field::Day,
        "DAYOFWEEK" | "DOW" => Field::DayOfWeek,
        "DAYOFWEEK_ISO" | "DOW_ISO" => Field::DayOfWeekIso,
        "DOY" => Field::DayOfYear,
        "HOUR" | "H" | "HOURS" | "HR" | "HRS" => Field::Hour,
        "MINUTE" | "M" | "MIN" | "MINS" | "MINUTES" => Field::Minute,
        "SECOND" | "S" | "SEC" | "SECONDS" | "SECS" => Field::Second,
        _ => return None,
    })
}

fn build(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    ctx.arity(&args, 2..=2)?;
    let [name, source] = &args[..] else { return Err(SparkError::internal("extract without arguments")) };
    if !name.foldable || !(name.data_type.is_string() || name.data_type == DataType::Null) {
        return Err(SparkError::new("NON_FOLDABLE_ARGUMENT")
            .param("funcName", quote_id([&*ctx.name]))
            .param("paramName", quote_id(["field"]))
            .param("paramType", "\"STRING\"")
            .at(ctx.origin.clone()));
    }
    let sql = match &*ctx.name {
        "date_part" => ctx.sql(&args),
        other => SqlText::concat([
            format!("{other}(").into(),
            name.sql.clone(),
            " FROM ".into(),
            source.sql.clone(),
            ")".into(),
        ]),
    };
    let mut out = match name.constant_str(&ctx.name, "field")? {
        None => TypedExpr::null(DataType::Double)?,
        Some(text) => {
            let part = match parse(&text) {
                Some(f) => part_of(ctx, source.clone(), f)?,
                None => None,
            };
            part.ok_or_else(|| {
                SparkError::new("INVALID_EXTRACT_FIELD")
                    .param("field", quote_id([&text]))
                    .param("expr", source.quoted_sql())
                    .at(ctx.origin.clone())
            })?
        }
    };
    out.sql = sql;
    Ok(out.at(ctx.origin.clone()))
}

/// The field of the source; `None` if sources of that type do not have it.
fn part_of(ctx: &FnContext, source: TypedExpr, f: Field) -> SparkResult<Option<TypedExpr>> {
    let interval = |source: TypedExpr, ty: DataType| {
        let params = vec![format!("{f:?}")];
        ctx.call_with(&INTERVAL_PART, vec![source], ty, Nullability::Args, params)
    };
    let interval_type = match f {
        Field::Year | Field::Day => DataType::Int,
        Field::Month | Field::Hour | Field::Minute => DataType::Byte,
        Field::Second => DataType::Decimal(8, 6),
        _ => DataType::Null,
    };
    match source.data_type.clone() {
        DataType::YearMonthInterval(from, to) => {
            let unit = match f {
                Field::Year => YearMonthField::Year,
                Field::Month => YearMonthField::Month,
                _ => return Ok(None),
            };
            Ok((from <= unit && unit <= to).then(|| interval(source, interval_type)))
        }
        DataType::DayTimeInterval(from, to) => {
            let unit = match f {
                Field::Day => DayTimeField::Day,
                Field::Hour => DayTimeField::Hour,
                Field::Minute => DayTimeField::Minute,
                Field::Second => DayTimeField::Second,
                _ => return Ok(None),
            };
            Ok((from <= unit && unit <= to).then(|| interval(source, interval_type)))
        }
        DataType::CalendarInterval if interval_type != DataType::Null => Ok(Some(interval(source, interval_type))),
        DataType::CalendarInterval => Ok(None),
        DataType::Time(_) => match f {
            Field::Hour => clock_field(ctx, vec![source], &fields::HOUR).map(Some),
            Field::Minute => clock_field(ctx, vec![source], &fields::MINUTE).map(Some),
            Field::Second => Ok(Some(ctx.call(&SECONDS, vec![source], DataType::Decimal(8, 6), Nullability::Always))),
            _ => Ok(None),
        },
        _ => date_part(ctx, source, f).map(Some),
    }
}

fn date_part(ctx: &FnContext, source: TypedExpr, f: Field) -> SparkResult<TypedExpr> {
    let args = vec![source];
    match f {
        Field::Year => field(ctx, args, &fields::YEAR),
        Field::YearOfWeek => field(ctx, args, &fields::YEAROFWEEK),
        Field::Quarter => field(ctx, args, &fields::QUARTER),
        Field::Month => field(ctx, args, &fields::MONTH),
        Field::Week => field(ctx, args, &fields::WEEKOFYEAR),
        Field::Day => field(ctx, args, &fields::DAY),
        Field::DayOfWeek => field(ctx, args, &fields::DAYOFWEEK),
        Field::DayOfWeekIso => field(ctx, args, &fields::DAYOFWEEK_ISO),
        Field::DayOfYear => field(ctx, args, &fields::DAYOFYEAR),
        Field::Hour => clock_field(ctx, args, &fields::HOUR),
        Field::Minute => clock_field(ctx, args, &fields::MINUTE),
        Field::Second => {
            let want = moment(args.first(), Want::AnyTimestamp);
            let args = ctx.coerce(args, 1, &[want])?;
            let nanos = args.first().is_some_and(|a| a.data_type.is_nanos());
            let ty = if nanos { DataType::Decimal(11, 9) } else { DataType::Decimal(8, 6) };
            Ok(ctx.call(&SECONDS, args, ty, Nullability::Args))
        }
    }
}

fn seconds(call: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    const MINUTE: i64 = 60 * MICROS_PER_SECOND;
    if matches!(call.arg_types.first(), Some(DataType::Time(_))) {
        let times = Col::<Time64NanosecondArray>::new(args, 0)?;
        return primitive_rows::<Decimal128Type>(call, rows, |i| {
            Ok(Some(i128::from(not_null!(times.get(i)) / 1000 % MINUTE)))
        });
    }
    let clock = Clock::new(call, args, 0)?;
    let nanos = call.arg_types.first().is_some_and(DataType::is_nanos);
    primitive_rows::<Decimal128Type>(call, rows, |i| {
        let micros = i128::from(not_null!(clock.get(i)).rem_euclid(MINUTE));
        Ok(Some(if nanos { micros * 1000 + i128::from(clock.below(i)) } else { micros }))
    })
}

fn interval_part(call: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    // Months, days and microseconds of the row's interval.
    let parts: Box<dyn Fn(usize) -> Option<(i64, i64, i64)>> = match call.arg_types.first() {
        Some(DataType::YearMonthInterval(..)) => {
            let v = Col::<IntervalYearMonthArray>::new(args, 0)?;
            Box::new(move |i| v.get(i).map(|m| (i64::from(m), 0, 0)))
        }
        Some(DataType::DayTimeInterval(..)) => {
            let v = Col::<DurationMicrosecondArray>::new(args, 0)?;
            Box::new(move |i| v.get(i).map(|us| (0, 0, us)))
        }
        Some(DataType::CalendarInterval) => {
            let v = Col::<IntervalMonthDayNanoArray>::new(args, 0)?;
            Box::new(move |i| v.get(i).map(|x| (i64::from(x.months), i64::from(x.days), x.nanoseconds / 1000)))
        }
        _ => return Err(exec_err(SparkError::internal("part of something that is not an interval"))),
    };
    let day = MICROS_PER_DAY;
    match call.param(0) {
        "Year" => primitive_rows::<Int32Type>(call, rows, |i| Ok(Some((not_null!(parts(i)).0 / 12) as i32))),
        "Month" => primitive_rows::<Int8Type>(call, rows, |i| Ok(Some((not_null!(parts(i)).0 % 12) as i8))),
        "Day" => primitive_rows::<Int32Type>(call, rows, |i| {
            let (_, days, us) = not_null!(parts(i));
            Ok(Some((days + us / day) as i32))
        }),
        "Hour" => {
            primitive_rows::<Int8Type>(call, rows, |i| Ok(Some((not_null!(parts(i)).2 % day / MICROS_PER_HOUR) as i8)))
        }
        "Minute" => primitive_rows::<Int8Type>(call, rows, |i| {
            Ok(Some((not_null!(parts(i)).2 % MICROS_PER_HOUR / (60 * MICROS_PER_SECOND)) as i8))
        }),
        _ => primitive_rows::<Decimal128Type>(call, rows, |i| {
            Ok(Some(i128::from(not_null!(parts(i)).2 % (60 * MICROS_PER_SECOND))))
        }),
    }
}
