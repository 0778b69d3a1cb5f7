//! Bytes of states and parameters: what passes and functions carry from one process to another.
//! Little-endian numbers, lengths before lists; a short or damaged buffer is an error, not a panic.

use vonk_common::{SparkError, SparkResult};

#[derive(Debug, Default)]
pub struct Writer(Vec<u8>);

impl Writer {
    pub fn new() -> Self {
        Writer::default()
    }

    pub fn u64(mut self, v: u64) -> Self {
        self.0.extend_from_slice(&v.to_le_bytes());
        self
    }

    pub fn usize(self, v: usize) -> Self {
        self.u64(v as u64)
    }

    pub fn bool(self, v: bool) -> Self {
        self.u64(u64::from(v))
    }

    pub fn f64(self, v: f64) -> Self {
        self.u64(v.to_bits())
    }

    pub fn f64s(mut self, v: &[f64]) -> Self {
        self = self.usize(v.len());
        for v in v {
            self.0.extend_from_slice(&v.to_le_bytes());
        }
        self
    }

    pub fn i32s(mut self, v: &[i32]) -> Self {
        self = self.usize(v.len());
        for v in v {
            self.0.extend_from_slice(&v.to_le_bytes());
        }
        self
    }

    pub fn str(mut self, v: &str) -> Self {
        self = self.usize(v.len());
        self.0.extend_from_slice(v.as_bytes());
        self
    }

    pub fn strs<S: AsRef<str>>(mut self, v: &[S]) -> Self {
        self = self.usize(v.len());
        for v in v {
            self = self.str(v.as_ref());
        }
        self
    }

    pub fn done(self) -> Vec<u8> {
        self.0
    }
}

#[derive(Debug)]
pub struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Reader(bytes)
    }

    fn take(&mut self, n: usize) -> SparkResult<&'a [u8]> {
        let (head, tail) = self.0.split_at_checked(n).ok_or_else(short)?;
        self.0 = tail;
        Ok(head)
    }

    pub fn u64(&mut self) -> SparkResult<u64> {
        self.take(8)?.try_into().map(u64::from_le_bytes).map_err(|_| short())
    }

    pub fn usize(&mut self) -> SparkResult<usize> {
        usize::try_from(self.u64()?).map_err(|_| short())
    }

    pub fn bool(&mut self) -> SparkResult<bool> {
        Ok(self.u64()? != 0)
    }

    pub fn f64(&mut self) -> SparkResult<f64> {
        Ok(f64::from_bits(self.u64()?))
    }

    pub fn f64s(&mut self) -> SparkResult<Vec<f64>> {
        let n = self.usize()?;
        let bytes = self.take(n.checked_mul(8).ok_or_else(short)?)?;
        Ok(bytes.chunks_exact(8).filter_map(|c| c.try_into().ok().map(f64::from_le_bytes)).collect())
    }

    pub fn i32s(&mut self) -> SparkResult<Vec<i32>> {
        let n = self.usize()?;
        let bytes = self.take(n.checked_mul(4).ok_or_else(short)?)?;
        Ok(bytes.chunks_exact(4).filter_map(|c| c.try_into().ok().map(i32::from_le_bytes)).collect())
    }

    pub fn str(&mut self) -> SparkResult<&'a str> {
        let n = self.usize()?;
        std::str::from_utf8(self.take(n)?).map_err(|_| short())
    }

    pub fn strs(&mut self) -> SparkResult<Vec<String>> {
        let n = self.usize()?;
        (0..n).map(|_| self.str().map(str::to_string)).collect()
    }
}

fn short() -> SparkError {
    SparkError::internal("the bytes of an ML state are damaged")
}

/// `into += from`, growing as needed.
pub fn add(into: &mut Vec<f64>, from: &[f64]) {
    if into.len() < from.len() {
        into.resize(from.len(), 0.0);
    }
    for (a, b) in into.iter_mut().zip(from) {
        *a += b;
    }
}
