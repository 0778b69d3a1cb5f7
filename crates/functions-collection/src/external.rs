//! Functions over Avro and Protobuf: Spark has them in packages of their own, and refuses them
//! without these.

use vonk_common::{SparkError, SparkResult};
use vonk_expr::{FnContext, FunctionSpec, TypedExpr};
use vonk_plan::types::DataType;

pub static SPECS: &[&FunctionSpec] = &[
    &FunctionSpec::scalar("from_avro", "misc_funcs", |c, a| avro(c, a, 2..=3))
        .usage("from_avro(bytes, schema[, options]) - Avro's binary form as a value"),
    &FunctionSpec::scalar("to_avro", "misc_funcs", |c, a| avro(c, a, 1..=2))
        .usage("to_avro(value[, schema]) - a value in Avro's binary form"),
    &FunctionSpec::scalar("schema_of_avro", "misc_funcs", |c, a| avro(c, a, 1..=2))
        .usage("schema_of_avro(schema[, options]) - the Spark type of an Avro schema"),
    &FunctionSpec::scalar("from_protobuf", "misc_funcs", protobuf)
        .usage("from_protobuf(bytes, message[, descriptor[, options]]) - Protobuf's binary form as a value"),
    &FunctionSpec::scalar("to_protobuf", "misc_funcs", protobuf)
        .usage("to_protobuf(value, message[, descriptor[, options]]) - a value in Protobuf's binary form"),
];

fn avro(ctx: &FnContext, args: Vec<TypedExpr>, allowed: std::ops::RangeInclusive<usize>) -> SparkResult<TypedExpr> {
    ctx.arity(&args, allowed)?;
    Err(SparkError::new("AVRO_NOT_LOADED_SQL_FUNCTIONS_UNUSABLE").param("functionName", ctx.name.to_uppercase()))
}

fn protobuf(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    ctx.arity(&args, 2..=4)?;
    let ty = &args[0].data_type;
    if ctx.name.starts_with("to_") && !matches!(ty, DataType::Struct(_) | DataType::Null) {
        return Err(ctx
            .mismatch("NON_STRUCT_TYPE", &args)
            .param("inputName", "data")
            .param("inputType", vonk_common::error::quote_sql(ty.sql())));
    }
    match args
        .get(2)
        .filter(|a| a.data_type.is_string())
        .map(|a| a.constant_str(&ctx.name, "descFilePath"))
        .transpose()?
    {
        Some(Some(path)) => Err(SparkError::new("PROTOBUF_DESCRIPTOR_FILE_NOT_FOUND").param("filePath", path)),
        _ => Err(SparkError::new("PROTOBUF_NOT_LOADED_SQL_FUNCTIONS_UNUSABLE")
            .param("functionName", ctx.name.to_uppercase())),
    }
}
