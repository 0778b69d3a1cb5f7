//! `+ - * / div` where dates, timestamps and intervals take part: which of Spark's expressions it
//! is, with that expression's text. The columns are computed in [`kernels`].

use vonk_common::SparkResult;
use vonk_expr::coercion::{ArithmeticOp, BinaryKind};
use vonk_expr::context::Nullability;
use vonk_expr::{Kernel, SqlText, TypedExpr};
use vonk_plan::types::{DataType, DayTimeField};

use super::arithmetic::Site;
use crate::support::{Mode, cast_to, infix};

mod kernels;
pub use kernels::{
    ADD_INTERVAL, ADD_MONTHS, DATE_ADD, DATES_BETWEEN, INTERVAL_OVER, INTERVAL_RATIO, INTERVAL_SUM, INTERVAL_TIMES,
    TIMESTAMPS_BETWEEN, days_plus_months, moved, negate,
};

const DAY: DataType = DataType::DayTimeInterval(DayTimeField::Day, DayTimeField::Day);

fn is_interval(t: &DataType) -> bool {
    t.is_ansi_interval() || *t == DataType::CalendarInterval
}

fn sign(site: &Site) -> &'static str {
    if site.op == ArithmeticOp::Subtract { "-" } else { "+" }
}

/// The text of the expression that rejects `arg`: `date_add(…)`, or `a + b` without parentheses.
pub fn mismatch_text(site: &Site, arg: &TypedExpr, other: &TypedExpr) -> SqlText {
    if other.data_type == DataType::Date {
        let name = if sign(site) == "-" { "date_sub" } else { "date_add" };
        return SqlText::call(name, [other.sql.clone(), arg.sql.clone()]);
    }
    SqlText::concat([arg.sql.clone(), format!(" {} ", sign(site)).into(), other.sql.clone()])
}

/// The typed expression; `written` are the operands before their casts.
pub fn build(
    site: &Site,
    kind: BinaryKind,
    written: (&TypedExpr, &TypedExpr),
    left: TypedExpr,
    right: TypedExpr,
    result: &DataType,
) -> SparkResult<TypedExpr> {
    use BinaryKind as K;
    // What is added stands second, wherever it was written.
    let swapped = matches!(kind, K::ScaleInterval) && !is_interval(&left.data_type)
        || moves(kind) && is_interval(&left.data_type)
        || kind == K::DateAddDays && left.data_type != DataType::Date;
    let (base, step) = if swapped { (right, left) } else { (left, right) };
    let (x, y) = if swapped { (written.1, written.0) } else { written };
    let bare = SqlText::concat([x.sql.clone(), format!(" {} ", sign(site)).into(), y.sql.clone()]);
    let (kernel, ty, sql): (&'static Kernel, DataType, SqlText) = match kind {
        K::DateAddDays => {
            let name = if sign(site) == "-" { "date_sub" } else { "date_add" };
            let step = cast_to(site.ctx, step, &DataType::Int)?;
            let sql = SqlText::call(name, [x.sql.clone(), y.sql.clone()]);
            return Ok(call(site, &DATE_ADD, vec![base, step], DataType::Date, sql));
        }
        K::DateAddDayInterval => {
            let days = SqlText::call("extractansiintervaldays", [y.sql.clone()]);
            let days = if sign(site) == "-" { SqlText::wrap("(- ", days, ")") } else { days };
            (&ADD_INTERVAL, DataType::Date, SqlText::call("date_add", [x.sql.clone(), days]))
        }
        K::DateAddMonths => (&ADD_MONTHS, DataType::Date, bare),
        K::DateAddCalendar => (&ADD_INTERVAL, DataType::Date, bare),
        K::TimestampAddMonths => (&ADD_MONTHS, base.data_type.clone(), bare),
        K::TimestampAddInterval | K::TimeAddInterval => (&ADD_INTERVAL, base.data_type.clone(), bare),
        K::Intervals => (&INTERVAL_SUM, result.clone(), infix(x, sign(site), y)),
        K::SubtractDates => (&DATES_BETWEEN, DAY, infix(x, "-", y)),
        K::SubtractTimestamps | K::SubtractTimes => (&TIMESTAMPS_BETWEEN, result.clone(), infix(x, "-", y)),
        K::DivideIntervals => (&INTERVAL_RATIO, DataType::Long, site.sql.clone()),
        K::ScaleInterval => return scaled(site, base, step, (x, y), result),
        K::Numeric => return Ok(base),
    };
    let mut out = call(site, kernel, vec![base, step], ty, sql);
    out.nullable |= matches!(kind, K::DivideIntervals | K::TimeAddInterval | K::SubtractTimes);
    if out.data_type != *result {
        out = cast_to(site.ctx, out, result)?;
    }
    Ok(out)
}

fn moves(kind: BinaryKind) -> bool {
    use BinaryKind as K;
    matches!(
        kind,
        K::DateAddMonths
            | K::DateAddDayInterval
            | K::DateAddCalendar
            | K::TimestampAddInterval
            | K::TimestampAddMonths
            | K::TimeAddInterval
    )
}

fn call(site: &Site, kernel: &'static Kernel, args: Vec<TypedExpr>, ty: DataType, sql: SqlText) -> TypedExpr {
    let params = vec![site.mode.name().to_string(), sign(site).to_string()];
    let mut out = site.ctx.call_with(kernel, args, ty, Nullability::Args, params);
    out.sql = sql;
    out
}

/// An interval times or divided by a number.
fn scaled(
    site: &Site,
    interval: TypedExpr,
    number: TypedExpr,
    (x, y): (&TypedExpr, &TypedExpr),
    result: &DataType,
) -> SparkResult<TypedExpr> {
    let divide = site.op == ArithmeticOp::Divide;
    let calendar = interval.data_type == DataType::CalendarInterval;
    let sql = match (calendar, divide) {
        (true, true) => SqlText::call("divide_interval", [x.sql.clone(), y.sql.clone()]),
        (true, false) => SqlText::call("multiply_interval", [x.sql.clone(), y.sql.clone()]),
        (false, true) => infix(x, "/", y),
        (false, false) => infix(x, "*", y),
    };
    let number = match &number.data_type {
        DataType::Byte | DataType::Short | DataType::Int => cast_to(site.ctx, number, &DataType::Long)?,
        DataType::Float => cast_to(site.ctx, number, &DataType::Double)?,
        _ => number,
    };
    let kernel = if divide { &INTERVAL_OVER } else { &INTERVAL_TIMES };
    let mut out = call(site, kernel, vec![interval, number], result.clone(), sql);
    out.nullable |= calendar || site.mode == Mode::Try;
    Ok(out)
}
