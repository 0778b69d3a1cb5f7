//! Functions of the TIME type.

use datafusion::arrow::array::{Decimal128Array, Int32Array, Int64Array, StringArray, Time64NanosecondArray};
use datafusion::arrow::datatypes::{Decimal128Type, Int64Type, Time64NanosecondType};
use datafusion::common::Result as DfResult;
use datafusion::logical_expr::ColumnarValue;
use vonk_common::error::quote_id;
use vonk_common::{SparkError, SparkResult};
use vonk_expr::columns::primitive_rows;
use vonk_expr::context::Nullability;
use vonk_expr::{Call, Col, FnContext, FunctionSpec, Kernel, SqlText, TypedExpr, Want, not_null};
use vonk_plan::types::DataType;

use crate::args::to;
use crate::format::of_time;
use crate::make::{check, out_of_bounds};
use crate::pattern::{Pattern, Purpose};

const GROUP: &str = "datetime_funcs";
const NANOS_PER_DAY: i64 = 86_400_000_000_000;

pub static SPECS: &[FunctionSpec] = &[
    FunctionSpec::scalar("make_time", GROUP, build_make)
        .usage("The time of day of an hour, a minute and seconds.")
        .kernels(&[&MAKE]),
    FunctionSpec::scalar("to_time", GROUP, |c, a| build_parse(c, a, false))
        .usage("The time of day in a text.")
        .kernels(&[&PARSE]),
    FunctionSpec::scalar("try_to_time", GROUP, |c, a| build_parse(c, a, true))
        .usage("The time of day in a text, NULL where there is none.")
        .kernels(&[&PARSE]),
    FunctionSpec::scalar("time_trunc", GROUP, build_trunc)
        .usage("The time of day with everything below a unit cut off.")
        .kernels(&[&TRUNC]),
    FunctionSpec::scalar("time_diff", GROUP, build_diff)
        .usage("Number of whole units from the first time of day to the second.")
        .kernels(&[&DIFF]),
    FunctionSpec::scalar("time_from_seconds", GROUP, build_from_seconds)
        .usage("The time of day that many seconds after midnight.")
        .kernels(&[&FROM_SECONDS]),
    FunctionSpec::scalar("time_from_millis", GROUP, |c, a| build_from(c, a, &FROM_MILLIS))
        .usage("The time of day that many milliseconds after midnight.")
        .kernels(&[&FROM_MILLIS]),
    FunctionSpec::scalar("time_from_micros", GROUP, |c, a| build_from(c, a, &FROM_MICROS))
        .usage("The time of day that many microseconds after midnight.")
        .kernels(&[&FROM_MICROS]),
    FunctionSpec::scalar("time_to_seconds", GROUP, |c, a| build_to(c, a, &TO_SECONDS, DataType::Decimal(14, 6)))
        .usage("Seconds since midnight.")
        .kernels(&[&TO_SECONDS]),
    FunctionSpec::scalar("time_to_millis", GROUP, |c, a| build_to(c, a, &TO_MILLIS, DataType::Long))
        .usage("Milliseconds since midnight.")
        .kernels(&[&TO_MILLIS]),
    FunctionSpec::scalar("time_to_micros", GROUP, |c, a| build_to(c, a, &TO_MICROS, DataType::Long))
        .usage("Microseconds since midnight.")
        .kernels(&[&TO_MICROS]),
];

static MAKE: Kernel = Kernel::new("make_time", make);
static PARSE: Kernel = Kernel::new("to_time", parse);
static TRUNC: Kernel = Kernel::new("time_trunc", trunc);
static DIFF: Kernel = Kernel::new("time_diff", diff);
static FROM_SECONDS: Kernel = Kernel::new("time_from_seconds", from_seconds);
static FROM_MILLIS: Kernel = Kernel::new("time_from_millis", |c, a, n| from_count(c, a, n, 1_000_000));
static FROM_MICROS: Kernel = Kernel::new("time_from_micros", |c, a, n| from_count(c, a, n, 1_000));
static TO_SECONDS: Kernel = Kernel::new("time_to_seconds", |c, a, n| {
    let time = Col::<Time64NanosecondArray>::new(a, 0)?;
    primitive_rows::<Decimal128Type>(c, n, |i| Ok(time.get(i).map(|t| i128::from(t / 1000))))
});
static TO_MILLIS: Kernel = Kernel::new("time_to_millis", |c, a, n| to_count(c, a, n, 1_000_000));
static TO_MICROS: Kernel = Kernel::new("time_to_micros", |c, a, n| to_count(c, a, n, 1_000));

fn build_make(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    let args = ctx.coerce(args, 3, &[Want::INT, Want::INT, Want::Type(DataType::Decimal(16, 6))])?;
    Ok(ctx.call(&MAKE, args, DataType::Time(6), Nullability::Always))
}

fn build_parse(ctx: &FnContext, args: Vec<TypedExpr>, tolerant: bool) -> SparkResult<TypedExpr> {
    // `try_to_time` is `to_time` with its errors caught: they name it so.
    let own = FnContext { name: "to_time".into(), ..ctx.clone() };
    ctx.arity(&args, 1..=2)?;
    let args = own.expect(args, 1, &[Want::Str, Want::Str])?;
    let inner = SqlText::call("to_time", args.iter().map(|a| a.sql.clone()));
    let params = vec![tolerant.to_string()];
    let mut out = ctx.call_with(&PARSE, args, DataType::Time(6), Nullability::Always, params);
    if tolerant {
        out.sql = SqlText::wrap("try_to_time(", inner, ")");
    }
    Ok(out)
}

fn time_want() -> Want {
    Want::OneOf(vec![Want::AnyTime, Want::Type(DataType::Time(6))])
}

fn build_trunc(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    let args = ctx.coerce(args, 2, &[Want::Str, time_want()])?;
    let ty = args.get(1).map_or(DataType::Time(6), |a| a.data_type.clone());
    Ok(ctx.call(&TRUNC, args, ty, Nullability::Always))
}

fn build_diff(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    let args = ctx.coerce(args, 3, &[Want::Str, time_want(), time_want()])?;
    Ok(ctx.call(&DIFF, args, DataType::Long, Nullability::Always))
}

fn build_from_seconds(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    let text = args.iter().any(|a| a.data_type.is_string());
    let args = if text { ctx.expect(args, 1, &[Want::Numeric])? } else { ctx.coerce(args, 1, &[Want::Numeric])? };
    // Nine digits behind the point hold every time of day.
    let args: SparkResult<Vec<_>> = args.into_iter().map(|a| to(ctx, a, &DataType::Decimal(38, 9))).collect();
    Ok(ctx.call(&FROM_SECONDS, args?, DataType::Time(6), Nullability::Always))
}

fn build_from(ctx: &FnContext, args: Vec<TypedExpr>, kernel: &'static Kernel) -> SparkResult<TypedExpr> {
    let args = ctx.coerce(args, 1, &[Want::Integral])?;
    let args: SparkResult<Vec<_>> = args.into_iter().map(|a| to(ctx, a, &DataType::Long)).collect();
    Ok(ctx.call(kernel, args?, DataType::Time(6), Nullability::Always))
}

fn build_to(ctx: &FnContext, args: Vec<TypedExpr>, kernel: &'static Kernel, ty: DataType) -> SparkResult<TypedExpr> {
    let args = ctx.expect(args, 1, &[Want::AnyTime])?;
    Ok(ctx.call(kernel, args, ty, Nullability::Always))
}

fn make(call: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let hour = Col::<Int32Array>::new(args, 0)?;
    let minute = Col::<Int32Array>::new(args, 1)?;
    let seconds = Col::<Decimal128Array>::new(args, 2)?;
    primitive_rows::<Time64NanosecondType>(call, rows, |i| {
        let (h, m, s) = not_null!(hour.get(i), minute.get(i), seconds.get(i));
        let micros = i64::try_from(s).unwrap_or(i64::MAX);
        let checked = check("HourOfDay", 0, 23, h.into())
            .and_then(|()| check("MinuteOfHour", 0, 59, m.into()))
            .and_then(|()| check("SecondOfMinute", 0, 59, micros.div_euclid(1_000_000)));
        checked.map_err(|e| call.error(e))?;
        Ok(Some((i64::from(h) * 3600 + i64::from(m) * 60) * 1_000_000_000 + micros * 1000))
    })
}

fn parse(call: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let text = Col::<StringArray>::new(args, 0)?;
    let pattern = if args.len() > 1 { Some(Col::<StringArray>::new(args, 1)?) } else { None };
    let tolerant = call.param(0) == "true";
    let mut compiled: Option<(String, Pattern)> = None;
    primitive_rows::<Time64NanosecondType>(call, rows, |i| {
        let s = not_null!(text.get(i));
        let format = match &pattern {
            Some(p) => Some(not_null!(p.get(i))),
            None => None,
        };
        let nanos = match format {
            None => vonk_expr::cast::parse::datetime::time(s),
            Some(p) => {
                if compiled.as_ref().is_none_or(|(text, _)| text != p) {
                    match Pattern::new(p, Purpose::ReadLocal) {
                        Ok(pattern) => compiled = Some((p.to_string(), pattern)),
                        Err(_) if tolerant => return Ok(None),
                        Err(e) => return Err(call.error(e)),
                    }
                }
                let pattern = compiled.as_ref().map(|(_, p)| p).filter(|p| p.items.iter().all(of_time));
                pattern.and_then(|p| p.read(s).ok()).map(|r| r.local.rem_euclid(86_400_000_000) * 1000)
            }
        };
        match nanos {
            Some(n) => Ok(Some(n)),
            None if tolerant => Ok(None),
            None => Err(call.error(
                SparkError::new("CANNOT_PARSE_TIME")
                    .param("input", format!("'{s}'"))
                    .param("format", format!("'{}'", format.unwrap_or("HH:mm:ss.SSSSSS"))),
            )),
        }
    })
}

/// Nanoseconds of a unit. Error: `INVALID_PARAMETER_VALUE.TIME_UNIT`.
fn unit(call: &Call, name: &str) -> DfResult<i64> {
    Ok(match name.to_uppercase().as_str() {
        "HOUR" => 3_600_000_000_000,
        "MINUTE" => 60_000_000_000,
        "SECOND" => 1_000_000_000,
        "MILLISECOND" => 1_000_000,
        "MICROSECOND" => 1_000,
        _ => {
            return Err(call.error(
                SparkError::new("INVALID_PARAMETER_VALUE.TIME_UNIT")
                    .param("functionName", quote_id([call.kernel.name]))
                    .param("parameter", quote_id(["unit"]))
                    .param("invalidValue", format!("'{name}'")),
            ));
        }
    })
}

fn trunc(call: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let name = Col::<StringArray>::new(args, 0)?;
    let time = Col::<Time64NanosecondArray>::new(args, 1)?;
    primitive_rows::<Time64NanosecondType>(call, rows, |i| {
        let (name, t) = not_null!(name.get(i), time.get(i));
        let size = unit(call, name)?;
        Ok(Some(t / size * size))
    })
}

fn diff(call: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let name = Col::<StringArray>::new(args, 0)?;
    let from = Col::<Time64NanosecondArray>::new(args, 1)?;
    let until = Col::<Time64NanosecondArray>::new(args, 2)?;
    primitive_rows::<Int64Type>(call, rows, |i| {
        let (name, from, until) = not_null!(name.get(i), from.get(i), until.get(i));
        Ok(Some((until - from) / unit(call, name)?))
    })
}

fn of_day(call: &Call, nanos: i128) -> DfResult<Option<i64>> {
    match i64::try_from(nanos).ok().filter(|n| (0..NANOS_PER_DAY).contains(n)) {
        Some(n) => Ok(Some(n)),
        None => Err(call.error(out_of_bounds(format!(
            "Invalid TIME value: must be between 00:00:00 and 23:59:59.999999999, but got {nanos} nanoseconds"
        )))),
    }
}

fn from_seconds(call: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let seconds = Col::<Decimal128Array>::new(args, 0)?;
    primitive_rows::<Time64NanosecondType>(call, rows, |i| {
        let nanos = not_null!(of_day(call, not_null!(seconds.get(i)))?);
        Ok(Some(nanos / 1000 * 1000))
    })
}

fn from_count(call: &Call, args: &[ColumnarValue], rows: usize, factor: i128) -> DfResult<ColumnarValue> {
    let count = Col::<Int64Array>::new(args, 0)?;
    primitive_rows::<Time64NanosecondType>(call, rows, |i| of_day(call, i128::from(not_null!(count.get(i))) * factor))
}

fn to_count(call: &Call, args: &[ColumnarValue], rows: usize, per: i64) -> DfResult<ColumnarValue> {
    let time = Col::<Time64NanosecondArray>::new(args, 0)?;
    primitive_rows::<Int64Type>(call, rows, |i| Ok(time.get(i).map(|t| t / per)))
}
