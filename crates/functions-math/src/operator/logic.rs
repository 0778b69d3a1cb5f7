//! `and`, `or`, `not`: native and three-valued. Chains come flat and become balanced trees.
//!
//! Spark does not look at the right side of a row when the left side decides. Native operators
//! compute whole columns, so an operand that can raise is put under a CASE of those before it.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::arrow::array::BooleanArray;
use datafusion::arrow::compute::{and_kleene, or_kleene};
use datafusion::arrow::error::ArrowError;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, Result as DfResult, ScalarValue};
use datafusion::logical_expr::expr::Case;
use datafusion::logical_expr::{ColumnarValue, Expr, Operator};
use vonk_common::limits::MAX_NATIVE_OPERANDS;
use vonk_common::{SparkError, SparkResult};
use vonk_expr::coercion::{ArithmeticOp, Mismatch, binary_operands};
use vonk_expr::kernel::typed_arg;
use vonk_expr::sealed::Sealed;
use vonk_expr::waiting::{Waiting, case_of_numbers};
use vonk_expr::{Call, FnContext, FunctionSpec, Kernel, KernelUdf, SqlText, TypedExpr};
use vonk_plan::expr::CastMode;
use vonk_plan::types::DataType;

use super::membership;
use crate::support::{balanced, cast_to, diff_types, one, unexpected, wrong_type};

pub const SPECS: &[&FunctionSpec] = &[
    &FunctionSpec::scalar("and", "predicate_funcs", |c, a| chain(c, a, Operator::And))
        .usage("expr1 and expr2 - Logical AND.")
        .kernels(KERNELS),
    &FunctionSpec::scalar("or", "predicate_funcs", |c, a| chain(c, a, Operator::Or))
        .usage("expr1 or expr2 - Logical OR."),
    &FunctionSpec::scalar("not", "predicate_funcs", not).aliases(&["!"]).usage("not expr - Logical NOT."),
];

const KERNELS: &[&Kernel] = &[&ALL, &ANY];

fn chain(ctx: &FnContext, args: Vec<TypedExpr>, op: Operator) -> SparkResult<TypedExpr> {
    if args.len() < 2 {
        ctx.arity(&args, 2..=2)?;
    }
    let word = if op == Operator::And { "AND" } else { "OR" };
    let mut sql: Option<SqlText> = None;
    let mut operands = Vec::with_capacity(args.len());
    for arg in args {
        let text = match sql {
            None => arg.sql.clone(),
            Some(before) => SqlText::infix(before, word, arg.sql.clone()),
        };
        // The first operand is looked at beside the second.
        match operands.pop() {
            None => operands.push(arg),
            Some(before) => {
                let (before, arg) = pair(ctx, before, arg, &text)?;
                operands.extend([before, arg]);
            }
        }
        sql = Some(text);
    }
    let nullable = operands.iter().any(|a| a.nullable);
    let exprs = merged(operands.iter().map(|a| a.expr.clone()).collect(), op);
    let exprs = grouped(guarded(exprs, op), op);
    let Some(expr) = balanced(op, exprs) else { return TypedExpr::null(DataType::Boolean) };
    let sql = sql.unwrap_or_else(|| "".into());
    Ok(TypedExpr::new(expr, DataType::Boolean, nullable, sql).derived_from(&operands).at(ctx.origin.clone()))
}

static ALL: Kernel = Kernel::total("all_of", |_, args, rows| fold(args, rows, and_kleene)).eager();
static ANY: Kernel = Kernel::total("any_of", |_, args, rows| fold(args, rows, or_kleene)).eager();

type Combine = fn(&BooleanArray, &BooleanArray) -> Result<BooleanArray, ArrowError>;

fn fold(args: &[ColumnarValue], rows: usize, combine: Combine) -> DfResult<ColumnarValue> {
    let mut all: Option<BooleanArray> = None;
    for i in 0..args.len() {
        let next: BooleanArray = typed_arg(args, i, rows)?;
        all = Some(match all {
            Some(before) => combine(&before, &next)?,
            None => next,
        });
    }
    Ok(ColumnarValue::Array(Arc::new(all.unwrap_or_else(|| BooleanArray::new_null(rows)))))
}

/// More operands than the optimizer should look at one by one: calls that take many each.
fn grouped(mut exprs: Vec<Expr>, op: Operator) -> Vec<Expr> {
    let kernel = if op == Operator::And { &ALL } else { &ANY };
    while exprs.len() > MAX_NATIVE_OPERANDS {
        let groups = exprs.chunks(MAX_NATIVE_OPERANDS).map(|group| {
            let call = Call {
                kernel,
                arg_types: group.iter().map(|_| DataType::Boolean).collect(),
                return_type: DataType::Boolean,
                ansi: false,
                time_zone: "UTC".into(),
                params: [].into(),
                origin: None,
            };
            KernelUdf::call(call, group.to_vec())
        });
        exprs = groups.collect();
    }
    exprs
}

/// In a long chain, `c = 1 OR c = 2 OR …` is `c IN (1, 2, …)`, and `c <> 1 AND c <> 2 AND …` its contrary.
fn merged(exprs: Vec<Expr>, op: Operator) -> Vec<Expr> {
    const LONG: usize = 16;
    if exprs.len() < LONG {
        return exprs;
    }
    let comparison = if op == Operator::And { Operator::NotEq } else { Operator::Eq };
    let mut out = Vec::with_capacity(exprs.len());
    let mut lists: HashMap<Column, (usize, Vec<ScalarValue>)> = HashMap::new();
    for expr in exprs {
        if let Expr::BinaryExpr(e) = &expr
            && e.op == comparison
            && let (Expr::Column(column), Expr::Literal(value, _)) = (e.left.as_ref(), e.right.as_ref())
            && !value.data_type().is_floating()
        {
            let (_, values) = lists.entry(column.clone()).or_insert_with(|| {
                out.push(expr.clone());
                (out.len() - 1, vec![])
            });
            values.push(value.clone());
        } else {
            out.push(expr);
        }
    }
    for (column, (at, values)) in lists {
        if let Some(slot) = out.get_mut(at)
            && values.len() > 1
        {
            *slot = membership::in_literals(Expr::Column(column), values, op == Operator::And);
        }
    }
    out
}

/// Both as BOOLEAN: NULL is one, and under ANSI a string beside one.
fn pair(ctx: &FnContext, a: TypedExpr, b: TypedExpr, sql: &SqlText) -> SparkResult<(TypedExpr, TypedExpr)> {
    let fits = |x: &DataType, other: &DataType| match x {
        DataType::Boolean => true,
        DataType::Null => matches!(other, DataType::Boolean | DataType::Null),
        DataType::String(_) => ctx.ansi() && *other == DataType::Boolean,
        _ => false,
    };
    if !fits(&a.data_type, &b.data_type) || !fits(&b.data_type, &a.data_type) {
        return Err(pair_error(ctx, &a, &b, sql));
    }
    Ok((cast_to(ctx, a, &DataType::Boolean)?, cast_to(ctx, b, &DataType::Boolean)?))
}

fn pair_error(ctx: &FnContext, a: &TypedExpr, b: &TypedExpr, sql: &SqlText) -> SparkError {
    let (left, right) = (&a.data_type, &b.data_type);
    match binary_operands(&ctx.facts, ArithmeticOp::Logical, a.clone(), b.clone(), CastMode::Session) {
        Ok(Err(Mismatch::WrongType(required, actual))) => wrong_type(ctx, sql, required, &actual),
        Err(e) => e,
        _ if left.same_type(right) => wrong_type(ctx, sql, "\"BOOLEAN\"", left),
        _ if left.is_string() && *right == DataType::Null => wrong_type(ctx, sql, "\"BOOLEAN\"", left),
        _ if right.is_string() && *left == DataType::Null => wrong_type(ctx, sql, "\"BOOLEAN\"", right),
        _ => diff_types(ctx, sql, a, b),
    }
}

/// Both conditions; the second one waits for the first if it can raise.
pub fn both(first: Expr, second: Expr) -> Option<Expr> {
    balanced(Operator::And, guarded(vec![first, second], Operator::And))
}

/// Puts each operand that can raise under the condition that those before it do not decide.
fn guarded(exprs: Vec<Expr>, op: Operator) -> Vec<Expr> {
    if exprs.len() > 64 || !exprs.iter().skip(1).any(can_raise) {
        return exprs;
    }
    let mut out: Vec<Expr> = Vec::with_capacity(exprs.len());
    let mut before: Vec<Expr> = vec![];
    for expr in exprs {
        let condition = if can_raise(&expr) { balanced(op, before.clone()) } else { None };
        before.push(expr.clone());
        out.push(match condition {
            None => expr,
            Some(before) => Waiting { op, before, operand: expr }.expr(),
        });
    }
    out
}

/// A CASE of conditions that stays one: the optimizer would turn a boolean CASE into AND and OR,
/// which compute every operand for every row.
pub fn lazy_case(branches: Vec<(Box<Expr>, Box<Expr>)>, otherwise: Option<Box<Expr>>) -> Expr {
    if !branches.iter().map(|(_, v)| v).chain(&otherwise).any(|v| can_raise(v)) {
        return Expr::Case(Case::new(None, branches, otherwise));
    }
    case_of_numbers(branches, otherwise)
}

/// The expression calls a kernel that raises on some input of its columns.
pub fn can_raise(expr: &Expr) -> bool {
    let mut found = false;
    let mut visited = 0;
    let walk = expr.apply(|e| {
        visited += 1;
        if visited > 1000 {
            return Ok(TreeNodeRecursion::Stop);
        }
        if let Expr::ScalarFunction(f) = e
            && f.func.inner().downcast_ref::<Sealed>().is_some()
        {
            found = true;
            return Ok(TreeNodeRecursion::Stop);
        }
        if let Expr::ScalarFunction(f) = e
            && let Some(udf) = f.func.inner().downcast_ref::<KernelUdf>()
            && udf.call.can_raise()
            && f.args.iter().any(|a| !matches!(a, Expr::Literal(..)))
        {
            found = true;
            return Ok(TreeNodeRecursion::Stop);
        }
        Ok(TreeNodeRecursion::Continue)
    });
    walk.is_ok() && found
}

fn not(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    let a = one(ctx, args)?;
    let sql = SqlText::wrap("(NOT ", a.sql.clone(), ")");
    let a = match &a.data_type {
        DataType::Boolean => a,
        DataType::Null => cast_to(ctx, a, &DataType::Boolean)?,
        DataType::String(_) if ctx.ansi() => cast_to(ctx, a, &DataType::Boolean)?,
        _ => return Err(unexpected(ctx, &sql, 0, "\"BOOLEAN\"", &a)),
    };
    let expr = Expr::Not(Box::new(a.expr.clone()));
    Ok(TypedExpr::new(expr, DataType::Boolean, a.nullable, sql).derived_from(&[a]).at(ctx.origin.clone()))
}
