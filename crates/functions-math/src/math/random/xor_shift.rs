//! The generator behind Spark's `rand`: a 64-bit xor-shift over a hashed seed, with the number
//! formats of `java.util.Random`.

use crate::hash::murmur3::standard_bytes;

pub struct XorShift {
    seed: i64,
    spare: Option<f64>,
}

/// Seed of the hash that mixes the seed's bytes.
const MIX: i32 = 0x3c07_4a61;

impl XorShift {
    pub fn new(seed: i64) -> Self {
        let bytes = seed.to_be_bytes();
        let low = standard_bytes(&bytes, MIX);
        let high = standard_bytes(&bytes, low);
        XorShift { seed: i64::from(high) << 32 | i64::from(low as u32), spare: None }
    }

    fn next(&mut self, bits: u32) -> i32 {
        let mut x = self.seed;
        x ^= x << 21;
        x ^= ((x as u64) >> 35) as i64;
        x ^= x << 4;
        self.seed = x;
        (x & ((1i64 << bits) - 1)) as i32
    }

    pub fn next_double(&mut self) -> f64 {
        let high = i64::from(self.next(26)) << 27;
        (high + i64::from(self.next(27))) as f64 / (1i64 << 53) as f64
    }

    /// Polar method; every second value is kept for the next call.
    pub fn next_gaussian(&mut self) -> f64 {
        if let Some(v) = self.spare.take() {
            return v;
        }
        loop {
            let (a, b) = (2.0 * self.next_double() - 1.0, 2.0 * self.next_double() - 1.0);
            let s = a * a + b * b;
            if s < 1.0 && s != 0.0 {
                let m = (-2.0 * s.ln() / s).sqrt();
                self.spare = Some(b * m);
                return a * m;
            }
        }
    }

    /// Letters and digits.
    pub fn next_text(&mut self, length: usize) -> String {
        (0..length)
            .map(|_| {
                let v = self.next(32).unsigned_abs() % 62;
                let byte = match v {
                    0..=9 => b'0' + v as u8,
                    10..=35 => b'a' + (v as u8 - 10),
                    _ => b'A' + (v as u8 - 36),
                };
                char::from(byte)
            })
            .collect()
    }
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
    }
}
