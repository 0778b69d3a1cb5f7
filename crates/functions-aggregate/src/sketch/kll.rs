//! A quantile sketch: values with weights. When there are too many, fewer values stand for equal
//! parts of the whole weight.

#[derive(Debug, Clone, Default, PartialEq)]
pub struct Kll {
    /// The precision: how many values are kept.
    pub k: u32,
    /// Keys that sort as the values do, with weights.
    items: Vec<(i64, u64)>,
}

const MAGIC: [u8; 4] = *b"VKKL";
/// Entries kept for each unit of k.
const SPARE: usize = 16;

/// A key that sorts as the double does.
pub fn key_of(v: f64) -> i64 {
    let bits = v.to_bits() as i64;
    bits ^ (((bits >> 63) as u64) >> 1) as i64
}

pub fn value_of(key: i64) -> f64 {
    f64::from_bits((key ^ (((key >> 63) as u64) >> 1) as i64) as u64)
}

impl Kll {
    pub fn new(k: u32) -> Self {
        Kll { k, items: vec![] }
    }

    pub fn add(&mut self, key: i64) {
        self.items.push((key, 1));
        self.shrink();
    }

    pub fn merge(&mut self, other: &Kll) {
        self.items.extend(&other.items);
        self.shrink();
    }

    /// Half as many values, each the middle one of an equal part of all weight.
    fn shrink(&mut self) {
        let most = self.k as usize * SPARE;
        if self.items.len() <= most {
            return;
        }
        self.items.sort_unstable();
        let (total, parts) = (u128::from(self.n()), (most / 2) as u128);
        let mut kept = Vec::with_capacity(most);
        let mut sorted = self.items.iter();
        let mut current = sorted.next();
        let mut sum = current.map_or(0, |(_, w)| u128::from(*w));
        for part in 0..parts {
            let (from, to) = (part * total / parts, (part + 1) * total / parts);
            while sum <= (from + to) / 2 {
                match sorted.next() {
                    Some(next) => {
                        sum += u128::from(next.1);
                        current = Some(next);
                    }
                    None => break,
                }
            }
            if let Some((key, _)) = current {
                kept.push((*key, (to - from) as u64));
            }
        }
        self.items = kept;
    }

    pub fn n(&self) -> u64 {
        self.items.iter().map(|(_, w)| w).sum()
    }

    pub fn quantile(&self, rank: f64) -> Option<i64> {
        let mut sorted = self.items.clone();
        sorted.sort_unstable();
        let wanted = (rank * self.n() as f64).ceil().max(1.0) as u64;
        let mut sum = 0;
        for (key, weight) in &sorted {
            sum += weight;
            if sum >= wanted {
                return Some(*key);
            }
        }
        sorted.last().map(|(key, _)| *key)
    }

    /// The share of values not above.
    pub fn rank(&self, key: i64) -> Option<f64> {
        let n = self.n();
        let below: u64 = self.items.iter().filter(|(v, _)| *v <= key).map(|(_, w)| w).sum();
        (n > 0).then(|| below as f64 / n as f64)
    }

    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        out.extend(self.k.to_le_bytes());
        for (key, weight) in &self.items {
            out.extend(key.to_le_bytes());
            out.extend(weight.to_le_bytes());
        }
        out
    }

    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let rest = bytes.strip_prefix(&MAGIC)?;
        let (k, rest) = rest.split_at_checked(4)?;
        let mut out = Kll::new(u32::from_le_bytes(k.try_into().ok()?));
        let entries = rest.chunks_exact(16);
        if !entries.remainder().is_empty() {
            return None;
        }
        for e in entries {
            let key = i64::from_le_bytes(e.get(..8)?.try_into().ok()?);
            out.items.push((key, u64::from_le_bytes(e.get(8..)?.try_into().ok()?)));
        }
        Some(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_of_many_values() {
        let mut s = Kll::new(200);
        (0..100_000).for_each(|i| s.add(key_of(f64::from(i * 7919 % 100_000))));
        assert_eq!(s.n(), 100_000);
        let median = value_of(s.quantile(0.5).unwrap_or_default());
        assert!((median - 50_000.0).abs() < 2_000.0, "{median}");
        assert_eq!(value_of(key_of(-1.5)), -1.5);
        assert!(key_of(-1.5) < key_of(-0.5) && key_of(-0.5) < key_of(0.5));
        assert_eq!(Kll::from_bytes(&s.to_bytes()).map(|t| t.n()), Some(100_000));
    }
}
