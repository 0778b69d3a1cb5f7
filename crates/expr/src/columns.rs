//! Reading a kernel's arguments and writing its result, row by row.
//!
//! [`Col`] reads a constant and a column alike without copying the constant to every row; the
//! `*_rows` functions collect what a closure gives for each row. `None` is NULL.

use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayAccessor, ArrowPrimitiveType, BinaryBuilder, BooleanBuilder, PrimitiveArray, PrimitiveBuilder,
    StringBuilder,
};
use datafusion::common::Result as DfResult;
use datafusion::logical_expr::ColumnarValue;
use vonk_common::SparkError;

use crate::kernel::Call;

/// One argument: a column, or a constant that every row reads.
pub struct Col<A> {
    array: A,
    constant: bool,
}

impl<A: Array + Clone + 'static> Col<A> {
    pub fn new(args: &[ColumnarValue], i: usize) -> DfResult<Self> {
        let (array, constant) = match args.get(i) {
            Some(ColumnarValue::Array(a)) => (Arc::clone(a), false),
            Some(ColumnarValue::Scalar(s)) => (s.to_array()?, true),
            None => return Err(crate::exec_err(SparkError::internal(format!("argument {i} is missing")))),
        };
        match array.as_any().downcast_ref::<A>() {
            Some(array) => Ok(Col { array: array.clone(), constant }),
            None => Err(crate::exec_err(SparkError::internal(format!("argument {i} is {}", array.data_type())))),
        }
    }

    /// The value in a row.
    #[inline]
    pub fn get<'a>(&'a self, row: usize) -> Option<<&'a A as ArrayAccessor>::Item>
    where
        &'a A: ArrayAccessor,
    {
        let row = if self.constant { 0 } else { row };
        if row >= self.array.len() || self.array.is_null(row) { None } else { Some((&self.array).value(row)) }
    }

    /// The same value in every row.
    pub fn is_constant(&self) -> bool {
        self.constant
    }

    pub fn array(&self) -> &A {
        &self.array
    }
}

/// Unwraps values or ends the row's closure with NULL: `let (s, n) = not_null!(s.get(i), n.get(i));`.
#[macro_export]
macro_rules! not_null {
    ($only:expr) => {
        match $only {
            Some(v) => v,
            None => return Ok(None),
        }
    };
    ($($each:expr),+) => {
        ($(match $each {
            Some(v) => v,
            None => return Ok(None),
        }),+)
    };
}

/// Numbers, dates and timestamps: of the call's return type.
pub fn primitive_rows<T: ArrowPrimitiveType>(
    call: &Call,
    rows: usize,
    mut f: impl FnMut(usize) -> DfResult<Option<T::Native>>,
) -> DfResult<ColumnarValue> {
    let mut out = PrimitiveBuilder::<T>::with_capacity(rows);
    for row in 0..rows {
        out.append_option(f(row)?);
    }
    let array: PrimitiveArray<T> = out.finish();
    let wanted = call.arrow_return_type();
    if !PrimitiveArray::<T>::is_compatible(&wanted) {
        return Err(crate::exec_err(SparkError::internal(format!("{} is not {wanted}", T::DATA_TYPE))));
    }
    Ok(ColumnarValue::Array(Arc::new(array.with_data_type(wanted))))
}

pub fn boolean_rows(rows: usize, mut f: impl FnMut(usize) -> DfResult<Option<bool>>) -> DfResult<ColumnarValue> {
    let mut out = BooleanBuilder::with_capacity(rows);
    for row in 0..rows {
        out.append_option(f(row)?);
    }
    Ok(ColumnarValue::Array(Arc::new(out.finish())))
}

/// Strings: the closure writes the row's text into an empty buffer and says whether it is a value.
pub fn string_rows(
    rows: usize,
    bytes: usize,
    mut f: impl FnMut(usize, &mut String) -> DfResult<Option<()>>,
) -> DfResult<ColumnarValue> {
    let mut out = StringBuilder::with_capacity(rows, bytes);
    let mut text = String::new();
    let mut total = 0usize;
    for row in 0..rows {
        text.clear();
        match f(row, &mut text)? {
            Some(()) => {
                total = fits(total, text.len())?;
                out.append_value(&text);
            }
            None => out.append_null(),
        }
    }
    Ok(ColumnarValue::Array(Arc::new(out.finish())))
}

/// Strings that are slices of an argument.
pub fn slice_rows<'a>(
    rows: usize,
    bytes: usize,
    mut f: impl FnMut(usize) -> DfResult<Option<&'a str>>,
) -> DfResult<ColumnarValue> {
    let mut out = StringBuilder::with_capacity(rows, bytes);
    let mut total = 0usize;
    for row in 0..rows {
        let value = f(row)?;
        total = fits(total, value.map_or(0, str::len))?;
        out.append_option(value);
    }
    Ok(ColumnarValue::Array(Arc::new(out.finish())))
}

/// Binary values, as [`string_rows`].
pub fn binary_rows(
    rows: usize,
    mut f: impl FnMut(usize, &mut Vec<u8>) -> DfResult<Option<()>>,
) -> DfResult<ColumnarValue> {
    let mut out = BinaryBuilder::with_capacity(rows, rows * 16);
    let mut bytes = vec![];
    let mut total = 0usize;
    for row in 0..rows {
        bytes.clear();
        match f(row, &mut bytes)? {
            Some(()) => {
                total = fits(total, bytes.len())?;
                out.append_value(&bytes);
            }
            None => out.append_null(),
        }
    }
    Ok(ColumnarValue::Array(Arc::new(out.finish())))
}

/// One batch's strings have 32-bit offsets: more than 2 GiB in one batch is refused, not a panic.
pub fn fits(total: usize, more: usize) -> DfResult<usize> {
    match total.checked_add(more).filter(|t| *t <= i32::MAX as usize) {
        Some(total) => Ok(total),
        None => Err(crate::exec_err(
            SparkError::new("UNABLE_TO_ACQUIRE_MEMORY")
                .param("requestedBytes", total.saturating_add(more))
                .param("receivedBytes", i32::MAX),
        )),
    }
}
