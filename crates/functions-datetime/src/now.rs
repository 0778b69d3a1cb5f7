//! The current date and time, one moment for the whole query.

use vonk_common::error::{quote_id, quote_sql};
use vonk_common::{SparkError, SparkResult};
use vonk_expr::nanos::truncated;
use vonk_expr::{FnContext, FunctionSpec, SqlText, TypedExpr};
use vonk_plan::Literal;

use crate::args::MICROS_PER_DAY;
use crate::nanos;
use vonk_expr::cast::zone::Zone;

pub static SPECS: &[FunctionSpec] = &[
    FunctionSpec::scalar("current_date", "datetime_funcs", current_date)
        .aliases(&["curdate"])
        .usage("Today's date in the session's time zone."),
    FunctionSpec::scalar("current_timestamp", "datetime_funcs", current_timestamp)
        .aliases(&["now"])
        .usage("The moment at which the query began."),
    FunctionSpec::scalar("localtimestamp", "datetime_funcs", localtimestamp)
        .usage("The wall clock of the session's time zone when the query began."),
    FunctionSpec::scalar("current_time", "datetime_funcs", current_time)
        .aliases(&["localtime"])
        .usage("The time of day in the session's time zone when the query began."),
    FunctionSpec::scalar("current_timezone", "datetime_funcs", current_timezone).usage("The session's time zone."),
];

/// The moment of the query on the session's wall clock, in microseconds.
pub fn local_now(ctx: &FnContext) -> SparkResult<i64> {
    let zone = Zone::named(ctx.time_zone())?;
    Ok(zone.micros_to_local(ctx.facts.now).unwrap_or(ctx.facts.now))
}

fn constant(ctx: &FnContext, args: &[TypedExpr], value: Literal, name: &str) -> SparkResult<TypedExpr> {
    ctx.arity(args, 0..=0)?;
    let mut out = TypedExpr::literal(&value)?.at(ctx.origin.clone());
    out.sql = SqlText::call(name, []);
    Ok(out)
}

fn current_date(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    let days = local_now(ctx)?.div_euclid(MICROS_PER_DAY);
    constant(ctx, &args, Literal::Date(days as i32), "current_date")
}

fn current_timestamp(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    let name = if args.is_empty() { &*ctx.name } else { "current_timestamp" };
    let value = match precision(ctx, &args, false)? {
        None => Literal::Timestamp(ctx.facts.now),
        Some(p) => Literal::TimestampLtzNanos(truncated(i128::from(ctx.facts.now) * 1000, p), p),
    };
    constant(ctx, &[], value, name)
}

fn localtimestamp(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    let value = match precision(ctx, &args, true)? {
        None => Literal::TimestampNtz(local_now(ctx)?),
        Some(p) => Literal::TimestampNtzNanos(truncated(i128::from(local_now(ctx)?) * 1000, p), p),
    };
    constant(ctx, &[], value, "localtimestamp")
}

/// The digits of a second that are asked for, if they are more than microseconds have.
fn precision(ctx: &FnContext, args: &[TypedExpr], ntz: bool) -> SparkResult<Option<u8>> {
    ctx.arity(args, 0..=1)?;
    let Some(arg) = args.first() else { return Ok(None) };
    if !arg.data_type.is_integral() {
        return Err(SparkError::new("UNEXPECTED_INPUT_TYPE")
            .param("paramIndex", "first")
            .param("functionName", quote_id([&*ctx.name]))
            .param("requiredType", "\"INT\"")
            .param("inputSql", arg.quoted_sql())
            .param("inputType", quote_sql(arg.data_type.sql()))
            .at(ctx.origin.clone()));
    }
    if !arg.foldable {
        return Err(SparkError::new("NON_FOLDABLE_ARGUMENT")
            .param("funcName", quote_id([&*ctx.name]))
            .param("paramName", quote_id(["precision"]))
            .param("paramType", "\"BIGINT\"")
            .at(ctx.origin.clone()));
    }
    let asked = arg.constant_i64(&ctx.name, "precision")?.unwrap_or_default();
    match u8::try_from(asked) {
        Ok(6) => Ok(None),
        Ok(p @ 7..=9) => nanos::enabled(ctx).map(|()| Some(p)),
        _ => {
            let name = if ntz { "TIMESTAMP_NTZ" } else { "TIMESTAMP_LTZ" };
            Err(SparkError::new("INVALID_TIMESTAMP_PRECISION")
                .param("precision", asked)
                .param("type", name)
                .at(ctx.origin.clone()))
        }
    }
}

fn current_timezone(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    constant(ctx, &args, Literal::string(ctx.time_zone()), "current_timezone")
}

fn current_time(ctx: &FnContext, mut args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    ctx.arity(&args, 0..=1)?;
    if args.is_empty() {
        args.push(TypedExpr::literal(&Literal::Int(6))?);
    }
    let precision = args.first().and_then(|a| a.constant_i64(&ctx.name, "precision").transpose()).transpose()?;
    let precision = match precision {
        Some(p) if (0..=9).contains(&p) => p as u8,
        other => {
            return Err(ctx
                .mismatch("VALUE_OUT_OF_RANGE", &args)
                .param("exprName", "`precision`")
                .param("valueRange", "[0, 6]")
                .param("currentValue", other.map_or("NULL".to_string(), |p| p.to_string())));
        }
    };
    let step = 10i64.pow(9 - u32::from(precision));
    let nanos = local_now(ctx)?.rem_euclid(MICROS_PER_DAY) * 1000;
    let mut out = TypedExpr::literal(&Literal::Time(nanos / step * step, precision))?.at(ctx.origin.clone());
    out.sql = SqlText::call("current_time", args.iter().map(|a| a.sql.clone()));
    Ok(out)
}
