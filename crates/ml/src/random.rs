//! The random numbers of Java and of Spark, so that seeded choices are Spark's where rows and
//! partitions are: `java.util.Random`, `XORShiftRandom` and the gap-skipping Bernoulli sampler.

/// What both generators build upon.
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
}

#[derive(Debug, Clone)]
pub struct JavaRandom(i64);

impl JavaRandom {
    const MULTIPLIER: i64 = 0x5DEECE66D;
    const MASK: i64 = (1 << 48) - 1;

    pub fn new(seed: i64) -> Self {
        JavaRandom((seed ^ Self::MULTIPLIER) & Self::MASK)
    }
}

impl Bits for JavaRandom {
    fn next(&mut self, n: u32) -> i32 {
        self.0 = self.0.wrapping_mul(Self::MULTIPLIER).wrapping_add(0xB) & Self::MASK;
        (self.0 >> (48 - n)) as i32
    }
}

#[derive(Debug, Clone)]
pub struct XorShiftRandom(i64);

impl XorShiftRandom {
    pub fn new(seed: i64) -> Self {
        let bytes = seed.to_be_bytes();
        let low = murmur3(&bytes, 0x3c07_4a61);
        let high = murmur3(&bytes, low);
        XorShiftRandom((i64::from(high) << 32) | (i64::from(low) & 0xFFFF_FFFF))
    }
}

impl Bits for XorShiftRandom {
    fn next(&mut self, n: u32) -> i32 {
        let mut s = self.0;
        s ^= s << 21;
        s ^= ((s as u64) >> 35) as i64;
        s ^= s << 4;
        self.0 = s;
        (s & ((1i64 << n) - 1)) as i32
    }
}

/// MurmurHash3 (32 bits) of eight bytes.
fn murmur3(bytes: &[u8; 8], seed: i32) -> i32 {
    let mut h = seed as u32;
    for word in bytes.chunks_exact(4) {
        let k = word.iter().rev().fold(0u32, |k, b| (k << 8) | u32::from(*b));
        h ^= k.wrapping_mul(0xcc9e_2d51).rotate_left(15).wrapping_mul(0x1b87_3593);
        h = h.rotate_left(13).wrapping_mul(5).wrapping_add(0xe654_6b64);
    }
    h ^= 8;
    h = (h ^ (h >> 16)).wrapping_mul(0x85eb_ca6b);
    h = (h ^ (h >> 13)).wrapping_mul(0xc2b2_ae35);
    (h ^ (h >> 16)) as i32
}

/// `String.hashCode`: the default seed of a class is that of its name.
pub fn java_hash(text: &str) -> i32 {
    text.encode_utf16().fold(0i32, |h, c| h.wrapping_mul(31).wrapping_add(i32::from(c)))
}

/// Keeps each row with the same probability, skipping over gaps when that is small.
#[derive(Debug, Clone)]
pub struct Bernoulli {
    fraction: f64,
    random: XorShiftRandom,
    drop: Option<u64>,
}

impl Bernoulli {
    pub fn new(fraction: f64, seed: i64) -> Self {
        let mut out = Bernoulli { fraction, random: XorShiftRandom::new(seed), drop: None };
        if fraction > 0.0 && fraction <= 0.4 {
            out.drop = Some(out.gap());
        }
        out
    }

    fn gap(&mut self) -> u64 {
        let u = self.random.next_double().max(5e-11);
        (u.ln() / (-self.fraction).ln_1p()) as u64
    }

    pub fn keep(&mut self) -> bool {
        match self.drop {
            Some(0) => {
                self.drop = Some(self.gap());
                true
            }
            Some(n) => {
                self.drop = Some(n - 1);
                false
            }
            None => self.fraction >= 1.0 || self.fraction > 0.0 && self.random.next_double() <= self.fraction,
        }
    }
}

/// Shuffles in place as Spark does.
pub fn shuffle<T>(items: &mut [T], random: &mut impl Bits) {
    for i in (1..items.len()).rev() {
        let j = random.next_below((i + 1) as i32) as usize;
        items.swap(i, j);
    }
}

/// A fraction that gives at least `wanted` of `total` rows, nearly always.
pub fn fraction_for(wanted: usize, total: u64) -> f64 {
    let fraction = wanted as f64 / total as f64;
    let gamma = -(1e-4f64).ln() / total as f64;
    (fraction + gamma + (gamma * gamma + 2.0 * gamma * fraction).sqrt()).clamp(1e-10, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn java_numbers() {
        let mut r = JavaRandom::new(42);
        assert_eq!([r.next_int(), r.next_int()], [-1170105035, 234785527]);
        assert_eq!(JavaRandom::new(42).next_double(), 0.7275636800328681);
        assert_eq!(java_hash("org.apache.spark.ml.clustering.KMeans"), -1689246527);
    }

    /// `SELECT rand(0)` of Spark gives the first double of seed 0.
    #[test]
    fn spark_numbers() {
        assert_eq!(XorShiftRandom::new(0).next_double(), 0.7604953758285915);
    }
}
