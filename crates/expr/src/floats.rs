//! Floating-point numbers where they are put in order or told apart: -0.0 is 0.0, and all NaN are one.
//!
//! Arrow orders them by their bits. Comparisons know better by themselves (`functions-math`), and so do plain groups
//! and joins. (Spark's `SQLOrderingUtil` and `NormalizeFloatingNumbers`.)

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, ListArray, StructArray};
use datafusion::arrow::datatypes::{DataType as Arrow, Float32Type, Float64Type};
use datafusion::common::Result as DfResult;
use datafusion::logical_expr::{ColumnarValue, Expr};
use vonk_plan::types::DataType;

use crate::collation;
use crate::kernel::{Call, Kernel, KernelUdf, array_arg};

/// The numbers in the value as they are ordered.
pub static NORMAL: Kernel = Kernel::total("normal_floats", eval);

pub const KERNELS: &[&Kernel] = &[&NORMAL];

/// What stands for a value of the type where it is sorted by, or told apart from others: of the same Arrow type.
pub fn ordering_key(value: Expr, t: &DataType) -> Expr {
    let value = collation::key(value, t);
    if !has_floats(t) || matches!(value, Expr::Literal(..)) {
        return value;
    }
    let call = Call {
        kernel: &NORMAL,
        arg_types: Arc::from([t.clone()]),
        return_type: t.map_strings(&mut |_| DataType::STRING),
        ansi: true,
        time_zone: "UTC".into(),
        params: Arc::from([]),
        origin: None,
    };
    KernelUdf::call(call, vec![value])
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
