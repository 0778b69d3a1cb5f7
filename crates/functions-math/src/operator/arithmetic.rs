//! `+ - * / % div`, `mod`, `pmod`, the signs, and their `try_` forms: typing, and the choice of kernel.
//!
//! Decimal operations that cannot overflow and legacy integer operations become native DataFusion
//! operators; the others are kernels that know overflow and division by zero.

use datafusion::logical_expr::Operator;
use vonk_common::{SparkError, SparkResult};
use vonk_expr::coercion::{ArithmeticOp, BinaryKind, Mismatch, binary_operands};
use vonk_expr::context::Nullability;
use vonk_expr::sealed::forgiving;
use vonk_expr::{FnContext, FunctionSpec, Kernel, SqlText, TypedExpr};
use vonk_plan::expr::CastMode;
use vonk_plan::types::DataType;

use super::numbers::{QuotientOp, RingOp};
use super::{datetime_arith, decimal, numbers};
use crate::support::{Mode, cast_to, diff_types, infix, native, one, two, unexpected, wrong_type};

pub const SPECS: &[&FunctionSpec] = &[
    &FunctionSpec::scalar("+", "math_funcs", |c, a| binary(c, a, ArithmeticOp::Add, Mode::of(c)))
        .usage("expr1 + expr2 - Their sum.")
        .kernels(KERNELS),
    &FunctionSpec::scalar("-", "math_funcs", minus).usage("expr1 - expr2 - Their difference."),
    &FunctionSpec::scalar("*", "math_funcs", |c, a| binary(c, a, ArithmeticOp::Multiply, Mode::of(c)))
        .usage("expr1 * expr2 - Their product."),
    &FunctionSpec::scalar("/", "math_funcs", |c, a| binary(c, a, ArithmeticOp::Divide, Mode::of(c)))
        .usage("expr1 / expr2 - Their quotient, always fractional."),
    &FunctionSpec::scalar("%", "math_funcs", |c, a| binary(c, a, ArithmeticOp::Remainder, Mode::of(c)))
        .aliases(&["mod"])
        .usage("expr1 % expr2 - The remainder, with the sign of expr1."),
    &FunctionSpec::scalar("div", "math_funcs", |c, a| binary(c, a, ArithmeticOp::IntegralDivide, Mode::of(c)))
        .usage("expr1 div expr2 - The integral part of the quotient."),
    &FunctionSpec::scalar("pmod", "math_funcs", |c, a| binary(c, a, ArithmeticOp::Pmod, Mode::of(c)))
        .usage("pmod(expr1, expr2) - The remainder that is not negative."),
    &FunctionSpec::scalar("negative", "math_funcs", negative)
        .usage("negative(expr) - The value with the sign changed."),
    &FunctionSpec::scalar("positive", "math_funcs", positive).usage("positive(expr) - The value itself."),
    &FunctionSpec::scalar("try_add", "math_funcs", |c, a| binary(c, a, ArithmeticOp::Add, Mode::Try))
        .usage("try_add(expr1, expr2) - Their sum, NULL on overflow."),
    &FunctionSpec::scalar("try_subtract", "math_funcs", |c, a| binary(c, a, ArithmeticOp::Subtract, Mode::Try))
        .usage("try_subtract(expr1, expr2) - Their difference, NULL on overflow."),
    &FunctionSpec::scalar("try_multiply", "math_funcs", |c, a| binary(c, a, ArithmeticOp::Multiply, Mode::Try))
        .usage("try_multiply(expr1, expr2) - Their product, NULL on overflow."),
    &FunctionSpec::scalar("try_divide", "math_funcs", |c, a| binary(c, a, ArithmeticOp::Divide, Mode::Try))
        .usage("try_divide(dividend, divisor) - The quotient, NULL if the divisor is 0."),
    &FunctionSpec::scalar("try_mod", "math_funcs", |c, a| binary(c, a, ArithmeticOp::Remainder, Mode::Try))
        .usage("try_mod(dividend, divisor) - The remainder, NULL if the divisor is 0."),
];

const KERNELS: &[&Kernel] = &[
    &ADD,
    &SUBTRACT,
    &MULTIPLY,
    &DIVIDE,
    &REMAINDER,
    &INTEGRAL_DIVIDE,
    &PMOD,
    &DIVIDE_OR_NULL,
    &REMAINDER_OR_NULL,
    &INTEGRAL_DIVIDE_OR_NULL,
    &PMOD_OR_NULL,
    &NEGATE,
    &datetime_arith::DATE_ADD,
    &datetime_arith::ADD_MONTHS,
    &datetime_arith::ADD_INTERVAL,
    &datetime_arith::DATES_BETWEEN,
    &datetime_arith::TIMESTAMPS_BETWEEN,
    &datetime_arith::INTERVAL_SUM,
    &datetime_arith::INTERVAL_TIMES,
    &datetime_arith::INTERVAL_OVER,
    &datetime_arith::INTERVAL_RATIO,
];

macro_rules! kernels {
    ($($id:ident $name:literal $module:ident $kind:ident :: $op:ident $($order:ident)?;)*) => {$(
        pub static $id: Kernel = Kernel::new($name, |call, args, rows| match call.arg_types.first() {
            Some(DataType::Decimal(..)) => decimal::$module(call, args, rows, $kind::$op),
            _ => numbers::$module(call, args, rows, $kind::$op),
        }).ansi_only()$(.$order())?;
    )*};
}

kernels! {
    ADD "add" ring RingOp::Add;
    SUBTRACT "subtract" ring RingOp::Subtract;
    MULTIPLY "multiply" ring RingOp::Multiply;
    DIVIDE "divide" quotient QuotientOp::Divide right_first;
    REMAINDER "remainder" quotient QuotientOp::Remainder right_first;
    INTEGRAL_DIVIDE "integral_divide" quotient QuotientOp::IntegralDivide right_first;
    PMOD "pmod" quotient QuotientOp::Pmod right_first;
    DIVIDE_OR_NULL "divide_or_null" quotient QuotientOp::Divide divisor_first;
    REMAINDER_OR_NULL "remainder_or_null" quotient QuotientOp::Remainder divisor_first;
    INTEGRAL_DIVIDE_OR_NULL "integral_divide_or_null" quotient QuotientOp::IntegralDivide divisor_first;
    PMOD_OR_NULL "pmod_or_null" quotient QuotientOp::Pmod divisor_first;
}

pub static NEGATE: Kernel = Kernel::new("negate", super::datetime_arith::negate).ansi_only();

const NUMERIC_OR_INTERVAL: &str =
    "(\"NUMERIC\" or \"INTERVAL DAY TO SECOND\" or \"INTERVAL YEAR TO MONTH\" or \"INTERVAL\")";

/// One binary operator on its way to a typed expression.
pub struct Site<'a> {
    pub ctx: &'a FnContext,
    pub op: ArithmeticOp,
    pub mode: Mode,
    /// The text of the whole as the user wrote it.
    pub sql: SqlText,
}

fn minus(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    match args.len() {
        1 => negative(ctx, args),
        _ => binary(ctx, args, ArithmeticOp::Subtract, Mode::of(ctx)),
    }
}

/// Infix for operators, else the function's name.
fn text(ctx: &FnContext, a: &TypedExpr, b: &TypedExpr) -> SqlText {
    match &*ctx.name {
        op @ ("+" | "-" | "*" | "/" | "%" | "div") => infix(a, op, b),
        name => SqlText::call(name, [a.sql.clone(), b.sql.clone()]),
    }
}

fn binary(ctx: &FnContext, args: Vec<TypedExpr>, op: ArithmeticOp, mode: Mode) -> SparkResult<TypedExpr> {
    let (a, b) = two(ctx, args)?;
    let site = Site { ctx, op, mode, sql: text(ctx, &a, &b) };
    // `try_add` and its kin forgive a string that is no number, as they do an overflow.
    let casts = if mode == Mode::Try { CastMode::Try } else { CastMode::Session };
    let (left, right, types) = match binary_operands(&ctx.facts, op, a.clone(), b.clone(), casts)? {
        Ok(found) => found,
        Err(mismatch) => return Err(site.mismatch(mismatch, &a, &b)),
    };
    let numeric = a.data_type.is_numeric() && b.data_type.is_numeric();
    let mut out = match types.kind {
        BinaryKind::Numeric => site.numeric(left, right, types.result),
        kind => datetime_arith::build(&site, kind, (&a, &b), left, right, &types.result)?,
    };
    out.nullable |= mode == Mode::Try;
    if mode == Mode::Try {
        out.sql = site.sql;
    }
    // Numbers are tried by themselves; of strings, dates and intervals the arguments are, too.
    if mode == Mode::Try && !numeric {
        out = forgiving(out);
    }
    Ok(out.at(ctx.origin.clone()))
}

const DAY_TIME: &str = "\"INTERVAL DAY TO SECOND\"";

impl Site<'_> {
    pub fn mismatch(&self, mismatch: Mismatch, a: &TypedExpr, b: &TypedExpr) -> SparkError {
        match mismatch {
            Mismatch::DiffTypes => diff_types(self.ctx, &self.sql, a, b),
            Mismatch::WrongType(required, actual) => wrong_type(self.ctx, &self.sql, required, &actual),
            Mismatch::Unexpected(i, required) => {
                let moment = |t: &DataType| t.is_nanos() || matches!(t, DataType::Timestamp | DataType::TimestampNtz);
                let (arg, other) = if i == 0 { (a, b) } else { (b, a) };
                if self.op == ArithmeticOp::Subtract
                    && moment(&other.data_type)
                    && arg.data_type != DataType::CalendarInterval
                {
                    return unexpected(self.ctx, &infix(a, "-", b), i, required, arg);
                }
                if required == DAY_TIME {
                    return self.moved_by_calendar(a, b);
                }
                let sql = datetime_arith::mismatch_text(self, arg, other);
                let position = if required.contains("INT") { 1 } else { 0 };
                unexpected(self.ctx, &sql, position, required, arg)
            }
        }
    }

    /// A timestamp of nanoseconds and an interval of months, days and microseconds.
    fn moved_by_calendar(&self, a: &TypedExpr, b: &TypedExpr) -> SparkError {
        let (start, step) = if a.data_type.is_nanos() { (a, b) } else { (b, a) };
        let mut step = step.clone();
        if self.op == ArithmeticOp::Subtract {
            step.sql = SqlText::wrap("(- ", step.sql, ")");
        }
        let sql = SqlText::concat([start.sql.clone(), " + ".into(), step.sql.clone()]);
        unexpected(self.ctx, &sql, 1, DAY_TIME, &step)
    }

    fn numeric(&self, a: TypedExpr, b: TypedExpr, ty: DataType) -> TypedExpr {
        let quotient = |raises, forgives| if self.mode == Mode::Ansi { raises } else { forgives };
        let (kernel, native_op): (&'static Kernel, Option<Operator>) = match self.op {
            ArithmeticOp::Add => (&ADD, Some(Operator::Plus)),
            ArithmeticOp::Subtract => (&SUBTRACT, Some(Operator::Minus)),
            ArithmeticOp::Multiply => (&MULTIPLY, Some(Operator::Multiply)),
            ArithmeticOp::Divide => (quotient(&DIVIDE, &DIVIDE_OR_NULL), None),
            ArithmeticOp::IntegralDivide => (quotient(&INTEGRAL_DIVIDE, &INTEGRAL_DIVIDE_OR_NULL), None),
            ArithmeticOp::Pmod => (quotient(&PMOD, &PMOD_OR_NULL), None),
            _ => (quotient(&REMAINDER, &REMAINDER_OR_NULL), None),
        };
        let decimal = matches!(ty, DataType::Decimal(..));
        let mut out = match native_op {
            Some(operator) if self.never_fails(&a, &b, &ty) => {
                let both = [a, b];
                let nullable = both.iter().any(|e| e.nullable);
                let [l, r] = &both;
                let expr = native(l.expr.clone(), operator, r.expr.clone());
                TypedExpr::new(expr, ty, nullable, self.sql.clone()).derived_from(&both)
            }
            _ => {
                let nulls = if native_op.is_some() { Nullability::Args } else { Nullability::Always };
                self.ctx.call_with(kernel, vec![a, b], ty, nulls, vec![self.mode.name().into()])
            }
        };
        out.nullable |= decimal && self.mode == Mode::Legacy;
        out.sql = self.sql.clone();
        out
    }

    /// A native operator gives the same: wrapping integers, or decimals whose result always fits.
    fn never_fails(&self, a: &TypedExpr, b: &TypedExpr, ty: &DataType) -> bool {
        match (&a.data_type, &b.data_type) {
            (DataType::Decimal(p1, s1), DataType::Decimal(p2, s2)) => {
                let (p1, s1, p2, s2) = (i32::from(*p1), i32::from(*s1), i32::from(*p2), i32::from(*s2));
                let (precision, scale) = match self.op {
                    ArithmeticOp::Multiply => (p1 + p2 + 1, s1 + s2),
                    _ => ((p1 - s1).max(p2 - s2) + s1.max(s2) + 1, s1.max(s2)),
                };
                *ty == DataType::Decimal(precision.min(127) as u8, scale as i8) && precision <= decimal::MAX
            }
            _ => self.mode == Mode::Legacy && ty.is_integral(),
        }
    }
}

fn negative(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    let a = one(ctx, args)?;
    let sql = match &*ctx.name {
        "negative" => SqlText::call("negative", [a.sql.clone()]),
        _ => SqlText::wrap("(- ", a.sql.clone(), ")"),
    };
    let a = sign_operand(ctx, a, &sql)?;
    let ty = a.data_type.clone();
    let mut out = ctx.call_with(&NEGATE, vec![a], ty, Nullability::Args, vec![Mode::of(ctx).name().into()]);
    out.sql = sql;
    Ok(out)
}

fn positive(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    let a = one(ctx, args)?;
    let sql = SqlText::wrap("(+ ", a.sql.clone(), ")");
    let mut out = sign_operand(ctx, a, &sql)?;
    out.sql = sql;
    out.name = None;
    out.metadata = None;
    Ok(out)
}

fn sign_operand(ctx: &FnContext, a: TypedExpr, sql: &SqlText) -> SparkResult<TypedExpr> {
    match &a.data_type {
        t if t.is_numeric() || t.is_ansi_interval() || *t == DataType::CalendarInterval => Ok(a),
        t if t.is_string() || *t == DataType::Null => cast_to(ctx, a, &DataType::Double),
        _ => Err(unexpected(ctx, sql, 0, NUMERIC_OR_INTERVAL, &a)),
    }
}
