//! `element_at`, `try_element_at`, `get`, and the subscript `a[i]` / `m[k]`.

use datafusion::arrow::array::{Array, Int32Array, UInt32Array};
use datafusion::arrow::compute::take;
use datafusion::common::Result as DfResult;
use datafusion::logical_expr::ColumnarValue;
use vonk_common::{SparkError, SparkResult};
use vonk_expr::coercion::tightest_common_type;
use vonk_expr::context::Nullability;
use vonk_expr::extract::element_nullable;
use vonk_expr::kernel::{array_arg, typed_arg};
use vonk_expr::{Call, FnContext, FunctionSpec, Kernel, SqlText, TypedExpr, Want};
use vonk_plan::types::DataType;

use crate::lists::{list_arg, map_arg, range, retype};
use crate::rows::{element_keys, rows_of, value_keys};

static AT_KERNEL: Kernel = Kernel::new("element_at", eval_at);
static KEY_KERNEL: Kernel = Kernel::new("map_value", eval_key);

pub static ELEMENT_AT: FunctionSpec = FunctionSpec::scalar("element_at", "collection_funcs", build_element_at)
    .usage("element_at(array, index) or element_at(map, key) - the element at the 1-based index, or the key's value")
    .kernels(&[&AT_KERNEL, &KEY_KERNEL]);

pub static TRY_ELEMENT_AT: FunctionSpec =
    FunctionSpec::scalar("try_element_at", "collection_funcs", build_try_element_at)
        .usage("try_element_at(array, index) - element_at with NULL for an index out of bounds");

pub static GET: FunctionSpec = FunctionSpec::scalar("get", "array_funcs", build_get)
    .usage("get(array, index) - the element at the 0-based index, NULL when out of bounds");

fn build_element_at(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    let strict = ctx.ansi();
    at(ctx, args, 1, strict)
}

fn build_try_element_at(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    at(ctx, args, 1, false)
}

fn build_get(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    ctx.arity(&args, 2..=2)?;
    if !matches!(args[0].data_type, DataType::Array(..)) {
        return Err(ctx.unexpected_type(&args, 0, "\"ARRAY\""));
    }
    at(ctx, args, 0, false)
}

/// `value[index]`: an array's element counted from 0, or a map's value.
pub fn subscript(ctx: &FnContext, value: TypedExpr, index: TypedExpr) -> SparkResult<TypedExpr> {
    let sql = SqlText::concat([value.sql.clone(), "[".into(), index.sql.clone(), "]".into()]);
    let strict = ctx.ansi() && matches!(value.data_type, DataType::Array(..));
    let mut out = at(ctx, vec![value, index], 0, strict)?;
    out.sql = sql;
    Ok(out)
}

fn at(ctx: &FnContext, args: Vec<TypedExpr>, base: i32, strict: bool) -> SparkResult<TypedExpr> {
    ctx.arity(&args, 2..=2)?;
    match args[0].data_type.clone() {
        DataType::Array(element, contains_null) => {
            let sql = ctx.sql(&args);
            if base == 1 {
                super::check_place(ctx, &args, 1)?;
            }
            let args = ctx.coerce(args, 2, &[Want::Any, Want::INT])?;
            let nullable = element_nullable(&args, base, strict, contains_null)?;
            let params = vec![base.to_string(), strict.to_string()];
            let mut out = ctx.call_with(&AT_KERNEL, args, *element, Nullability::Always, params);
            out.nullable = nullable;
            out.sql = sql;
            Ok(out)
        }
        DataType::Map(key, value, _) => {
            let sql = ctx.sql(&args);
            let mismatch = || {
                ctx.mismatch("MAP_FUNCTION_DIFF_TYPES", &args)
                    .param("functionName", vonk_common::error::quote_id([&*ctx.name]))
                    .param("dataType", "\"MAP\"")
                    .param("leftType", vonk_common::error::quote_sql(args[0].data_type.sql()))
                    .param("rightType", vonk_common::error::quote_sql(args[1].data_type.sql()))
            };
            let common = tightest_common_type(&key, &args[1].data_type, ctx.ansi()).ok_or_else(mismatch)?;
            let mut args = args;
            if !args[1].data_type.same_type(&common) {
                args[1] = vonk_expr::cast::cast(&ctx.facts, args[1].clone(), &common)?;
            }
            if !key.same_type(&common) {
                let map = DataType::map(common, (*value).clone(), true);
                args[0] = vonk_expr::cast::cast(&ctx.facts, args[0].clone(), &map)?;
            }
            let mut out = ctx.call(&KEY_KERNEL, args, *value, Nullability::Always);
            out.sql = sql;
            Ok(out)
        }
        _ => Err(ctx.unexpected_type(&args, 0, "(\"ARRAY\" or \"MAP\")")),
    }
}

fn eval_at(call: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let list = list_arg(args, 0, rows)?;
    let index: Int32Array = typed_arg(args, 1, rows)?;
    let from_one = call.param(0) == "1";
    let strict = call.param(1) == "true";
    let mut out = Vec::with_capacity(rows);
    for row in 0..rows {
        if list.is_null(row) || index.is_null(row) {
            out.push(None);
            continue;
        }
        let range = range(&list, row);
        let (i, n) = (index.value(row) as i64, range.len() as i64);
        if from_one && i == 0 {
            return Err(call.error(SparkError::new("INVALID_INDEX_OF_ZERO")));
        }
        let position = match (from_one, i < 0) {
            (true, true) => n + i,
            (true, false) => i - 1,
            (false, _) => i,
        };
        if (0..n).contains(&position) {
            out.push(Some((range.start as i64 + position) as u32));
        } else if strict {
            let class = if from_one { "INVALID_ARRAY_INDEX_IN_ELEMENT_AT" } else { "INVALID_ARRAY_INDEX" };
            return Err(call.error(SparkError::new(class).param("indexValue", i).param("arraySize", n)));
        } else {
            out.push(None);
        }
    }
    let values = take(list.values(), &UInt32Array::from(out), None)?;
    Ok(ColumnarValue::Array(retype(values, &call.arrow_return_type())))
}

fn eval_key(call: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let map = map_arg(args, 0, rows)?;
    let wanted = array_arg(args, 1, rows)?;
    let keys = map.keys().clone();
    let converted = rows_of(&[&element_keys(call, 0, &keys)?, &value_keys(call, 1, &wanted)?])?;
    let offsets = map.value_offsets();
    let mut out = Vec::with_capacity(rows);
    for row in 0..rows {
        if map.is_null(row) || wanted.is_null(row) {
            out.push(None);
            continue;
        }
        let range = offsets[row] as usize..offsets[row + 1] as usize;
        let target = converted[1].row(row);
        out.push(range.into_iter().find(|j| converted[0].row(*j) == target).map(|j| j as u32));
    }
    let values = take(map.values(), &UInt32Array::from(out), None)?;
    Ok(ColumnarValue::Array(retype(values, &call.arrow_return_type())))
}
