//! The rows of `JSON_TABLE`: an array of structs for each text, one struct for each item that the row path
//! finds, with text for the columns and the item's number for FOR ORDINALITY.
//!
//! What type a column has is no matter of this: the text is cast by whoever asks. It has a kernel but no
//! function of its name, because its columns have a syntax of their own.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Int64Builder, ListArray, StringArray, StringBuilder, StructArray};
use datafusion::arrow::buffer::OffsetBuffer;
use datafusion::common::Result as DfResult;
use datafusion::logical_expr::ColumnarValue;
use vonk_common::{SparkError, SparkResult};
use vonk_expr::arrow_types::{element_field, struct_fields};
use vonk_expr::columns::fits;
use vonk_expr::context::Nullability;
use vonk_expr::{Call, Col, FnContext, Kernel, TypedExpr, exec_err};
use vonk_plan::types::{DataType, StructField};

use super::big_number::write_big_number;
use super::path::liberties;
use super::steps::{Step, parse, parse_plain};
use crate::formats::json_text::{Json, Reader};

pub static ROWS: Kernel = Kernel::new("json_table_rows", eval).eager().not_folded();

const STRICT: &str = "error";

/// The path to the rows: to one value, or with `[*]` at its end to the items of an array.
struct RowPath {
    steps: Vec<Step>,
    each: bool,
}

fn row_path(path: &str) -> Option<RowPath> {
    let mut steps = parse(path)?;
    let each = steps.pop_if(|last| *last == Step::All).is_some();
    let plain = steps.iter().all(|s| matches!(s, Step::Name(_) | Step::Index(_)));
    plain.then_some(RowPath { steps, each })
}

pub fn is_row_path(path: &str) -> bool {
    row_path(path).is_some()
}

pub fn is_column_path(path: &str) -> bool {
    parse_plain(path).is_some()
}

/// The rows of the text `json`. The columns are names and paths, the latter `None` FOR ORDINALITY; `strict` is
/// ERROR ON ERROR.
pub fn rows(
    ctx: &FnContext,
    json: TypedExpr,
    row_path: &str,
    columns: &[(&str, Option<&str>)],
    strict: bool,
) -> TypedExpr {
    let field = |(name, path): &(&str, Option<&str>)| match path {
        Some(_) => StructField::new(*name, DataType::STRING, true),
        None => StructField::new(*name, DataType::Long, false),
    };
    let ty = DataType::array(DataType::structure(columns.iter().map(field)), false);
    let first = [if strict { STRICT } else { "" }, row_path].into_iter();
    let params = first.chain(columns.iter().map(|(_, path)| path.unwrap_or_default())).map(str::to_string);
    let mut out = ctx.call_with(&ROWS, vec![json], ty, Nullability::Never, params.collect());
    // A generator's rows are nothing that is computed when planning.
    out.foldable = false;
    out
}

/// What the path finds, of several fields of a name in the first.
fn find<'v, 'a>(value: &'v Json<'a>, steps: &[Step]) -> Option<&'v Json<'a>> {
    steps.iter().try_fold(value, |value, step| match (value, step) {
        (Json::Object(fields), Step::Name(name)) => fields.iter().find(|(n, _)| n == name).map(|(_, v)| v),
        (Json::Array(items), Step::Index(n)) => items.get(*n),
        _ => None,
    })
}

/// The one value that the text is.
fn document<'a>(mut reader: Reader<'a>) -> Option<Json<'a>> {
    let value = reader.next_value()?.ok()?;
    reader.next_value().is_none().then_some(value)
}

/// The column's values so far.
enum Column {
    Number(Int64Builder),
    Text { steps: Vec<Step>, cells: StringBuilder, bytes: usize },
}

impl Column {
    fn new(path: &str, rows: usize) -> SparkResult<Self> {
        if path.is_empty() {
            return Ok(Column::Number(Int64Builder::with_capacity(rows)));
        }
        let steps = parse_plain(path).ok_or_else(|| SparkError::internal("json_table"))?;
        Ok(Column::Text { steps, cells: StringBuilder::with_capacity(rows, rows * 8), bytes: 0 })
    }

    /// Adds the cell of an item. `false` if a number of it is beyond what can be written.
    fn push(&mut self, item: &Json<'_>, number: i64, buffer: &mut String) -> DfResult<bool> {
        let (steps, cells, bytes) = match self {
            Column::Number(numbers) => {
                numbers.append_value(number);
                return Ok(true);
            }
            Column::Text { steps, cells, bytes } => (steps, cells, bytes),
        };
        let mut written = true;
        match find(item, steps) {
            None | Some(Json::Null) => cells.append_null(),
            Some(Json::String(text)) => {
                *bytes = fits(*bytes, text.len())?;
                cells.append_value(text);
            }
            Some(other) => {
                buffer.clear();
                other.copy_with(&mut |number, out| written &= write_big_number(number, out), buffer);
                *bytes = fits(*bytes, buffer.len())?;
                cells.append_value(&buffer);
            }
        }
        Ok(written)
    }

    fn finish(self) -> ArrayRef {
        match self {
            Column::Number(mut numbers) => Arc::new(numbers.finish()),
            Column::Text { mut cells, .. } => Arc::new(cells.finish()),
        }
    }
}

fn malformed(text: Option<&str>) -> SparkError {
    SparkError::new("MALFORMED_RECORD_IN_PARSING.WITHOUT_SUGGESTION")
        .param("badRecord", text.unwrap_or("null"))
        .param("failFastMode", "FAILFAST")
}

fn eval(call: &Call, args: &[ColumnarValue], rows: usize) -> DfResult<ColumnarValue> {
    let wrong = || exec_err(SparkError::internal("json_table"));
    let DataType::Array(element, _) = &call.return_type else { return Err(wrong()) };
    let DataType::Struct(s) = &**element else { return Err(wrong()) };
    let texts = Col::<StringArray>::new(args, 0)?;
    let strict = call.param(0) == STRICT;
    let path = row_path(call.param(1)).ok_or_else(wrong)?;
    let columns: SparkResult<Vec<_>> = call.params.iter().skip(2).map(|p| Column::new(p, rows)).collect();
    let mut columns = columns.map_err(exec_err)?;
    let allow = liberties()?;
    let mut lengths = Vec::with_capacity(rows);
    let (mut buffer, mut total) = (String::new(), 0);
    for row in 0..rows {
        let text = texts.get(row);
        let value = text.and_then(|t| document(Reader::new(t, allow)));
        let items = match value.as_ref().map(|v| find(v, &path.steps)) {
            None => None,
            Some(None) => Some(&[][..]),
            Some(Some(Json::Array(items))) if path.each => Some(items.as_slice()),
            Some(Some(_)) if path.each => None,
            Some(Some(one)) => Some(std::slice::from_ref(one)),
        };
        if items.is_none() && strict {
            return Err(exec_err(malformed(text)));
        }
        let items = items.unwrap_or_default();
        for (item, number) in items.iter().zip(1..) {
            for column in &mut columns {
                if !column.push(item, number, &mut buffer)? {
                    return Err(exec_err(malformed(text)));
                }
            }
        }
        total = fits(total, items.len())?;
        lengths.push(items.len());
    }
    let columns = columns.into_iter().map(Column::finish).collect();
    let structs = StructArray::try_new(struct_fields(s), columns, None)?;
    let offsets = OffsetBuffer::from_lengths(lengths);
    Ok(ColumnarValue::Array(Arc::new(ListArray::try_new(element_field(element), offsets, Arc::new(structs), None)?)))
}
