//! What collations do: keys in whose order strings compare, and which collation values meet in.
//!
//! The idea: wherever values are compared, grouped, joined or sorted, a collated value is replaced by
//! its [`key`], another string whose plain order and equality are those of the collation; DataFusion
//! sees plain strings only. A UTF8_BINARY string is its own key and costs nothing. [`meet`] finds the
//! collation of operands, [`search`] finds strings in strings.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, ListArray, MapArray, StringBuilder, StructArray};
use datafusion::arrow::datatypes::DataType as Arrow;
use datafusion::common::Result as DfResult;
use datafusion::logical_expr::{ColumnarValue, Expr};
use vonk_common::SparkError;
use vonk_plan::types::DataType;
use vonk_plan::types::collation::INDETERMINATE;

use crate::kernel::{Call, Kernel, KernelUdf, array_arg};

pub mod collator;
pub mod meet;
pub mod search;

pub use collator::Collator;
pub use meet::{Collating, Strength};

/// The kernel of keys.
pub static KEY: Kernel = Kernel::new("collation_key", eval).ansi_only();

pub const KERNELS: &[&Kernel] = &[&KEY];

/// What stands for a value of the type where values are compared: of the same Arrow type.
pub fn key(value: Expr, t: &DataType) -> Expr {
    if !t.is_collated() {
        return value;
    }
    KernelUdf::of(&KEY, value, t, t.map_strings(&mut |_| DataType::STRING))
}

fn eval(call: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let array = array_arg(args, 0, rows)?;
    Ok(ColumnarValue::Array(key_array(&array, call.arg_types.first().unwrap_or(&DataType::Null))?))
}

/// The keys of a column of the type; the column itself where nothing in it is collated.
pub fn key_array(array: &ArrayRef, t: &DataType) -> DfResult<ArrayRef> {
    if !t.is_collated() {
        return Ok(Arc::clone(array));
    }
    Ok(match t.storage() {
        DataType::String(Some(name)) => string_keys(array, name)?,
        DataType::Array(element, _) => {
            let list = array.as_list::<i32>();
            let Arrow::List(field) = list.data_type() else { return Ok(Arc::clone(array)) };
            let items = key_array(list.values(), element)?;
            Arc::new(ListArray::try_new(field.clone(), list.offsets().clone(), items, list.nulls().cloned())?)
        }
        DataType::Map(key, value, _) => {
            let map = array.as_map();
            let Arrow::Map(field, sorted) = map.data_type() else { return Ok(Arc::clone(array)) };
            let columns = vec![key_array(map.keys(), key)?, key_array(map.values(), value)?];
            let entries = StructArray::try_new(map.entries().fields().clone(), columns, None)?;
            let (offsets, nulls) = (map.offsets().clone(), map.nulls().cloned());
            Arc::new(MapArray::try_new(field.clone(), offsets, entries, nulls, *sorted)?)
        }
        DataType::Struct(s) => {
            let parts = array.as_struct();
            let pairs = parts.columns().iter().zip(s.fields.iter());
            let columns = pairs.map(|(c, f)| key_array(c, &f.data_type)).collect::<DfResult<Vec<_>>>()?;
            Arc::new(StructArray::try_new(parts.fields().clone(), columns, parts.nulls().cloned())?)
        }
        _ => Arc::clone(array),
    })
}

fn string_keys(array: &ArrayRef, name: &str) -> DfResult<ArrayRef> {
    let strings = array.as_string::<i32>();
    if name == INDETERMINATE && strings.len() > strings.null_count() {
        return Err(crate::exec_err(SparkError::new("INDETERMINATE_COLLATION")));
    }
    let collator = Collator::named(name).map_err(crate::exec_err)?;
    let mut out = StringBuilder::with_capacity(strings.len(), strings.value_data().len());
    let mut key = String::new();
    for s in strings {
        match s {
            Some(s) => {
                key.clear();
                collator.write_key(s, &mut key);
                out.append_value(&key);
            }
            None => out.append_null(),
        }
    }
    Ok(Arc::new(out.finish()))
}
