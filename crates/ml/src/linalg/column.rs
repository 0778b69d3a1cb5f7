//! Columns of vectors.
//!
//! A [`VectorColumn`] is a view of the struct array's buffers: a row is one or two slices, nothing is
//! copied. Where all rows are dense and of one length, [`VectorColumn::block`] is the whole column as
//! one row-major block. [`VectorBuilder`] makes such columns.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, Float64Array, Int8Array, Int32Array, ListArray, StructArray};
use datafusion::arrow::buffer::{NullBuffer, OffsetBuffer, ScalarBuffer};
use datafusion::arrow::datatypes::{DataType as Arrow, Fields, Float64Type, Int8Type, Int32Type};
use vonk_common::{SparkError, SparkResult};
use vonk_expr::arrow_types::to_arrow;

use super::dot;
use super::udt::vector_type;
use super::vector::{Vector, sparse_is_smaller};

/// One vector of a column.
#[derive(Debug, Clone, Copy)]
pub enum Row<'a> {
    Dense(&'a [f64]),
    Sparse { size: usize, indices: &'a [i32], values: &'a [f64] },
}

impl<'a> Row<'a> {
    pub fn len(&self) -> usize {
        match self {
            Row::Dense(v) => v.len(),
            Row::Sparse { size, .. } => *size,
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// `self · w`; entries beyond `w` count nothing.
    pub fn dot(&self, w: &[f64]) -> f64 {
        match self {
            Row::Dense(v) => dot(v, w),
            Row::Sparse { indices, values, .. } => {
                indices.iter().zip(*values).map(|(i, v)| v * w.get(*i as usize).copied().unwrap_or(0.0)).sum()
            }
        }
    }

    /// `y += a * self`.
    pub fn axpy(&self, a: f64, y: &mut [f64]) {
        match self {
            Row::Dense(v) => super::axpy(a, v, y),
            Row::Sparse { indices, values, .. } => {
                for (i, v) in indices.iter().zip(*values) {
                    if let Some(y) = y.get_mut(*i as usize) {
                        *y += a * v;
                    }
                }
            }
        }
    }

    /// Calls `f` with every stored entry.
    pub fn for_each(&self, mut f: impl FnMut(usize, f64)) {
        match self {
            Row::Dense(v) => v.iter().enumerate().for_each(|(i, v)| f(i, *v)),
            Row::Sparse { indices, values, .. } => {
                indices.iter().zip(*values).for_each(|(i, v)| f(*i as usize, *v));
            }
        }
    }

    /// Writes the vector into a slice of its length.
    pub fn write_to(&self, out: &mut [f64]) {
        match self {
            Row::Dense(v) => out.iter_mut().zip(*v).for_each(|(o, v)| *o = *v),
            Row::Sparse { .. } => {
                out.fill(0.0);
                self.for_each(|i, v| {
                    if let Some(o) = out.get_mut(i) {
                        *o = v;
                    }
                });
            }
        }
    }

    pub fn values(&self) -> &'a [f64] {
        match self {
            Row::Dense(v) => v,
            Row::Sparse { values, .. } => values,
        }
    }

    pub fn squared_norm(&self) -> f64 {
        dot(self.values(), self.values())
    }

    pub fn to_vector(&self) -> Vector {
        match self {
            Row::Dense(v) => Vector::Dense(v.to_vec()),
            Row::Sparse { size, indices, values } => {
                Vector::Sparse { size: *size, indices: indices.to_vec(), values: values.to_vec() }
            }
        }
    }
}

impl Vector {
    pub fn as_row(&self) -> Row<'_> {
        match self {
            Vector::Dense(v) => Row::Dense(v),
            Vector::Sparse { size, indices, values } => Row::Sparse { size: *size, indices, values },
        }
    }
}

#[derive(Debug, Clone)]
pub struct VectorColumn {
    nulls: Option<NullBuffer>,
    kinds: ScalarBuffer<i8>,
    sizes: ScalarBuffer<i32>,
    index_ends: OffsetBuffer<i32>,
    indices: ScalarBuffer<i32>,
    value_ends: OffsetBuffer<i32>,
    values: ScalarBuffer<f64>,
    all_dense: bool,
}

impl VectorColumn {
    pub fn try_new(array: &dyn Array) -> SparkResult<Self> {
        let bad = || SparkError::internal(format!("a column of vectors was expected, not {}", array.data_type()));
        let rows = array.as_struct_opt().filter(|s| s.num_columns() == 4).ok_or_else(bad)?;
        let kinds = rows.column(0).as_primitive_opt::<Int8Type>().ok_or_else(bad)?;
        let sizes = rows.column(1).as_primitive_opt::<Int32Type>().ok_or_else(bad)?;
        let indices = rows.column(2).as_list_opt::<i32>().ok_or_else(bad)?;
        let values = rows.column(3).as_list_opt::<i32>().ok_or_else(bad)?;
        Ok(VectorColumn {
            nulls: rows.logical_nulls(),
            all_dense: kinds.values().iter().all(|k| *k == 1),
            kinds: kinds.values().clone(),
            sizes: sizes.values().clone(),
            index_ends: indices.offsets().clone(),
            indices: indices.values().as_primitive_opt::<Int32Type>().ok_or_else(bad)?.values().clone(),
            value_ends: values.offsets().clone(),
            values: values.values().as_primitive_opt::<Float64Type>().ok_or_else(bad)?.values().clone(),
        })
    }

    pub fn len(&self) -> usize {
        self.kinds.len()
    }

    pub fn is_empty(&self) -> bool {
        self.kinds.is_empty()
    }

    pub fn null_count(&self) -> usize {
        self.nulls.as_ref().map_or(0, NullBuffer::null_count)
    }

    /// The vector of row `i`; none where it is NULL.
    #[inline]
    pub fn row(&self, i: usize) -> Option<Row<'_>> {
        if self.nulls.as_ref().is_some_and(|n| n.is_null(i)) {
            return None;
        }
        let values = slice(&self.values, &self.value_ends, i)?;
        if *self.kinds.get(i)? == 1 {
            return Some(Row::Dense(values));
        }
        let indices = slice(&self.indices, &self.index_ends, i)?;
        Some(Row::Sparse { size: usize::try_from(*self.sizes.get(i)?).unwrap_or(0), indices, values })
    }

    pub fn iter(&self) -> impl Iterator<Item = Option<Row<'_>>> {
        (0..self.len()).map(|i| self.row(i))
    }

    /// All rows as one row-major block of width `d`, if they are dense, of that length and not NULL.
    pub fn block(&self, d: usize) -> Option<&[f64]> {
        let n = self.len();
        if !self.all_dense || self.null_count() > 0 || d == 0 {
            return None;
        }
        let (first, last) = (*self.value_ends.first()? as usize, *self.value_ends.last()? as usize);
        if last.checked_sub(first)? != n * d {
            return None;
        }
        let regular = self.value_ends.iter().enumerate().all(|(i, end)| *end as usize == first + i * d);
        if regular { self.values.get(first..last) } else { None }
    }
}

fn slice<'a, T>(values: &'a [T], ends: &OffsetBuffer<i32>, i: usize) -> Option<&'a [T]> {
    values.get(*ends.get(i)? as usize..*ends.get(i + 1)? as usize)
}

/// Makes a column of vectors, row by row.
#[derive(Debug, Default)]
pub struct VectorBuilder {
    kinds: Vec<i8>,
    sizes: Vec<i32>,
    index_lengths: Vec<usize>,
    indices: Vec<i32>,
    value_lengths: Vec<usize>,
    values: Vec<f64>,
    nulls: Vec<bool>,
}

impl VectorBuilder {
    pub fn with_capacity(rows: usize, values: usize) -> Self {
        VectorBuilder {
            kinds: Vec::with_capacity(rows),
            sizes: Vec::with_capacity(rows),
            index_lengths: Vec::with_capacity(rows),
            value_lengths: Vec::with_capacity(rows),
            values: Vec::with_capacity(values),
            ..Default::default()
        }
    }

    pub fn push_null(&mut self) {
        self.mark_null();
        self.finish_row(0, 0, 0, 0);
    }

    fn mark_null(&mut self) {
        self.nulls.resize(self.kinds.len(), true);
        self.nulls.push(false);
    }

    fn finish_row(&mut self, kind: i8, size: usize, indices: usize, values: usize) {
        self.kinds.push(kind);
        self.sizes.push(size as i32);
        self.index_lengths.push(indices);
        self.value_lengths.push(values);
    }

    pub fn push_dense(&mut self, values: &[f64]) {
        self.values.extend_from_slice(values);
        self.finish_row(1, 0, 0, values.len());
    }

    pub fn push_sparse(&mut self, size: usize, entries: impl IntoIterator<Item = (i32, f64)>) {
        let (was, before) = (self.indices.len(), self.values.len());
        for (i, v) in entries {
            self.indices.push(i);
            self.values.push(v);
        }
        self.finish_row(0, size, self.indices.len() - was, self.values.len() - before);
    }

    /// Ascending entries, of which some may be zero, in the form that Spark's `compressed` picks.
    pub fn push_compressed(&mut self, size: usize, indices: &[i32], values: &[f64]) {
        let nnz = values.iter().filter(|v| **v != 0.0).count();
        if sparse_is_smaller(nnz, size) {
            self.push_sparse(size, indices.iter().copied().zip(values.iter().copied()).filter(|(_, v)| *v != 0.0));
        } else {
            let start = self.values.len();
            self.values.resize(start + size, 0.0);
            if let Some(row) = self.values.get_mut(start..) {
                for (i, v) in indices.iter().zip(values) {
                    if let Some(slot) = row.get_mut(*i as usize) {
                        *slot = *v;
                    }
                }
            }
            self.finish_row(1, 0, 0, size);
        }
    }

    pub fn push(&mut self, row: Row<'_>) {
        match row {
            Row::Dense(v) => self.push_dense(v),
            Row::Sparse { size, indices, values } => {
                self.push_sparse(size, indices.iter().copied().zip(values.iter().copied()));
            }
        }
    }

    pub fn finish(mut self) -> SparkResult<ArrayRef> {
        let Arrow::Struct(fields) = to_arrow(&vector_type()) else { return Err(SparkError::internal("vector type")) };
        let rows = self.kinds.len();
        let dense: Vec<bool> = self.kinds.iter().map(|k| *k == 1).collect();
        let sparse = NullBuffer::from(dense.iter().map(|d| !d).collect::<Vec<_>>());
        let nulls = if self.nulls.is_empty() {
            None
        } else {
            self.nulls.resize(rows, true);
            Some(NullBuffer::from(self.nulls))
        };
        let columns: Vec<ArrayRef> = vec![
            Arc::new(Int8Array::from(self.kinds)),
            Arc::new(Int32Array::new(self.sizes.into(), Some(sparse.clone()))),
            list(&fields, 2, self.index_lengths, Arc::new(Int32Array::from(self.indices)), Some(sparse))?,
            list(&fields, 3, self.value_lengths, Arc::new(Float64Array::from(self.values)), None)?,
        ];
        Ok(Arc::new(StructArray::try_new(fields, columns, nulls).map_err(arrow_error)?))
    }
}

fn list(
    fields: &Fields,
    i: usize,
    lengths: Vec<usize>,
    values: ArrayRef,
    nulls: Option<NullBuffer>,
) -> SparkResult<ArrayRef> {
    let Some(Arrow::List(item)) = fields.get(i).map(|f| f.data_type()) else {
        return Err(SparkError::internal("vector type"));
    };
    if i32::try_from(values.len()).is_err() {
        return Err(SparkError::internal("too many numbers in one batch of vectors"));
    }
    let offsets = OffsetBuffer::from_lengths(lengths);
    Ok(Arc::new(ListArray::try_new(item.clone(), offsets, values, nulls).map_err(arrow_error)?))
}

pub(crate) fn arrow_error(e: datafusion::arrow::error::ArrowError) -> SparkError {
    vonk_expr::spark_error(e.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_gives_back_what_was_built() -> SparkResult<()> {
        let mut b = VectorBuilder::default();
        b.push_dense(&[1.0, 2.0]);
        b.push_null();
        b.push_compressed(6, &[1, 2, 4], &[0.0, 3.0, 5.0]);
        let column = VectorColumn::try_new(&b.finish()?)?;
        let shown: Vec<_> = column.iter().map(|r| r.map(|r| r.to_vector().to_string())).collect();
        assert_eq!(shown, [Some("[1.0,2.0]".to_string()), None, Some("(6,[2,4],[3.0,5.0])".to_string())]);
        assert!(column.block(2).is_none());
        Ok(())
    }

    #[test]
    fn dense_columns_are_blocks_even_when_sliced() -> SparkResult<()> {
        let mut b = VectorBuilder::default();
        for i in 0..4 {
            b.push_dense(&[f64::from(i), 1.0]);
        }
        let column = VectorColumn::try_new(&b.finish()?.slice(1, 2))?;
        assert_eq!(column.block(2), Some(&[1.0, 1.0, 2.0, 1.0][..]));
        assert!(column.block(3).is_none());
        Ok(())
    }
}
