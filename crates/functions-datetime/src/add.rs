//! Date arithmetic: `date_add`, `date_sub`, `datediff`, `add_months`, `months_between`, `last_day`,
//! `next_day`.

use datafusion::arrow::array::{BooleanArray, Date32Array, Int32Array, StringArray};
use datafusion::arrow::datatypes::{Date32Type, Float64Type, Int32Type};
use datafusion::common::{Result as DfResult, ScalarValue};
use datafusion::logical_expr::ColumnarValue;
use vonk_common::{SparkError, SparkResult};
use vonk_expr::columns::primitive_rows;
use vonk_expr::context::Nullability;
use vonk_expr::{Call, Col, FnContext, FunctionSpec, Kernel, SqlText, TypedExpr, Want, not_null};
use vonk_plan::Literal;
use vonk_plan::types::DataType;

use crate::args::{Clock, MICROS_PER_DAY, to};
use vonk_expr::cast::text::datetime::{civil, days_from_civil, month_length};

pub static SPECS: &[FunctionSpec] = &[
    FunctionSpec::scalar("date_add", "datetime_funcs", |c, a| shift(c, a, &DATE_ADD, "date_add"))
        .aliases(&["dateadd"])
        .usage("The date a number of days later.")
        .kernels(&[&DATE_ADD])
        .literal_nulls(),
    FunctionSpec::scalar("date_sub", "datetime_funcs", |c, a| shift(c, a, &DATE_SUB, "date_sub"))
        .usage("The date a number of days earlier.")
        .kernels(&[&DATE_SUB])
        .literal_nulls(),
    FunctionSpec::scalar("datediff", "datetime_funcs", build_diff)
        .aliases(&["date_diff"])
        .usage("Number of days from the second date to the first.")
        .kernels(&[&DATEDIFF]),
    FunctionSpec::scalar("add_months", "datetime_funcs", build_add_months)
        .usage("The date a number of months later, at most the month's last day.")
        .kernels(&[&ADD_MONTHS]),
    FunctionSpec::scalar("months_between", "datetime_funcs", build_months_between)
        .usage("Number of months between two moments, with a fraction of 31-day months.")
        .kernels(&[&MONTHS_BETWEEN]),
    FunctionSpec::scalar("last_day", "datetime_funcs", build_last_day)
        .usage("The last day of the date's month.")
        .kernels(&[&LAST_DAY]),
    FunctionSpec::scalar("next_day", "datetime_funcs", build_next_day)
        .usage("The first date after the given one that is that day of the week.")
        .kernels(&[&NEXT_DAY]),
];

static DATE_ADD: Kernel = Kernel::new("date_add", |c, a, n| days(c, a, n, i32::wrapping_add));
static DATE_SUB: Kernel = Kernel::new("date_sub", |c, a, n| days(c, a, n, i32::wrapping_sub));
static DATEDIFF: Kernel = Kernel::new("datediff", datediff);
static ADD_MONTHS: Kernel = Kernel::new("add_months", add_months);
static MONTHS_BETWEEN: Kernel = Kernel::new("months_between", months_between);
static LAST_DAY: Kernel = Kernel::new("last_day", last_day);
static NEXT_DAY: Kernel = Kernel::new("next_day", next_day);

fn shift(ctx: &FnContext, mut args: Vec<TypedExpr>, kernel: &'static Kernel, name: &str) -> SparkResult<TypedExpr> {
    let named = FnContext { name: name.into(), ..ctx.clone() };
    let number = Want::OneOf(vec![Want::INT, Want::Type(DataType::Short), Want::Type(DataType::Byte)]);
    ctx.arity(&args, 2..=2)?;
    // Whole numbers up to INT, and text; wider and fractional numbers are not narrowed here.
    let narrow = |t: &DataType| matches!(t, DataType::Int | DataType::Short | DataType::Byte | DataType::Null);
    if args.get(1).is_some_and(|n| !narrow(&n.data_type) && !n.data_type.is_string()) {
        return Err(named.unexpected_type(&args, 1, &number.describe()));
    }
    if !ctx.ansi()
        && let Some(days) = args.get_mut(1)
        && days.data_type.is_string()
    {
        match constant_days(days, name)? {
            Some(n) => *days = TypedExpr::literal(&Literal::Int(n))?,
            None => return Err(named.unexpected_type(&args, 1, &number.describe())),
        }
    }
    if args.first().is_some_and(|a| a.data_type.is_nanos()) {
        return Err(named.unexpected_type(&args, 0, &Want::DATE.describe()));
    }
    let args = named.coerce(args, 2, &[Want::DATE, number])?;
    let mut args = args.into_iter();
    let (Some(date), Some(n)) = (args.next(), args.next()) else {
        return Err(SparkError::internal("date_add without arguments"));
    };
    let n = to(ctx, n, &DataType::Int)?;
    Ok(named.call(kernel, vec![date, n], DataType::Date, Nullability::Args))
}

/// Without ANSI, text for a number of days is read when the query is planned, NULL as none; other text than
/// constants is refused.
fn constant_days(days: &TypedExpr, function: &str) -> SparkResult<Option<i32>> {
    match days.constant()? {
        None => Ok(None),
        Some(ScalarValue::Utf8(Some(text))) => match text.trim().parse() {
            Ok(n) => Ok(Some(n)),
            Err(_) => Err(SparkError::new("SECOND_FUNCTION_ARGUMENT_NOT_INTEGER").param("functionName", function)),
        },
        Some(_) => Ok(Some(0)),
    }
}

fn build_diff(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    let args = ctx.coerce(args, 2, &[Want::DATE, Want::DATE])?;
    Ok(ctx.call(&DATEDIFF, args, DataType::Int, Nullability::Args))
}

fn build_add_months(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    let args = ctx.coerce(args, 2, &[Want::DATE, Want::INT])?;
    Ok(ctx.call(&ADD_MONTHS, args, DataType::Date, Nullability::Args))
}

fn build_months_between(ctx: &FnContext, mut args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    ctx.arity(&args, 2..=3)?;
    if args.len() == 2 {
        args.push(TypedExpr::literal(&Literal::Boolean(true))?);
    }
    let args = ctx.coerce(args, 3, &[Want::TIMESTAMP, Want::TIMESTAMP, Want::BOOLEAN])?;
    Ok(ctx.call(&MONTHS_BETWEEN, args, DataType::Double, Nullability::Args))
}

fn build_last_day(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    let args = ctx.coerce(args, 1, &[Want::DATE])?;
    Ok(ctx.call(&LAST_DAY, args, DataType::Date, Nullability::Args))
}

fn build_next_day(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    let args = ctx.coerce(args, 2, &[Want::DATE, Want::Str])?;
    Ok(ctx.call(&NEXT_DAY, args, DataType::Date, Nullability::Always))
}

fn days(call: &Call, args: &[ColumnarValue], rows: usize, f: fn(i32, i32) -> i32) -> DfResult<ColumnarValue> {
    let date = Col::<Date32Array>::new(args, 0)?;
    let n = Col::<Int32Array>::new(args, 1)?;
    primitive_rows::<Date32Type>(call, rows, |i| {
        let (d, n) = not_null!(date.get(i), n.get(i));
        Ok(Some(f(d, n)))
    })
}

fn datediff(call: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let end = Col::<Date32Array>::new(args, 0)?;
    let start = Col::<Date32Array>::new(args, 1)?;
    primitive_rows::<Int32Type>(call, rows, |i| {
        let (e, s) = not_null!(end.get(i), start.get(i));
        Ok(Some(e.wrapping_sub(s)))
    })
}

/// The day a number of months later: the same day of the month or the month's last.
pub fn plus_months(days: i64, months: i64) -> i64 {
    let (year, month, day) = civil(days);
    let total = year * 12 + i64::from(month) - 1 + months;
    let (year, month) = (total.div_euclid(12), total.rem_euclid(12) as u32 + 1);
    days_from_civil(year, month, day.min(month_length(year, month))).unwrap_or(days)
}

/// `ARITHMETIC_OVERFLOW`, as Java's exact arithmetic ends in Spark.
pub fn arithmetic_overflow(message: &str) -> SparkError {
    SparkError::new("ARITHMETIC_OVERFLOW")
        .param("message", message)
        .param("alternative", "")
        .param("config", vonk_common::error::quote_sql("spark.sql.ansi.enabled"))
}

/// `DATETIME_OVERFLOW` of an operation in words.
pub fn overflow(operation: impl std::fmt::Display) -> SparkError {
    SparkError::new("DATETIME_OVERFLOW").param("operation", operation)
}

fn add_months(call: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let date = Col::<Date32Array>::new(args, 0)?;
    let n = Col::<Int32Array>::new(args, 1)?;
    primitive_rows::<Date32Type>(call, rows, |i| {
        let (d, n) = not_null!(date.get(i), n.get(i));
        match i32::try_from(plus_months(i64::from(d), i64::from(n))) {
            Ok(day) => Ok(Some(day)),
            Err(_) => Err(call.error(arithmetic_overflow("overflow"))),
        }
    })
}

fn months_between(call: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let end = Clock::new(call, args, 0)?;
    let start = Clock::new(call, args, 1)?;
    let round = Col::<BooleanArray>::new(args, 2)?;
    primitive_rows::<Float64Type>(call, rows, |i| {
        let (e, s, round) = not_null!(end.get(i), start.get(i), round.get(i));
        let (e_day, s_day) = (e.div_euclid(MICROS_PER_DAY), s.div_euclid(MICROS_PER_DAY));
        let ((ey, em, ed), (sy, sm, sd)) = (civil(e_day), civil(s_day));
        let months = ((ey * 12 + i64::from(em)) - (sy * 12 + i64::from(sm))) as f64;
        let last = |y, m, d| d == month_length(y, m);
        if ed == sd || (last(ey, em, ed) && last(sy, sm, sd)) {
            return Ok(Some(months));
        }
        // Whole seconds that passed since midnight: an hour less where the clock was set forward.
        let seconds = |clock: &Clock, moment: Option<i64>, day: i64| -> Option<i64> {
            Some((moment? - clock.store(day.checked_mul(MICROS_PER_DAY)?)?) / 1_000_000)
        };
        let (es, ss) = not_null!(seconds(&end, end.stored(i), e_day), seconds(&start, start.stored(i), s_day));
        let inside = i64::from(ed) * 86_400 + es - i64::from(sd) * 86_400 - ss;
        let exact = months + inside as f64 / (31.0 * 86_400.0);
        Ok(Some(if round { (exact * 1e8).round() / 1e8 } else { exact }))
    })
}

fn last_day(call: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let date = Col::<Date32Array>::new(args, 0)?;
    primitive_rows::<Date32Type>(call, rows, |i| {
        let d = not_null!(date.get(i));
        let (y, m, day) = civil(i64::from(d));
        Ok(Some(d.saturating_add((month_length(y, m) - day) as i32)))
    })
}

/// Day of the week from 0 for Thursday (1970-01-01) of its English name, in full or short.
fn weekday(name: &str) -> Option<i64> {
    Some(match name.trim().to_ascii_uppercase().as_str() {
        "TH" | "THU" | "THURSDAY" => 0,
        "FR" | "FRI" | "FRIDAY" => 1,
        "SA" | "SAT" | "SATURDAY" => 2,
        "SU" | "SUN" | "SUNDAY" => 3,
        "MO" | "MON" | "MONDAY" => 4,
        "TU" | "TUE" | "TUESDAY" => 5,
        "WE" | "WED" | "WEDNESDAY" => 6,
        _ => return None,
    })
}

fn next_day(call: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let date = Col::<Date32Array>::new(args, 0)?;
    let day = Col::<StringArray>::new(args, 1)?;
    primitive_rows::<Date32Type>(call, rows, |i| {
        let (d, name) = not_null!(date.get(i), day.get(i));
        match weekday(name) {
            Some(want) => {
                let from = i64::from(d);
                Ok(Some((from + 1 + (want - 1 - from).rem_euclid(7)) as i32))
            }
            None if call.ansi => Err(call.error(SparkError::new("ILLEGAL_DAY_OF_WEEK").param("string", name))),
            None => Ok(None),
        }
    })
}

/// The text of a call under another name.
pub fn renamed(mut out: TypedExpr, name: &str, args: &[TypedExpr]) -> TypedExpr {
    out.sql = SqlText::call(name, args.iter().map(|a| a.sql.clone()));
    out
}
