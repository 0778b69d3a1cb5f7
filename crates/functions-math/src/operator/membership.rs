//! `in` and `between`: native, so that they are pushed down to files.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, BooleanArray, make_comparator};
use datafusion::arrow::buffer::{BooleanBuffer, NullBuffer};
use datafusion::arrow::compute::kernels::cmp::eq;
use datafusion::arrow::compute::{SortOptions, or_kleene};
use datafusion::common::{Column, Result as DfResult, ScalarValue};
use datafusion::logical_expr::expr::InList;
use datafusion::logical_expr::{ColumnarValue, Expr, Operator, ScalarUDF, binary_expr, cast, lit};
use vonk_common::limits::MAX_NATIVE_OPERANDS;
use vonk_common::{SparkError, SparkResult};
use vonk_expr::arrow_types::to_arrow;
use vonk_expr::collation::{self, Collating};
use vonk_expr::context::Nullability;
use vonk_expr::in_set::InSet;
use vonk_expr::inner::InnerExpr;
use vonk_expr::kernel::array_arg;
use vonk_expr::order::compared_key;
use vonk_expr::{Call, FnContext, FunctionSpec, Kernel, SqlText, TypedExpr};
use vonk_plan::types::DataType;

use super::{comparison, logic, promote};
use crate::support::{cast_to, data_diff_types, infix};

pub const SPECS: &[&FunctionSpec] = &[
    &FunctionSpec::scalar("in", "predicate_funcs", is_in)
        .usage("expr1 in(expr2, …) - True if expr1 equals any of the others.")
        .kernels(KERNELS)
        .collating(Collating::COMPARED),
    &FunctionSpec::scalar("between", "predicate_funcs", between)
        .usage("expr1 between expr2 and expr3 - True if expr1 is neither less than expr2 nor greater than expr3.")
        .collating(Collating::COMPARED.silent()),
];

const KERNELS: &[&Kernel] = &[&IN_LIST];
pub static IN_LIST: Kernel = Kernel::total("in_list", in_list).until_equal();

fn is_in(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    ctx.arity(&args, 1..=usize::MAX)?;
    let mut texts = args.iter().map(|a| a.sql.clone());
    let value = texts.next().unwrap_or_else(|| "".into());
    let sql = SqlText::concat([SqlText::new("("), value, SqlText::call(" IN ", texts), SqlText::new(")")]);
    let types: Vec<_> = args.iter().map(|a| &a.data_type).collect();
    let common = promote::common_all(types.iter().copied(), ctx.ansi());
    let Some(ty) = common.or_else(|| promote::one_shape(&types)) else {
        return Err(data_diff_types(ctx, &sql, "in", &types));
    };
    if !ty.is_orderable() {
        return Err(SparkError::new("DATATYPE_MISMATCH.INVALID_ORDERING_TYPE")
            .param("sqlExpr", vonk_common::error::quote_sql(&sql))
            .param("functionName", "`in`")
            .param("dataType", vonk_common::error::quote_sql(ty.sql()))
            .at(ctx.origin.clone()));
    }
    if let Some((value, items)) = args.split_first()
        && let Some(values) = many_literals(ctx, items, &ty)?
    {
        let nullable = value.nullable || values.null_count() > 0;
        let value = cast_to(ctx, value.clone(), &ty)?;
        let values = collation::key_array(&values, &ty).map_err(vonk_expr::spark_error)?;
        let key = collation::key(value.expr.clone(), &ty);
        let expr = ScalarUDF::from(InSet::new(values)).call(vec![key]);
        let out = TypedExpr::new(expr, DataType::Boolean, nullable, sql).derived_from(&[value]);
        return Ok(out.at(ctx.origin.clone()));
    }
    let mut cast = Vec::with_capacity(args.len());
    for (i, arg) in args.into_iter().enumerate() {
        let constant = arg.as_literal().is_some() || (i > 0 && arg.foldable);
        let mut arg = cast_to(ctx, arg, &ty)?;
        arg.expr = compared_key(std::mem::take(&mut arg.expr), &ty);
        let arg = comparison::computed(arg, constant);
        cast.push(arg);
    }
    if matches!(ty, DataType::Float | DataType::Double) {
        with_one_zero(&mut cast)?;
    }
    let nullable = cast.iter().any(|a| a.nullable);
    let Some((value, items)) = cast.split_first() else { return Err(SparkError::internal("IN without a value")) };
    let literals: Option<Vec<_>> = items.iter().map(|a| a.as_literal().cloned()).collect();
    let expr = match literals {
        _ if ty == DataType::Null => Expr::Literal(ScalarValue::Boolean(None), None),
        Some(values) => in_literals(value.expr.clone(), values, false),
        // DataFusion's own takes what is no array over no rows for a constant, such as a CASE.
        None => ctx.call(&IN_LIST, cast.clone(), DataType::Boolean, Nullability::Args).expr,
    };
    Ok(TypedExpr::new(expr, DataType::Boolean, nullable, sql).derived_from(&cast).at(ctx.origin.clone()))
}

/// `value IN (item, …)` of any expressions.
fn in_list(_: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let value = array_arg(args, 0, rows)?;
    let mut found: Option<BooleanArray> = None;
    for i in 1..args.len() {
        let is = equal(&value, &array_arg(args, i, rows)?)?;
        found = Some(match found {
            Some(before) => or_kleene(&before, &is)?,
            None => is,
        });
    }
    Ok(ColumnarValue::Array(Arc::new(found.unwrap_or_else(|| BooleanArray::new_null(rows)))))
}

fn equal(a: &ArrayRef, b: &ArrayRef) -> DfResult<BooleanArray> {
    if !a.data_type().is_nested() {
        return Ok(eq(a, b)?);
    }
    let compare = make_comparator(a, b, SortOptions::default())?;
    let equal = BooleanBuffer::collect_bool(a.len(), |i| compare(i, i).is_eq());
    Ok(BooleanArray::new(equal, NullBuffer::union(a.nulls(), b.nulls())))
}

/// The two zeros of floating-point numbers are one value here, and two to DataFusion: a list of literals with one
/// of them gets both, so that files can still be skipped by it; else minus zero is made zero.
fn with_one_zero(args: &mut Vec<TypedExpr>) -> SparkResult<()> {
    let zero = |v: &ScalarValue| matches!(v, ScalarValue::Float32(Some(0.0)) | ScalarValue::Float64(Some(0.0)));
    if args.iter().skip(1).all(|a| a.as_literal().is_some()) {
        let found = args.iter().skip(1).find(|a| a.as_literal().is_some_and(zero)).cloned();
        if let Some(mut other) = found {
            let value =
                other.as_literal().map(ScalarValue::arithmetic_negate).transpose().map_err(vonk_expr::spark_error)?;
            other.expr = Expr::Literal(value.unwrap_or(ScalarValue::Null), None);
            args.push(other);
        }
        return Ok(());
    }
    for a in args {
        let zero = match a.data_type {
            DataType::Float => lit(0f32),
            _ => lit(0f64),
        };
        a.expr = binary_expr(std::mem::take(&mut a.expr), Operator::Plus, zero);
    }
    Ok(())
}

/// The items of a long list of literals of one type, cast all at once; none where one is something else
/// or cannot be cast (that error belongs to the rows, not to the plan).
fn many_literals(ctx: &FnContext, items: &[TypedExpr], ty: &DataType) -> SparkResult<Option<ArrayRef>> {
    let Some(first) = items.first().filter(|_| items.len() > MAX_NATIVE_OPERANDS) else { return Ok(None) };
    if items.iter().any(|i| i.as_literal().is_none() || i.data_type != first.data_type) || *ty == DataType::Null {
        return Ok(None);
    }
    let Ok(values) = ScalarValue::iter_to_array(items.iter().filter_map(|i| i.as_literal().cloned())) else {
        return Ok(None);
    };
    if first.data_type == *ty {
        return Ok(Some(values));
    }
    const COLUMN: &str = "value";
    let column = Expr::Column(Column::new_unqualified(COLUMN));
    let cast = cast_to(ctx, TypedExpr::new(column, first.data_type.clone(), true, COLUMN), ty)?;
    let done = InnerExpr::new(cast.expr).evaluate(vec![(COLUMN, values)], items.len());
    Ok(done.and_then(|v| v.into_array(items.len())).ok())
}

/// `value IN (…)` of constants of its type: native while the list is short enough for files to be
/// skipped by it, else a set.
pub fn in_literals(value: Expr, values: Vec<ScalarValue>, negated: bool) -> Expr {
    let set = match values.len() > MAX_NATIVE_OPERANDS {
        true => ScalarValue::iter_to_array(values.iter().cloned()).ok(),
        false => None,
    };
    match set {
        Some(set) if negated => Expr::Not(Box::new(ScalarUDF::from(InSet::new(set)).call(vec![value]))),
        Some(set) => ScalarUDF::from(InSet::new(set)).call(vec![value]),
        None => {
            let items = values.into_iter().map(|v| Expr::Literal(v, None)).collect();
            Expr::InList(InList::new(Box::new(value), items, negated))
        }
    }
}

fn between(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    ctx.arity(&args, 3..=3)?;
    let sql = SqlText::call("between", args.iter().map(|a| a.sql.clone()));
    let [value, lower, upper] = args.as_slice() else { return Err(SparkError::internal("between of three")) };
    let value = &no_literal(value.clone());
    let bound = |limit: &TypedExpr, op: Operator, symbol: &str| {
        let (v, limit) = comparison::whole_bound(value.clone(), limit.clone(), op)?;
        let sql = infix(&v, symbol, &limit);
        comparison::comparison(ctx, v, limit, op, sql)
    };
    let above = bound(lower, Operator::GtEq, ">=")?;
    let below = bound(upper, Operator::LtEq, "<=")?;
    let nullable = above.nullable || below.nullable;
    let Some(expr) = logic::both(above.expr, below.expr) else { return TypedExpr::null(DataType::Boolean) };
    Ok(TypedExpr::new(expr, DataType::Boolean, nullable, sql).derived_from(&args).at(ctx.origin.clone()))
}

/// The value is computed once for both bounds, and so has its type, not that which a literal takes on beside another.
fn no_literal(mut value: TypedExpr) -> TypedExpr {
    if value.as_literal().is_some() {
        value.expr = cast(std::mem::take(&mut value.expr), to_arrow(&value.data_type));
    }
    value
}
