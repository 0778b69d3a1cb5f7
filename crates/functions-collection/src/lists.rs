//! Lists taken apart and put together: the shared ground of the array functions.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayData, ArrayRef, ListArray, MapArray, UInt32Array};
use datafusion::arrow::buffer::{NullBuffer, OffsetBuffer};
use datafusion::arrow::compute::{concat, take};
use datafusion::arrow::datatypes::{DataType as Arrow, FieldRef};
use datafusion::common::Result as DfResult;
use datafusion::logical_expr::ColumnarValue;
use vonk_common::SparkError;
use vonk_expr::kernel::{array_arg, typed_arg};
use vonk_expr::{Call, exec_err};

/// Argument `i` as a list array; a NULL of type void is not one and never arrives here.
pub fn list_arg(args: &[ColumnarValue], i: usize, rows: usize) -> DfResult<ListArray> {
    typed_arg(args, i, rows)
}

pub fn map_arg(args: &[ColumnarValue], i: usize, rows: usize) -> DfResult<MapArray> {
    typed_arg(args, i, rows)
}

/// The range of elements of row `i`; empty for NULL.
pub fn range(list: &ListArray, i: usize) -> std::ops::Range<usize> {
    if list.is_null(i) {
        return 0..0;
    }
    let offsets = list.value_offsets();
    offsets[i] as usize..offsets[i + 1] as usize
}

/// Builds a list array row by row out of elements of one or more source arrays.
pub struct ListTaker {
    /// Element `j` of source `s` has index `starts[s] + j`.
    sources: Vec<ArrayRef>,
    starts: Vec<usize>,
    indices: Vec<Option<u32>>,
    lengths: Vec<usize>,
    valid: Vec<bool>,
    row_start: usize,
}

impl ListTaker {
    pub fn new(sources: Vec<ArrayRef>, rows: usize) -> Self {
        let mut starts = Vec::with_capacity(sources.len());
        let mut total = 0;
        for s in &sources {
            starts.push(total);
            total += s.len();
        }
        ListTaker {
            sources,
            starts,
            indices: Vec::with_capacity(total),
            lengths: Vec::with_capacity(rows),
            valid: Vec::with_capacity(rows),
            row_start: 0,
        }
    }

    /// Error: a batch that would have too many elements with so many more.
    pub fn make_room(&self, call: &Call, elements: usize) -> DfResult<()> {
        within_bounds(call, self.indices.len().saturating_add(elements))
    }

    /// Adds element `j` of source `s` to the current row.
    pub fn push(&mut self, s: usize, j: usize) {
        self.indices.push(Some((self.starts[s] + j) as u32));
    }

    pub fn push_null(&mut self) {
        self.indices.push(None);
    }

    pub fn extend(&mut self, s: usize, range: std::ops::Range<usize>) {
        let start = self.starts[s];
        self.indices.extend(range.map(|j| Some((start + j) as u32)));
    }

    /// Closes the current row.
    pub fn end_row(&mut self) {
        self.lengths.push(self.indices.len() - self.row_start);
        self.valid.push(true);
        self.row_start = self.indices.len();
    }

    /// Closes the current row as NULL.
    pub fn end_null(&mut self) {
        self.indices.truncate(self.row_start);
        self.lengths.push(0);
        self.valid.push(false);
    }

    pub fn finish(self, field: FieldRef) -> DfResult<ArrayRef> {
        if self.indices.len() > i32::MAX as usize {
            return Err(too_long());
        }
        let pool = match self.sources.as_slice() {
            [one] => one.clone(),
            many => concat(&many.iter().map(|a| a.as_ref()).collect::<Vec<_>>())?,
        };
        let values = take(&pool, &UInt32Array::from(self.indices), None)?;
        list_of(field, values, self.lengths, self.valid)
    }
}

/// A list array from its elements, the length of each row, and which rows are not NULL.
pub fn list_of(field: FieldRef, values: ArrayRef, lengths: Vec<usize>, valid: Vec<bool>) -> DfResult<ArrayRef> {
    let values = retype(values, field.data_type());
    let offsets = OffsetBuffer::from_lengths(lengths);
    Ok(Arc::new(ListArray::try_new(field, offsets, values, Some(NullBuffer::from(valid)))?))
}

/// The item field of a list type.
pub fn item_field(list: &Arrow) -> DfResult<FieldRef> {
    match list {
        Arrow::List(f) => Ok(f.clone()),
        other => Err(exec_err(SparkError::internal(format!("{other} is not a list")))),
    }
}

/// The same data under a type that differs in nested field names or nullability only.
pub fn retype(array: ArrayRef, to: &Arrow) -> ArrayRef {
    if array.data_type() == to {
        return array;
    }
    match retyped(array.to_data(), to) {
        Some(data) => datafusion::arrow::array::make_array(data),
        None => array,
    }
}

fn retyped(data: ArrayData, to: &Arrow) -> Option<ArrayData> {
    if data.data_type() == to {
        return Some(data);
    }
    let parts: Vec<Arrow> = match to {
        Arrow::List(f) | Arrow::Map(f, _) => vec![f.data_type().clone()],
        Arrow::Struct(fields) => fields.iter().map(|f| f.data_type().clone()).collect(),
        _ => vec![],
    };
    let children: Option<Vec<_>> =
        data.child_data().iter().zip(&parts).map(|(child, part)| retyped(child.clone(), part)).collect();
    data.into_builder().data_type(to.clone()).child_data(children?).build().ok()
}

/// Most elements that one batch of rows makes: two gigabytes.
const MOST_ELEMENTS: usize = 1 << 28;

/// Error: more elements than a batch may have.
pub fn within_bounds(call: &Call, elements: usize) -> DfResult<()> {
    if elements <= MOST_ELEMENTS {
        return Ok(());
    }
    let error = SparkError::new("UNABLE_TO_ACQUIRE_MEMORY")
        .param("requestedBytes", elements.saturating_mul(8))
        .param("receivedBytes", MOST_ELEMENTS * 8);
    Err(call.error(error))
}

pub fn too_long() -> datafusion::common::DataFusionError {
    exec_err(
        SparkError::new("COLLECTION_SIZE_LIMIT_EXCEEDED.FUNCTION")
            .param("numberOfElements", "too many")
            .param("maxRoundedArrayLength", vonk_common::limits::MAX_ARRAY_LENGTH)
            .param("functionName", "array"),
    )
}

/// All arguments as arrays of `rows` rows.
pub fn arrays(args: &[ColumnarValue], rows: usize) -> DfResult<Vec<ArrayRef>> {
    (0..args.len()).map(|i| array_arg(args, i, rows)).collect()
}
