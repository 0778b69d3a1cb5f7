//! How often a row is drawn with replacement: Poisson numbers in the sequence that Spark's samples have for
//! a seed. They come from a WELL19937c generator with tempering, seeded and read as Commons Math does.

const WORDS: usize = 624;
/// Beyond this mean the count is drawn by another algorithm there; no sample asks for as much.
const MOST: f64 = 40.0;

#[derive(Debug, Clone)]
pub struct Poisson {
    mean: f64,
    limit: f64,
    state: Vec<u32>,
    at: usize,
}

impl Poisson {
    pub fn new(mean: f64, seed: i64) -> Self {
        let mut state = vec![(seed >> 32) as u32, seed as u32];
        for i in state.len()..WORDS {
            // Words count as signed before they are widened.
            let last = state.get(i - 2).map_or(0, |w| i64::from(*w as i32));
            state.push((1_812_433_253i64.wrapping_mul(last ^ (last >> 30)).wrapping_add(i as i64)) as u32);
        }
        Poisson { mean: mean.min(MOST), limit: (-mean.min(MOST)).exp(), state, at: 0 }
    }

    fn word(&self, distance: usize) -> u32 {
        self.state.get((self.at + distance) % WORDS).copied().unwrap_or(0)
    }

    fn next(&mut self, bits: u32) -> u32 {
        let (last, before) = (self.word(WORDS - 1), self.word(WORDS - 2));
        let (v0, m1, m2, m3) = (self.word(0), self.word(70), self.word(179), self.word(449));
        let z0 = (0x8000_0000 & last) ^ (0x7fff_ffff & before);
        let z1 = (v0 ^ (v0 << 25)) ^ (m1 ^ (m1 >> 27));
        let z2 = (m2 >> 9) ^ (m3 ^ (m3 >> 1));
        let z3 = z1 ^ z2;
        let mut z4 = z0 ^ (z1 ^ (z1 << 9)) ^ (z2 ^ (z2 << 21)) ^ (z3 ^ (z3 >> 21));
        let (previous, older) = ((self.at + WORDS - 1) % WORDS, (self.at + WORDS - 2) % WORDS);
        for (index, value) in [(self.at, z3), (previous, z4), (older, before & 0x8000_0000)] {
            if let Some(word) = self.state.get_mut(index) {
                *word = value;
            }
        }
        self.at = previous;
        z4 ^= (z4 << 7) & 0xe46e_1700;
        z4 ^= (z4 << 15) & 0x9b86_8000;
        z4 >> (32 - bits)
    }

    fn next_double(&mut self) -> f64 {
        let high = u64::from(self.next(26)) << 26;
        (high | u64::from(self.next(26))) as f64 / (1u64 << 52) as f64
    }

    /// The next count.
    pub fn sample(&mut self) -> usize {
        let (mut product, mut n) = (1.0, 0);
        while (n as f64) < 1000.0 * self.mean {
            product *= self.next_double();
            if product < self.limit {
                break;
            }
            n += 1;
        }
        n
    }
}
