//! `+ - * / % div`, `mod`, `pmod`, the signs, and their `try_` forms: typing, and the choice of kernel.
//!
//! Decimal operations that cannot overflow and legacy integer operations become native DataFusion
//! operators; the others are kernels that know overflow and division by zero.

use datafusion::logical_expr::Operator;
use vonk_common::{SparkError, SparkResult};
use vonk_expr::context::Nullability;
use vonk_expr::{FnContext, FunctionSpec, Kernel, SqlText, TypedExpr};
use vonk_plan::types::DataType;

use super::decimal::{self, DecimalOp};
use super::numbers::{self, QuotientOp, RingOp};
use super::{datetime_arith, promote};
use crate::support::{Mode, cast_to, diff_types, infix, native, one, two, unexpected, wrong_type};

pub const SPECS: &[&FunctionSpec] = &[
    &FunctionSpec::scalar("+", "math_funcs", |c, a| plus(c, a, Mode::of(c)))
        .usage("expr1 + expr2 - Their sum.")
        .kernels(KERNELS),
    &FunctionSpec::scalar("-", "math_funcs", minus).usage("expr1 - expr2 - Their difference."),
    &FunctionSpec::scalar("*", "math_funcs", |c, a| ring(c, a, RingOp::Multiply, Mode::of(c)))
        .usage("expr1 * expr2 - Their product."),
    &FunctionSpec::scalar("/", "math_funcs", |c, a| quotient(c, a, QuotientOp::Divide, Mode::of(c)))
        .usage("expr1 / expr2 - Their quotient, always fractional."),
    &FunctionSpec::scalar("%", "math_funcs", |c, a| quotient(c, a, QuotientOp::Remainder, Mode::of(c)))
        .aliases(&["mod"])
        .usage("expr1 % expr2 - The remainder, with the sign of expr1."),
    &FunctionSpec::scalar("div", "math_funcs", |c, a| quotient(c, a, QuotientOp::IntegralDivide, Mode::of(c)))
        .usage("expr1 div expr2 - The integral part of the quotient."),
    &FunctionSpec::scalar("pmod", "math_funcs", |c, a| quotient(c, a, QuotientOp::Pmod, Mode::of(c)))
        .usage("pmod(expr1, expr2) - The remainder that is not negative."),
    &FunctionSpec::scalar("negative", "math_funcs", negative)
        .usage("negative(expr) - The value with the sign changed."),
    &FunctionSpec::scalar("positive", "math_funcs", positive).usage("positive(expr) - The value itself."),
    &FunctionSpec::scalar("try_add", "math_funcs", |c, a| plus(c, a, Mode::Try))
        .usage("try_add(expr1, expr2) - Their sum, NULL on overflow."),
    &FunctionSpec::scalar("try_subtract", "math_funcs", |c, a| difference(c, a, Mode::Try))
        .usage("try_subtract(expr1, expr2) - Their difference, NULL on overflow."),
    &FunctionSpec::scalar("try_multiply", "math_funcs", |c, a| ring(c, a, RingOp::Multiply, Mode::Try))
        .usage("try_multiply(expr1, expr2) - Their product, NULL on overflow."),
    &FunctionSpec::scalar("try_divide", "math_funcs", |c, a| quotient(c, a, QuotientOp::Divide, Mode::Try))
        .usage("try_divide(dividend, divisor) - The quotient, NULL if the divisor is 0."),
    &FunctionSpec::scalar("try_mod", "math_funcs", |c, a| quotient(c, a, QuotientOp::Remainder, Mode::Try))
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
    ($($id:ident $name:literal $module:ident $kind:ident :: $op:ident;)*) => {$(
        pub static $id: Kernel = Kernel::new($name, |call, args, rows| match call.arg_types.first() {
            Some(DataType::Decimal(..)) => decimal::$module(call, args, rows, $kind::$op),
            _ => numbers::$module(call, args, rows, $kind::$op),
        });
    )*};
}

kernels! {
    ADD "add" ring RingOp::Add;
    SUBTRACT "subtract" ring RingOp::Subtract;
    MULTIPLY "multiply" ring RingOp::Multiply;
    DIVIDE "divide" quotient QuotientOp::Divide;
    REMAINDER "remainder" quotient QuotientOp::Remainder;
    INTEGRAL_DIVIDE "integral_divide" quotient QuotientOp::IntegralDivide;
    PMOD "pmod" quotient QuotientOp::Pmod;
}

pub static NEGATE: Kernel = Kernel::new("negate", super::datetime_arith::negate);

const NUMERIC_OR_INTERVAL: &str =
    "(\"NUMERIC\" or \"INTERVAL DAY TO SECOND\" or \"INTERVAL YEAR TO MONTH\" or \"INTERVAL\")";

fn plus(ctx: &FnContext, args: Vec<TypedExpr>, mode: Mode) -> SparkResult<TypedExpr> {
    let (a, b) = two(ctx, args)?;
    match datetime_arith::add(ctx, &a, &b, mode)? {
        Some(out) => Ok(out),
        None => ring(ctx, vec![a, b], RingOp::Add, mode),
    }
}

fn minus(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    match args.len() {
        1 => negative(ctx, args),
        _ => difference(ctx, args, Mode::of(ctx)),
    }
}

fn difference(ctx: &FnContext, args: Vec<TypedExpr>, mode: Mode) -> SparkResult<TypedExpr> {
    let (a, b) = two(ctx, args)?;
    match datetime_arith::subtract(ctx, &a, &b, mode)? {
        Some(out) => Ok(out),
        None => ring(ctx, vec![a, b], RingOp::Subtract, mode),
    }
}

/// The text of a call: infix for operators, else the function's name.
fn text(ctx: &FnContext, a: &TypedExpr, b: &TypedExpr) -> SqlText {
    match &*ctx.name {
        op @ ("+" | "-" | "*" | "/" | "%" | "div") => infix(a, op, b),
        name => SqlText::call(name, [a.sql.clone(), b.sql.clone()]),
    }
}

fn ring(ctx: &FnContext, args: Vec<TypedExpr>, op: RingOp, mode: Mode) -> SparkResult<TypedExpr> {
    let (a, b) = two(ctx, args)?;
    let sql = text(ctx, &a, &b);
    if op == RingOp::Multiply
        && let Some(out) = datetime_arith::multiply(ctx, &a, &b, &sql, mode)?
    {
        return Ok(out);
    }
    let (kernel, operator) = match op {
        RingOp::Add => (&ADD, Operator::Plus),
        RingOp::Subtract => (&SUBTRACT, Operator::Minus),
        RingOp::Multiply => (&MULTIPLY, Operator::Multiply),
    };
    let allow_loss = allow_precision_loss(ctx);
    let (a, b, ty, exact) =
        operands(ctx, a, b, &sql, |l, r| decimal::result_type(DecimalOp::Ring(op), l, r, allow_loss))?;
    let never_fails = exact || (mode == Mode::Legacy && ty.is_integral());
    let mut out = if never_fails {
        let both = [a, b];
        let nullable = both.iter().any(|e| e.nullable);
        let [l, r] = &both;
        TypedExpr::new(native(l.expr.clone(), operator, r.expr.clone()), ty, nullable, sql.clone()).derived_from(&both)
    } else {
        ctx.call_with(kernel, vec![a, b], ty, Nullability::Args, vec![mode.name().into()])
    };
    let may_be_null = mode == Mode::Try || (mode == Mode::Legacy && matches!(out.data_type, DataType::Decimal(..)));
    out.nullable |= may_be_null;
    out.sql = sql;
    Ok(out.at(ctx.origin.clone()))
}

fn quotient(ctx: &FnContext, args: Vec<TypedExpr>, op: QuotientOp, mode: Mode) -> SparkResult<TypedExpr> {
    let (a, b) = two(ctx, args)?;
    let sql = text(ctx, &a, &b);
    if let Some(out) = datetime_arith::divide(ctx, &a, &b, op, &sql, mode)? {
        return Ok(out);
    }
    let allow_loss = allow_precision_loss(ctx);
    let (a, b) = match op {
        QuotientOp::Divide | QuotientOp::IntegralDivide => widened(ctx, a, b, op)?,
        _ => (a, b),
    };
    let (a, b, ty, _) =
        operands(ctx, a, b, &sql, |l, r| decimal::result_type(DecimalOp::Quotient(op), l, r, allow_loss))?;
    let ty = match op {
        QuotientOp::IntegralDivide if matches!(ty, DataType::Float | DataType::Double) => {
            let required = "(\"BIGINT\" or \"DECIMAL\" or \"INTERVAL YEAR TO MONTH\" or \"INTERVAL DAY TO SECOND\")";
            return Err(wrong_type(ctx, &sql, required, &ty));
        }
        QuotientOp::IntegralDivide => DataType::Long,
        _ => ty,
    };
    let kernel = match op {
        QuotientOp::Divide => &DIVIDE,
        QuotientOp::Remainder => &REMAINDER,
        QuotientOp::IntegralDivide => &INTEGRAL_DIVIDE,
        QuotientOp::Pmod => &PMOD,
    };
    let mut out = ctx.call_with(kernel, vec![a, b], ty, Nullability::Always, vec![mode.name().into()]);
    out.sql = sql;
    Ok(out)
}

/// `/` works on doubles and decimals, `div` on BIGINT and decimals.
fn widened(ctx: &FnContext, a: TypedExpr, b: TypedExpr, op: QuotientOp) -> SparkResult<(TypedExpr, TypedExpr)> {
    if promote::both_decimal(&a.data_type, &b.data_type) {
        return Ok((a, b));
    }
    let fits = |t: &DataType| t.is_numeric() || *t == DataType::Null || t.is_string();
    if !fits(&a.data_type) || !fits(&b.data_type) {
        return Ok((a, b));
    }
    let string = a.data_type.is_string() || b.data_type.is_string();
    let to = match op {
        QuotientOp::Divide => match (&a.data_type, &b.data_type) {
            (DataType::Decimal(..), DataType::Null) | (DataType::Null, DataType::Decimal(..)) => return Ok((a, b)),
            _ => DataType::Double,
        },
        _ => match promote::numeric(&a.data_type, &b.data_type, ctx.ansi()) {
            Some(t) if t.is_integral() => DataType::Long,
            Some(DataType::Double) if a.data_type == b.data_type && a.data_type == DataType::Null => DataType::Long,
            Some(DataType::Decimal(..)) | None => return Ok((a, b)),
            Some(t) => t,
        },
    };
    if op == QuotientOp::Divide && string {
        // A string beside an integer is read as BIGINT first.
        let read = promote::numeric(&a.data_type, &b.data_type, ctx.ansi()).unwrap_or(DataType::Double);
        let (a, b) = (cast_to(ctx, a, &read)?, cast_to(ctx, b, &read)?);
        return Ok((cast_to(ctx, a, &to)?, cast_to(ctx, b, &to)?));
    }
    Ok((cast_to(ctx, a, &to)?, cast_to(ctx, b, &to)?))
}

fn allow_precision_loss(ctx: &FnContext) -> bool {
    ctx.facts.conf.get("spark.sql.decimalOperations.allowPrecisionLoss") != Some("false")
}

/// The operands in their common type, the result type, and whether no result can overflow.
fn operands(
    ctx: &FnContext,
    a: TypedExpr,
    b: TypedExpr,
    sql: &SqlText,
    decimal_type: impl Fn((u8, i8), (u8, i8)) -> ((u8, i8), bool),
) -> SparkResult<(TypedExpr, TypedExpr, DataType, bool)> {
    let decimal_null = |x: &DataType, y: &DataType| matches!((x, y), (DataType::Decimal(..), DataType::Null));
    if promote::both_decimal(&a.data_type, &b.data_type)
        || decimal_null(&a.data_type, &b.data_type)
        || decimal_null(&b.data_type, &a.data_type)
    {
        let (ta, tb) = (decimal_of(&a, &b.data_type), decimal_of(&b, &a.data_type));
        let ((p, s), exact) = decimal_type(ta, tb);
        let a = cast_to(ctx, a, &DataType::Decimal(ta.0, ta.1))?;
        let b = cast_to(ctx, b, &DataType::Decimal(tb.0, tb.1))?;
        return Ok((a, b, DataType::Decimal(p, s), exact));
    }
    match promote::numeric(&a.data_type, &b.data_type, ctx.ansi()) {
        Some(ty) => Ok((cast_to(ctx, a, &ty)?, cast_to(ctx, b, &ty)?, ty, false)),
        None if a.data_type.same_type(&b.data_type) => Err(wrong_type(ctx, sql, NUMERIC_OR_INTERVAL, &a.data_type)),
        None => Err(diff_types(ctx, sql, &a, &b)),
    }
}

/// The decimal shape of an operand: an integer literal takes just the digits it has.
pub fn decimal_of(value: &TypedExpr, other: &DataType) -> (u8, i8) {
    if value.data_type.is_integral()
        && let Some(literal) = value.as_literal()
        && let Ok(v) = literal.to_string().parse::<i128>()
    {
        return (v.unsigned_abs().to_string().len().max(1) as u8, 0);
    }
    promote::integral_decimal(&value.data_type).or_else(|| promote::integral_decimal(other)).unwrap_or((10, 0))
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

/// For other modules: an error about two operands that cannot meet.
pub fn operand_error(ctx: &FnContext, sql: &SqlText, a: &TypedExpr, b: &TypedExpr) -> SparkError {
    diff_types(ctx, sql, a, b)
}
