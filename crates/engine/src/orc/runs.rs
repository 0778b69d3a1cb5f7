//! Runs of bytes and bits, which booleans and presence are kept in, and varints.

use super::{Orc, ended};

/// Most values of one run, and of one list of literals.
pub const MAX_RUN: usize = 130;
pub const MAX_LITERALS: usize = 128;
/// Fewest equal values that a run is made of.
pub const MIN_RUN: usize = 3;

/// The bytes of a stream that are still to be read.
#[derive(Debug, Default)]
pub struct Input {
    bytes: Vec<u8>,
    at: usize,
}

impl Input {
    pub fn new(bytes: Vec<u8>) -> Self {
        Input { bytes, at: 0 }
    }

    pub fn byte(&mut self) -> Orc<u8> {
        let byte = *self.bytes.get(self.at).ok_or_else(ended)?;
        self.at += 1;
        Ok(byte)
    }

    pub fn take(&mut self, n: usize) -> Orc<&[u8]> {
        let end = self.at.checked_add(n).ok_or_else(ended)?;
        let taken = self.bytes.get(self.at..end).ok_or_else(ended)?;
        self.at = end;
        Ok(taken)
    }

    pub fn varint(&mut self) -> Orc<u128> {
        let (mut value, mut shift) = (0u128, 0);
        loop {
            let byte = self.byte()?;
            if shift > 126 {
                return Err("a number has too many digits".into());
            }
            value |= u128::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
            shift += 7;
        }
    }

    /// A big-endian number of some bytes.
    pub fn big_endian(&mut self, bytes: usize) -> Orc<u64> {
        Ok(self.take(bytes)?.iter().fold(0, |value, b| value << 8 | u64::from(*b)))
    }
}

pub fn unzigzag(value: u128) -> i128 {
    (value >> 1) as i128 ^ -((value & 1) as i128)
}

pub fn put_varint(mut value: u128, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

pub fn zigzag(value: i128) -> u128 {
    ((value << 1) ^ (value >> 127)) as u128
}

/// Bytes out of runs.
#[derive(Debug, Default)]
pub struct ByteRuns {
    input: Input,
    /// Bytes left of the run, and its byte where they are all the same.
    left: usize,
    same: Option<u8>,
}

impl ByteRuns {
    pub fn new(bytes: Vec<u8>) -> Self {
        ByteRuns { input: Input::new(bytes), left: 0, same: None }
    }

    pub fn byte(&mut self) -> Orc<u8> {
        if self.left == 0 {
            let control = self.input.byte()? as i8;
            if control >= 0 {
                (self.left, self.same) = (control as usize + MIN_RUN, Some(self.input.byte()?));
            } else {
                (self.left, self.same) = (control.unsigned_abs().into(), None);
            }
        }
        self.left -= 1;
        self.same.map_or_else(|| self.input.byte(), Ok)
    }
}

/// Bits out of runs of bytes, the highest first.
#[derive(Debug, Default)]
pub struct Bits {
    bytes: ByteRuns,
    byte: u8,
    left: u32,
}

impl Bits {
    pub fn new(bytes: Vec<u8>) -> Self {
        Bits { bytes: ByteRuns::new(bytes), byte: 0, left: 0 }
    }

    pub fn bit(&mut self) -> Orc<bool> {
        if self.left == 0 {
            (self.byte, self.left) = (self.bytes.byte()?, 8);
        }
        self.left -= 1;
        Ok(self.byte >> self.left & 1 == 1)
    }
}

/// Bytes into runs.
pub fn put_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    let mut rest = bytes;
    let mut literals: &[u8] = &[];
    while let Some(first) = rest.first() {
        let run = rest.iter().take(MAX_RUN).take_while(|b| *b == first).count();
        if run >= MIN_RUN {
            put_literals(literals, out);
            out.extend_from_slice(&[(run - MIN_RUN) as u8, *first]);
            rest = rest.get(run..).unwrap_or_default();
            literals = &[];
        } else {
            let start = bytes.len() - rest.len() - literals.len();
            literals = bytes.get(start..start + literals.len() + 1).unwrap_or_default();
            rest = rest.get(1..).unwrap_or_default();
            if literals.len() == MAX_LITERALS {
                put_literals(literals, out);
                literals = &[];
            }
        }
    }
    put_literals(literals, out);
}

fn put_literals(literals: &[u8], out: &mut Vec<u8>) {
    if !literals.is_empty() {
        out.push((literals.len() as i8).wrapping_neg() as u8);
        out.extend_from_slice(literals);
    }
}

/// Bits into runs of bytes; the last byte is filled with zeros.
pub fn put_bits(bits: &arrow::buffer::BooleanBuffer, out: &mut Vec<u8>) {
    let bits = bits.sliced();
    let bytes: Vec<u8> = bits.as_slice().iter().map(|b| b.reverse_bits()).collect();
    put_bytes(&bytes, out);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_round_trip() {
        let mut all: Vec<u8> = (0..=255).chain(0..200).collect();
        all.extend([7; 300]);
        all.extend([1, 1, 2, 2, 2, 3]);
        for bytes in [&all[..], &[], &[1], &[1, 1], &[1, 1, 1]] {
            let mut out = vec![];
            put_bytes(bytes, &mut out);
            let mut runs = ByteRuns::new(out);
            let back: Vec<u8> = bytes.iter().map(|_| runs.byte().unwrap()).collect();
            assert_eq!(back, bytes);
            assert!(runs.byte().is_err());
        }
    }

    #[test]
    fn varints_round_trip() {
        for value in [0, 1, -1, 63, -64, 64, i128::from(i64::MIN), 10i128.pow(38) - 1, i128::MIN, i128::MAX] {
            let mut out = vec![];
            put_varint(zigzag(value), &mut out);
            assert_eq!(unzigzag(Input::new(out).varint().unwrap()), value);
        }
        assert!(Input::new(vec![0xff; 40]).varint().is_err());
    }
}
