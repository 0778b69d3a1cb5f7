//! `+ - * /` where dates, timestamps and intervals take part: which of Spark's expressions it is,
//! with that expression's text and type. The columns are computed in [`kernels`].

use vonk_common::SparkResult;
use vonk_expr::context::Nullability;
use vonk_expr::{FnContext, Kernel, SqlText, TypedExpr};
use vonk_plan::types::{DataType, DayTimeField, YearMonthField};

use super::numbers::QuotientOp;
use crate::support::{Mode, cast_to, infix, unexpected};

mod kernels;
pub use kernels::{
    ADD_INTERVAL, ADD_MONTHS, DATE_ADD, DATES_BETWEEN, INTERVAL_OVER, INTERVAL_RATIO, INTERVAL_SUM, INTERVAL_TIMES,
    TIMESTAMPS_BETWEEN, negate,
};

const DAY: DataType = DataType::DayTimeInterval(DayTimeField::Day, DayTimeField::Day);
const DAYS: &str = "(\"INT\" or \"SMALLINT\" or \"TINYINT\")";
const TIMESTAMPS: &str =
    "(\"(TIMESTAMP OR TIMESTAMP WITHOUT TIME ZONE)\" or \"(TIMESTAMP_LTZ(P) OR TIMESTAMP_NTZ(P) WITH P IN [7, 9])\")";

fn is_interval(t: &DataType) -> bool {
    t.is_ansi_interval() || *t == DataType::CalendarInterval
}

fn is_timestamp(t: &DataType) -> bool {
    matches!(t, DataType::Timestamp | DataType::TimestampNtz)
}

struct Site<'a> {
    ctx: &'a FnContext,
    mode: Mode,
    sign: &'static str,
}

impl Site<'_> {
    fn call(&self, kernel: &'static Kernel, args: Vec<TypedExpr>, ty: DataType, sql: SqlText) -> TypedExpr {
        let params = vec![self.mode.name().to_string(), self.sign.to_string()];
        let mut out = self.ctx.call_with(kernel, args, ty, Nullability::Args, params);
        out.nullable |= self.mode == Mode::Try;
        out.sql = match self.mode {
            Mode::Try => return out,
            _ => sql,
        };
        out
    }

    /// `a + b` without parentheses.
    fn bare(&self, a: &TypedExpr, b: &TypedExpr) -> SqlText {
        let op = if self.sign == "-" { " - " } else { " + " };
        SqlText::concat([a.sql.clone(), op.into(), b.sql.clone()])
    }

    fn day_number(&self, date: &TypedExpr, days: TypedExpr) -> SparkResult<TypedExpr> {
        let name = if self.sign == "-" { "date_sub" } else { "date_add" };
        let sql = SqlText::call(name, [date.sql.clone(), days.sql.clone()]);
        let days = match &days.data_type {
            DataType::Byte | DataType::Short | DataType::Int | DataType::Null => {
                cast_to(self.ctx, days, &DataType::Int)?
            }
            DataType::String(_) => {
                let shown = TypedExpr { data_type: DataType::Date, ..days };
                return Err(unexpected(self.ctx, &sql, 1, DAYS, &shown));
            }
            _ => return Err(unexpected(self.ctx, &sql, 1, DAYS, &days)),
        };
        Ok(self.call(&DATE_ADD, vec![date.clone(), days], DataType::Date, sql))
    }

    /// A date, timestamp (or text of one) moved by an interval.
    fn moved(&self, a: &TypedExpr, b: &TypedExpr) -> SparkResult<TypedExpr> {
        let sql = self.bare(a, b);
        match (&a.data_type, &b.data_type) {
            (DataType::Date, t) if *t == DAY => {
                let days = SqlText::call("extractansiintervaldays", [b.sql.clone()]);
                let days = if self.sign == "-" { SqlText::wrap("(- ", days, ")") } else { days };
                let sql = SqlText::call("date_add", [a.sql.clone(), days]);
                Ok(self.call(&ADD_INTERVAL, vec![a.clone(), b.clone()], DataType::Date, sql))
            }
            (DataType::Date, DataType::YearMonthInterval(..)) => {
                Ok(self.call(&ADD_MONTHS, vec![a.clone(), b.clone()], DataType::Date, sql))
            }
            (DataType::Date, DataType::CalendarInterval) => {
                Ok(self.call(&ADD_INTERVAL, vec![a.clone(), b.clone()], DataType::Date, sql))
            }
            (DataType::Date, _) => {
                let a = cast_to(self.ctx, a.clone(), &DataType::Timestamp)?;
                Ok(self.call(&ADD_INTERVAL, vec![a, b.clone()], DataType::Timestamp, sql))
            }
            (t, DataType::YearMonthInterval(..)) if is_timestamp(t) => {
                Ok(self.call(&ADD_MONTHS, vec![a.clone(), b.clone()], t.clone(), sql))
            }
            (t, _) if is_timestamp(t) || matches!(t, DataType::Time(_)) => {
                Ok(self.call(&ADD_INTERVAL, vec![a.clone(), b.clone()], t.clone(), sql))
            }
            (t, _) if t.is_string() => {
                let back = t.clone();
                let kernel = match &b.data_type {
                    DataType::YearMonthInterval(..) => &ADD_MONTHS,
                    _ => &ADD_INTERVAL,
                };
                let a = cast_to(self.ctx, a.clone(), &DataType::Timestamp)?;
                let out = self.call(kernel, vec![a, b.clone()], DataType::Timestamp, sql.clone());
                cast_to(self.ctx, out, &back)
            }
            _ => Err(unexpected(self.ctx, &sql, 0, TIMESTAMPS, a)),
        }
    }

    /// Two intervals of one kind.
    fn sum(&self, a: &TypedExpr, b: &TypedExpr, ty: DataType) -> SparkResult<TypedExpr> {
        let sql = infix(a, if self.sign == "-" { "-" } else { "+" }, b);
        let (a, b) = (typed_null(self.ctx, a, &ty)?, typed_null(self.ctx, b, &ty)?);
        Ok(self.call(&INTERVAL_SUM, vec![a, b], ty, sql))
    }

    fn timestamps_between(&self, a: &TypedExpr, b: &TypedExpr) -> SparkResult<TypedExpr> {
        let sql = infix(a, "-", b);
        let ty = match (&a.data_type, &b.data_type) {
            (DataType::TimestampNtz, DataType::TimestampNtz | DataType::Date)
            | (DataType::Date, DataType::TimestampNtz) => DataType::TimestampNtz,
            _ => DataType::Timestamp,
        };
        let (a, b) = (cast_to(self.ctx, a.clone(), &ty)?, cast_to(self.ctx, b.clone(), &ty)?);
        Ok(self.call(&TIMESTAMPS_BETWEEN, vec![a, b], DataType::DAY_TIME, sql))
    }
}

fn typed_null(ctx: &FnContext, value: &TypedExpr, ty: &DataType) -> SparkResult<TypedExpr> {
    match value.data_type {
        DataType::Null => cast_to(ctx, value.clone(), ty),
        _ => Ok(value.clone()),
    }
}

/// The type of a sum of two intervals: the fields of both.
fn interval_sum_type(a: &DataType, b: &DataType) -> Option<DataType> {
    match (a, b) {
        (DataType::YearMonthInterval(a1, a2), DataType::YearMonthInterval(b1, b2)) => {
            Some(DataType::YearMonthInterval(*a1.min(b1), *a2.max(b2)))
        }
        (DataType::DayTimeInterval(a1, a2), DataType::DayTimeInterval(b1, b2)) => {
            Some(DataType::DayTimeInterval(*a1.min(b1), *a2.max(b2)))
        }
        (DataType::CalendarInterval, DataType::CalendarInterval) => Some(DataType::CalendarInterval),
        (DataType::Null, t) | (t, DataType::Null) if is_interval(t) => Some(t.clone()),
        _ => None,
    }
}

/// `a + b`, if a date, time or interval takes part.
pub fn add(ctx: &FnContext, a: &TypedExpr, b: &TypedExpr, mode: Mode) -> SparkResult<Option<TypedExpr>> {
    let site = Site { ctx, mode, sign: "+" };
    let (x, y) = (&a.data_type, &b.data_type);
    if let Some(ty) = interval_sum_type(x, y) {
        return site.sum(a, b, ty).map(Some);
    }
    match (is_interval(x), is_interval(y)) {
        (true, true) => Ok(None),
        (false, true) => site.moved(a, b).map(Some),
        (true, false) => site.moved(b, a).map(Some),
        _ if *x == DataType::Date => site.day_number(a, b.clone()).map(Some),
        _ if *y == DataType::Date => site.day_number(b, a.clone()).map(Some),
        _ => Ok(None),
    }
}

/// `a - b`, if a date, time or interval takes part.
pub fn subtract(ctx: &FnContext, a: &TypedExpr, b: &TypedExpr, mode: Mode) -> SparkResult<Option<TypedExpr>> {
    let site = Site { ctx, mode, sign: "-" };
    let (x, y) = (&a.data_type, &b.data_type);
    if let Some(ty) = interval_sum_type(x, y) {
        return site.sum(a, b, ty).map(Some);
    }
    if is_interval(y) && !is_interval(x) {
        return site.moved(a, b).map(Some);
    }
    let date_like = |t: &DataType| *t == DataType::Date || t.is_string();
    match (x, y) {
        (DataType::Date, DataType::Date) => {}
        (DataType::Date, t) | (t, DataType::Date) if date_like(t) || (*t == DataType::Null && x == t) => {}
        (DataType::Time(_), DataType::Time(_)) => {
            let sql = infix(a, "-", b);
            let ty = DataType::DayTimeInterval(DayTimeField::Hour, DayTimeField::Second);
            return Ok(Some(site.call(&TIMESTAMPS_BETWEEN, vec![a.clone(), b.clone()], ty, sql)));
        }
        (t, u) if is_timestamp(t) && (is_timestamp(u) || date_like(u) || *u == DataType::Null) => {
            return site.timestamps_between(a, b).map(Some);
        }
        (t, u) if is_timestamp(u) && (date_like(t) || *t == DataType::Null) => {
            return site.timestamps_between(a, b).map(Some);
        }
        (DataType::Date, _) => return site.day_number(a, b.clone()).map(Some),
        _ => return Ok(None),
    }
    let sql = infix(a, "-", b);
    let (a, b) = (cast_to(ctx, a.clone(), &DataType::Date)?, cast_to(ctx, b.clone(), &DataType::Date)?);
    Ok(Some(site.call(&DATES_BETWEEN, vec![a, b], DAY, sql)))
}

/// The widest type of an interval's kind.
fn full(t: &DataType) -> DataType {
    match t {
        DataType::YearMonthInterval(..) => DataType::YearMonthInterval(YearMonthField::Year, YearMonthField::Month),
        DataType::DayTimeInterval(..) => DataType::DAY_TIME,
        other => other.clone(),
    }
}

/// `interval * number`, in either order.
pub fn multiply(
    ctx: &FnContext,
    a: &TypedExpr,
    b: &TypedExpr,
    sql: &SqlText,
    mode: Mode,
) -> SparkResult<Option<TypedExpr>> {
    let (interval, number) = match (is_interval(&a.data_type), is_interval(&b.data_type)) {
        (true, false) => (a, b),
        (false, true) => (b, a),
        _ => return Ok(None),
    };
    scaled(ctx, interval, number, &INTERVAL_TIMES, ("*", "multiply_interval"), sql, mode)
}

fn scaled(
    ctx: &FnContext,
    interval: &TypedExpr,
    number: &TypedExpr,
    kernel: &'static Kernel,
    names: (&'static str, &str),
    sql: &SqlText,
    mode: Mode,
) -> SparkResult<Option<TypedExpr>> {
    let fits = |t: &DataType| t.is_numeric() || t.is_string() || *t == DataType::Null;
    if !fits(&number.data_type) {
        return Ok(None);
    }
    let calendar = interval.data_type == DataType::CalendarInterval;
    let text = match (mode, calendar) {
        (Mode::Try, _) => sql.clone(),
        (_, true) => SqlText::call(names.1, [interval.sql.clone(), number.sql.clone()]),
        _ => infix(interval, names.0, number),
    };
    let exact = number.data_type.is_numeric() && !calendar;
    let number = match (&number.data_type, exact) {
        (DataType::Byte | DataType::Short | DataType::Int, true) => cast_to(ctx, number.clone(), &DataType::Long)?,
        (DataType::Float, true) => cast_to(ctx, number.clone(), &DataType::Double)?,
        (_, true) => number.clone(),
        _ => cast_to(ctx, number.clone(), &DataType::Double)?,
    };
    let ty = full(&interval.data_type);
    let site = Site { ctx, mode, sign: "" };
    let mut out = site.call(kernel, vec![interval.clone(), number], ty, text.clone());
    out.nullable |= calendar || mode == Mode::Try;
    out.sql = text;
    Ok(Some(out))
}

/// `interval / number` and `interval div interval`.
pub fn divide(
    ctx: &FnContext,
    a: &TypedExpr,
    b: &TypedExpr,
    op: QuotientOp,
    sql: &SqlText,
    mode: Mode,
) -> SparkResult<Option<TypedExpr>> {
    match op {
        QuotientOp::Divide if is_interval(&a.data_type) => {
            scaled(ctx, a, b, &INTERVAL_OVER, ("/", "divide_interval"), sql, mode)
        }
        QuotientOp::IntegralDivide => {
            let pair = matches!(
                (&a.data_type, &b.data_type),
                (DataType::YearMonthInterval(..), DataType::YearMonthInterval(..))
                    | (DataType::DayTimeInterval(..), DataType::DayTimeInterval(..))
            );
            if !pair {
                return Ok(None);
            }
            let site = Site { ctx, mode, sign: "" };
            let mut out = site.call(&INTERVAL_RATIO, vec![a.clone(), b.clone()], DataType::Long, sql.clone());
            out.nullable = true;
            Ok(Some(out))
        }
        _ => Ok(None),
    }
}
