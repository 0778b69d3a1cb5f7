//! `variant_set`, `variant_insert`, `variant_array_append` with their `try_` forms,
//! `variant_delete` and `variant_strip_nulls`.

use datafusion::arrow::array::BooleanArray;
use datafusion::common::{DataFusionError, Result as DfResult, ScalarValue};
use datafusion::logical_expr::ColumnarValue;
use vonk_common::error::{quote_id, quote_sql};
use vonk_common::{SparkError, SparkResult};
use vonk_expr::cast::variant::Variants;
use vonk_expr::cast::{Mode, can_cast, cast};
use vonk_expr::context::Nullability;
use vonk_expr::kernel::array_arg;
use vonk_expr::spec::ParameterDefault::Boolean;
use vonk_expr::{Call, Col, FnContext, FunctionSpec, Kernel, TypedExpr};
use vonk_plan::Literal;
use vonk_plan::types::DataType;

use super::path::{Paths, malformed};
use super::tree::{Change, Fault, Tree};
use super::{exact, variant_rows};

static CHANGE_KERNEL: Kernel = Kernel::new("variant_change", eval_change).eager();
static DELETE_KERNEL: Kernel = Kernel::new("variant_delete", eval_delete).eager().not_folded();
static STRIP_KERNEL: Kernel = Kernel::new("variant_strip_nulls", eval_strip);

const GROUP: &str = "variant_funcs";

pub static VARIANT_SET: FunctionSpec = FunctionSpec::scalar("variant_set", GROUP, |c, a| change(c, a, "set"))
    .parameters(&["v", "path", "val", "create_if_missing"])
    .defaults(&[Boolean(true)])
    .usage("variant_set(v, path, value[, create]) - the variant with the value at the path")
    .kernels(&[&CHANGE_KERNEL, &DELETE_KERNEL, &STRIP_KERNEL]);
pub static TRY_VARIANT_SET: FunctionSpec = FunctionSpec::scalar("try_variant_set", GROUP, |c, a| change(c, a, "set"))
    .parameters(&["v", "path", "val", "create_if_missing"])
    .defaults(&[Boolean(true)])
    .usage("try_variant_set(v, path, value[, create]) - variant_set with NULL for a path that does not fit");
pub static VARIANT_INSERT: FunctionSpec = FunctionSpec::scalar("variant_insert", GROUP, |c, a| change(c, a, "insert"))
    .usage("variant_insert(v, path, value) - the variant with a new field or item");
pub static TRY_VARIANT_INSERT: FunctionSpec =
    FunctionSpec::scalar("try_variant_insert", GROUP, |c, a| change(c, a, "insert"))
        .usage("try_variant_insert(v, path, value) - variant_insert with NULL for a path that does not fit");
pub static VARIANT_ARRAY_APPEND: FunctionSpec =
    FunctionSpec::scalar("variant_array_append", GROUP, |c, a| change(c, a, "append"))
        .usage("variant_array_append(v, path, value) - the variant with the value behind the array's items")
        .literal_nulls();
pub static TRY_VARIANT_ARRAY_APPEND: FunctionSpec =
    FunctionSpec::scalar("try_variant_array_append", GROUP, |c, a| change(c, a, "append"))
        .usage("try_variant_array_append(v, path, value) - variant_array_append with NULL for what is no array")
        .literal_nulls();
pub static VARIANT_DELETE: FunctionSpec = FunctionSpec::scalar("variant_delete", GROUP, build_delete)
    .usage("variant_delete(v, path, ...) - the variant without what the paths lead to")
    .literal_nulls();
pub static VARIANT_STRIP_NULLS: FunctionSpec = FunctionSpec::scalar("variant_strip_nulls", GROUP, build_strip)
    .parameters(&["v", "include_arrays"])
    .defaults(&[Boolean(true)])
    .usage("variant_strip_nulls(v[, arrays]) - the variant without null fields and items")
    .literal_nulls();

fn change(ctx: &FnContext, mut args: Vec<TypedExpr>, how: &'static str) -> SparkResult<TypedExpr> {
    ctx.arity(&args, 3..=if how == "set" { 4 } else { 3 })?;
    if how == "set" && args.len() == 3 {
        args.push(TypedExpr::literal(&Literal::Boolean(true))?);
    }
    let value = args[2].data_type.clone();
    if !can_cast(&value, &DataType::Variant, Mode::Ansi) {
        return Err(ctx
            .mismatch("CAST_WITHOUT_SUGGESTION", &args)
            .param("srcType", quote_sql(value.sql()))
            .param("targetType", "\"VARIANT\""));
    }
    let is_null = |a: &TypedExpr| a.as_literal().is_some_and(ScalarValue::is_null);
    let written = args.iter().any(is_null);
    let mut args = exact(ctx, args, &[DataType::Variant, DataType::STRING, value, DataType::Boolean])?;
    let sql = ctx.sql(&args);
    // Beside a NULL that is written nothing is computed.
    if written || args.iter().any(is_null) {
        return Ok(TypedExpr { sql, ..TypedExpr::null(DataType::Variant)? });
    }
    let nullable = ctx.name.starts_with("try_") || args.iter().any(|a| a.nullable);
    args[2] = cast(&ctx.facts, args[2].clone(), &DataType::Variant)?;
    let mut out = ctx.call_with(
        &CHANGE_KERNEL,
        args,
        DataType::Variant,
        Nullability::Always,
        vec![how.into(), ctx.name.to_string()],
    );
    out.sql = sql;
    out.nullable = nullable;
    Ok(out)
}

fn eval_change(call: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let (target, value) = (array_arg(args, 0, rows)?, array_arg(args, 2, rows)?);
    let (targets, values) = (Variants::new(&target)?, Variants::new(&value)?);
    let paths = Paths::new(args, 1)?;
    let create = if args.len() > 3 { Some(Col::<BooleanArray>::new(args, 3)?) } else { None };
    let lenient = call.param(1).starts_with("try_");
    variant_rows(rows, |row| {
        let (Some(target), Some((text, steps)), Some(value)) = (targets.get(row), paths.get(row), values.get(row))
        else {
            return Ok(None);
        };
        let how = match (call.param(0), create.as_ref().map(|c| c.get(row))) {
            (_, Some(None)) => return Ok(None),
            ("set", create) => Change::Set { create: create.flatten().unwrap_or(true) },
            ("insert", _) => Change::Insert,
            _ => Change::Append,
        };
        let steps = steps
            .filter(|s| !s.is_empty() || how == Change::Append)
            .ok_or_else(|| malformed("INVALID_VARIANT_PATH", call.param(1), text, call))?;
        let mut tree = Tree::of(&target);
        match tree.change(&steps, 0, Tree::of(&value), how) {
            Ok(()) => Ok(Some(tree.write())),
            Err(_) if lenient => Ok(None),
            Err(fault) => Err(fault_error(call, text, fault)),
        }
    })
}

fn fault_error(call: &Call, path: &str, fault: Fault) -> DataFusionError {
    call.error(match fault {
        Fault::Duplicate(key) => SparkError::new("VARIANT_DUPLICATE_KEY").param("key", key),
        Fault::Mismatch(at) => SparkError::new("VARIANT_PATH_TYPE_MISMATCH")
            .param("path", path)
            .param("failedAt", at)
            .param("functionName", quote_id([call.param(1)])),
    })
}

fn build_delete(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    ctx.arity(&args, 2..=usize::MAX)?;
    let mut wants = vec![DataType::STRING; args.len()];
    wants[0] = DataType::Variant;
    let args = exact(ctx, args, &wants)?;
    let nullable = args[0].nullable;
    let mut out = ctx.call(&DELETE_KERNEL, args, DataType::Variant, Nullability::Always);
    out.nullable = nullable;
    Ok(out)
}

fn eval_delete(call: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let target = array_arg(args, 0, rows)?;
    let targets = Variants::new(&target)?;
    let paths: Vec<_> = (1..args.len()).map(|i| Paths::new(args, i)).collect::<DfResult<_>>()?;
    variant_rows(rows, |row| {
        // A path is checked whatever it would be taken from.
        let checked = paths.iter().filter_map(|p| p.get(row)).map(|(text, steps)| {
            steps
                .filter(|s| !s.is_empty())
                .ok_or_else(|| malformed("INVALID_VARIANT_PATH", "variant_delete", text, call))
        });
        let checked: Vec<_> = checked.collect::<DfResult<_>>()?;
        let Some(target) = targets.get(row) else { return Ok(None) };
        let mut tree = Tree::of(&target);
        checked.iter().for_each(|steps| tree.delete(steps));
        Ok(Some(tree.write()))
    })
}

fn build_strip(ctx: &FnContext, mut args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    ctx.arity(&args, 1..=2)?;
    if args.len() == 1 {
        args.push(TypedExpr::literal(&Literal::Boolean(true))?);
    }
    let args = exact(ctx, args, &[DataType::Variant, DataType::Boolean])?;
    Ok(ctx.call(&STRIP_KERNEL, args, DataType::Variant, Nullability::Args))
}

fn eval_strip(_: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let target = array_arg(args, 0, rows)?;
    let targets = Variants::new(&target)?;
    let items_too = Col::<BooleanArray>::new(args, 1)?;
    variant_rows(rows, |row| {
        let (Some(target), Some(items_too)) = (targets.get(row), items_too.get(row)) else { return Ok(None) };
        let mut tree = Tree::of(&target);
        tree.strip_nulls(items_too);
        Ok(Some(tree.write()))
    })
}
