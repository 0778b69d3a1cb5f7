//! `trunc` of dates and `date_trunc` of timestamps to a unit; NULL for units there are not.

use datafusion::arrow::array::{Date32Array, StringArray};
use datafusion::arrow::datatypes::{Date32Type, TimestampMicrosecondType, TimestampNanosecondType};
use datafusion::common::{Result as DfResult, ScalarValue};
use datafusion::logical_expr::ColumnarValue;
use vonk_common::SparkResult;
use vonk_expr::columns::primitive_rows;
use vonk_expr::context::Nullability;
use vonk_expr::{Call, Col, FnContext, FunctionSpec, Kernel, TypedExpr, Want, nanos, not_null};
use vonk_plan::types::DataType;

use crate::args::{Clock, MICROS_PER_DAY, MICROS_PER_HOUR, MICROS_PER_SECOND, moment};
use vonk_expr::cast::text::datetime::{civil, days_from_civil};

pub static SPECS: &[FunctionSpec] = &[
    FunctionSpec::scalar("trunc", "datetime_funcs", build_trunc)
        .usage("The first day of the date's year, quarter, month or week.")
        .kernels(&[&TRUNC]),
    FunctionSpec::scalar("date_trunc", "datetime_funcs", build_date_trunc)
        .usage("The timestamp with everything below a unit cut off.")
        .kernels(&[&DATE_TRUNC]),
];

static TRUNC: Kernel = Kernel::new("trunc", trunc).right_first();
static DATE_TRUNC: Kernel = Kernel::new("date_trunc", date_trunc);

fn build_trunc(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    let nothing = args.get(1).is_some_and(is_no_unit);
    let args = ctx.coerce(args, 2, &[Want::DATE, Want::Str])?;
    truncated(ctx, &TRUNC, args, DataType::Date, nothing)
}

fn build_date_trunc(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    let nothing = args.first().is_some_and(is_no_unit);
    let want = moment(args.get(1), Want::TIMESTAMP);
    let args = ctx.coerce(args, 2, &[Want::Str, want])?;
    let ty = args.get(1).map_or(DataType::Timestamp, |a| a.data_type.clone());
    truncated(ctx, &DATE_TRUNC, args, ty, nothing)
}

/// Is it a constant that names no unit? The value is not even looked at then.
fn is_no_unit(name: &TypedExpr) -> bool {
    match name.as_literal() {
        Some(ScalarValue::Utf8(text)) => text.as_deref().and_then(unit).is_none(),
        other => other == Some(&ScalarValue::Null),
    }
}

fn truncated(
    ctx: &FnContext,
    kernel: &'static Kernel,
    args: Vec<TypedExpr>,
    ty: DataType,
    nothing: bool,
) -> SparkResult<TypedExpr> {
    let mut out = ctx.call(kernel, args, ty.clone(), Nullability::Always);
    if nothing {
        out.expr = TypedExpr::null(ty)?.expr;
    }
    Ok(out)
}

/// Units from a week on are cut in days, the others in microseconds.
#[derive(Clone, Copy)]
enum Unit {
    Year,
    Quarter,
    Month,
    Week,
    Micros(i64),
}

fn unit(name: &str) -> Option<Unit> {
    Some(match name.to_ascii_uppercase().as_str() {
        "YEAR" | "YYYY" | "YY" => Unit::Year,
        "QUARTER" => Unit::Quarter,
        "MONTH" | "MON" | "MM" => Unit::Month,
        "WEEK" => Unit::Week,
        "DAY" | "DD" => Unit::Micros(MICROS_PER_DAY),
        "HOUR" => Unit::Micros(MICROS_PER_HOUR),
        "MINUTE" => Unit::Micros(60 * MICROS_PER_SECOND),
        "SECOND" => Unit::Micros(MICROS_PER_SECOND),
        "MILLISECOND" => Unit::Micros(1000),
        "MICROSECOND" => Unit::Micros(1),
        _ => return None,
    })
}

fn first_day(days: i64, unit: Unit) -> Option<i64> {
    let (year, month, _) = civil(days);
    match unit {
        Unit::Year => days_from_civil(year, 1, 1),
        Unit::Quarter => days_from_civil(year, (month - 1) / 3 * 3 + 1, 1),
        Unit::Month => days_from_civil(year, month, 1),
        Unit::Week => Some(days - (days + 3).rem_euclid(7)),
        Unit::Micros(_) => None,
    }
}

fn trunc(call: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let date = Col::<Date32Array>::new(args, 0)?;
    let format = Col::<StringArray>::new(args, 1)?;
    let constant = if format.is_constant() { format.get(0).and_then(unit) } else { None };
    primitive_rows::<Date32Type>(call, rows, |i| {
        let (d, f) = not_null!(date.get(i), format.get(i));
        let unit = if format.is_constant() { constant } else { unit(f) };
        Ok(unit.and_then(|u| first_day(i64::from(d), u)).map(|d| d as i32))
    })
}

fn date_trunc(call: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let format = Col::<StringArray>::new(args, 0)?;
    let clock = Clock::new(call, args, 1)?;
    let constant = if format.is_constant() { format.get(0).and_then(unit) } else { None };
    let cut = |i: usize| {
        let (f, stored) = not_null!(format.get(i), clock.stored(i));
        let unit = not_null!(if format.is_constant() { constant } else { unit(f) });
        let local = not_null!(clock.get(i));
        Ok(match unit {
            // Below a day the offset does not change what is cut, unless it is not a whole unit.
            Unit::Micros(n) if n < MICROS_PER_DAY => {
                let offset = local - stored;
                Some(local.div_euclid(n) * n - offset)
            }
            Unit::Micros(n) => clock.store(local.div_euclid(n) * n),
            unit => first_day(local.div_euclid(MICROS_PER_DAY), unit).and_then(|d| clock.store(d * MICROS_PER_DAY)),
        })
    };
    let Some((_, ntz)) = call.return_type.nanos() else {
        return primitive_rows::<TimestampMicrosecondType>(call, rows, cut);
    };
    primitive_rows::<TimestampNanosecondType>(call, rows, |i| {
        let micros = not_null!(cut(i)?);
        nanos::stored(i128::from(micros) * 1000, ntz).map(Some).map_err(|e| call.error(e))
    })
}
