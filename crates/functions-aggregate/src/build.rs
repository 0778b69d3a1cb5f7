//! What the builders of aggregates share: texts, casts, and the call itself.

use vonk_common::error::quote_sql;
use vonk_common::{SparkError, SparkResult};
use vonk_expr::cast::cast;
use vonk_expr::coercion::implicit_cast_target;
use vonk_expr::{AggregateCall, FnContext, SqlText, TypedExpr, Want};
use vonk_plan::types::DataType;

use crate::udaf::AggregateCallData;

/// `name(DISTINCT a, b) FILTER (WHERE c)`.
pub fn text(ctx: &FnContext, call: &AggregateCall, args: &[TypedExpr]) -> SqlText {
    text_named(&ctx.name, call, args)
}

pub fn text_named(name: &str, call: &AggregateCall, args: &[TypedExpr]) -> SqlText {
    let mut parts: Vec<SqlText> =
        vec![SqlText::new(format!("{name}({}", if call.distinct { "DISTINCT " } else { "" }))];
    for (i, arg) in args.iter().enumerate() {
        if i > 0 {
            parts.push(", ".into());
        }
        parts.push(arg.sql.clone());
    }
    parts.push(")".into());
    with_filter(call, SqlText::concat(parts))
}

/// Adds ` FILTER (WHERE …)` where the call has one.
pub fn with_filter(call: &AggregateCall, sql: SqlText) -> SqlText {
    match &call.filter {
        Some(f) => SqlText::concat([sql, " FILTER (WHERE ".into(), f.sql.clone(), ")".into()]),
        None => sql,
    }
}

/// Casts unless the type is right already.
pub fn cast_to(ctx: &FnContext, value: TypedExpr, to: &DataType) -> SparkResult<TypedExpr> {
    if value.data_type == *to { Ok(value) } else { cast(&ctx.facts, value, to) }
}

/// The argument as an implicit cast to INT makes it; none if there is no such cast.
pub fn as_int(ctx: &FnContext, arg: &TypedExpr) -> SparkResult<Option<TypedExpr>> {
    let cast = implicit_cast_target(&arg.data_type, &Want::INT, ctx.ansi());
    cast.map(|to| cast_to(ctx, arg.clone(), &to)).transpose()
}

/// The call's arguments after implicit casts; the text keeps what the user wrote.
pub fn coerced(ctx: &FnContext, call: &AggregateCall, required: usize, wants: &[Want]) -> SparkResult<Vec<TypedExpr>> {
    ctx.coerce(call.args.clone(), required, wants)
}

/// What stands for the value where it is compared.
pub fn keyed(mut value: TypedExpr) -> TypedExpr {
    value.expr = vonk_expr::order::ordering_key(std::mem::take(&mut value.expr), &value.data_type);
    value
}

/// The typed call of one of our aggregates.
pub fn typed(
    call: &AggregateCall,
    data: AggregateCallData,
    args: &[TypedExpr],
    nullable: bool,
    sql: SqlText,
) -> TypedExpr {
    let ty = data.return_type.clone();
    let origin = data.origin.clone();
    let exprs = args.iter().map(|a| a.expr.clone()).collect();
    // The accumulator sorts and drops NULLs by itself.
    let plain = AggregateCall { within_group: vec![], ignore_nulls: false, ..call.clone() };
    TypedExpr::new(plain.aggregate(data.into_udaf(), exprs), ty, nullable, sql).at(origin)
}

/// The error of an argument of a type that the aggregate does not take.
pub fn unexpected(ctx: &FnContext, sql: &SqlText, index: usize, required: &str, arg: &TypedExpr) -> SparkError {
    SparkError::new("DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE")
        .param("sqlExpr", quote_sql(sql))
        .param("paramIndex", vonk_expr::signature::ordinal(index + 1))
        .param("requiredType", required)
        .param("inputSql", arg.quoted_sql())
        .param("inputType", quote_sql(arg.data_type.sql()))
        .at(ctx.origin.clone())
}
