//! One vector, dense or sparse, with Spark's rules for printing and choosing the smaller form.

use std::fmt;

use vonk_common::{SparkError, SparkResult};
use vonk_plan::Literal;
use vonk_plan::types::DataType;

use super::java_double;
use super::udt::{double_array, doubles, int_array, ints, udt_literal, vector_type};

#[derive(Debug, Clone, PartialEq)]
pub enum Vector {
    Dense(Vec<f64>),
    Sparse { size: usize, indices: Vec<i32>, values: Vec<f64> },
}

impl Vector {
    pub fn len(&self) -> usize {
        match self {
            Vector::Dense(v) => v.len(),
            Vector::Sparse { size, .. } => *size,
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn to_dense(&self) -> Vec<f64> {
        match self {
            Vector::Dense(v) => v.clone(),
            Vector::Sparse { size, indices, values } => {
                let mut out = vec![0.0; *size];
                for (i, v) in indices.iter().zip(values) {
                    if let Some(slot) = usize::try_from(*i).ok().and_then(|i| out.get_mut(i)) {
                        *slot = *v;
                    }
                }
                out
            }
        }
    }

    /// The form Spark's `compressed` picks: sparse when `1.5 (nnz + 1) < size`.
    pub fn compressed(values: Vec<f64>) -> Vector {
        let nnz = values.iter().filter(|v| **v != 0.0).count();
        if sparse_is_smaller(nnz, values.len()) {
            let (indices, kept) =
                values.iter().enumerate().filter(|(_, v)| **v != 0.0).map(|(i, v)| (i as i32, *v)).unzip();
            Vector::Sparse { size: values.len(), indices, values: kept }
        } else {
            Vector::Dense(values)
        }
    }

    /// As a constant of type VectorUDT.
    pub fn to_literal(&self) -> Literal {
        let items = match self {
            Vector::Dense(v) => vec![
                Literal::Byte(1),
                Literal::Null(DataType::Int),
                Literal::Null(DataType::array(DataType::Int, false)),
                double_array(v),
            ],
            Vector::Sparse { size, indices, values } => {
                vec![Literal::Byte(0), Literal::Int(*size as i32), int_array(indices), double_array(values)]
            }
        };
        udt_literal(vector_type(), items)
    }

    pub fn from_literal(value: &Literal) -> SparkResult<Vector> {
        let bad = || SparkError::internal("a vector was expected");
        let items = super::udt::struct_items(value).ok_or_else(bad)?;
        match items {
            [Literal::Byte(1), .., values] => Ok(Vector::Dense(doubles(values).ok_or_else(bad)?)),
            [Literal::Byte(0), Literal::Int(size), indices, values] => Ok(Vector::Sparse {
                size: usize::try_from(*size).map_err(|_| bad())?,
                indices: ints(indices).ok_or_else(bad)?,
                values: doubles(values).ok_or_else(bad)?,
            }),
            _ => Err(bad()),
        }
    }
}

/// Spark's choice between the two forms of a vector.
pub fn sparse_is_smaller(nnz: usize, size: usize) -> bool {
    1.5 * (nnz as f64 + 1.0) < size as f64
}

impl fmt::Display for Vector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |v: &[f64]| v.iter().map(|v| java_double(*v)).collect::<Vec<_>>().join(",");
        match self {
            Vector::Dense(v) => write!(f, "[{}]", list(v)),
            Vector::Sparse { size, indices, values } => {
                let at: Vec<_> = indices.iter().map(i32::to_string).collect();
                write!(f, "({size},[{}],[{}])", at.join(","), list(values))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_survive_the_round_trip() {
        for v in
            [Vector::Dense(vec![1.0, 2.0]), Vector::Sparse { size: 5, indices: vec![1, 3], values: vec![2.0, 4.0] }]
        {
            assert_eq!(Vector::from_literal(&v.to_literal()), Ok(v));
        }
    }

    #[test]
    fn few_non_zeros_make_a_sparse_vector() {
        assert_eq!(Vector::compressed(vec![0.0, 0.0, 0.0, 1.0]).to_string(), "(4,[3],[1.0])");
        assert_eq!(Vector::compressed(vec![0.0, 0.0, 1.0]).to_string(), "[0.0,0.0,1.0]");
    }
}
