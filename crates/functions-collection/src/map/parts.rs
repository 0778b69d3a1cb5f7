//! `map_keys`, `map_values`, `map_entries`, `map_contains_key`.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, BooleanArray, ListArray};
use datafusion::common::Result as DfResult;
use datafusion::logical_expr::ColumnarValue;
use vonk_common::SparkResult;
use vonk_expr::coercion::wider_type_without_strings;
use vonk_expr::context::Nullability;
use vonk_expr::kernel::array_arg;
use vonk_expr::{Call, FnContext, FunctionSpec, Kernel, TypedExpr, Want};
use vonk_plan::types::{DataType, StructField};

use super::construct::entries_as_list;
use crate::lists::{item_field, map_arg, retype};
use crate::rows::{element_keys, rows_of, value_keys};

static KEYS_KERNEL: Kernel = Kernel::new("map_keys", |c, a, n| side(c, a, n, true));
static VALUES_KERNEL: Kernel = Kernel::new("map_values", |c, a, n| side(c, a, n, false));
static ENTRIES_KERNEL: Kernel = Kernel::new("map_entries", eval_entries);
static CONTAINS_KERNEL: Kernel = Kernel::new("map_contains_key", eval_contains);

pub static MAP_KEYS: FunctionSpec = FunctionSpec::scalar("map_keys", "map_funcs", build_keys)
    .usage("map_keys(map) - the keys as an array")
    .kernels(&[&KEYS_KERNEL])
    .literal_nulls();

pub static MAP_VALUES: FunctionSpec = FunctionSpec::scalar("map_values", "map_funcs", build_values)
    .usage("map_values(map) - the values as an array")
    .kernels(&[&VALUES_KERNEL])
    .literal_nulls();

pub static MAP_ENTRIES: FunctionSpec = FunctionSpec::scalar("map_entries", "map_funcs", build_entries)
    .usage("map_entries(map) - the entries as an array of (key, value) structs")
    .kernels(&[&ENTRIES_KERNEL])
    .literal_nulls();

pub static MAP_CONTAINS_KEY: FunctionSpec = FunctionSpec::scalar("map_contains_key", "map_funcs", build_contains)
    .usage("map_contains_key(map, key) - true when the map has the key")
    .kernels(&[&CONTAINS_KERNEL]);

fn parts(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<(Vec<TypedExpr>, DataType, DataType, bool)> {
    let args = ctx.coerce(args, 1, &[Want::AnyMap])?;
    match args[0].data_type.clone() {
        DataType::Map(k, v, n) => Ok((args, *k, *v, n)),
        _ => Err(ctx.unexpected_type(&args, 0, "\"MAP\"")),
    }
}

fn build_keys(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    let (args, k, _, _) = parts(ctx, args)?;
    Ok(ctx.call(&KEYS_KERNEL, args, DataType::array(k, true), Nullability::Args))
}

fn build_values(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    let (args, _, v, _) = parts(ctx, args)?;
    Ok(ctx.call(&VALUES_KERNEL, args, DataType::array(v, true), Nullability::Args))
}

fn build_entries(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    let (args, k, v, n) = parts(ctx, args)?;
    let entry = DataType::structure([StructField::new("key", k, false), StructField::new("value", v, n)]);
    Ok(ctx.call(&ENTRIES_KERNEL, args, DataType::array(entry, false), Nullability::Args))
}

fn side(call: &Call, args: &[ColumnarValue], rows: usize, keys: bool) -> DfResult<ColumnarValue> {
    let map = map_arg(args, 0, rows)?;
    let field = item_field(&call.arrow_return_type())?;
    let values = retype(if keys { map.keys().clone() } else { map.values().clone() }, field.data_type());
    let list = ListArray::try_new(field, map.offsets().clone(), values, map.nulls().cloned())?;
    Ok(ColumnarValue::Array(Arc::new(list)))
}

fn eval_entries(call: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let list: ArrayRef = Arc::new(entries_as_list(&map_arg(args, 0, rows)?)?);
    Ok(ColumnarValue::Array(retype(list, &call.arrow_return_type())))
}

fn build_contains(ctx: &FnContext, mut args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    ctx.arity(&args, 2..=2)?;
    let sql = ctx.sql(&args);
    let mismatch = |args: &[TypedExpr]| {
        ctx.mismatch("MAP_FUNCTION_DIFF_TYPES", args)
            .param("functionName", vonk_common::error::quote_id([&*ctx.name]))
            .param("dataType", "\"MAP\"")
            .param("leftType", vonk_common::error::quote_sql(args[0].data_type.sql()))
            .param("rightType", vonk_common::error::quote_sql(args[1].data_type.sql()))
    };
    if matches!(args[1].data_type, DataType::Null) {
        return Err(ctx.mismatch("NULL_TYPE", &args).param("functionName", vonk_common::error::quote_id([&*ctx.name])));
    }
    let DataType::Map(key, value, _) = args[0].data_type.clone() else { return Err(mismatch(&args)) };
    let common = wider_type_without_strings(&key, &args[1].data_type, ctx.ansi()).ok_or_else(|| mismatch(&args))?;
    if !args[1].data_type.same_type(&common) {
        args[1] = vonk_expr::cast::cast(&ctx.facts, args[1].clone(), &common)?;
    }
    if !key.same_type(&common) {
        args[0] = vonk_expr::cast::cast(&ctx.facts, args[0].clone(), &DataType::map(common, *value, true))?;
    }
    let mut out = ctx.call(&CONTAINS_KERNEL, args, DataType::Boolean, Nullability::Always);
    out.sql = sql;
    Ok(out)
}

fn eval_contains(call: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let map = map_arg(args, 0, rows)?;
    let key = array_arg(args, 1, rows)?;
    let keys = map.keys().clone();
    let converted = rows_of(&[&element_keys(call, 0, &keys)?, &value_keys(call, 1, &key)?])?;
    let offsets = map.value_offsets();
    let out: BooleanArray = (0..rows)
        .map(|row| {
            if map.is_null(row) || key.is_null(row) {
                return None;
            }
            let target = converted[1].row(row);
            Some((offsets[row] as usize..offsets[row + 1] as usize).any(|j| converted[0].row(j) == target))
        })
        .collect();
    Ok(ColumnarValue::Array(Arc::new(out)))
}
