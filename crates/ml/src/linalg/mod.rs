//! Vectors and matrices: as values ([`Vector`], [`Matrix`]), as columns of a table
//! ([`column::VectorColumn`], [`column::VectorBuilder`]) and as wire literals.
//!
//! Columns keep Spark's layout `struct<type, size, indices, values>`; kernels read it through slices
//! of the child buffers, so that a column of dense vectors of one length is one flat block.

pub mod column;
pub mod matrix;
pub mod udt;
pub mod vector;

pub use column::{Row, VectorBuilder, VectorColumn};
pub use matrix::Matrix;
pub use vector::Vector;

/// `x · y`, with four running sums so that it vectorises.
pub fn dot(x: &[f64], y: &[f64]) -> f64 {
    let (xs, ys) = (x.chunks_exact(4), y.chunks_exact(4));
    let tail: f64 = xs.remainder().iter().zip(ys.remainder()).map(|(a, b)| a * b).sum();
    let mut sums = [0.0; 4];
    for (a, b) in xs.zip(ys) {
        for (s, (a, b)) in sums.iter_mut().zip(a.iter().zip(b)) {
            *s += a * b;
        }
    }
    sums[0] + sums[1] + sums[2] + sums[3] + tail
}

/// `y += a x`.
pub fn axpy(a: f64, x: &[f64], y: &mut [f64]) {
    for (y, x) in y.iter_mut().zip(x) {
        *y += a * x;
    }
}

pub fn norm(x: &[f64]) -> f64 {
    dot(x, x).sqrt()
}

/// A number as Java prints it: `1.0`, `1.0E-4`, `NaN`, `Infinity`.
pub fn java_double(v: f64) -> String {
    let a = v.abs();
    if v.is_nan() {
        "NaN".into()
    } else if v.is_infinite() {
        if v > 0.0 { "Infinity".into() } else { "-Infinity".into() }
    } else if a == 0.0 || (1e-3..1e7).contains(&a) {
        format!("{v:?}")
    } else {
        let text = format!("{v:e}");
        match text.split_once('e') {
            Some((m, e)) if m.contains('.') => format!("{m}E{e}"),
            Some((m, e)) => format!("{m}.0E{e}"),
            None => text,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_print_as_in_java() {
        let shown: Vec<_> = [1.0, 1e-4, 123456789.0, -0.5, f64::NAN, 1e7].into_iter().map(java_double).collect();
        assert_eq!(shown, ["1.0", "1.0E-4", "1.23456789E8", "-0.5", "NaN", "1.0E7"]);
    }

    #[test]
    fn dot_handles_the_tail() {
        assert_eq!(dot(&[1.0, 2.0, 3.0, 4.0, 5.0], &[1.0, 1.0, 1.0, 1.0, 2.0]), 20.0);
    }
}
