//! Operand and result types of binary operators: numbers, decimals, dates, times and intervals.

use datafusion::common::ScalarValue;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::Expr;
use vonk_common::SparkResult;
use vonk_plan::expr::CastMode;
use vonk_plan::types::{DataType, DayTimeField};

use super::common::{common_type, tightest_common_type};
use super::decimal::{decimal_arithmetic, decimal_for, literal_decimal};
use crate::cast::{CAST, implicit_cast};
use crate::context::QueryFacts;
use crate::kernel::KernelUdf;
use crate::nanos::base;
use crate::typed::TypedExpr;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ArithmeticOp {
    Add,
    Subtract,
    Multiply,
    Divide,
    /// `div`.
    IntegralDivide,
    Remainder,
    Pmod,
    /// `&`, `|`, `^`.
    Bitwise,
    /// `AND`, `OR`.
    Logical,
}

/// What the operator computes on operands of the types found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BinaryKind {
    /// Both operands of one numeric type (or two decimals of their own precision), or both boolean.
    Numeric,
    /// Interval plus or minus an interval of the same family.
    Intervals,
    /// Date plus or minus a number of days.
    DateAddDays,
    /// Date plus or minus a year-month interval.
    DateAddMonths,
    /// Date plus or minus INTERVAL DAY, still a date.
    DateAddDayInterval,
    /// Date plus or minus a calendar interval.
    DateAddCalendar,
    /// Timestamp plus or minus a day-time or calendar interval.
    TimestampAddInterval,
    /// Timestamp plus or minus a year-month interval.
    TimestampAddMonths,
    /// Time of day plus or minus a day-time interval.
    TimeAddInterval,
    SubtractDates,
    SubtractTimestamps,
    SubtractTimes,
    /// Interval times or divided by a number.
    ScaleInterval,
    /// Interval `div` interval.
    DivideIntervals,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BinaryTypes {
    /// Types the operands are cast to.
    pub left: DataType,
    pub right: DataType,
    /// Type of the whole. Where it is not what `kind` computes (`'2020-01-01' + INTERVAL '1' DAY` is
    /// a string) the operator casts its result to it.
    pub result: DataType,
    pub kind: BinaryKind,
}

/// Why operands do not fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mismatch {
    /// `BINARY_OP_DIFF_TYPES`.
    DiffTypes,
    /// `BINARY_OP_WRONG_TYPE`: the expectation as Spark prints it, and the actual type.
    WrongType(&'static str, DataType),
    /// `UNEXPECTED_INPUT_TYPE`: operand (0 or 1) and the expectation.
    Unexpected(usize, &'static str),
}

fn types(left: &DataType, right: &DataType, result: DataType, kind: BinaryKind) -> BinaryTypes {
    BinaryTypes { left: left.clone(), right: right.clone(), result, kind }
}

/// The types of an operator's operands and result.
pub fn binary_arithmetic(
    op: ArithmeticOp,
    left: &DataType,
    right: &DataType,
    ansi: bool,
    precision_loss: bool,
) -> Result<BinaryTypes, Mismatch> {
    if let Some(found) = with_datetime(op, left, right, ansi)? {
        return Ok(found);
    }
    if let Some(found) = scaled_interval(op, left, right)? {
        return Ok(found);
    }
    plain(op, left, right, ansi, precision_loss)
}

/// Types and casts for two operands; integral literals beside a decimal count as the decimal of
/// their own digits. The casts are of the given mode.
pub fn binary_operands(
    facts: &QueryFacts,
    op: ArithmeticOp,
    mut left: TypedExpr,
    mut right: TypedExpr,
    mode: CastMode,
) -> SparkResult<Result<(TypedExpr, TypedExpr, BinaryTypes), Mismatch>> {
    // ANSI reads a string beside an integer as an integer, before `/` makes both of them DOUBLE.
    if op == ArithmeticOp::Divide && facts.conf.ansi() {
        if left.data_type.is_string() && right.data_type.is_integral() {
            left = implicit_cast(facts, left, &DataType::Long, mode)?;
        } else if right.data_type.is_string() && left.data_type.is_integral() {
            right = implicit_cast(facts, right, &DataType::Long, mode)?;
        }
    }
    let becomes_interval = |null: &TypedExpr, other: &TypedExpr| {
        null.data_type == DataType::Null && other.data_type == DataType::CalendarInterval && is_cast_within(other)
    };
    if becomes_interval(&left, &right) {
        left = TypedExpr { sql: left.sql, ..TypedExpr::null(DataType::CalendarInterval)? };
    } else if becomes_interval(&right, &left) {
        right = TypedExpr { sql: right.sql, ..TypedExpr::null(DataType::CalendarInterval)? };
    }
    let loss = facts.conf.bool("spark.sql.decimalOperations.allowPrecisionLoss");
    let beside_decimal = |value: &TypedExpr, other: &TypedExpr| match (&other.data_type, literal_decimal(value)) {
        (DataType::Decimal(..), Some((p, s))) => DataType::Decimal(p, s),
        _ => value.data_type.clone(),
    };
    let l = beside_decimal(&left, &right);
    let r = beside_decimal(&right, &left);
    let found = match binary_arithmetic(op, &l, &r, facts.conf.ansi(), loss) {
        Ok(found) => found,
        Err(e) => return Ok(Err(e)),
    };
    let left = implicit_cast(facts, left, &found.left, mode)?;
    let right = implicit_cast(facts, right, &found.right, mode)?;
    Ok(Ok((left, right, found)))
}

/// Does the value have casts in it that nobody wrote? Spark has them made before it comes to the operator around
/// it, and with the same rules makes a NULL beside such an interval an interval; without, it is added to as a time.
fn is_cast_within(value: &TypedExpr) -> bool {
    let mut casts = 0;
    let seen = value.expr.apply(|e| {
        casts += match e {
            Expr::ScalarFunction(call) => {
                let kernel = call.func.inner().downcast_ref::<KernelUdf>().map(|udf| udf.call.kernel.name);
                usize::from(kernel == Some(CAST.name))
            }
            Expr::Cast(_) | Expr::TryCast(_) => 1,
            Expr::Literal(v, _) => usize::from(v.is_null() && !matches!(v, ScalarValue::Null)),
            _ => 0,
        };
        Ok(TreeNodeRecursion::Continue)
    });
    let text = value.sql.to_string();
    // A NULL among the arguments of `coalesce` is gone by now.
    let nulls = [", NULL,", ", NULL)", "(NULL,"].iter().any(|null| text.contains(null));
    seen.is_ok() && (nulls || casts > text.matches("CAST(").count())
}

/// Addition and subtraction with a date, a timestamp, a time or an interval in it.
fn with_datetime(
    op: ArithmeticOp,
    left: &DataType,
    right: &DataType,
    ansi: bool,
) -> Result<Option<BinaryTypes>, Mismatch> {
    match op {
        ArithmeticOp::Add => match add(left, right)? {
            Some(found) => Ok(Some(found)),
            None => Ok(add(right, left)?.map(|f| BinaryTypes { left: f.right, right: f.left, ..f })),
        },
        ArithmeticOp::Subtract => subtract(left, right, ansi),
        _ => Ok(None),
    }
}

fn is_interval(t: &DataType) -> bool {
    t.is_ansi_interval() || *t == DataType::CalendarInterval
}

/// `a + b` with `a` the moment and `b` what is added.
fn add(a: &DataType, b: &DataType) -> Result<Option<BinaryTypes>, Mismatch> {
    use BinaryKind as K;
    use DataType as T;
    Ok(Some(match (a, b) {
        (x, y) if same_interval_family(x, y) => {
            let sum = tightest_common_type(x, y, true).unwrap_or_else(|| x.clone());
            types(x, y, sum, K::Intervals)
        }
        (T::Null, T::DayTimeInterval(..) | T::YearMonthInterval(..)) => types(b, b, b.clone(), K::Intervals),
        (T::Date, T::DayTimeInterval(DayTimeField::Day, DayTimeField::Day)) => {
            types(a, b, T::Date, K::DateAddDayInterval)
        }
        (T::Date, T::DayTimeInterval(..)) => types(&T::Timestamp, b, T::Timestamp, K::TimestampAddInterval),
        (T::Date, T::YearMonthInterval(..)) => types(a, b, T::Date, K::DateAddMonths),
        (T::Timestamp | T::TimestampNtz, T::YearMonthInterval(..)) => types(a, b, a.clone(), K::TimestampAddMonths),
        (t, T::YearMonthInterval(..)) if t.is_nanos() => types(a, b, a.clone(), K::TimestampAddMonths),
        (t, T::DayTimeInterval(..)) if t.is_nanos() => types(a, b, a.clone(), K::TimestampAddInterval),
        (t, T::Null) if t.is_nanos() => types(a, &T::DAY_TIME, a.clone(), K::TimestampAddInterval),
        (t, T::CalendarInterval) if t.is_nanos() => {
            return Err(Mismatch::Unexpected(1, "\"INTERVAL DAY TO SECOND\""));
        }
        (T::Date, T::CalendarInterval) => types(a, b, T::Date, K::DateAddCalendar),
        (T::Timestamp | T::TimestampNtz, T::CalendarInterval | T::DayTimeInterval(..)) => {
            types(a, b, a.clone(), K::TimestampAddInterval)
        }
        (T::Time(_), T::DayTimeInterval(..)) => types(a, b, a.clone(), K::TimeAddInterval),
        (T::String(_), T::CalendarInterval | T::DayTimeInterval(..)) => {
            types(&T::Timestamp, b, a.clone(), K::TimestampAddInterval)
        }
        (T::Null, T::CalendarInterval) => types(&T::Timestamp, b, T::Null, K::TimestampAddInterval),
        (T::Date, T::Null) => types(&T::Timestamp, &T::DAY_TIME, T::Timestamp, K::TimestampAddInterval),
        (T::Timestamp | T::TimestampNtz, T::Null) => types(a, &T::DAY_TIME, a.clone(), K::TimestampAddInterval),
        (T::Time(_), T::Null) => types(a, &T::DAY_TIME, a.clone(), K::TimeAddInterval),
        (T::Date, T::Byte | T::Short | T::Int) => types(a, b, T::Date, K::DateAddDays),
        (T::Date, _) if !is_interval(b) => {
            return Err(Mismatch::Unexpected(1, "(\"INT\" or \"SMALLINT\" or \"TINYINT\")"));
        }
        (_, T::CalendarInterval | T::DayTimeInterval(..)) => {
            return Err(Mismatch::Unexpected(0, ANY_TIMESTAMP));
        }
        _ => return Ok(None),
    }))
}

fn same_interval_family(a: &DataType, b: &DataType) -> bool {
    use DataType as T;
    matches!(
        (a, b),
        (T::CalendarInterval, T::CalendarInterval)
            | (T::YearMonthInterval(..), T::YearMonthInterval(..))
            | (T::DayTimeInterval(..), T::DayTimeInterval(..))
    )
}

fn subtract(a: &DataType, b: &DataType, ansi: bool) -> Result<Option<BinaryTypes>, Mismatch> {
    use BinaryKind as K;
    use DataType as T;
    let hours = T::DayTimeInterval(DayTimeField::Hour, DayTimeField::Second);
    let days = T::DayTimeInterval(DayTimeField::Day, DayTimeField::Day);
    // What is below a microsecond counts in no difference.
    if matches!((a, b), (T::Date, t) | (t, T::Date) if t.is_nanos()) {
        let t = if *a == T::Date { b } else { a };
        return Ok(Some(types(t, t, T::DAY_TIME, K::SubtractTimestamps)));
    }
    let (start, x, y) = (a, base(a), base(b));
    let (a, b) = (&x, &y);
    Ok(Some(match (a, b) {
        (x, T::Null) if is_interval(x) => types(x, x, x.clone(), K::Intervals),
        (T::Timestamp | T::TimestampNtz, T::String(_)) if !ansi => {
            return Err(Mismatch::Unexpected(1, ANY_TIMESTAMP));
        }
        (T::String(_), T::Timestamp | T::TimestampNtz) if !ansi => {
            return Err(Mismatch::Unexpected(0, ANY_TIMESTAMP));
        }
        (T::Timestamp | T::TimestampNtz, T::Null | T::String(_))
        | (T::Null | T::String(_), T::Timestamp | T::TimestampNtz) => {
            let t = if matches!(a, T::Null | T::String(_)) { b } else { a };
            types(t, t, T::DAY_TIME, K::SubtractTimestamps)
        }
        (T::Date, T::Null | T::String(_)) if ansi || *b == T::Null => types(a, &T::Date, days, K::SubtractDates),
        (T::Null | T::String(_), T::Date) => types(&T::Date, b, days, K::SubtractDates),
        (T::Date, T::Date) => types(a, b, days, K::SubtractDates),
        (T::Timestamp | T::TimestampNtz | T::Date, T::Timestamp | T::TimestampNtz | T::Date) => {
            // Between both kinds of timestamps the wall clocks are compared.
            let t = if [a, b].contains(&&T::TimestampNtz) { T::TimestampNtz } else { T::Timestamp };
            types(&t, &t, T::DAY_TIME, K::SubtractTimestamps)
        }
        (T::Time(_), T::Time(_)) => types(a, b, hours, K::SubtractTimes),
        (T::Time(_), T::String(_)) | (T::String(_), T::Time(_)) if !ansi => return Ok(None),
        (T::Time(_), T::Null | T::String(_)) => types(a, a, hours, K::SubtractTimes),
        (T::Null | T::String(_), T::Time(_)) => types(b, b, hours, K::SubtractTimes),
        // An interval minus a moment, and a number minus a moment, make no sense.
        (_, T::Date) => return Err(Mismatch::Unexpected(0, "\"DATE\"")),
        (_, T::Timestamp | T::TimestampNtz) => {
            return Err(Mismatch::Unexpected(0, ANY_TIMESTAMP));
        }
        (T::Timestamp | T::TimestampNtz, t) if !is_interval(t) => {
            return Err(Mismatch::Unexpected(1, ANY_TIMESTAMP));
        }
        _ => return add(start, b),
    }))
}

/// Interval times number, number times interval, interval divided by number.
fn scaled_interval(op: ArithmeticOp, left: &DataType, right: &DataType) -> Result<Option<BinaryTypes>, Mismatch> {
    use DataType as T;
    let (interval, number, at) = match op {
        ArithmeticOp::Multiply if is_interval(left) => (left, right, 1),
        ArithmeticOp::Multiply if is_interval(right) => (right, left, 1),
        ArithmeticOp::Divide if is_interval(left) => (left, right, 1),
        _ => return Ok(None),
    };
    let (result, number) = match (interval, number) {
        (T::CalendarInterval, n) if n.is_numeric() || n.is_string() || *n == T::Null => {
            (T::CalendarInterval, T::Double)
        }
        (T::YearMonthInterval(..), n) if n.is_numeric() => (T::YEAR_MONTH, n.clone()),
        (T::DayTimeInterval(..), n) if n.is_numeric() => (T::DAY_TIME, n.clone()),
        (T::YearMonthInterval(..), T::String(_) | T::Null) => (T::YEAR_MONTH, T::Double),
        (T::DayTimeInterval(..), T::String(_) | T::Null) => (T::DAY_TIME, T::Double),
        (T::CalendarInterval, _) => return Err(Mismatch::Unexpected(at, "\"DOUBLE\"")),
        (_, T::CalendarInterval) if op == ArithmeticOp::Multiply => return Err(Mismatch::Unexpected(at, "\"DOUBLE\"")),
        _ => return Err(Mismatch::Unexpected(at, "\"NUMERIC\"")),
    };
    let (l, r) = if is_interval(left) { (interval, &number) } else { (&number, interval) };
    Ok(Some(types(l, r, result, BinaryKind::ScaleInterval)))
}

const ANY_TIMESTAMP: &str = "(\"(TIMESTAMP OR TIMESTAMP WITHOUT TIME ZONE)\" or \
     \"(TIMESTAMP_LTZ(P) OR TIMESTAMP_NTZ(P) WITH P IN [7, 9])\")";
const SUMS: &str = "(\"NUMERIC\" or \"INTERVAL DAY TO SECOND\" or \"INTERVAL YEAR TO MONTH\" or \"INTERVAL\")";
const QUOTIENTS: &str = "(\"BIGINT\" or \"DECIMAL\" or \"INTERVAL YEAR TO MONTH\" or \"INTERVAL DAY TO SECOND\")";

impl ArithmeticOp {
    fn wanted(self) -> &'static str {
        match self {
            ArithmeticOp::Add | ArithmeticOp::Subtract => SUMS,
            ArithmeticOp::Divide => "(\"DOUBLE\" or \"DECIMAL\")",
            ArithmeticOp::IntegralDivide => QUOTIENTS,
            ArithmeticOp::Bitwise => "\"INTEGRAL\"",
            ArithmeticOp::Logical => "\"BOOLEAN\"",
            _ => "\"NUMERIC\"",
        }
    }

    fn accepts(self, t: &DataType) -> bool {
        match self {
            ArithmeticOp::Logical => *t == DataType::Boolean,
            ArithmeticOp::Bitwise => t.is_integral(),
            ArithmeticOp::IntegralDivide => {
                t.is_integral() || matches!(t, DataType::Decimal(..)) || t.is_ansi_interval()
            }
            _ => t.is_numeric(),
        }
    }

    /// Result of the operator on two operands of this type, and the type they are cast to.
    fn on(self, t: DataType) -> (DataType, DataType, BinaryKind) {
        match self {
            ArithmeticOp::IntegralDivide if t.is_integral() => (DataType::Long, DataType::Long, BinaryKind::Numeric),
            ArithmeticOp::IntegralDivide if t.is_ansi_interval() => (t, DataType::Long, BinaryKind::DivideIntervals),
            ArithmeticOp::Divide => (DataType::Double, DataType::Double, BinaryKind::Numeric),
            _ => (t.clone(), t, BinaryKind::Numeric),
        }
    }

    /// What NULL with NULL is computed as.
    fn of_nulls(self) -> DataType {
        match self {
            ArithmeticOp::Logical => DataType::Boolean,
            ArithmeticOp::Bitwise => DataType::Int,
            ArithmeticOp::IntegralDivide => DataType::Long,
            _ => DataType::Double,
        }
    }
}

/// Two values of one family.
fn plain(
    op: ArithmeticOp,
    left: &DataType,
    right: &DataType,
    ansi: bool,
    precision_loss: bool,
) -> Result<BinaryTypes, Mismatch> {
    use DataType as T;
    let same = |t: DataType| {
        let (operand, result, kind) = op.on(t);
        BinaryTypes { left: operand.clone(), right: operand, result, kind }
    };
    let wrong = |t: &DataType| Err(Mismatch::WrongType(op.wanted(), t.clone()));
    let numeric_op = !matches!(op, ArithmeticOp::Bitwise | ArithmeticOp::Logical);
    match (left, right) {
        (T::Null, T::Null) => Ok(same(op.of_nulls())),
        (T::Decimal(..), T::Decimal(..)) if numeric_op => decimals(op, left, right, precision_loss),
        (a, b) if a.same_type(b) && !a.is_string() => {
            if op.accepts(a) {
                Ok(same(a.clone()))
            } else {
                wrong(a)
            }
        }
        (a, b) if a.is_string() || b.is_string() => {
            if !ansi && op != ArithmeticOp::Logical {
                // Legacy mode computes with the DOUBLE in the string.
                let number = |t: &DataType| if t.is_string() { T::Double } else { t.clone() };
                return plain(op, &number(a), &number(b), ansi, precision_loss);
            }
            let found = match ansi {
                true => common_type(a, b, true),
                false => a.same_type(b).then(|| a.clone()),
            };
            match found {
                Some(t) if op.accepts(&t) => Ok(same(t)),
                Some(t) => wrong(&t),
                None => Err(Mismatch::DiffTypes),
            }
        }
        (T::Decimal(..), T::Float | T::Double) | (T::Float | T::Double, T::Decimal(..)) => {
            match op.accepts(&T::Double) {
                true => Ok(same(T::Double)),
                false if matches!((left, right), (T::Float, _) | (_, T::Float)) => Err(Mismatch::DiffTypes),
                false => wrong(&T::Double),
            }
        }
        (T::Decimal(..), b) if b.is_integral() && numeric_op => decimals(op, left, right, precision_loss),
        (a, T::Decimal(..)) if a.is_integral() && numeric_op => decimals(op, left, right, precision_loss),
        (decimal @ T::Decimal(..), whole) | (whole, decimal @ T::Decimal(..))
            if whole.is_integral() && decimal_for(whole) == decimal_for(decimal) =>
        {
            wrong(decimal)
        }
        (T::Decimal(..), T::Null) if op == ArithmeticOp::Divide => decimals(op, left, left, precision_loss),
        (T::Null, T::Decimal(..)) if op == ArithmeticOp::Divide => Ok(same(T::Double)),
        (T::Decimal(..), T::Null) if numeric_op => decimals(op, left, left, precision_loss),
        (T::Null, T::Decimal(..)) if numeric_op => decimals(op, right, right, precision_loss),
        (a, b) => match tightest_common_type(a, b, ansi) {
            Some(t) if op.accepts(&t) => Ok(same(t)),
            _ => Err(Mismatch::DiffTypes),
        },
    }
}

fn decimals(op: ArithmeticOp, left: &DataType, right: &DataType, loss: bool) -> Result<BinaryTypes, Mismatch> {
    let (Some(a), Some(b)) = (decimal_for(left), decimal_for(right)) else { return Err(Mismatch::DiffTypes) };
    let result = match op {
        ArithmeticOp::IntegralDivide => DataType::Long,
        op => decimal_arithmetic(op, a, b, loss),
    };
    Ok(types(&DataType::Decimal(a.0, a.1), &DataType::Decimal(b.0, b.1), result, BinaryKind::Numeric))
}
