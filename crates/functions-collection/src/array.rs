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
use vonk_expr::coercion::common_type;
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

/// Arrays of one common element type: the arguments cast to it.
pub(crate) fn same_arrays(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<(Vec<TypedExpr>, DataType)> {
    let mut ty = DataType::Null;
    for (i, a) in args.iter().enumerate() {
        if !matches!(a.data_type, DataType::Array(..) | DataType::Null) {
            return Err(different_types(ctx, &args, i));
        }
        ty = common_type(&ty, &a.data_type, ctx.ansi()).ok_or_else(|| different_types(ctx, &args, i))?;
    }
    if matches!(ty, DataType::Null) {
        return Err(ctx.unexpected_type(&args, 0, "\"ARRAY\""));
    }
    let args: SparkResult<Vec<_>> = args
        .into_iter()
        .map(|a| if a.data_type.same_type(&ty) { Ok(a) } else { vonk_expr::cast::cast(&ctx.facts, a, &ty) })
        .collect();
    Ok((args?, ty))
}

fn different_types(ctx: &FnContext, args: &[TypedExpr], i: usize) -> vonk_common::SparkError {
    if matches!(args[0].data_type, DataType::Array(..))
        && args.len() == 2
        && matches!(args[1].data_type, DataType::Array(..))
    {
        let types: Vec<_> = args.iter().map(|a| vonk_common::error::quote_sql(a.data_type.sql())).collect();
        return ctx
            .mismatch("BINARY_ARRAY_DIFF_TYPES", args)
            .param("functionName", vonk_common::error::quote_id([&*ctx.name]))
            .param("arrayType", "\"ARRAY\"")
            .param("leftType", &types[0])
            .param("rightType", &types[1]);
    }
    ctx.unexpected_type(args, i, "\"ARRAY\"")
}

/// An array and a value brought to a common element type, as `array_contains(array, value)` needs.
pub(crate) fn array_and_value(ctx: &FnContext, mut args: Vec<TypedExpr>) -> SparkResult<(Vec<TypedExpr>, DataType)> {
    let (elem, contains_null) = match (&args[0].data_type, &args[1].data_type) {
        (DataType::Array(e, n), _) => ((**e).clone(), *n),
        (DataType::Null, v) => (v.clone(), true),
        _ => {
            return Err(ctx
                .mismatch("ARRAY_FUNCTION_DIFF_TYPES", &args)
                .param("functionName", vonk_common::error::quote_id([&*ctx.name]))
                .param("dataType", "\"ARRAY\"")
                .param("leftType", vonk_common::error::quote_sql(args[0].data_type.sql()))
                .param("rightType", vonk_common::error::quote_sql(args[1].data_type.sql())));
        }
    };
    let Some(ty) = common_type(&elem, &args[1].data_type, ctx.ansi()) else {
        return Err(ctx
            .mismatch("ARRAY_FUNCTION_DIFF_TYPES", &args)
            .param("functionName", vonk_common::error::quote_id([&*ctx.name]))
            .param("dataType", "\"ARRAY\"")
            .param("leftType", vonk_common::error::quote_sql(args[0].data_type.sql()))
            .param("rightType", vonk_common::error::quote_sql(args[1].data_type.sql())));
    };
    let array = DataType::array(ty.clone(), contains_null);
    for (i, want) in [(0, &array), (1, &ty)] {
        if !args[i].data_type.same_type(want) {
            args[i] = vonk_expr::cast::cast(&ctx.facts, args[i].clone(), want)?;
        }
    }
    Ok((args, ty))
}
