//! `timestampadd` and `timestampdiff` by units, as the SQL grammar gives them: unit, then values.

use datafusion::arrow::array::{Int64Array, TimestampMicrosecondArray};
use datafusion::arrow::datatypes::{Int64Type, TimestampMicrosecondType};
use datafusion::common::Result as DfResult;
use datafusion::logical_expr::ColumnarValue;
use vonk_common::error::quote_id;
use vonk_common::{SparkError, SparkResult};
use vonk_expr::cast::text::datetime::{civil, write_timestamp};
use vonk_expr::coercion::implicit_cast_target;
use vonk_expr::columns::primitive_rows;
use vonk_expr::context::Nullability;
use vonk_expr::{Call, Col, FnContext, FunctionSpec, INTERNAL, Kernel, TypedExpr, Want, not_null};
use vonk_plan::types::DataType;

use crate::add::{overflow, plus_months};
use crate::args::{Clock, MICROS_PER_DAY, MICROS_PER_HOUR, MICROS_PER_SECOND, session_zone};

pub static SPECS: &[FunctionSpec] = &[
    FunctionSpec::scalar("timestampadd", INTERNAL, build_add)
        .usage("The timestamp a number of units later.")
        .kernels(&[&ADD]),
    FunctionSpec::scalar("timestampdiff", INTERNAL, build_diff)
        .usage("Number of whole units from the first timestamp to the second.")
        .kernels(&[&DIFF]),
];

static ADD: Kernel = Kernel::new("timestampadd", add);
static DIFF: Kernel = Kernel::new("timestampdiff", diff);

/// A unit in months, days or microseconds.
#[derive(Clone, Copy)]
enum Unit {
    Months(i64),
    Days(i64),
    Micros(i64),
}

fn unit(name: &str) -> Option<Unit> {
    Some(match name {
        "YEAR" => Unit::Months(12),
        "QUARTER" => Unit::Months(3),
        "MONTH" => Unit::Months(1),
        "WEEK" => Unit::Days(7),
        "DAY" | "DAYOFYEAR" => Unit::Days(1),
        "HOUR" => Unit::Micros(MICROS_PER_HOUR),
        "MINUTE" => Unit::Micros(60 * MICROS_PER_SECOND),
        "SECOND" => Unit::Micros(MICROS_PER_SECOND),
        "MILLISECOND" => Unit::Micros(1000),
        "MICROSECOND" => Unit::Micros(1),
        _ => return None,
    })
}

/// The unit's name in upper case, checked. The text keeps what the user wrote.
fn unit_name(ctx: &FnContext, args: &[TypedExpr], difference: bool) -> SparkResult<String> {
    let text = match args.first() {
        Some(a) => a.constant_str(&ctx.name, "unit")?.unwrap_or_default(),
        None => String::new(),
    };
    let name = text.to_uppercase();
    if unit(&name).is_none() || (difference && name == "DAYOFYEAR") {
        return Err(SparkError::new("INVALID_PARAMETER_VALUE.DATETIME_UNIT")
            .param("functionName", quote_id([ctx.name.to_uppercase()]))
            .param("parameter", quote_id(["unit"]))
            .param("invalidValue", format!("'{text}'"))
            .at(ctx.origin.clone()));
    }
    Ok(name)
}

/// The arguments as they are wanted; Spark does not number the unit among them.
fn operands(ctx: &FnContext, args: Vec<TypedExpr>, wants: &[Want; 2]) -> SparkResult<Vec<TypedExpr>> {
    for (i, want) in wants.iter().enumerate() {
        if let Some(a) = args.get(i + 1)
            && !want.accepts(&a.data_type)
            && implicit_cast_target(&a.data_type, want, ctx.ansi()).is_none()
        {
            return Err(ctx.unexpected_type_at(&args, i + 1, i, &want.describe()));
        }
    }
    let [first, second] = wants;
    ctx.coerce(args, 3, &[Want::Str, first.clone(), second.clone()])
}

fn build_add(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    ctx.arity(&args, 3..=3)?;
    let name = unit_name(ctx, &args, false)?;
    let args = operands(ctx, args, &[Want::LONG, Want::AnyTimestamp])?;
    let ty = args.get(2).map_or(DataType::Timestamp, |a| a.data_type.clone());
    Ok(ctx.call_with(&ADD, args, ty, Nullability::Args, vec![name]))
}

fn build_diff(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    ctx.arity(&args, 3..=3)?;
    let name = unit_name(ctx, &args, true)?;
    let args = operands(ctx, args, &[Want::TIMESTAMP, Want::TIMESTAMP])?;
    Ok(ctx.call_with(&DIFF, args, DataType::Long, Nullability::Args, vec![name]))
}

fn add(call: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let number = Col::<Int64Array>::new(args, 1)?;
    let moment = Col::<TimestampMicrosecondArray>::new(args, 2)?;
    let clock = Clock::new(call, args, 2)?;
    let unit = unit(call.param(0)).unwrap_or(Unit::Micros(1));
    let session = session_zone(call)?;
    primitive_rows::<TimestampMicrosecondType>(call, rows, |i| {
        let (n, t, local) = not_null!(number.get(i), moment.get(i), clock.get(i));
        let (day, time) = (local.div_euclid(MICROS_PER_DAY), local.rem_euclid(MICROS_PER_DAY));
        let on_day = |day: i64| {
            let local = day.checked_mul(MICROS_PER_DAY)?.checked_add(time)?;
            clock.store(local)
        };
        let sum = match unit {
            Unit::Micros(size) => n.checked_mul(size).and_then(|us| t.checked_add(us)),
            Unit::Days(size) => n.checked_mul(size).and_then(|d| day.checked_add(d)).and_then(on_day),
            Unit::Months(size) => match n.checked_mul(size).filter(|m| i32::try_from(*m).is_ok()) {
                Some(months) => on_day(plus_months(day, months)),
                None => None,
            },
        };
        match sum {
            Some(sum) => Ok(Some(sum)),
            None => {
                let mut text = String::new();
                write_timestamp(&mut text, t, &session);
                Err(call.error(overflow(format!("add {n}L {} to TIMESTAMP '{text}'", call.param(0)))))
            }
        }
    })
}

/// Whole months from one wall clock to another.
fn months_between(from: i64, to: i64) -> i64 {
    let split = |t: i64| (t.div_euclid(MICROS_PER_DAY), t.rem_euclid(MICROS_PER_DAY));
    let ((from_day, from_time), (mut to_day, to_time)) = (split(from), split(to));
    if to_day > from_day && to_time < from_time {
        to_day -= 1;
    } else if to_day < from_day && to_time > from_time {
        to_day += 1;
    }
    let packed = |day: i64| {
        let (y, m, d) = civil(day);
        (y * 12 + i64::from(m) - 1) * 32 + i64::from(d)
    };
    (packed(to_day) - packed(from_day)) / 32
}

fn diff(call: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let start = Clock::new(call, args, 1)?;
    let end = Clock::new(call, args, 2)?;
    let unit = unit(call.param(0)).unwrap_or(Unit::Micros(1));
    primitive_rows::<Int64Type>(call, rows, |i| {
        let (s, e) = not_null!(start.get(i), end.get(i));
        let micros = match unit {
            Unit::Months(size) => return Ok(Some(months_between(s, e) / size)),
            Unit::Days(size) => size * MICROS_PER_DAY,
            Unit::Micros(size) => size,
        };
        let between = (i128::from(e) - i128::from(s)) / i128::from(micros);
        let fits = i64::try_from(between).map_err(|_| call.error(overflow("tell timestamps apart".to_string())));
        fits.map(Some)
    })
}
