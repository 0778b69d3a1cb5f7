//! `size`/`cardinality`, `array_size`, `flatten`, `arrays_zip`.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, Int32Array, ListArray, StructArray, UInt32Array};
use datafusion::arrow::compute::take;
use datafusion::arrow::datatypes::DataType as Arrow;
use datafusion::common::Result as DfResult;
use datafusion::logical_expr::ColumnarValue;
use vonk_common::{SparkError, SparkResult};
use vonk_expr::context::Nullability;
use vonk_expr::kernel::array_arg;
use vonk_expr::{Call, FnContext, FunctionSpec, Kernel, TypedExpr, Want, exec_err};
use vonk_plan::types::{DataType, StructField};

use super::element;
use crate::lists::{ListTaker, item_field, list_arg, list_of, range, retype};

static SIZE_KERNEL: Kernel = Kernel::new("size", eval_size);
static FLATTEN_KERNEL: Kernel = Kernel::new("flatten", eval_flatten);
static ZIP_KERNEL: Kernel = Kernel::new("arrays_zip", eval_zip).eager().not_folded();

pub static SIZE: FunctionSpec = FunctionSpec::scalar("size", "collection_funcs", build_size)
    .aliases(&["cardinality"])
    .usage("size(collection) - the number of elements of an array or map")
    .kernels(&[&SIZE_KERNEL])
    .literal_nulls();

pub static ARRAY_SIZE: FunctionSpec = FunctionSpec::scalar("array_size", "array_funcs", build_array_size)
    .usage("array_size(array) - the number of elements, NULL for NULL");

pub static FLATTEN: FunctionSpec = FunctionSpec::scalar("flatten", "array_funcs", build_flatten)
    .usage("flatten(arrays) - the elements of an array of arrays in one array")
    .kernels(&[&FLATTEN_KERNEL]);

pub static ARRAYS_ZIP: FunctionSpec = FunctionSpec::scalar("arrays_zip", "array_funcs", build_zip)
    .usage("arrays_zip(a, b, ...) - an array of structs, the n-th of which holds the n-th elements")
    .kernels(&[&ZIP_KERNEL])
    .literal_nulls();

fn build_size(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    let args = ctx.coerce(args, 1, &[Want::OneOf(vec![Want::AnyArray, Want::AnyMap])])?;
    // Without ANSI and with spark.sql.legacy.sizeOfNull the size of NULL is -1.
    let legacy = ctx.facts.conf.bool("spark.sql.legacy.sizeOfNull") && !ctx.ansi();
    let nullable = args[0].nullable && !legacy;
    let mut out = ctx.call_with(&SIZE_KERNEL, args, DataType::Int, Nullability::Args, vec![legacy.to_string()]);
    out.nullable = nullable;
    Ok(out)
}

fn build_array_size(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    let args = ctx.coerce(args, 1, &[Want::AnyArray])?;
    Ok(ctx.call_with(&SIZE_KERNEL, args, DataType::Int, Nullability::Args, vec!["false".into()]))
}

fn eval_size(call: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let array = array_arg(args, 0, rows)?;
    let of_null = (call.param(0) == "true").then_some(-1);
    let lengths: Vec<i32> = match array.data_type() {
        Arrow::Map(..) => match array.as_any().downcast_ref::<datafusion::arrow::array::MapArray>() {
            Some(m) => m.offsets().lengths().map(|n| n as i32).collect(),
            None => vec![],
        },
        _ => list_arg(args, 0, rows)?.offsets().lengths().map(|n| n as i32).collect(),
    };
    let out: Int32Array =
        lengths.into_iter().enumerate().map(|(i, n)| if array.is_null(i) { of_null } else { Some(n) }).collect();
    Ok(ColumnarValue::Array(Arc::new(out)))
}

fn build_flatten(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    ctx.arity(&args, 1..=1)?;
    let ty = match &args[0].data_type {
        DataType::Array(inner, outer_null) => match &**inner {
            DataType::Array(..) => ((**inner).clone(), *outer_null),
            _ => return Err(ctx.unexpected_type(&args, 0, "\"ARRAY\" of \"ARRAY\"")),
        },
        _ => return Err(ctx.unexpected_type(&args, 0, "\"ARRAY\" of \"ARRAY\"")),
    };
    let nullable = args[0].nullable || ty.1;
    let mut out = ctx.call(&FLATTEN_KERNEL, args, ty.0, Nullability::Always);
    out.nullable = nullable;
    Ok(out)
}

fn eval_flatten(call: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let outer = list_arg(args, 0, rows)?;
    let Some(inner) = outer.values().as_any().downcast_ref::<ListArray>() else {
        return Err(exec_err(SparkError::internal("flatten of no array of arrays")));
    };
    let mut taker = ListTaker::new(vec![inner.values().clone()], rows);
    for row in 0..rows {
        let lists = range(&outer, row);
        if outer.is_null(row) || lists.clone().any(|j| inner.is_null(j)) {
            taker.end_null();
            continue;
        }
        lists.for_each(|j| taker.extend(0, range(inner, j)));
        taker.end_row();
    }
    Ok(ColumnarValue::Array(taker.finish(item_field(&call.arrow_return_type())?)?))
}

fn build_zip(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    let mut fields = Vec::with_capacity(args.len());
    for (i, a) in args.iter().enumerate() {
        let ty = if a.data_type == DataType::Null { DataType::Null } else { element(ctx, &args, i)?.0 };
        // A named argument (column, alias, struct field) lends its name; others are numbered.
        let name = a.own_name().map_or_else(|| i.to_string(), str::to_string);
        fields.push(StructField::new(name, ty, true));
    }
    let ty = DataType::array(DataType::structure(fields), false);
    if args.iter().any(|a| a.data_type == DataType::Null) {
        let mut out = TypedExpr::null(ty)?.at(ctx.origin.clone());
        out.sql = ctx.sql(&args);
        return Ok(out);
    }
    Ok(ctx.call(&ZIP_KERNEL, args, ty, Nullability::Args))
}

fn eval_zip(call: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let field = item_field(&call.arrow_return_type())?;
    let lists: Vec<ListArray> = (0..args.len()).map(|i| list_arg(args, i, rows)).collect::<DfResult<_>>()?;
    let valid: Vec<bool> = (0..rows).map(|r| lists.iter().all(|l| !l.is_null(r))).collect();
    let lengths: Vec<usize> = (0..rows)
        .map(|r| if valid[r] { lists.iter().map(|l| range(l, r).len()).max().unwrap_or(0) } else { 0 })
        .collect();
    let total: usize = lengths.iter().sum();
    let columns: Vec<ArrayRef> = lists
        .iter()
        .map(|l| {
            let mut indices: Vec<Option<u32>> = Vec::with_capacity(total);
            for (r, n) in lengths.iter().enumerate() {
                let elements = range(l, r);
                indices.extend((0..*n).map(|k| (k < elements.len()).then(|| (elements.start + k) as u32)));
            }
            Ok(take(l.values(), &UInt32Array::from(indices), None)?)
        })
        .collect::<DfResult<_>>()?;
    let Arrow::Struct(fields) = field.data_type().clone() else {
        return Err(exec_err(SparkError::internal("arrays_zip")));
    };
    let columns = columns.into_iter().zip(fields.iter()).map(|(c, f)| retype(c, f.data_type())).collect();
    let values: ArrayRef = match fields.is_empty() {
        true => Arc::new(StructArray::new_empty_fields(total, None)),
        false => Arc::new(StructArray::try_new(fields, columns, None)?),
    };
    Ok(ColumnarValue::Array(list_of(field, values, lengths, valid)?))
}
