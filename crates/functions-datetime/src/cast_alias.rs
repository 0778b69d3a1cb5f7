//! Casts written as functions: `int(x)`, `date(x)`, `string(x)`. They leave no trace in names.

use vonk_common::SparkResult;
use vonk_expr::cast::cast;
use vonk_expr::{FnContext, FunctionSpec, TypedExpr};
use vonk_plan::types::DataType;

macro_rules! aliases {
    ($($name:literal => $ty:expr),+ $(,)?) => {
        pub static SPECS: &[FunctionSpec] = &[$(
            FunctionSpec::scalar($name, "conversion_funcs", |c, a| build(c, a, $ty))
                .usage(concat!("The value cast to ", $name, ".")),
        )+];
    };
}

aliases! {
    "boolean" => DataType::Boolean,
    "tinyint" => DataType::Byte,
    "smallint" => DataType::Short,
    "int" => DataType::Int,
    "bigint" => DataType::Long,
    "float" => DataType::Float,
    "double" => DataType::Double,
    "decimal" => DataType::USER_DEFAULT_DECIMAL,
    "date" => DataType::Date,
    "timestamp" => DataType::Timestamp,
    "time" => DataType::Time(6),
    "binary" => DataType::Binary,
    "string" => DataType::STRING,
}

fn build(ctx: &FnContext, args: Vec<TypedExpr>, ty: DataType) -> SparkResult<TypedExpr> {
    ctx.arity(&args, 1..=1)?;
    match args.into_iter().next() {
        Some(arg) => Ok(cast(&ctx.facts, arg, &ty)?.at(ctx.origin.clone())),
        None => TypedExpr::null(ty),
    }
}
