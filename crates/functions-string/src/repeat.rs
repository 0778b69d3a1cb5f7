//! `repeat`, `space`, and `reverse` of strings, binary values and arrays.

use std::sync::Arc;

use datafusion::arrow::array::{Array, BinaryArray, Int32Array, ListArray, StringArray, UInt64Array};
use datafusion::arrow::compute::take;
use datafusion::common::Result as DfResult;
use datafusion::logical_expr::ColumnarValue;
use vonk_common::{SparkError, SparkResult, limits};
use vonk_expr::collation::Collating;
use vonk_expr::columns::{binary_rows, string_rows};
use vonk_expr::context::Nullability;
use vonk_expr::kernel::typed_arg;
use vonk_expr::{Call, Col, FnContext, FunctionSpec, Kernel, TypedExpr, Want, exec_err, not_null};
use vonk_plan::types::DataType;

pub static SPECS: &[FunctionSpec] = &[
    FunctionSpec::scalar("repeat", "string_funcs", build_repeat)
        .usage("The string, a number of times over.")
        .kernels(&[&REPEAT])
        .collating(Collating::FIRST),
    FunctionSpec::scalar("space", "string_funcs", build_space)
        .usage("A string of a number of spaces.")
        .kernels(&[&SPACE]),
    FunctionSpec::scalar("reverse", "collection_funcs", build_reverse)
        .usage("The string or array from last to first.")
        .kernels(&[&REVERSE, &REVERSE_BYTES, &REVERSE_ARRAY])
        .collating(Collating::FIRST),
];

static REPEAT: Kernel = Kernel::new("repeat", repeat);
static SPACE: Kernel = Kernel::new("space", space);
static REVERSE: Kernel = Kernel::total("reverse", reverse);
static REVERSE_BYTES: Kernel = Kernel::total("reverse_bytes", reverse_bytes);
static REVERSE_ARRAY: Kernel = Kernel::new("reverse_array", reverse_array);

fn build_repeat(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    let args = ctx.coerce(args, 2, &[Want::Str, Want::INT])?;
    Ok(ctx.call(&REPEAT, args, DataType::STRING, Nullability::Args))
}

fn build_space(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    let args = ctx.coerce(args, 1, &[Want::INT])?;
    Ok(ctx.call(&SPACE, args, DataType::STRING, Nullability::Args))
}

fn build_reverse(ctx: &FnContext, args: Vec<TypedExpr>) -> SparkResult<TypedExpr> {
    let args = ctx.coerce(args, 1, &[Want::OneOf(vec![Want::Str, Want::BINARY, Want::AnyArray])])?;
    let ty = args.first().map_or(DataType::STRING, |a| a.data_type.clone());
    let kernel = match ty {
        DataType::Array(..) => &REVERSE_ARRAY,
        DataType::Binary => &REVERSE_BYTES,
        _ => &REVERSE,
    };
    Ok(ctx.call(kernel, args, ty, Nullability::Args))
}

/// The error for a string beyond Spark's largest, that a parameter of a function asks for.
pub fn too_long(bytes: usize, function: &str, parameter: &str) -> SparkError {
    SparkError::new("COLLECTION_SIZE_LIMIT_EXCEEDED.PARAMETER")
        .param("numberOfElements", bytes)
        .param("maxRoundedArrayLength", limits::MAX_STRING_BYTES)
        .param("functionName", vonk_common::error::quote_id([function]))
        .param("parameter", vonk_common::error::quote_id([parameter]))
}

fn repeat(call: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let text = Col::<StringArray>::new(args, 0)?;
    let times = Col::<Int32Array>::new(args, 1)?;
    string_rows(rows, text.array().value_data().len(), |i, out| {
        let (s, n) = not_null!(text.get(i), times.get(i));
        let n = usize::try_from(n).unwrap_or(0);
        match s.len().checked_mul(n) {
            Some(total) if total <= limits::MAX_STRING_BYTES => out.reserve(total),
            total => return Err(call.error(too_long(total.unwrap_or(usize::MAX), "repeat", "n"))),
        }
        (0..n).for_each(|_| out.push_str(s));
        Ok(Some(()))
    })
}

fn space(_: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let n = Col::<Int32Array>::new(args, 0)?;
    string_rows(rows, rows * 4, |i, out| {
        let n = usize::try_from(not_null!(n.get(i))).unwrap_or(0);
        out.extend(std::iter::repeat_n(' ', n));
        Ok(Some(()))
    })
}

fn reverse(_: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let text = Col::<StringArray>::new(args, 0)?;
    string_rows(rows, text.array().value_data().len(), |i, out| {
        out.extend(not_null!(text.get(i)).chars().rev());
        Ok(Some(()))
    })
}

fn reverse_bytes(_: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let bytes = Col::<BinaryArray>::new(args, 0)?;
    binary_rows(rows, |i, out| {
        out.extend(not_null!(bytes.get(i)).iter().rev());
        Ok(Some(()))
    })
}

fn reverse_array(_: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let lists: ListArray = typed_arg(args, 0, rows)?;
    let mut order = Vec::with_capacity(lists.values().len());
    let mut offsets = Vec::with_capacity(rows + 1);
    offsets.push(0i32);
    for row in lists.offsets().windows(2) {
        if let [from, to] = row {
            order.extend((*from as u64..*to as u64).rev());
        }
        offsets.push(order.len() as i32);
    }
    let values = take(lists.values(), &UInt64Array::from(order), None)?;
    let datafusion::arrow::datatypes::DataType::List(field) = lists.data_type() else {
        return Err(exec_err(SparkError::internal("reverse of a list")));
    };
    let out = ListArray::try_new(
        field.clone(),
        datafusion::arrow::buffer::OffsetBuffer::new(offsets.into()),
        values,
        lists.nulls().cloned(),
    )?;
    Ok(ColumnarValue::Array(Arc::new(out)))
}
