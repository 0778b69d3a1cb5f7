//! Dense matrices, stored by rows (`isTransposed` as Spark says) or by columns.

use vonk_common::{SparkError, SparkResult};
use vonk_plan::Literal;
use vonk_plan::types::DataType;

use super::udt::{double_array, doubles, ints, matrix_type, struct_items, udt_literal};

#[derive(Debug, Clone, PartialEq)]
pub struct Matrix {
    pub rows: usize,
    pub cols: usize,
    pub values: Vec<f64>,
    /// Row after row.
    pub row_major: bool,
}

impl Matrix {
    pub fn from_rows(rows: usize, cols: usize, values: Vec<f64>) -> Matrix {
        Matrix { rows, cols, values, row_major: true }
    }

    /// Row `i` of a matrix stored by rows.
    pub fn row(&self, i: usize) -> &[f64] {
        self.values.get(i * self.cols..(i + 1) * self.cols).unwrap_or_default()
    }

    pub fn iter_rows(&self) -> impl Iterator<Item = &[f64]> {
        self.values.chunks_exact(self.cols.max(1))
    }

    /// The same matrix, row after row.
    pub fn into_row_major(self) -> Matrix {
        if self.row_major {
            return self;
        }
        let mut values = Vec::with_capacity(self.values.len());
        for i in 0..self.rows {
            values.extend(self.values.iter().skip(i).step_by(self.rows.max(1)));
        }
        Matrix::from_rows(self.rows, self.cols, values)
    }

    pub fn to_literal(&self) -> Literal {
        let none = || Literal::Null(DataType::array(DataType::Int, false));
        let size = |n: usize| Literal::Int(n as i32);
        let items = vec![
            Literal::Byte(1),
            size(self.rows),
            size(self.cols),
            none(),
            none(),
            double_array(&self.values),
            Literal::Boolean(self.row_major),
        ];
        udt_literal(matrix_type(), items)
    }

    /// Dense, or sparse by columns or rows: always dense afterwards.
    pub fn from_literal(value: &Literal) -> SparkResult<Matrix> {
        let bad = || SparkError::internal("a matrix was expected");
        let Some([Literal::Byte(kind), Literal::Int(rows), Literal::Int(cols), ptrs, indices, values, transposed]) =
            struct_items(value)
        else {
            return Err(bad());
        };
        let (rows, cols) = (usize::try_from(*rows).map_err(|_| bad())?, usize::try_from(*cols).map_err(|_| bad())?);
        let values = doubles(values).ok_or_else(bad)?;
        let row_major = matches!(transposed, Literal::Boolean(true));
        let area = rows.checked_mul(cols).filter(|n| *n <= 1 << 28).ok_or_else(bad)?;
        if *kind == 1 {
            return if values.len() == area { Ok(Matrix { rows, cols, values, row_major }) } else { Err(bad()) };
        }
        let (ptrs, indices) = (ints(ptrs).ok_or_else(bad)?, ints(indices).ok_or_else(bad)?);
        let stride = if row_major { cols } else { rows };
        let mut out = vec![0.0; area];
        for (major, range) in ptrs.windows(2).enumerate() {
            let (Some(a), Some(b)) = (range.first(), range.last()) else { continue };
            for at in *a as usize..(*b as usize).min(values.len()) {
                let (Some(minor), Some(v)) = (indices.get(at), values.get(at)) else { return Err(bad()) };
                *out.get_mut(major * stride + *minor as usize).ok_or_else(bad)? = *v;
            }
        }
        Ok(Matrix { rows, cols, values: out, row_major })
    }
}
