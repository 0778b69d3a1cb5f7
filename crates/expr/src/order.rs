//! What values are sorted by and told apart by, where Arrow has another order than Spark.
//!
//! - Of floating-point numbers -0.0 is 0.0, and all NaN are one; Arrow goes by their bits. Comparisons know better by
//!   themselves (`functions-math`), and so do plain groups and joins. (`SQLOrderingUtil`, `NormalizeFloatingNumbers`.)
//! - Within arrays and structs NULL is the least, wherever a NULL of the whole goes; Arrow puts both in one place.
//!   They are sorted by bytes. (`PhysicalArrayType`, `InterpretedOrdering`.)

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, BinaryArray, ListArray, StructArray};
use datafusion::arrow::compute::SortOptions;
use datafusion::arrow::datatypes::{DataType as Arrow, Float32Type, Float64Type};
use datafusion::arrow::row::{RowConverter, SortField};
use datafusion::common::Result as DfResult;
use datafusion::logical_expr::{ColumnarValue, Expr};
use vonk_plan::types::DataType;

use crate::collation;
use crate::kernel::{Call, Kernel, KernelUdf, array_arg};

/// The numbers in the value as they are ordered.
pub static NORMAL: Kernel = Kernel::total("normal_floats", eval);

/// The bytes whose order is that of an array or a struct.
pub static BYTES: Kernel = Kernel::total("order_bytes", bytes);

pub const KERNELS: &[&Kernel] = &[&NORMAL, &BYTES];

/// What rows are sorted by, for a value of the type.
pub fn sort_key(value: Expr, t: &DataType) -> Expr {
    let key = ordering_key(value, t);
    match t.storage() {
        DataType::Array(..) | DataType::Struct(_) => KernelUdf::of(&BYTES, key, t, DataType::Binary),
        _ => key,
    }
}

/// What stands for a value of the type where it is compared: numbers by themselves are.
pub fn compared_key(value: Expr, t: &DataType) -> Expr {
    match t.storage() {
        DataType::Array(..) | DataType::Struct(_) => ordering_key(value, t),
        _ => collation::key(value, t),
    }
}

/// What stands for a value of the type where it is told apart from others: of the same Arrow type.
pub fn ordering_key(value: Expr, t: &DataType) -> Expr {
    let value = collation::key(value, t);
    if !has_floats(t) {
        return value;
    }
    KernelUdf::of(&NORMAL, value, t, t.map_strings(&mut |_| DataType::STRING))
}

fn bytes(_: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let array = array_arg(args, 0, rows)?;
    let options = SortOptions { descending: false, nulls_first: true };
    let converter = RowConverter::new(vec![SortField::new_with_options(array.data_type().clone(), options)])?;
    let rows = converter.convert_columns(std::slice::from_ref(&array))?;
    let present = (0..rows.num_rows()).map(|i| array.is_valid(i).then(|| rows.row(i)));
    Ok(ColumnarValue::Array(Arc::new(BinaryArray::from_iter(present))))
}

fn has_floats(t: &DataType) -> bool {
    match t {
        DataType::Float | DataType::Double => true,
        DataType::Array(element, _) => has_floats(element),
        DataType::Struct(s) => s.fields.iter().any(|f| has_floats(&f.data_type)),
        DataType::Udt(u) => has_floats(&u.sql_type),
        _ => false,
    }
}

fn eval(_: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    normal(&array_arg(args, 0, rows)?).map(ColumnarValue::Array)
}

/// The array with one zero and one NaN, those in arrays and structs too; other types as they are.
pub fn normal(array: &ArrayRef) -> DfResult<ArrayRef> {
    Ok(match array.data_type() {
        Arrow::Float32 => Arc::new(array.as_primitive::<Float32Type>().unary::<_, Float32Type>(|v| match v {
            v if v.is_nan() => f32::NAN,
            v => v + 0.0,
        })),
        Arrow::Float64 => Arc::new(array.as_primitive::<Float64Type>().unary::<_, Float64Type>(|v| match v {
            v if v.is_nan() => f64::NAN,
            v => v + 0.0,
        })),
        Arrow::List(field) => {
            let list = array.as_list::<i32>();
            let items = normal(list.values())?;
            Arc::new(ListArray::try_new(Arc::clone(field), list.offsets().clone(), items, list.nulls().cloned())?)
        }
        Arrow::Struct(fields) => {
            let parts = array.as_struct();
            let columns = parts.columns().iter().map(normal).collect::<DfResult<Vec<_>>>()?;
            Arc::new(StructArray::try_new_with_length(fields.clone(), columns, parts.nulls().cloned(), parts.len())?)
        }
        _ => Arc::clone(array),
    })
}
