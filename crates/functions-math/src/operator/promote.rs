//! The common type of values that are chosen among or looked up.

use vonk_common::SparkResult;
use vonk_expr::coercion::common_type_of;
use vonk_expr::{FnContext, TypedExpr};
use vonk_plan::types::DataType;

use super::comparison::computed;
use crate::support::cast_to;

/// The type that all values have in common; `None` if there is none.
pub fn common_all<'a>(types: impl IntoIterator<Item = &'a DataType>, ansi: bool) -> Option<DataType> {
    let all: Vec<DataType> = types.into_iter().cloned().collect();
    common_type_of(&all, ansi)
}

/// The first type with room for the NULLs of all, if they differ in nullability and names alone.
pub fn one_shape(types: &[&DataType]) -> Option<DataType> {
    let (first, rest) = types.split_first()?;
    let same = rest.iter().all(|t| t.same_shape(first));
    same.then(|| rest.iter().fold((*first).clone(), |found, t| found.with_nulls_of(t)))
}

/// Casts, computing literals at once.
pub fn cast_computed(ctx: &FnContext, value: TypedExpr, to: &DataType) -> SparkResult<TypedExpr> {
    let literal = value.as_literal().is_some();
    Ok(computed(cast_to(ctx, value, to)?, literal))
}
