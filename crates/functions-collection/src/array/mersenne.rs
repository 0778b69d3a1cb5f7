//! The Mersenne Twister MT19937, seeded with 64 bits as Spark's `shuffle` seeds it.

const N: usize = 624;
const M: usize = 397;

pub struct MersenneTwister {
    state: [u32; N],
    at: usize,
}

impl MersenneTwister {
    /// Seeds by the key of two words that the number is made of.
    pub fn new(seed: i64) -> Self {
        let key = [(seed as u64 >> 32) as u32, seed as u32];
        let mut state = [0u32; N];
        let mut last = 19_650_218u32;
        for (i, word) in state.iter_mut().enumerate() {
            if i > 0 {
                last = 1_812_433_253u32.wrapping_mul(last ^ (last >> 30)).wrapping_add(i as u32);
            }
            *word = last;
        }
        let mix = |i: &mut usize, factor: u32, add: &dyn Fn(usize) -> u32, state: &mut [u32; N]| {
            let before = state[*i - 1];
            state[*i] = (state[*i] ^ (before ^ (before >> 30)).wrapping_mul(factor)).wrapping_add(add(*i));
            *i += 1;
            if *i == N {
                state[0] = state[N - 1];
                *i = 1;
            }
        };
        let mut i = 1;
        for k in 0..N {
            let j = k % key.len();
            mix(&mut i, 1_664_525, &|_| key[j].wrapping_add(j as u32), &mut state);
        }
        for _ in 1..N {
            mix(&mut i, 1_566_083_941, &|i| (i as u32).wrapping_neg(), &mut state);
        }
        state[0] = 0x8000_0000;
        MersenneTwister { state, at: N }
    }

    fn next_word(&mut self) -> u32 {
        if self.at == N {
            for k in 0..N {
                let y = (self.state[k] & 0x8000_0000) | (self.state[(k + 1) % N] & 0x7fff_ffff);
                let odd = if y & 1 == 1 { 0x9908_b0df } else { 0 };
                self.state[k] = self.state[(k + M) % N] ^ (y >> 1) ^ odd;
            }
            self.at = 0;
        }
        let mut y = self.state[self.at];
        self.at += 1;
        y ^= y >> 11;
        y ^= (y << 7) & 0x9d2c_5680;
        y ^= (y << 15) & 0xefc6_0000;
        y ^ (y >> 18)
    }

    /// A number from 0 up to `n`, which is at least 1.
    pub fn below(&mut self, n: u32) -> u32 {
        let n = n.max(1);
        if n.is_power_of_two() {
            return ((u64::from(n) * u64::from(self.next_word() >> 1)) >> 31) as u32;
        }
        loop {
            let bits = self.next_word() >> 1;
            let value = bits % n;
            // Numbers of the last, incomplete round would come too often.
            if bits - value <= (1 << 31) - n {
                return value;
            }
        }
    }
}
