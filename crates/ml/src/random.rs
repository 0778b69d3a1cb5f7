//! The random numbers of Java and of Spark, so that seeded choices are Spark's where rows and
//! partitions are: `java.util.Random`, and the gap-skipping Bernoulli sampler over Spark's own generator.

pub use vonk_expr::random::{Bits, JavaRandom, XorShift};

/// `String.hashCode`: the default seed of a class is that of its name.
pub fn java_hash(text: &str) -> i32 {
    text.encode_utf16().fold(0i32, |h, c| h.wrapping_mul(31).wrapping_add(i32::from(c)))
}

/// Keeps each row with the same probability, skipping over gaps when that is small.
#[derive(Debug, Clone)]
pub struct Bernoulli {
    fraction: f64,
    random: XorShift,
    drop: Option<u64>,
}

impl Bernoulli {
    pub fn new(fraction: f64, seed: i64) -> Self {
        let mut out = Bernoulli { fraction, random: XorShift::new(seed), drop: None };
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
}
