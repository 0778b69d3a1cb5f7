//! `make_interval`, `make_dt_interval`, `make_ym_interval`.

use datafusion::arrow::array::{Decimal128Array, Int32Array};
use datafusion::arrow::datatypes::{
    DurationMicrosecondType, IntervalMonthDayNano, IntervalMonthDayNanoType, IntervalYearMonthType,
};
use datafusion::common::Result as DfResult;
use datafusion::logical_expr::ColumnarValue;
use vonk_common::{SparkError, SparkResult};
use vonk_expr::columns::primitive_rows;
use vonk_expr::context::Nullability;
use vonk_expr::{Call, Col, FnContext, FunctionSpec, Kernel, TypedExpr, Want, not_null};
use vonk_plan::Literal;
use vonk_plan::types::DataType;

use crate::args::MICROS_PER_DAY;

pub static SPECS: &[FunctionSpec] = &[
    FunctionSpec::scalar("make_interval", "datetime_funcs", |c, a| build(c, a, &MAKE))
        .usage("A calendar interval of years, months, weeks, days, hours, minutes and seconds.")
        .kernels(&[&MAKE]),
    FunctionSpec::scalar("try_make_interval", "datetime_funcs", |c, a| build(c, a, &TRY_MAKE))
        .usage("As make_interval, NULL on overflow.")
        .kernels(&[&TRY_MAKE]),
    FunctionSpec::scalar("make_dt_interval", "datetime_funcs", build_dt)
        .usage("A day-time interval of days, hours, minutes and seconds.")
        .kernels(&[&MAKE_DT]),
    FunctionSpec::scalar("make_ym_interval", "datetime_funcs", build_ym)
        .usage("A year-month interval of years and months.")
        .kernels(&[&MAKE_YM]),
];

static MAKE: Kernel = Kernel::new("make_interval", |c, a, n| make(c, a, n, false));
static TRY_MAKE: Kernel = Kernel::new("try_make_interval", |c, a, n| make(c, a, n, true));
static MAKE_DT: Kernel = Kernel::new("make_dt_interval", make_dt);
static MAKE_YM: Kernel = Kernel::new("make_ym_interval", make_ym);

/// Fills missing parts with zeros: `count` integers and, with `seconds`, a DECIMAL after them.
fn parts(ctx: &FnContext, mut args: Vec<TypedExpr>, count: usize, seconds: Option<u8>) -> SparkResult<Vec<TypedExpr>> {
    let all = count + usize::from(seconds.is_some());
    ctx.arity(&args, 0..=all)?;
    while args.len() < all {
        let zero = if args.len() < count { Literal::Int(0) } else { Literal::Decimal(0, seconds.unwrap_or(18), 6) };
        args.push(TypedExpr::literal(&zero)?);
    }
    let mut wants = vec![Want::INT; count];
    wants.extend(seconds.map(|p| Want::Type(DataType::Decimal(p, 6))));
    ctx.coerce(args, all, &wants)
}

fn build(ctx: &FnContext, args: Vec<TypedExpr>, kernel: &'static Kernel) -> SparkResult<TypedExpr> {
    if kernel.name == TRY_MAKE.name {
        ctx.arity(&args, 1..=7)?; // the other one takes none, too
    }
    let args = parts(ctx, args, 6, Some(18))?;
    let always = kernel.name != MAKE.name || !ctx.ansi();
    let nulls = if always { Nullability::Always } else { Nullability::Args };
    Ok(ctx.call(kernel, args, DataType::CalendarInterval, nulls))
}

fn build_dt(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    let args = parts(ctx, args, 3, Some(18))?;
    Ok(ctx.call(&MAKE_DT, args, DataType::DAY_TIME, Nullability::Args))
}

fn build_ym(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    let args = parts(ctx, args, 2, None)?;
    Ok(ctx.call(&MAKE_YM, args, DataType::YEAR_MONTH, Nullability::Args))
}

fn overflow() -> SparkError {
    SparkError::new("INTERVAL_ARITHMETIC_OVERFLOW.WITHOUT_SUGGESTION")
}

fn ints(args: &[ColumnarValue], count: usize) -> DfResult<Vec<Col<Int32Array>>> {
    (0..count).map(|i| Col::new(args, i)).collect()
}

fn make(call: &Call, args: &[ColumnarValue], rows: usize, tolerant: bool) -> DfResult<ColumnarValue> {
    let columns = ints(args, 6)?;
    let seconds = Col::<Decimal128Array>::new(args, 6)?;
    primitive_rows::<IntervalMonthDayNanoType>(call, rows, |i| {
        let mut v = [0i32; 6];
        for (slot, column) in v.iter_mut().zip(&columns) {
            *slot = not_null!(column.get(i));
        }
        let [years, months, weeks, days, hours, minutes] = v;
        let seconds = not_null!(seconds.get(i));
        let months = years.checked_mul(12).and_then(|y| y.checked_add(months));
        let days = weeks.checked_mul(7).and_then(|w| w.checked_add(days));
        let micros = (i128::from(hours) * 3600 + i128::from(minutes) * 60) * 1_000_000 + seconds;
        let nanos = i64::try_from(micros * 1000).ok();
        match (months, days, nanos) {
            (Some(m), Some(d), Some(n)) => Ok(Some(IntervalMonthDayNano::new(m, d, n))),
            _ if tolerant || !call.ansi => Ok(None),
            _ => Err(call.error(crate::add::arithmetic_overflow("overflow"))),
        }
    })
}

fn make_dt(call: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let columns = ints(args, 3)?;
    let seconds = Col::<Decimal128Array>::new(args, 3)?;
    primitive_rows::<DurationMicrosecondType>(call, rows, |i| {
        let mut v = [0i32; 3];
        for (slot, column) in v.iter_mut().zip(&columns) {
            *slot = not_null!(column.get(i));
        }
        let [days, hours, minutes] = v.map(i128::from);
        let micros = days * i128::from(MICROS_PER_DAY) + (hours * 3600 + minutes * 60) * 1_000_000;
        match i64::try_from(micros + not_null!(seconds.get(i))) {
            Ok(us) => Ok(Some(us)),
            Err(_) => Err(call.error(overflow())),
        }
    })
}

fn make_ym(call: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let columns = ints(args, 2)?;
    let [years, months] = &columns[..] else { return Err(call.error(SparkError::internal("make_ym_interval"))) };
    primitive_rows::<IntervalYearMonthType>(call, rows, |i| {
        let (y, m) = not_null!(years.get(i), months.get(i));
        match y.checked_mul(12).and_then(|y| y.checked_add(m)) {
            Some(total) => Ok(Some(total)),
            None => Err(call.error(overflow())),
        }
    })
}
