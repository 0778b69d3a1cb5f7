//! Values as text, the way `CAST(x AS STRING)`, column names and `show()` write them.
//!
//! [`Writer`] turns the cells of one Arrow array into text; it is built once per array and holds
//! the writers of nested arrays. [`Style`] says what differs between the uses.

use std::fmt::Write;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, StringArray, StringBuilder};
use datafusion::common::Result as DfResult;
use vonk_plan::Literal;
use vonk_plan::types::DataType;

pub mod datetime;
pub mod interval;
pub mod literal;
pub mod nested;
pub mod number;

pub use literal::{literal_name, literal_name_in, sql_value};
pub use nested::{Style, Writer};

use super::zone::Zone;

/// Every value as `CAST(x AS STRING)` gives it; NULL stays NULL.
pub fn format_array(array: &ArrayRef, ty: &DataType, zone: &Zone) -> DfResult<StringArray> {
    format_with(array, ty, Style::cast(), zone)
}

/// Every value as `df.show()` gives it: NULL is the text `NULL`, binary is `[53 70]`.
pub fn pretty_array(array: &ArrayRef, ty: &DataType, zone: &Zone) -> DfResult<StringArray> {
    let writer = Writer::new(array, ty, Style::pretty(), zone)?;
    let mut out = StringBuilder::with_capacity(array.len(), array.len() * 8);
    let mut text = String::new();
    for i in 0..array.len() {
        text.clear();
        writer.write(i, &mut text);
        out.append_value(&text);
    }
    Ok(out.finish())
}

pub fn format_with(array: &ArrayRef, ty: &DataType, style: Style, zone: &Zone) -> DfResult<StringArray> {
    let writer = Writer::new(array, ty, style, zone)?;
    let mut out = StringBuilder::with_capacity(array.len(), array.len() * 8);
    let mut text = String::new();
    for i in 0..array.len() {
        if writer.is_null(i) {
            out.append_null();
            continue;
        }
        text.clear();
        writer.write(i, &mut text);
        out.append_value(&text);
    }
    Ok(out.finish())
}

/// A literal as `CAST(x AS STRING)` gives it; `null` for NULL.
pub fn literal_text(value: &Literal, zone: &Zone) -> String {
    let mut out = String::new();
    match crate::literal::array_of(&value.data_type(), std::slice::from_ref(value)) {
        Ok(array) => {
            let array: ArrayRef = Arc::clone(&array);
            if let Ok(writer) = Writer::new(&array, &value.data_type(), Style::cast(), zone) {
                writer.write(0, &mut out);
            }
        }
        Err(e) => {
            let _ = write!(out, "{e}");
        }
    }
    out
}
