//! `variant_get`, `try_variant_get`, and the operator `v:path`.

use datafusion::common::Result as DfResult;
use datafusion::logical_expr::ColumnarValue;
use vonk_common::{SparkError, SparkResult};
use vonk_expr::cast::variant::{Variants, cast_rows};
use vonk_expr::cast::zone::Zone;
use vonk_expr::cast::{Caster, Mode, can_cast};
use vonk_expr::context::Nullability;
use vonk_expr::kernel::array_arg;
use vonk_expr::{Call, FnContext, FunctionSpec, Kernel, SqlText, TypedExpr, exec_err};
use vonk_plan::types::DataType;

use super::exact;
use super::path::{self, Paths, Step, follow};

static GET_KERNEL: Kernel = Kernel::new("variant_get", eval_get);

pub static VARIANT_GET: FunctionSpec = FunctionSpec::scalar("variant_get", "variant_funcs", |c, a| get(c, a, true))
    .usage("variant_get(v, path[, type]) - what the path leads to, cast to the type")
    .kernels(&[&GET_KERNEL])
    .literal_nulls();

pub static TRY_VARIANT_GET: FunctionSpec =
    FunctionSpec::scalar("try_variant_get", "variant_funcs", |c, a| get(c, a, false))
        .usage("try_variant_get(v, path[, type]) - variant_get with NULL for what cannot be cast")
        .literal_nulls();

/// Not a name of Spark's: the SQL parser's `v:a.b`.
pub static SEMI_STRUCTURED_EXTRACT: FunctionSpec =
    FunctionSpec::scalar("semi_structured_extract", vonk_expr::INTERNAL, build_extract);

fn get(ctx: &FnContext, mut args: Vec<TypedExpr>, strict: bool) -> SparkResult<TypedExpr> {
    ctx.arity(&args, 2..=3)?;
    let to = match args.len() {
        3 => args.pop().map(|t| result_type(ctx, &t)).transpose()?.unwrap_or(DataType::Variant),
        _ => DataType::Variant,
    };
    let args = exact(ctx, args, &[DataType::Variant, DataType::STRING])?;
    if !can_cast(&DataType::Variant, &to, Mode::Ansi) {
        return Err(ctx
            .mismatch("CAST_WITHOUT_SUGGESTION", &args)
            .param("srcType", "\"VARIANT\"")
            .param("targetType", vonk_common::error::quote_sql(to.sql())));
    }
    Ok(ctx.call_with(&GET_KERNEL, args, to, Nullability::Always, vec![strict.to_string()]))
}

/// The type that a constant text names.
fn result_type(ctx: &FnContext, text: &TypedExpr) -> SparkResult<DataType> {
    let constant =
        if text.foldable && text.data_type.is_string() { text.constant_str(&ctx.name, "type")? } else { None };
    let Some(name) = constant else {
        return Err(SparkError::new("INVALID_SCHEMA.NON_STRING_LITERAL")
            .param("inputSchema", text.quoted_sql())
            .at(ctx.origin.clone()));
    };
    let options = vonk_sql::ParseOptions::new(&ctx.facts.conf);
    vonk_sql::parse_data_type(&name, &options).map_err(|e| e.at(ctx.origin.clone()))
}

fn build_extract(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    ctx.arity(&args, 2..=2)?;
    if args[0].data_type != DataType::Variant {
        return Err(SparkError::new("COLUMN_IS_NOT_VARIANT_TYPE").at(ctx.origin.clone()));
    }
    let path = args[1].constant_str("variant_get", "path")?.unwrap_or_default();
    let last = path::parse(&path).into_iter().flatten().rev().find_map(|step| match step {
        Step::Field(name) => Some(name),
        Step::Item(_) => None,
    });
    let name = last.unwrap_or_else(|| path.clone());
    let sql = SqlText::call("variant_get", args.iter().map(|a| a.sql.clone()));
    let mut out = ctx.call_with(&GET_KERNEL, args, DataType::Variant, Nullability::Always, vec!["true".into()]);
    out.sql = SqlText::wrap("", sql, &format!(" AS {name}"));
    out.name = Some(name.into());
    Ok(out)
}

fn eval_get(call: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let array = array_arg(args, 0, rows)?;
    let variants = Variants::new(&array)?;
    let paths = Paths::new(args, 1)?;
    let mut found = Vec::with_capacity(rows);
    for row in 0..rows {
        let (Some(variant), Some((text, steps))) = (variants.get(row), paths.get(row)) else {
            found.push(None);
            continue;
        };
        let steps = steps.ok_or_else(|| path::malformed("INVALID_VARIANT_GET_PATH", "variant_get", text, call))?;
        found.push(follow(variant, &steps));
    }
    let zone = Zone::named(&call.time_zone).map_err(exec_err)?;
    let mode = if call.param(0) == "true" { Mode::Ansi } else { Mode::Try };
    let caster = Caster { mode, zone: &zone, origin: call.origin.as_ref() };
    Ok(ColumnarValue::Array(cast_rows(&caster, &found, &call.return_type)?))
}
