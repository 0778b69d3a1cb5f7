//! The result of a command: a schema and its rows as Arrow batches.

use std::sync::Arc;

use datafusion::arrow::array::{
    ArrayRef, BooleanArray, Int32Array, Int64Array, RecordBatch, RecordBatchOptions, StringArray,
};
use datafusion::arrow::datatypes::{Field, Schema};
use vonk_common::{SparkError, SparkResult};
use vonk_expr::arrow_types::to_arrow;
use vonk_plan::types::{DataType, StructField, StructType};

#[derive(Debug, Clone)]
pub struct Rows {
    pub schema: StructType,
    pub batches: Vec<RecordBatch>,
}

/// One value of a command's result.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    Text(String),
    Bool(bool),
    Int(i32),
    Long(i64),
    List(Vec<String>),
    Null,
}

impl From<&str> for Cell {
    fn from(v: &str) -> Self {
        Cell::Text(v.to_string())
    }
}

impl From<String> for Cell {
    fn from(v: String) -> Self {
        Cell::Text(v)
    }
}

impl From<bool> for Cell {
    fn from(v: bool) -> Self {
        Cell::Bool(v)
    }
}

impl<T: Into<Cell>> From<Option<T>> for Cell {
    fn from(v: Option<T>) -> Self {
        v.map_or(Cell::Null, Into::into)
    }
}

impl Rows {
    /// No columns, no rows: the result of a statement that only acts.
    pub fn none() -> Self {
        Rows { schema: StructType::default(), batches: vec![] }
    }

    /// Rows of cells under (name, type, nullable) columns.
    pub fn new(columns: &[(&str, DataType, bool)], rows: Vec<Vec<Cell>>) -> SparkResult<Self> {
        let schema = StructType::new(columns.iter().map(|(n, t, null)| StructField::new(*n, t.clone(), *null)));
        let arrow = Arc::new(Schema::new(
            schema.fields.iter().map(|f| Field::new(&f.name, to_arrow(&f.data_type), f.nullable)).collect::<Vec<_>>(),
        ));
        let arrays: SparkResult<Vec<_>> =
            columns.iter().enumerate().map(|(i, (_, t, _))| column(t, &rows, i)).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
        let batch = RecordBatch::try_new_with_options(arrow, arrays?, &options)
            .map_err(|e| SparkError::internal(format!("command result: {e}")))?;
        Ok(Rows { schema, batches: vec![batch] })
    }

    /// The same with a comment on each column.
    pub fn commented(mut self, comments: &[&str]) -> Self {
        let fields = self.schema.fields.iter().zip(comments).map(|(f, c)| StructField {
            metadata: Some(serde_json::json!({ "comment": c }).to_string().into()),
            ..f.clone()
        });
        self.schema = StructType::new(fields.collect::<Vec<_>>());
        self
    }

    /// One column of strings that are never NULL.
    pub fn strings(name: &str, values: impl IntoIterator<Item = String>) -> SparkResult<Self> {
        Rows::new(&[(name, DataType::STRING, false)], values.into_iter().map(|v| vec![Cell::Text(v)]).collect())
    }
}

fn column(t: &DataType, rows: &[Vec<Cell>], i: usize) -> SparkResult<ArrayRef> {
    let cells = rows.iter().map(|r| r.get(i).unwrap_or(&Cell::Null));
    Ok(match t {
        DataType::Boolean => {
            Arc::new(cells.map(|c| if let Cell::Bool(b) = c { Some(*b) } else { None }).collect::<BooleanArray>())
        }
        DataType::Int => {
            Arc::new(cells.map(|c| if let Cell::Int(n) = c { Some(*n) } else { None }).collect::<Int32Array>())
        }
        DataType::Long => {
            Arc::new(cells.map(|c| if let Cell::Long(n) = c { Some(*n) } else { None }).collect::<Int64Array>())
        }
        DataType::String(_) => Arc::new(
            cells.map(|c| if let Cell::Text(s) = c { Some(s.as_str()) } else { None }).collect::<StringArray>(),
        ),
        DataType::Array(e, _) if matches!(**e, DataType::String(_)) => {
            use datafusion::arrow::array::{ListBuilder, StringBuilder};
            let mut b = ListBuilder::new(StringBuilder::new())
                .with_field(vonk_expr::arrow_types::element_field(&DataType::STRING));
            for c in cells {
                match c {
                    Cell::List(items) => {
                        items.iter().for_each(|s| b.values().append_value(s));
                        b.append(true);
                    }
                    _ => b.append(false),
                }
            }
            Arc::new(b.finish())
        }
        other => return Err(SparkError::internal(format!("a command result of type {other}"))),
    })
}
