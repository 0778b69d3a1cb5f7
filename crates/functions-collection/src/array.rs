//! Functions over arrays.

pub mod access;
pub mod construct;
pub mod edit;
pub mod join;
mod mersenne;
pub mod order;
pub mod search;
pub mod sequence;
pub mod sets;
pub mod shape;
pub mod shuffle;
pub mod vector;

use vonk_common::SparkResult;
use vonk_common::error::{quote_id, quote_sql};
use vonk_expr::cast::cast;
use vonk_expr::coercion::tightest_common_type;
use vonk_expr::{FnContext, FunctionSpec, TypedExpr};
use vonk_plan::types::DataType;

pub static SPECS: &[&FunctionSpec] = &[
    &access::ELEMENT_AT,
    &access::TRY_ELEMENT_AT,
    &access::GET,
    &construct::ARRAY,
    &construct::ARRAY_REPEAT,
    &edit::ARRAY_APPEND,
    &edit::ARRAY_PREPEND,
    &edit::ARRAY_INSERT,
    &edit::ARRAY_REMOVE,
    &edit::ARRAY_COMPACT,
    &edit::SLICE,
    &join::ARRAY_JOIN,
    &order::SORT_ARRAY,
    &order::ARRAY_MAX,
    &order::ARRAY_MIN,
    &search::ARRAY_CONTAINS,
    &search::ARRAY_POSITION,
    &search::ARRAYS_OVERLAP,
    &sequence::SEQUENCE,
    &sets::ARRAY_DISTINCT,
    &sets::ARRAY_UNION,
    &sets::ARRAY_INTERSECT,
    &sets::ARRAY_EXCEPT,
    &shape::SIZE,
    &shape::ARRAY_SIZE,
    &shape::FLATTEN,
    &shape::ARRAYS_ZIP,
    &shuffle::SHUFFLE,
];

/// The element type and its nullability of argument `i`, which has to be an array.
pub(crate) fn element(ctx: &FnContext, args: &[TypedExpr], i: usize) -> SparkResult<(DataType, bool)> {
    match args.get(i).map(|a| &a.data_type) {
        Some(DataType::Array(e, n)) => Ok(((**e).clone(), *n)),
        _ => Err(ctx.unexpected_type(args, i, "\"ARRAY\"")),
    }
}

/// Two arrays cast to one element type, without loss and without strings becoming something else.
pub(crate) fn same_arrays(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<(Vec<TypedExpr>, DataType)> {
    ctx.arity(&args, 2..=2)?;
    let arrays = args.iter().all(|a| matches!(a.data_type, DataType::Array(..)));
    let common = tightest_common_type(&args[0].data_type, &args[1].data_type, ctx.ansi()).filter(|_| arrays);
    let Some(ty) = common else {
        return Err(ctx
            .mismatch("BINARY_ARRAY_DIFF_TYPES", &args)
            .param("functionName", quote_id([&*ctx.name]))
            .param("arrayType", "\"ARRAY\"")
            .param("leftType", quote_sql(args[0].data_type.sql()))
            .param("rightType", quote_sql(args[1].data_type.sql())));
    };
    let args: SparkResult<Vec<_>> =
        args.into_iter().map(|a| if a.data_type.same_type(&ty) { Ok(a) } else { cast(&ctx.facts, a, &ty) }).collect();
    Ok((args?, ty))
}

/// How the common type of two is found.
type Common = fn(&DataType, &DataType, bool) -> Option<DataType>;

/// An array and a value brought to a common element type, as `array_remove(array, value)` needs.
pub(crate) fn array_and_value(
    ctx: &FnContext,
    mut args: Vec<TypedExpr>,
    common: Common,
) -> SparkResult<(Vec<TypedExpr>, DataType)> {
    let found = match (&args[0].data_type, &args[1].data_type) {
        (DataType::Array(e, n), v) => common(e, v, ctx.ansi()).map(|ty| (ty, *n)),
        _ => None,
    };
    let Some((ty, contains_null)) = found else {
        return Err(ctx
            .mismatch("ARRAY_FUNCTION_DIFF_TYPES", &args)
            .param("functionName", quote_id([&*ctx.name]))
            .param("dataType", "\"ARRAY\"")
            .param("leftType", quote_sql(args[0].data_type.sql()))
            .param("rightType", quote_sql(args[1].data_type.sql())));
    };
    let array = DataType::array(ty.clone(), contains_null);
    for (i, want) in [(0, &array), (1, &ty)] {
        if !args[i].data_type.same_type(want) {
            args[i] = cast(&ctx.facts, args[i].clone(), want)?;
        }
    }
    Ok((args, ty))
}

/// `NULL_TYPE` for an untyped NULL in one of the first `n` arguments.
pub(crate) fn no_null_type(ctx: &FnContext, args: &[TypedExpr], n: usize) -> SparkResult<()> {
    match args.iter().take(n).any(|a| a.data_type == DataType::Null) {
        true => Err(ctx.mismatch("NULL_TYPE", args).param("functionName", quote_id([&*ctx.name]))),
        false => Ok(()),
    }
}

/// The elements (or what else `ty` is the type of) have to have an order.
pub(crate) fn check_order(ctx: &FnContext, args: &[TypedExpr], ty: &DataType) -> SparkResult<()> {
    if ty.is_orderable() {
        return Ok(());
    }
    Err(ctx
        .mismatch("INVALID_ORDERING_TYPE", args)
        .param("functionName", quote_id([&*ctx.name]))
        .param("dataType", quote_sql(ty.sql())))
}

/// A place in an array: INT or narrower, without a cast of other types.
pub(crate) fn check_place(ctx: &FnContext, args: &[TypedExpr], i: usize) -> SparkResult<()> {
    match args.get(i).map(|a| &a.data_type) {
        Some(DataType::Int | DataType::Short | DataType::Byte) => Ok(()),
        _ => Err(ctx.unexpected_type(args, i, "\"INT\"")),
    }
}
