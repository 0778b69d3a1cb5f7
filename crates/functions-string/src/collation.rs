//! `collate` and `collation`.

use datafusion::logical_expr::ColumnarValue;
use vonk_common::SparkResult;
use vonk_common::error::quote_id;
use vonk_expr::collation::Strength;
use vonk_expr::context::Nullability;
use vonk_expr::kernel::array_arg;
use vonk_expr::{FnContext, FunctionSpec, Kernel, TypedExpr, Want};
use vonk_plan::Literal;
use vonk_plan::types::collation::{INDETERMINATE, string_type};
use vonk_plan::types::{DataType, UTF8_BINARY};

/// The same strings under another collation.
static COLLATE: Kernel = Kernel::new("collate", |_, args, rows| array_arg(args, 0, rows).map(ColumnarValue::Array));

pub static SPECS: &[FunctionSpec] = &[
    FunctionSpec::scalar("collate", "string_funcs", collate)
        .usage("The string under a collation.")
        .kernels(&[&COLLATE]),
    FunctionSpec::scalar("collation", "string_funcs", collation).usage("The full name of a string's collation."),
    FunctionSpec::scalar("$collated", vonk_expr::INTERNAL, collated),
];

/// A literal of the collation that strings have here, as weak as any literal.
fn collated(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    ctx.arity(&args, 2..=2)?;
    let name = match args.get(1) {
        Some(name) => name.constant_str(&ctx.name, "collation")?.unwrap_or_default(),
        None => String::new(),
    };
    let mut out = args.into_iter().next().ok_or_else(|| vonk_common::SparkError::internal("a literal"))?;
    out.data_type = string_type(&name)?;
    Ok(out)
}

fn collate(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    ctx.arity(&args, 2..=2)?;
    if let Some(null) = args.get(1).filter(|a| a.data_type == DataType::Null) {
        return Err(vonk_common::SparkError::new("UNEXPECTED_INPUT_TYPE")
            .param("functionName", quote_id(["collate"]))
            .param("paramIndex", "first")
            .param("requiredType", "\"STRING\"")
            .param("inputSql", null.quoted_sql())
            .param("inputType", "\"VOID\"")
            .at(ctx.origin.clone()));
    }
    let args = ctx.expect(args, 2, &[Want::Str, Want::Str])?;
    let sql = ctx.sql(&args);
    let name = match args.get(1) {
        Some(n) => n.constant_str(&ctx.name, "collation")?,
        None => None,
    };
    let Some(name) = name else {
        return Err(ctx.mismatch("UNEXPECTED_NULL", &args).param("exprName", "collation"));
    };
    let data_type = string_type(&name).map_err(|e| e.at(ctx.origin.clone()))?;
    let mut value = args.into_iter().next().ok_or_else(|| vonk_common::SparkError::internal("collate"))?;
    value.sql = sql.clone();
    // Grouping tells `a COLLATE x` from `a`, so it is an expression of its own.
    let mut out = match value.as_literal() {
        Some(_) => value,
        None => ctx.call_with(&COLLATE, vec![value], data_type.clone(), Nullability::Args, vec![name]),
    };
    out.data_type = data_type;
    out.strength = Strength::Explicit;
    out.sql = sql;
    out.name = None;
    out.metadata = None;
    Ok(out.at(ctx.origin.clone()))
}

fn collation(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    let args = ctx.expect(args, 1, &[Want::Str])?;
    let name = match args.first().map(|a| &a.data_type) {
        Some(DataType::String(Some(c))) if **c == *INDETERMINATE => INDETERMINATE.to_string(),
        Some(DataType::String(Some(c))) => format!("SYSTEM.BUILTIN.{c}"),
        _ => format!("SYSTEM.BUILTIN.{UTF8_BINARY}"),
    };
    let mut out = TypedExpr::literal(&Literal::string(name))?.at(ctx.origin.clone());
    out.sql = ctx.sql(&args);
    Ok(out)
}
