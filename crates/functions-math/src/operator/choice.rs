//! The choice among values: `coalesce nvl ifnull nvl2 nullif nullifzero zeroifnull greatest least`.

use datafusion::arrow::array::{Array, ArrayRef, BooleanArray, new_null_array};
use datafusion::arrow::compute::kernels::zip::zip;
use datafusion::common::Result as DfResult;
use datafusion::logical_expr::expr::Case;
use datafusion::logical_expr::{ColumnarValue, Expr, Operator};
use datafusion::physical_expr_common::datum::apply_cmp;
use vonk_common::error::{quote_id, quote_sql};
use vonk_common::{SparkError, SparkResult};
use vonk_expr::coercion::wider_type_without_strings;
use vonk_expr::collation::{Collating, key_array};
use vonk_expr::kernel::array_arg;
use vonk_expr::{Call, FnContext, FunctionSpec, Kernel, SqlText, TypedExpr};
use vonk_plan::Literal;
use vonk_plan::types::DataType;

use super::{comparison, promote};
use crate::support::{cast_to, data_diff_types, infix, one, two};

pub const SPECS: &[&FunctionSpec] = &[
    &FunctionSpec::scalar("coalesce", "conditional_funcs", |c, a| coalesce(c, a, 1..=usize::MAX))
        .usage("coalesce(expr1, …) - The first value that is not NULL.")
        .collating(Collating::JOINED),
    &FunctionSpec::scalar("nvl", "conditional_funcs", |c, a| coalesce(c, a, 2..=2))
        .aliases(&["ifnull"])
        .usage("nvl(expr1, expr2) - expr1, or expr2 if it is NULL.")
        .collating(Collating::JOINED.silent()),
    &FunctionSpec::scalar("nvl2", "conditional_funcs", nvl2)
        .usage("nvl2(expr1, expr2, expr3) - expr2 if expr1 is not NULL, else expr3.")
        .collating(Collating::AFTER_FIRST.silent()),
    &FunctionSpec::scalar("nullif", "conditional_funcs", nullif)
        .usage("nullif(expr1, expr2) - NULL if both are equal, else expr1.")
        .collating(Collating::COMPARED_RESULT.silent()),
    &FunctionSpec::scalar("nullifzero", "conditional_funcs", nullifzero)
        .usage("nullifzero(expr) - NULL if the value is 0, else the value."),
    &FunctionSpec::scalar("zeroifnull", "conditional_funcs", zeroifnull)
        .usage("zeroifnull(expr) - 0 if the value is NULL, else the value."),
    &FunctionSpec::scalar("greatest", "math_funcs", |c, a| extreme(c, a, &GREATEST))
        .usage("greatest(expr, …) - The greatest value; NULLs are passed over.")
        .collating(Collating::JOINED)
        .kernels(KERNELS),
    &FunctionSpec::scalar("least", "math_funcs", |c, a| extreme(c, a, &LEAST))
        .usage("least(expr, …) - The least value; NULLs are passed over.")
        .collating(Collating::JOINED),
];

const KERNELS: &[&Kernel] = &[&GREATEST, &LEAST];

static GREATEST: Kernel = Kernel::total("greatest", |c, a, n| pick(c, a, n, Operator::Gt)).eager();
static LEAST: Kernel = Kernel::total("least", |c, a, n| pick(c, a, n, Operator::Lt)).eager();

fn coalesce(ctx: &FnContext, args: Vec<TypedExpr>, arity: std::ops::RangeInclusive<usize>) -> SparkResult<TypedExpr> {
    ctx.arity(&args, arity)?;
    let sql = ctx.sql(&args);
    coalesce_as(ctx, args, sql)
}

/// The first of the values that is not NULL, as a CASE: later values are computed only where due.
pub fn coalesce_as(ctx: &FnContext, args: Vec<TypedExpr>, sql: SqlText) -> SparkResult<TypedExpr> {
    let types: Vec<_> = args.iter().map(|a| &a.data_type).collect();
    let Some(ty) = promote::common_all(types.iter().copied(), ctx.ansi()) else {
        return Err(data_diff_types(ctx, &sql, "coalesce", &types));
    };
    let mut cast = Vec::with_capacity(args.len());
    for arg in args {
        cast.push(cast_to(ctx, arg, &ty)?);
    }
    let nullable = cast.iter().all(|a| a.nullable);
    let mut exprs: Vec<Expr> = cast.iter().map(|a| a.expr.clone()).collect();
    let expr = match exprs.pop() {
        Some(last) if exprs.is_empty() => last,
        Some(last) => {
            let branches =
                exprs.into_iter().map(|e| (Box::new(Expr::IsNotNull(Box::new(e.clone()))), Box::new(e))).collect();
            Expr::Case(Case::new(None, branches, Some(Box::new(last))))
        }
        None => return TypedExpr::null(ty),
    };
    Ok(TypedExpr::new(expr, ty, nullable, sql).derived_from(&cast).at(ctx.origin.clone()))
}

fn nvl2(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    ctx.arity(&args, 3..=3)?;
    let sql = ctx.sql(&args);
    let [test, a, b] = args.as_slice() else { return Err(SparkError::internal("nvl2 of three")) };
    let not_null = Expr::IsNotNull(Box::new(test.expr.clone()));
    let condition =
        TypedExpr::new(not_null, DataType::Boolean, false, sql.clone()).derived_from(std::slice::from_ref(test));
    super::conditional::choose(ctx, vec![(condition, a.clone())], Some(b.clone()), sql, "if")
}

fn nullif(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    let sql = ctx.sql(&args);
    let (a, b) = two(ctx, args)?;
    null_if(ctx, a, b, sql)
}

fn null_if(ctx: &FnContext, a: TypedExpr, b: TypedExpr, sql: SqlText) -> SparkResult<TypedExpr> {
    let equal = comparison::comparison(ctx, a.clone(), b.clone(), Operator::Eq, infix(&a, "=", &b))?;
    let null = TypedExpr::null(a.data_type.clone())?;
    let branch = vec![(Box::new(equal.expr.clone()), Box::new(null.expr))];
    let expr = Expr::Case(Case::new(None, branch, Some(Box::new(a.expr.clone()))));
    Ok(TypedExpr::new(expr, a.data_type.clone(), true, sql).derived_from(&[a, b]).at(ctx.origin.clone()))
}

fn nullifzero(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    let sql = ctx.sql(&args);
    let a = one(ctx, args)?;
    let zero = TypedExpr::literal(&Literal::Int(0))?;
    null_if(ctx, a, zero, sql)
}

fn zeroifnull(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    let sql = ctx.sql(&args);
    let a = one(ctx, args)?;
    coalesce_as(ctx, vec![a, TypedExpr::literal(&Literal::Int(0))?], sql)
}

fn extreme(ctx: &FnContext, args: Vec<TypedExpr>, kernel: &'static Kernel) -> SparkResult<TypedExpr> {
    ctx.arity(&args, 2..=usize::MAX)?;
    let sql = ctx.sql(&args);
    let types: Vec<_> = args.iter().map(|a| &a.data_type).collect();
    let mut others = types.iter().skip(1);
    let first = types.first().map(|t| (*t).clone());
    let common = first.and_then(|t| others.try_fold(t, |t, next| wider_type_without_strings(&t, next, ctx.ansi())));
    let Some(ty) = common else {
        return Err(data_diff_types(ctx, &sql, &ctx.name, &types));
    };
    if !ty.is_orderable() {
        return Err(SparkError::new("DATATYPE_MISMATCH.INVALID_ORDERING_TYPE")
            .param("sqlExpr", quote_sql(&sql))
            .param("functionName", quote_id([&*ctx.name]))
            .param("dataType", quote_sql(ty.sql()))
            .at(ctx.origin.clone()));
    }
    let mut cast = Vec::with_capacity(args.len());
    for arg in args {
        cast.push(cast_to(ctx, arg, &ty)?);
    }
    let nullable = cast.iter().all(|a| a.nullable);
    if ty == DataType::Null {
        return Ok(TypedExpr { sql, ..TypedExpr::null(DataType::Null)? });
    }
    let mut out = ctx.call(kernel, cast, ty, vonk_expr::context::Nullability::Always);
    out.nullable = nullable;
    out.sql = sql;
    Ok(out)
}

/// Column by column: a value replaces what was chosen where it wins or nothing was chosen yet.
fn pick(call: &Call, args: &[ColumnarValue], rows: usize, wins: Operator) -> DfResult<ColumnarValue> {
    let mut chosen: ArrayRef = match args.is_empty() {
        true => new_null_array(&call.arrow_return_type(), rows),
        false => array_arg(args, 0, rows)?,
    };
    for i in 1..args.len() {
        let value = array_arg(args, i, rows)?;
        let key = |a: &ArrayRef| key_array(a, &call.return_type).map(ColumnarValue::Array);
        let better = apply_cmp(wins, &key(&value)?, &key(&chosen)?)?;
        let better: BooleanArray = crate::support::downcast(&better.to_array(rows)?)?;
        let mask: BooleanArray = (0..rows)
            .map(|r| Some(value.is_valid(r) && (chosen.is_null(r) || (better.is_valid(r) && better.value(r)))))
            .collect();
        chosen = zip(&mask, &value, &chosen)?;
    }
    Ok(ColumnarValue::Array(chosen))
}
