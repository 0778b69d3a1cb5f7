//! Spark's random numbers: XORShift over a seed mixed by Murmur3, so that samples are the same rows.

pub struct XorShift(i64);

impl XorShift {
    pub fn new(seed: i64) -> Self {
        let bytes = seed.to_be_bytes();
        let low = murmur3(&bytes, ARRAY_SEED);
        let high = murmur3(&bytes, low);
        XorShift(i64::from(high) << 32 | i64::from(low) & 0xffff_ffff)
    }

    fn bits(&mut self, n: u32) -> i32 {
        let mut x = self.0;
        x ^= x << 21;
        x ^= ((x as u64) >> 35) as i64;
        x ^= x << 4;
        self.0 = x;
        (x & ((1_i64 << n) - 1)) as i32
    }

    /// In [0, 1), as `java.util.Random` makes it of 53 bits.
    pub fn next_double(&mut self) -> f64 {
        let high = i64::from(self.bits(26)) << 27;
        (high + i64::from(self.bits(27))) as f64 * 2_f64.powi(-53)
    }

    /// How often an event of that mean rate happens.
    pub fn poisson(&mut self, mean: f64) -> usize {
        let limit = (-mean).exp();
        let (mut product, mut n) = (self.next_double(), 0);
        while product > limit && n < 1_000 {
            product *= self.next_double();
            n += 1;
        }
        n
    }
}

/// Scala's `MurmurHash3.arraySeed`.
const ARRAY_SEED: i32 = 0x3c07_4a61;

/// Murmur3 (x86, 32 bits) of bytes, as Scala computes it.
fn murmur3(bytes: &[u8], seed: i32) -> i32 {
    let mix_k = |k: u32| k.wrapping_mul(0xcc9e_2d51).rotate_left(15).wrapping_mul(0x1b87_3593);
    let mut h = seed as u32;
    let mut chunks = bytes.chunks_exact(4);
    for chunk in &mut chunks {
        let k = chunk.iter().rev().fold(0_u32, |k, b| k << 8 | u32::from(*b));
        h = (h ^ mix_k(k)).rotate_left(13).wrapping_mul(5).wrapping_add(0xe654_6b64);
    }
    let rest = chunks.remainder();
    if !rest.is_empty() {
        h ^= mix_k(rest.iter().rev().fold(0, |k, b| k << 8 | u32::from(*b)));
    }
    h ^= bytes.len() as u32;
    h = (h ^ h >> 16).wrapping_mul(0x85eb_ca6b);
    h = (h ^ h >> 13).wrapping_mul(0xc2b2_ae35);
    (h ^ h >> 16) as i32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_those_of_spark() {
        // `SELECT rand(42)` on one partition.
        let mut random = XorShift::new(42);
        assert!((random.next_double() - 0.619_189_370_225_301).abs() < 1e-15);
    }
}
