//! Timestamps and dates from and to counts since 1970.

use datafusion::arrow::array::{Date32Array, Decimal128Array, Float64Array, Int32Array, Int64Array};
use datafusion::arrow::datatypes::{Date32Type, Int32Type, Int64Type, TimestampMicrosecondType};
use datafusion::common::Result as DfResult;
use datafusion::logical_expr::ColumnarValue;
use vonk_common::{SparkError, SparkResult};
use vonk_expr::cast::text::number::write_decimal;
use vonk_expr::columns::primitive_rows;
use vonk_expr::context::Nullability;
use vonk_expr::{Call, Col, FnContext, FunctionSpec, Kernel, TypedExpr, Want, not_null};
use vonk_plan::types::DataType;

use crate::add::overflow;
use crate::args::{Clock, moment, to};

pub static SPECS: &[FunctionSpec] = &[
    FunctionSpec::scalar("timestamp_seconds", "datetime_funcs", from_seconds)
        .usage("The moment that many seconds after 1970-01-01 00:00 UTC.")
        .kernels(&[&SECONDS, &DECIMAL_SECONDS, &DOUBLE_SECONDS])
        .literal_nulls(),
    FunctionSpec::scalar("timestamp_millis", "datetime_funcs", |c, a| from_integral(c, a, &MILLIS))
        .usage("The moment that many milliseconds after 1970-01-01 00:00 UTC.")
        .kernels(&[&MILLIS])
        .literal_nulls(),
    FunctionSpec::scalar("timestamp_micros", "datetime_funcs", |c, a| from_integral(c, a, &MICROS))
        .usage("The moment that many microseconds after 1970-01-01 00:00 UTC.")
        .kernels(&[&MICROS])
        .literal_nulls(),
    FunctionSpec::scalar("unix_seconds", "datetime_funcs", |c, a| to_count(c, a, &TO_SECONDS))
        .usage("Seconds from 1970-01-01 00:00 UTC to the moment.")
        .kernels(&[&TO_SECONDS])
        .literal_nulls(),
    FunctionSpec::scalar("unix_millis", "datetime_funcs", |c, a| to_count(c, a, &TO_MILLIS))
        .usage("Milliseconds from 1970-01-01 00:00 UTC to the moment.")
        .kernels(&[&TO_MILLIS])
        .literal_nulls(),
    FunctionSpec::scalar("unix_micros", "datetime_funcs", |c, a| to_count(c, a, &TO_MICROS))
        .usage("Microseconds from 1970-01-01 00:00 UTC to the moment.")
        .kernels(&[&TO_MICROS])
        .literal_nulls(),
    FunctionSpec::scalar("unix_date", "datetime_funcs", unix_date)
        .usage("Days from 1970-01-01 to the date.")
        .kernels(&[&UNIX_DATE]),
    FunctionSpec::scalar("date_from_unix_date", "datetime_funcs", from_unix_date)
        .usage("The date that many days after 1970-01-01.")
        .kernels(&[&FROM_UNIX_DATE]),
];

static SECONDS: Kernel = Kernel::new("timestamp_seconds", |c, a, n| scaled(c, a, n, 1_000_000, "seconds"));
static MILLIS: Kernel = Kernel::new("timestamp_millis", |c, a, n| scaled(c, a, n, 1_000, "milliseconds"));
static MICROS: Kernel = Kernel::new("timestamp_micros", |c, a, n| scaled(c, a, n, 1, "microseconds"));
static DECIMAL_SECONDS: Kernel = Kernel::new("timestamp_seconds_decimal", decimal_seconds);
static DOUBLE_SECONDS: Kernel = Kernel::new("timestamp_seconds_double", double_seconds);
static TO_SECONDS: Kernel = Kernel::new("unix_seconds", |c, a, n| counted(c, a, n, 1_000_000));
static TO_MILLIS: Kernel = Kernel::new("unix_millis", |c, a, n| counted(c, a, n, 1_000));
static TO_MICROS: Kernel = Kernel::new("unix_micros", |c, a, n| counted(c, a, n, 1));
static UNIX_DATE: Kernel = Kernel::total("unix_date", |c, args, rows| {
    let days = Col::<Date32Array>::new(args, 0)?;
    primitive_rows::<Int32Type>(c, rows, |i| Ok(days.get(i)))
});
static FROM_UNIX_DATE: Kernel = Kernel::new("date_from_unix_date", |c, args, rows| {
    let days = Col::<Int32Array>::new(args, 0)?;
    primitive_rows::<Date32Type>(c, rows, |i| Ok(days.get(i)))
});

fn from_seconds(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    ctx.arity(&args, 1..=1)?;
    // No implicit cast of strings here.
    if let Some(a) = args.first()
        && !a.data_type.is_numeric()
        && a.data_type != DataType::Null
    {
        return Err(ctx.unexpected_type(&args, 0, "\"NUMERIC\""));
    }
    let Some(arg) = args.into_iter().next() else { return Err(SparkError::internal("no argument")) };
    let (kernel, arg, nulls) = match arg.data_type {
        DataType::Decimal(..) => (&DECIMAL_SECONDS, arg, Nullability::Args),
        DataType::Float | DataType::Double => (&DOUBLE_SECONDS, to(ctx, arg, &DataType::Double)?, Nullability::Always),
        _ => (&SECONDS, to(ctx, arg, &DataType::Long)?, Nullability::Args),
    };
    Ok(ctx.call(kernel, vec![arg], DataType::Timestamp, nulls))
}

fn from_integral(ctx: &FnContext, args: Vec<TypedExpr>, kernel: &'static Kernel) -> SparkResult<TypedExpr> {
    ctx.arity(&args, 1..=1)?;
    if let Some(a) = args.first()
        && !a.data_type.is_integral()
        && a.data_type != DataType::Null
    {
        return Err(ctx.unexpected_type(&args, 0, "\"INTEGRAL\""));
    }
    let args: SparkResult<Vec<_>> = args.into_iter().map(|a| to(ctx, a, &DataType::Long)).collect();
    Ok(ctx.call(kernel, args?, DataType::Timestamp, Nullability::Args))
}

fn to_count(ctx: &FnContext, args: Vec<TypedExpr>, kernel: &'static Kernel) -> SparkResult<TypedExpr> {
    ctx.arity(&args, 1..=1)?;
    let fits =
        |t: &DataType| matches!(t, DataType::Timestamp | DataType::TimestampNtz | DataType::Null) || t.is_nanos();
    if args.iter().any(|a| !fits(&a.data_type)) {
        let wanted = "(\"(TIMESTAMP OR TIMESTAMP WITHOUT TIME ZONE)\" or \
                      \"(TIMESTAMP_LTZ(P) OR TIMESTAMP_NTZ(P) WITH P IN [7, 9])\")";
        return Err(ctx.unexpected_type(&args, 0, wanted));
    }
    let want = moment(args.first(), Want::AnyTimestamp);
    let args = ctx.coerce(args, 1, &[want])?;
    Ok(ctx.call(kernel, args, DataType::Long, Nullability::Args))
}

fn unix_date(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    let args = ctx.expect(args, 1, &[Want::DATE])?;
    Ok(ctx.call(&UNIX_DATE, args, DataType::Int, Nullability::Args))
}

fn from_unix_date(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    let args = ctx.coerce(args, 1, &[Want::INT])?;
    Ok(ctx.call(&FROM_UNIX_DATE, args, DataType::Date, Nullability::Args))
}

fn scaled(call: &Call, args: &[ColumnarValue], rows: usize, factor: i64, unit: &str) -> DfResult<ColumnarValue> {
    let count = Col::<Int64Array>::new(args, 0)?;
    primitive_rows::<TimestampMicrosecondType>(call, rows, |i| {
        let n = not_null!(count.get(i));
        match n.checked_mul(factor) {
            Some(us) => Ok(Some(us)),
            None => Err(call.error(overflow(format!("create a TIMESTAMP from {n}L {unit} since the epoch")))),
        }
    })
}

fn decimal_seconds(call: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let seconds = Col::<Decimal128Array>::new(args, 0)?;
    let scale = match call.arg_types.first() {
        Some(DataType::Decimal(_, s)) => i32::from(*s),
        _ => 0,
    };
    primitive_rows::<TimestampMicrosecondType>(call, rows, |i| {
        let v = not_null!(seconds.get(i));
        let power = 10i128.pow((scale - 6).unsigned_abs());
        let micros = if scale <= 6 { v.checked_mul(power) } else { (v % power == 0).then(|| v / power) };
        match micros.and_then(|m| i64::try_from(m).ok()) {
            Some(us) => Ok(Some(us)),
            // Java finds numbers of more than 19 digits too large before it looks behind the point.
            None if scale > 6 && v % power != 0 && (v / power).unsigned_abs() < 10u128.pow(19) => {
                Err(call.error(SparkError::internal("Rounding necessary")))
            }
            None => {
                let mut text = String::new();
                write_decimal(&mut text, v, i8::try_from(scale).unwrap_or_default());
                Err(call.error(overflow(format!("create a TIMESTAMP from {text}BD seconds since the epoch"))))
            }
        }
    })
}

fn double_seconds(call: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let seconds = Col::<Float64Array>::new(args, 0)?;
    primitive_rows::<TimestampMicrosecondType>(call, rows, |i| {
        let v = not_null!(seconds.get(i));
        Ok(v.is_finite().then_some((v * 1e6) as i64))
    })
}

fn counted(call: &Call, args: &[ColumnarValue], rows: usize, per: i64) -> DfResult<ColumnarValue> {
    let clock = Clock::new(call, args, 0)?;
    primitive_rows::<Int64Type>(call, rows, |i| Ok(Some(not_null!(clock.stored(i)).div_euclid(per))))
}
