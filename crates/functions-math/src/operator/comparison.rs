//! `== != < <= > >= <=>`: native DataFusion operators over a common type, so that they are pushed
//! down to files. NaN equals NaN and is greater than all numbers; 0.0 equals -0.0.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use datafusion::common::ScalarValue;
use datafusion::common::metadata::FieldMetadata;
use datafusion::logical_expr::{Expr, Operator};
use vonk_common::error::{quote_id, quote_sql};
use vonk_common::{SparkError, SparkResult};
use vonk_expr::coercion::comparison_operands;
use vonk_expr::collation::Collating;
use vonk_expr::context::nothing_to_compute;
use vonk_expr::order::compared_key;
use vonk_expr::{FnContext, FunctionSpec, SqlText, TypedExpr};
use vonk_plan::Literal;
use vonk_plan::types::DataType;

use crate::support::{diff_types, infix, native, two};

pub const SPECS: &[&FunctionSpec] = &[
    &FunctionSpec::scalar("==", "predicate_funcs", |c, a| compare(c, a, Operator::Eq))
        .aliases(&["="])
        .usage("expr1 == expr2 - True if they are equal.")
        .collating(Collating::COMPARED),
    &FunctionSpec::scalar("!=", "predicate_funcs", not_equal)
        .aliases(&["<>"])
        .usage("expr1 != expr2 - True if they are not equal.")
        .collating(Collating::COMPARED),
    &FunctionSpec::scalar("<", "predicate_funcs", |c, a| compare(c, a, Operator::Lt))
        .usage("expr1 < expr2 - True if expr1 is less.")
        .collating(Collating::COMPARED),
    &FunctionSpec::scalar("<=", "predicate_funcs", |c, a| compare(c, a, Operator::LtEq))
        .usage("expr1 <= expr2 - True if expr1 is less or equal.")
        .collating(Collating::COMPARED),
    &FunctionSpec::scalar(">", "predicate_funcs", |c, a| compare(c, a, Operator::Gt))
        .usage("expr1 > expr2 - True if expr1 is greater.")
        .collating(Collating::COMPARED),
    &FunctionSpec::scalar(">=", "predicate_funcs", |c, a| compare(c, a, Operator::GtEq))
        .usage("expr1 >= expr2 - True if expr1 is greater or equal.")
        .collating(Collating::COMPARED),
    &FunctionSpec::scalar("<=>", "predicate_funcs", |c, a| compare(c, a, Operator::IsNotDistinctFrom))
        .usage("expr1 <=> expr2 - True if they are equal or both NULL; never NULL.")
        .collating(Collating::COMPARED),
    &FunctionSpec::scalar("equal_null", "misc_funcs", equal_null)
        .usage("equal_null(expr1, expr2) - True if they are equal or both NULL; never NULL.")
        .collating(Collating::COMPARED.silent()),
];

fn symbol(op: Operator) -> &'static str {
    match op {
        Operator::Eq => "=",
        Operator::Lt => "<",
        Operator::LtEq => "<=",
        Operator::Gt => ">",
        Operator::GtEq => ">=",
        _ => "<=>",
    }
}

/// Both sides in their common type.
pub fn aligned(
    ctx: &FnContext,
    a: TypedExpr,
    b: TypedExpr,
    sql: &SqlText,
    symbol: &str,
) -> SparkResult<(TypedExpr, TypedExpr)> {
    let literals = (a.as_literal().is_some(), b.as_literal().is_some());
    let equal = matches!(symbol, "=" | "<=>");
    let Some((a, b)) = comparison_operands(&ctx.facts, a.clone(), b.clone(), equal)? else {
        return Err(diff_types(ctx, sql, &a, &b));
    };
    let ty = a.data_type.clone();
    if !ty.is_orderable() {
        return Err(SparkError::new("DATATYPE_MISMATCH.INVALID_ORDERING_TYPE")
            .param("sqlExpr", quote_sql(sql))
            .param("functionName", quote_id([symbol]))
            .param("dataType", quote_sql(ty.sql()))
            .at(ctx.origin.clone()));
    }
    Ok((computed(a, literals.0), computed(b, literals.1)))
}

static COMPUTED: LazyLock<FieldMetadata> =
    LazyLock::new(|| FieldMetadata::new(BTreeMap::from([("vonk.computed".to_string(), "cast".to_string())])));

/// A cast of a literal is computed at once, so that file statistics can be compared with it. It is marked, for it is
/// not the literal that GROUP BY may hold. A cast that fails is left to fail where it is used.
pub fn computed(mut value: TypedExpr, literal: bool) -> TypedExpr {
    if literal
        && value.as_literal().is_none()
        && let Ok(Some(v)) = value.constant()
    {
        value.expr = Expr::Literal(v, Some(COMPUTED.clone()));
    }
    value
}

/// `integer < 1.5` is `integer < 2`: Spark compares integers with the nearest whole number, and says
/// so in the name.
pub fn whole_bound(a: TypedExpr, b: TypedExpr, op: Operator) -> SparkResult<(TypedExpr, TypedExpr)> {
    // A cast that changes nothing leaves the literal, but not its name.
    let bound = |literal: &TypedExpr, up: bool| -> Option<i64> {
        if literal.sql.to_string().starts_with("CAST(") {
            return None;
        }
        let ScalarValue::Decimal128(Some(v), _, scale) = literal.as_literal()? else { return None };
        let unit = 10i128.checked_pow(u32::try_from(*scale).ok()?)?;
        let floor = v.div_euclid(unit);
        let value = if up && v.rem_euclid(unit) != 0 { floor + 1 } else { floor };
        i64::try_from(value).ok()
    };
    let (up_right, up_left) = match op {
        Operator::Gt | Operator::LtEq => (false, true),
        Operator::GtEq | Operator::Lt => (true, false),
        _ => return Ok((a, b)),
    };
    if a.data_type.is_integral()
        && let Some(v) = bound(&b, up_right)
    {
        return Ok((a, TypedExpr::literal(&Literal::Long(v))?));
    }
    if b.data_type.is_integral()
        && let Some(v) = bound(&a, up_left)
    {
        return Ok((TypedExpr::literal(&Literal::Long(v))?, b));
    }
    Ok((a, b))
}

/// What is VOID beside a string is shown as the literal that Spark makes of it.
fn named_null(mut a: TypedExpr, mut b: TypedExpr) -> (TypedExpr, TypedExpr) {
    let types = (a.data_type.clone(), b.data_type.clone());
    for (one, other) in [(&mut a, types.1), (&mut b, types.0)] {
        if one.data_type == DataType::Null && other.is_string() {
            one.sql = "NULL".into();
        }
    }
    (a, b)
}

fn compare(ctx: &FnContext, args: Vec<TypedExpr>, op: Operator) -> SparkResult<TypedExpr> {
    let (a, b) = two(ctx, args)?;
    let (a, b) = whole_bound(a, b, op)?;
    let (a, b) = named_null(a, b);
    let sql = infix(&a, symbol(op), &b);
    comparison(ctx, a, b, op, sql)
}

/// A comparison with a text of its own.
pub fn comparison(ctx: &FnContext, a: TypedExpr, b: TypedExpr, op: Operator, sql: SqlText) -> SparkResult<TypedExpr> {
    let (a, b) = aligned(ctx, a, b, &sql, symbol(op))?;
    let null_safe = op == Operator::IsNotDistinctFrom;
    let nullable = !null_safe && (a.nullable || b.nullable);
    let null = a.data_type == DataType::Null || (!null_safe && nothing_to_compute([&a, &b]));
    let expr = match (null, null_safe) {
        (true, false) => Expr::Literal(ScalarValue::Boolean(None), None),
        (true, true) => Expr::Literal(ScalarValue::Boolean(Some(true)), None),
        _ => {
            let key = |side: &TypedExpr| compared_key(side.expr.clone(), &side.data_type);
            native(key(&a), op, key(&b))
        }
    };
    Ok(TypedExpr::new(expr, DataType::Boolean, nullable, sql).derived_from(&[a, b]).at(ctx.origin.clone()))
}

fn not_equal(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    let (a, b) = two(ctx, args)?;
    let (a, b) = named_null(a, b);
    let equal = infix(&a, "=", &b);
    let mut out = comparison(ctx, a, b, Operator::Eq, equal.clone())?;
    out.expr = match out.expr {
        Expr::BinaryExpr(e) => native(*e.left, Operator::NotEq, *e.right),
        other => other,
    };
    out.sql = SqlText::wrap("(NOT ", equal, ")");
    Ok(out)
}

fn equal_null(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    let sql = ctx.sql(&args);
    let (a, b) = two(ctx, args)?;
    let mut out = comparison(ctx, a.clone(), b.clone(), Operator::IsNotDistinctFrom, infix(&a, "<=>", &b))?;
    out.sql = sql;
    Ok(out)
}
