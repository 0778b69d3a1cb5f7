//! Time windows: `time_bucket`, `window`, `session_window`, `window_time`.
//!
//! `window` here is the struct of one row's window. Of overlapping windows the analyzer makes rows
//! with `window_rows`; the merging of sessions is its work too.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, ListArray, StringArray, StructArray, TimestampMicrosecondArray};
use datafusion::arrow::buffer::OffsetBuffer;
use datafusion::arrow::datatypes::{DataType as Arrow, TimestampMicrosecondType};
use datafusion::common::{Result as DfResult, ScalarValue};
use datafusion::logical_expr::ColumnarValue;
use vonk_common::error::{quote_id, quote_sql};
use vonk_common::{SparkError, SparkResult};
use vonk_expr::cast::parse::interval::calendar;
use vonk_expr::columns::primitive_rows;
use vonk_expr::context::Nullability;
use vonk_expr::kernel::{array_arg, typed_arg};
use vonk_expr::{Body, Call, Col, FnContext, FunctionSpec, GeneratorCall, Kernel, TypedExpr, Want, exec_err, not_null};
use vonk_plan::Literal;
use vonk_plan::types::{DataType, StructField};

use crate::add::plus_months;
use crate::args::{Clock, MICROS_PER_DAY};

const GROUP: &str = "datetime_funcs";

pub static SPECS: &[FunctionSpec] = &[
    FunctionSpec::scalar("time_bucket", GROUP, build_bucket)
        .usage("Start of the bucket of a size, counted from an origin, that the timestamp falls in.")
        .kernels(&[&BUCKET])
        .literal_nulls(),
    FunctionSpec::scalar("window", GROUP, tumbling)
        .usage("The time window that the timestamp falls in.")
        .kernels(&[&WINDOW]),
    FunctionSpec::new("window_rows", vonk_expr::INTERNAL, Body::Generator(rows_of))
        .usage("All time windows that the timestamp falls in, one a row.")
        .kernels(&[&WINDOWS]),
    FunctionSpec::scalar("session_window", GROUP, session)
        .usage("A window from the timestamp to a gap later, to be merged with those it meets.")
        .kernels(&[&WINDOW, &GAP_WINDOW]),
    FunctionSpec::scalar("window_time", GROUP, window_time)
        .usage("The last moment inside a window.")
        .kernels(&[&WINDOW_TIME]),
];

static BUCKET: Kernel = Kernel::new("time_bucket", bucket);
static WINDOW: Kernel = Kernel::new("window", window);
static WINDOWS: Kernel = Kernel::new("windows", windows);
static GAP_WINDOW: Kernel = Kernel::new("gap_window", gap_window);
static WINDOW_TIME: Kernel = Kernel::new("window_time", last_moment);

fn build_bucket(ctx: &FnContext, mut args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    ctx.arity(&args, 2..=3)?;
    if args.len() == 2 {
        let ntz = args.get(1).is_some_and(|a| a.data_type == DataType::TimestampNtz);
        let zone = vonk_expr::cast::zone::Zone::named(ctx.time_zone())?;
        let origin =
            if ntz { Literal::TimestampNtz(0) } else { Literal::Timestamp(zone.micros_to_utc(0).unwrap_or(0)) };
        let mut origin = TypedExpr::literal(&origin)?;
        origin.sql = format!("{} '1970-01-01 00:00:00'", if ntz { "TIMESTAMP_NTZ" } else { "TIMESTAMP" }).into();
        args.push(origin);
    }
    for (i, a) in args.iter().enumerate() {
        let fits = match (i, &a.data_type) {
            (_, DataType::Null) => true,
            (0, t) => t.is_ansi_interval(),
            (_, t) => matches!(t, DataType::Timestamp | DataType::TimestampNtz),
        };
        if !fits {
            let wanted = match i {
                0 => "(\"INTERVAL DAY TO SECOND\" or \"INTERVAL YEAR TO MONTH\")",
                _ => "\"(TIMESTAMP OR TIMESTAMP WITHOUT TIME ZONE)\"",
            };
            return Err(ctx.unexpected_type(&args, i, wanted));
        }
    }
    for (i, name) in [(0, "bucketSize"), (2, "origin")] {
        if let Some(a) = args.get(i)
            && !a.foldable
        {
            let wanted = if i == 0 { "INTERVAL" } else { "TIMESTAMP" };
            return Err(ctx.non_foldable(&ctx.sql(&args), name, quote_sql(wanted), a));
        }
    }
    let mut params = vec![String::new(), String::new()];
    if let Some(size) = args.first() {
        let value = match size.constant()? {
            Some(ScalarValue::IntervalYearMonth(Some(m))) => Some(("months", i64::from(m))),
            Some(ScalarValue::DurationMicrosecond(Some(us))) => Some(("micros", us)),
            _ => None,
        };
        if let Some((kind, n)) = value {
            if n <= 0 {
                return Err(ctx
                    .mismatch("VALUE_OUT_OF_RANGE", &args)
                    .param("exprName", quote_id(["bucketSize"]))
                    .param("valueRange", "(0, inf)")
                    .param("currentValue", &size.sql));
            }
            params = vec![kind.to_string(), n.to_string()];
        }
    }
    let time = args.get(1).map(|a| a.data_type.clone()).filter(|t| *t == DataType::TimestampNtz);
    let ty = time.unwrap_or(DataType::Timestamp);
    let want = Want::Type(ty.clone());
    let args = ctx.coerce(args, 3, &[Want::Any, want.clone(), want])?;
    Ok(ctx.call_with(&BUCKET, args, ty, Nullability::Args, params))
}

/// Buckets of whole days and of months follow the wall clock.
fn bucket(call: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let Ok(size) = call.param(1).parse::<i64>() else {
        return Ok(ColumnarValue::Scalar(ScalarValue::try_from(&call.arrow_return_type())?));
    };
    let months = call.param(0) == "months";
    let moment = Clock::new(call, args, 1)?;
    let origin = Clock::new(call, args, 2)?;
    primitive_rows::<TimestampMicrosecondType>(call, rows, |i| {
        let (t, o) = not_null!(moment.stored(i), origin.stored(i));
        let (local, from) = not_null!(moment.get(i), origin.get(i));
        if months {
            let shifted = |n: i64| {
                let day = plus_months(from.div_euclid(MICROS_PER_DAY), n * size);
                day * MICROS_PER_DAY + from.rem_euclid(MICROS_PER_DAY)
            };
            let whole = |t: i64| vonk_expr::cast::text::datetime::civil(t.div_euclid(MICROS_PER_DAY));
            let ((y, m, _), (oy, om, _)) = (whole(local), whole(from));
            let apart = (y - oy) * 12 + i64::from(m) - i64::from(om);
            let mut n = apart.div_euclid(size);
            while shifted(n) > local {
                n -= 1;
            }
            while shifted(n + 1) <= local {
                n += 1;
            }
            return Ok(moment.store(shifted(n)));
        }
        if size % MICROS_PER_DAY == 0 {
            return Ok(moment.store(from + (local - from).div_euclid(size) * size));
        }
        Ok(Some(o + (t - o).div_euclid(size) * size))
    })
}

/// Microseconds of a window's duration.
fn duration(ctx: &FnContext, arg: &TypedExpr, name: &str) -> SparkResult<i64> {
    let text = match arg.constant()? {
        Some(ScalarValue::DurationMicrosecond(Some(us))) => return Ok(us),
        Some(ScalarValue::Int64(Some(us))) => return Ok(us),
        Some(ScalarValue::Int32(Some(us))) => return Ok(us.into()),
        Some(ScalarValue::Utf8(Some(text))) => text,
        None | Some(ScalarValue::Null) => return Err(SparkError::new("_LEGACY_ERROR_TEMP_1207")),
        _ => arg.constant_str(&ctx.name, name)?.unwrap_or_default(),
    };
    match calendar(&text) {
        Some((0, days, us)) => Ok(i64::from(days) * MICROS_PER_DAY + us),
        Some(_) => Err(SparkError::new("_LEGACY_ERROR_TEMP_3231").param("interval", text)),
        None => Err(SparkError::new("CANNOT_PARSE_INTERVAL").param("intervalString", format!("'{text}'"))),
    }
}

/// Window duration, slide and start in microseconds; the timestamp argument first.
fn parts(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<(TypedExpr, i64, i64, i64)> {
    ctx.arity(&args, 2..=4)?;
    let size = args.get(1).map_or(Ok(0), |a| duration(ctx, a, "windowDuration"))?;
    let slide = args.get(2).map_or(Ok(size), |a| duration(ctx, a, "slideDuration"))?;
    let start = args.get(3).map_or(Ok(0), |a| duration(ctx, a, "startTime"))?;
    let positive = |name: &str, v: i64| match v {
        1.. => Ok(()),
        _ => Err(ctx
            .mismatch("VALUE_OUT_OF_RANGE", &args)
            .param("exprName", quote_id([name]))
            .param("valueRange", format!("(0, {}]", i64::MAX))
            .param("currentValue", format!("{v}L"))),
    };
    positive("window_duration", size)?;
    positive("slide_duration", slide)?;
    if slide > size {
        return Err(ctx
            .mismatch("PARAMETER_CONSTRAINT_VIOLATION", &args)
            .param("leftExprName", quote_id(["slide_duration"]))
            .param("leftExprValue", format!("{slide}L"))
            .param("constraint", "<=")
            .param("rightExprName", quote_id(["window_duration"]))
            .param("rightExprValue", format!("{size}L")));
    }
    let time = ctx.coerce(args.into_iter().take(1).collect(), 1, &[Want::AnyTimestamp])?;
    match time.into_iter().next() {
        Some(time) => Ok((time, size, slide, start)),
        None => Err(SparkError::internal("window without a time")),
    }
}

fn window_type(time: &DataType) -> DataType {
    DataType::structure([StructField::new("start", time.clone(), true), StructField::new("end", time.clone(), true)])
}

fn tumbling(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    let (time, size, slide, start) = parts(ctx, args)?;
    let ty = window_type(&time.data_type);
    let params = vec![size.to_string(), slide.to_string(), start.to_string()];
    let mut out = ctx.call_with(&WINDOW, vec![time], ty, Nullability::Never, params);
    out.name = Some("window".into());
    out.sql = "window".into();
    out.metadata = Some("{\"spark.timeWindow\":true}".into());
    Ok(out)
}

/// All windows of a row, latest first, as rows: what the analyzer makes of windows that overlap.
fn rows_of(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<GeneratorCall> {
    let (time, size, slide, start) = parts(ctx, args)?;
    let columns = vec![StructField::new("window", window_type(&time.data_type), true)];
    let ty = DataType::array(DataType::structure(columns.clone()), false);
    let params = vec![size.to_string(), slide.to_string(), start.to_string()];
    let rows = ctx.call_with(&WINDOWS, vec![time], ty, Nullability::Never, params);
    Ok(GeneratorCall { rows, columns, outer: false })
}

fn session(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    ctx.arity(&args, 2..=2)?;
    if let Some(gap) = args.get(1) {
        match &gap.data_type {
            t if t.is_string() => {}
            DataType::CalendarInterval | DataType::Null => {}
            other => return Err(SparkError::new("_LEGACY_ERROR_TEMP_1040").param("dt", other.class_name())),
        }
    }
    let constant = args.get(1).is_some_and(|a| a.foldable);
    let gap = match args.get(1) {
        Some(a) if constant => duration(ctx, a, "gapDuration")?,
        _ => 0,
    };
    let wants = [Want::AnyTimestamp, Want::Str];
    let count = if constant { 1 } else { 2 };
    let args = ctx.coerce(args.into_iter().take(count).collect(), count, &wants[..count])?;
    let ty = window_type(&args.first().map_or(DataType::Timestamp, |a| a.data_type.clone()));
    let params = vec![gap.to_string(), "1".into(), "0".into()];
    let kernel = if constant { &WINDOW } else { &GAP_WINDOW };
    let mut out = ctx.call_with(kernel, args, ty, Nullability::Never, params);
    out.name = Some("session_window".into());
    out.sql = "session_window".into();
    out.metadata = Some("{\"spark.sessionWindow\":true}".into());
    Ok(out)
}

fn window_time(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    ctx.arity(&args, 1..=1)?;
    let ty = match args.first().map(|a| &a.data_type) {
        Some(DataType::Struct(s)) => match s.fields.get(1).map(|f| f.data_type.clone()) {
            Some(t @ (DataType::Timestamp | DataType::TimestampNtz)) if s.len() == 2 => Some(t),
            _ => None,
        },
        _ => None,
    };
    match ty {
        Some(ty) => Ok(ctx.call(&WINDOW_TIME, args, ty, Nullability::Always)),
        None if args.iter().any(|a| !matches!(a.data_type, DataType::Struct(_) | DataType::Null)) => {
            Err(ctx.unexpected_type(&args, 0, "\"STRUCT\""))
        }
        None => Err(SparkError::new("_LEGACY_ERROR_TEMP_3101").param("windowTime", ctx.sql(&args))),
    }
}

fn numbers(call: &Call) -> DfResult<(i64, i64, i64)> {
    let n = |i: usize| call.param(i).parse::<i64>().map_err(|e| exec_err(SparkError::internal(e)));
    Ok((n(0)?, n(1)?, n(2)?))
}

/// Start of the last window at or before the moment.
fn last_start(moment: i64, slide: i64, start: i64) -> i64 {
    moment - (moment - start).rem_euclid(slide)
}

fn timestamps(like: &TimestampMicrosecondArray, values: Vec<i64>) -> ArrayRef {
    Arc::new(TimestampMicrosecondArray::from(values).with_data_type(like.data_type().clone()))
}

fn struct_of(ty: &Arrow, start: ArrayRef, end: ArrayRef) -> DfResult<StructArray> {
    match ty {
        Arrow::Struct(fields) => Ok(StructArray::try_new(fields.clone(), vec![start, end], None)?),
        other => Err(exec_err(SparkError::internal(format!("{other} is no window")))),
    }
}

fn window(call: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let (size, slide, start) = numbers(call)?;
    let moment: TimestampMicrosecondArray = typed_arg(args, 0, rows)?;
    let starts: TimestampMicrosecondArray = moment.unary(|t| last_start(t, slide, start));
    let starts = starts.with_data_type(moment.data_type().clone());
    let ends: TimestampMicrosecondArray = starts.unary(|t| t.saturating_add(size));
    let ends = ends.with_data_type(moment.data_type().clone());
    let out = struct_of(&call.arrow_return_type(), Arc::new(starts), Arc::new(ends))?;
    Ok(ColumnarValue::Array(Arc::new(out)))
}

/// Windows whose length is a text of the row's own; no length gives no end.
fn gap_window(call: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let moment: TimestampMicrosecondArray = typed_arg(args, 0, rows)?;
    let gap = Col::<StringArray>::new(args, 1)?;
    let end = |i: usize| -> Option<i64> {
        let (months, days, us) = calendar(gap.get(i)?)?;
        let length = (months == 0).then(|| i64::from(days) * MICROS_PER_DAY + us)?;
        moment.is_valid(i).then(|| moment.value(i).saturating_add(length))
    };
    let ends: TimestampMicrosecondArray = (0..rows).map(end).collect();
    let ends = ends.with_data_type(moment.data_type().clone());
    let out = struct_of(&call.arrow_return_type(), Arc::new(moment), Arc::new(ends))?;
    Ok(ColumnarValue::Array(Arc::new(out)))
}

fn windows(call: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let (size, slide, start) = numbers(call)?;
    let moment: TimestampMicrosecondArray = typed_arg(args, 0, rows)?;
    let (mut starts, mut lengths) = (vec![], Vec::with_capacity(rows));
    for i in 0..rows {
        let before = starts.len();
        if moment.is_valid(i) {
            let t = moment.value(i);
            let mut at = last_start(t, slide, start);
            while at > t - size {
                starts.push(at);
                at -= slide;
            }
        }
        lengths.push(starts.len() - before);
    }
    let Arrow::List(field) = call.arrow_return_type() else {
        return Err(exec_err(SparkError::internal("windows are a list")));
    };
    let ends = starts.iter().map(|s| s + size).collect();
    let Arrow::Struct(outer) = field.data_type() else {
        return Err(exec_err(SparkError::internal("windows are structs")));
    };
    let inner = outer.first().map(|f| f.data_type().clone()).unwrap_or(Arrow::Null);
    let items: ArrayRef = Arc::new(struct_of(&inner, timestamps(&moment, starts), timestamps(&moment, ends))?);
    let items = StructArray::try_new(outer.clone(), vec![items], None)?;
    let list = ListArray::try_new(field.clone(), OffsetBuffer::from_lengths(lengths), Arc::new(items), None)?;
    Ok(ColumnarValue::Array(Arc::new(list)))
}

fn last_moment(call: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let array = array_arg(args, 0, rows)?;
    let windows = array.as_any().downcast_ref::<StructArray>();
    let ends =
        windows.and_then(|w| w.columns().get(1)).and_then(|c| c.as_any().downcast_ref::<TimestampMicrosecondArray>());
    let (Some(windows), Some(ends)) = (windows, ends) else {
        return Err(exec_err(SparkError::internal("window_time of something else")));
    };
    let ends = Col::<TimestampMicrosecondArray>::new(&[ColumnarValue::Array(Arc::new(ends.clone()))], 0)?;
    primitive_rows::<TimestampMicrosecondType>(call, rows, |i| {
        if windows.is_null(i) {
            return Ok(None);
        }
        Ok(ends.get(i).map(|t| t - 1))
    })
}
