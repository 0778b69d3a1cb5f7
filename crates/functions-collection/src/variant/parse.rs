//! `parse_json`, `try_parse_json`, `is_variant_null`, `is_valid_variant`.

use datafusion::arrow::array::StringArray;
use datafusion::common::Result as DfResult;
use datafusion::logical_expr::ColumnarValue;
use vonk_common::{SparkError, SparkResult};
use vonk_expr::cast::variant::{Value, Variant, Variants, parse};
use vonk_expr::columns::boolean_rows;
use vonk_expr::context::Nullability;
use vonk_expr::kernel::array_arg;
use vonk_expr::{Call, Col, FnContext, FunctionSpec, Kernel, TypedExpr};
use vonk_plan::types::DataType;

use super::{exact, variant_rows};

static PARSE_KERNEL: Kernel = Kernel::new("parse_json", eval_parse);
static IS_NULL_KERNEL: Kernel = Kernel::new("is_variant_null", eval_is_null);
static IS_VALID_KERNEL: Kernel = Kernel::new("is_valid_variant", eval_is_valid);

pub static PARSE_JSON: FunctionSpec = FunctionSpec::scalar("parse_json", "variant_funcs", |c, a| json(c, a, true))
    .usage("parse_json(text) - the JSON text as a variant")
    .kernels(&[&PARSE_KERNEL])
    .literal_nulls();

pub static TRY_PARSE_JSON: FunctionSpec =
    FunctionSpec::scalar("try_parse_json", "variant_funcs", |c, a| json(c, a, false))
        .usage("try_parse_json(text) - the JSON text as a variant, NULL where it is malformed")
        .literal_nulls();

pub static IS_VARIANT_NULL: FunctionSpec = FunctionSpec::scalar("is_variant_null", "variant_funcs", build_is_null)
    .usage("is_variant_null(v) - whether the variant is a JSON null; false for SQL NULL")
    .kernels(&[&IS_NULL_KERNEL])
    .literal_nulls();

pub static IS_VALID_VARIANT: FunctionSpec = FunctionSpec::scalar("is_valid_variant", "variant_funcs", build_is_valid)
    .usage("is_valid_variant(v) - whether the bytes of the variant can be read")
    .kernels(&[&IS_VALID_KERNEL])
    .literal_nulls();

fn json(ctx: &FnContext, args: Vec<TypedExpr>, strict: bool) -> SparkResult<TypedExpr> {
    ctx.arity(&args, 1..=1)?;
    let args = exact(ctx, args, &[DataType::STRING])?;
    let last_wins = ctx.facts.conf.bool("spark.sql.variant.allowDuplicateKeys");
    let nulls = if strict { Nullability::Args } else { Nullability::Always };
    let params = vec![strict.to_string(), last_wins.to_string()];
    Ok(ctx.call_with(&PARSE_KERNEL, args, DataType::Variant, nulls, params))
}

fn eval_parse(call: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let texts = Col::<StringArray>::new(args, 0)?;
    let (strict, last_wins) = (call.param(0) == "true", call.param(1) == "true");
    variant_rows(rows, |row| {
        let Some(text) = texts.get(row) else { return Ok(None) };
        match parse::parse_json(text, last_wins) {
            Ok(written) => Ok(Some(written)),
            Err(_) if !strict => Ok(None),
            Err(_) => Err(call.error(
                SparkError::new("MALFORMED_RECORD_IN_PARSING.WITHOUT_SUGGESTION")
                    .param("badRecord", text)
                    .param("failFastMode", "FAILFAST"),
            )),
        }
    })
}

fn build_is_null(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    ctx.arity(&args, 1..=1)?;
    let args = exact(ctx, args, &[DataType::Variant])?;
    Ok(ctx.call(&IS_NULL_KERNEL, args, DataType::Boolean, Nullability::Never))
}

fn eval_is_null(_: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let array = array_arg(args, 0, rows)?;
    let variants = Variants::new(&array)?;
    boolean_rows(rows, |row| Ok(Some(matches!(variants.get(row).and_then(|v| v.get()), Some(Value::Null)))))
}

fn build_is_valid(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    ctx.arity(&args, 1..=1)?;
    let args = exact(ctx, args, &[DataType::Variant])?;
    Ok(ctx.call(&IS_VALID_KERNEL, args, DataType::Boolean, Nullability::Args))
}

fn eval_is_valid(_: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let array = array_arg(args, 0, rows)?;
    let variants = Variants::new(&array)?;
    boolean_rows(rows, |row| Ok(variants.get(row).map(|v| valid(&v, 0))))
}

/// Deepest nesting that counts as valid.
const MAX_DEPTH: usize = 1000;

fn valid(variant: &Variant, depth: usize) -> bool {
    match variant.get() {
        None => false,
        Some(_) if depth > MAX_DEPTH => false,
        Some(Value::Array(mut items)) => items.all(|i| valid(&i, depth + 1)),
        Some(Value::Object(mut fields)) => fields.all(|(_, f)| valid(&f, depth + 1)),
        Some(_) => true,
    }
}
