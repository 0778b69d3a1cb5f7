//! Spark's random numbers: a 64-bit xor-shift over a seed mixed by Murmur3, in the number formats of
//! `java.util.Random`. `rand`, samples and the starts of models draw the same numbers as there.

use crate::strict;

/// What the formats build upon.
pub trait Bits {
    /// The next `n` (at most 32) random bits, as a signed integer.
    fn next(&mut self, n: u32) -> i32;

    fn next_int(&mut self) -> i32 {
        self.next(32)
    }

    fn next_long(&mut self) -> i64 {
        (i64::from(self.next(32)) << 32).wrapping_add(i64::from(self.next(32)))
    }

    /// Uniform in [0, 1).
    fn next_double(&mut self) -> f64 {
        let high = i64::from(self.next(26)) << 27;
        (high + i64::from(self.next(27))) as f64 / (1u64 << 53) as f64
    }

    /// Uniform in [0, bound).
    fn next_below(&mut self, bound: i32) -> i32 {
        let bound = bound.max(1);
        let mut r = self.next(31);
        if bound & (bound - 1) == 0 {
            return ((i64::from(bound) * i64::from(r)) >> 31) as i32;
        }
        loop {
            let value = r % bound;
            if r.wrapping_sub(value).wrapping_add(bound - 1) >= 0 {
                return value;
            }
            r = self.next(31);
        }
    }

    /// Letters and digits.
    fn next_text(&mut self, length: usize) -> String {
        let letter = |v: u32| match v {
            0..=9 => b'0' + v as u8,
            10..=35 => b'a' + (v as u8 - 10),
            _ => b'A' + (v as u8 - 36),
        };
        (0..length).map(|_| char::from(letter(self.next(32).unsigned_abs() % 62))).collect()
    }
}

#[derive(Debug, Clone)]
pub struct XorShift {
    state: i64,
    spare: Option<f64>,
}

/// `java.util.Random`: 48 bits, each draw a multiple of the last.
#[derive(Debug, Clone)]
pub struct JavaRandom(u64);

impl JavaRandom {
    const FACTOR: u64 = 0x5_DEEC_E66D;
    const MASK: u64 = (1 << 48) - 1;

    pub fn new(seed: i64) -> Self {
        JavaRandom((seed as u64 ^ Self::FACTOR) & Self::MASK)
    }
}

impl Bits for JavaRandom {
    fn next(&mut self, n: u32) -> i32 {
        self.0 = self.0.wrapping_mul(Self::FACTOR).wrapping_add(0xB) & Self::MASK;
        (self.0 >> (48 - n)) as u32 as i32
    }
}

/// Scala's `MurmurHash3.arraySeed`.
const ARRAY_SEED: i32 = 0x3c07_4a61;

impl XorShift {
    pub fn new(seed: i64) -> Self {
        let bytes = seed.to_be_bytes();
        let low = murmur3(&bytes, ARRAY_SEED);
        let high = murmur3(&bytes, low);
        XorShift { state: i64::from(high) << 32 | i64::from(low as u32), spare: None }
    }

    /// From the standard normal distribution: the polar method gives two, one is kept.
    pub fn next_gaussian(&mut self) -> f64 {
        if let Some(v) = self.spare.take() {
            return v;
        }
        loop {
            let (a, b) = (2.0 * self.next_double() - 1.0, 2.0 * self.next_double() - 1.0);
            let s = a * a + b * b;
            if s < 1.0 && s != 0.0 {
                let m = (-2.0 * strict::ln(s) / s).sqrt();
                self.spare = Some(b * m);
                return a * m;
            }
        }
    }
}

impl Bits for XorShift {
    fn next(&mut self, n: u32) -> i32 {
        let mut x = self.state;
        x ^= x << 21;
        x ^= ((x as u64) >> 35) as i64;
        x ^= x << 4;
        self.state = x;
        (x & ((1i64 << n) - 1)) as i32
    }
}

/// Murmur3 (x86, 32 bits) of eight bytes.
fn murmur3(bytes: &[u8; 8], seed: i32) -> i32 {
    let mut h = seed as u32;
    for word in bytes.chunks_exact(4) {
        let k = word.iter().rev().fold(0u32, |k, b| k << 8 | u32::from(*b));
        h ^= k.wrapping_mul(0xcc9e_2d51).rotate_left(15).wrapping_mul(0x1b87_3593);
        h = h.rotate_left(13).wrapping_mul(5).wrapping_add(0xe654_6b64);
    }
    h ^= 8;
    h = (h ^ h >> 16).wrapping_mul(0x85eb_ca6b);
    h = (h ^ h >> 13).wrapping_mul(0xc2b2_ae35);
    (h ^ h >> 16) as i32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequences_are_sparks() {
        assert_eq!(XorShift::new(0).next_double(), 0.7604953758285915);
        assert_eq!(XorShift::new(0).next_gaussian(), 1.6034991609278433);
        assert_eq!(XorShift::new(0).next_text(3), "ceV");
        assert_eq!(XorShift::new(7).next_text(10), "6Ogz59i3TI");
        // `SELECT rand(42)` on one partition.
        assert!((XorShift::new(42).next_double() - 0.619_189_370_225_301).abs() < 1e-15);
    }
}
