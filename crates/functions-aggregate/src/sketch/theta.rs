//! A theta sketch with a summary per key: the hashes below a threshold, at most 2^lgk of them. The
//! number of keys is the number of hashes divided by the share of the hash range that is kept.

use std::collections::BTreeMap;

/// What a sketch is for; also the first byte of its form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Hll,
    Theta,
    TupleDouble,
    TupleInteger,
}

impl Kind {
    fn byte(self) -> u8 {
        match self {
            Kind::Hll => b'H',
            Kind::Theta => b'T',
            Kind::TupleDouble => b'D',
            Kind::TupleInteger => b'I',
        }
    }

    pub fn from_name(name: &str) -> Self {
        match name {
            "hll" => Kind::Hll,
            "theta" => Kind::Theta,
            "integer" => Kind::TupleInteger,
            _ => Kind::TupleDouble,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Kind::Hll => "hll",
            Kind::Theta => "theta",
            Kind::TupleDouble => "double",
            Kind::TupleInteger => "integer",
        }
    }

    fn has_summary(self) -> bool {
        matches!(self, Kind::TupleDouble | Kind::TupleInteger)
    }
}

/// How the summaries of one key become one.
pub fn combine(mode: &str, a: f64, b: f64) -> f64 {
    match mode {
        "min" => a.min(b),
        "max" => a.max(b),
        "alwaysone" => 1.0,
        _ => a + b,
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct Theta {
    pub kind: Kind,
    pub lgk: u8,
    /// Hashes at or above are left out.
    threshold: u64,
    entries: BTreeMap<u64, f64>,
}

const MAGIC: [u8; 3] = *b"VKS";

impl Theta {
    pub fn new(kind: Kind, lgk: u8) -> Self {
        Theta { kind, lgk, threshold: u64::MAX, entries: BTreeMap::new() }
    }

    pub fn add(&mut self, hash: u64, summary: f64, mode: &str) {
        if hash >= self.threshold {
            return;
        }
        let first = if mode == "alwaysone" { 1.0 } else { summary };
        self.entries.entry(hash).and_modify(|s| *s = combine(mode, *s, summary)).or_insert(first);
        self.shrink();
    }

    fn shrink(&mut self) {
        while self.entries.len() > 1 << self.lgk {
            if let Some((hash, _)) = self.entries.pop_last() {
                self.threshold = hash;
            }
        }
    }

    fn below(&mut self, threshold: u64) {
        if threshold < self.threshold {
            self.threshold = threshold;
            self.entries.split_off(&threshold);
        }
    }

    pub fn union(&mut self, other: &Theta, mode: &str) {
        self.below(other.threshold);
        for (hash, summary) in other.entries.range(..self.threshold) {
            self.entries.entry(*hash).and_modify(|s| *s = combine(mode, *s, *summary)).or_insert(*summary);
        }
        self.shrink();
    }

    /// `plain` sketches have no summaries of their own.
    pub fn intersect(&mut self, other: &Theta, mode: &str) {
        self.below(other.threshold);
        let plain = !other.kind.has_summary();
        self.entries.retain(|hash, summary| match other.entries.get(hash) {
            Some(s) => {
                if !plain {
                    *summary = combine(mode, *summary, *s);
                }
                true
            }
            None => false,
        });
    }

    pub fn subtract(&mut self, other: &Theta) {
        self.below(other.threshold);
        self.entries.retain(|hash, _| !other.entries.contains_key(hash));
    }

    /// The share of the hash range that is kept.
    pub fn theta(&self) -> f64 {
        if self.threshold == u64::MAX { 1.0 } else { self.threshold as f64 / u64::MAX as f64 }
    }

    pub fn estimate(&self) -> f64 {
        self.entries.len() as f64 / self.theta()
    }

    /// The summaries of all keys as one, scaled up for the keys left out.
    pub fn summary(&self, mode: &str) -> Option<f64> {
        let all = self.entries.values().copied();
        match mode {
            "min" => all.reduce(f64::min),
            "max" => all.reduce(f64::max),
            _ => Some(all.sum::<f64>() / self.theta()),
        }
    }

    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        out.extend([self.kind.byte(), self.lgk]);
        out.extend(self.threshold.to_le_bytes());
        for (hash, summary) in &self.entries {
            out.extend(hash.to_le_bytes());
            if self.kind.has_summary() {
                out.extend(summary.to_le_bytes());
            }
        }
        out
    }

    /// `None` if the bytes are no sketch of that kind.
    pub fn from_bytes(bytes: &[u8], kind: Kind) -> Option<Self> {
        let rest = bytes.strip_prefix(&MAGIC)?;
        let (head, mut rest) = rest.split_at_checked(10)?;
        let (what, lgk) = (*head.first()?, *head.get(1)?);
        if what != kind.byte() || lgk > 26 {
            return None;
        }
        let word = |b: &[u8]| -> Option<u64> { Some(u64::from_le_bytes(b.try_into().ok()?)) };
        let mut out = Theta::new(kind, lgk);
        out.threshold = word(head.get(2..)?)?;
        let size = if kind.has_summary() { 16 } else { 8 };
        while !rest.is_empty() {
            let (entry, more) = rest.split_at_checked(size)?;
            let summary = if size == 16 { f64::from_bits(word(entry.get(8..)?)?) } else { 1.0 };
            out.entries.insert(word(entry.get(..8)?)?, summary);
            rest = more;
        }
        Some(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_of_many_keys_are_estimated() {
        let mut a = Theta::new(Kind::Theta, 12);
        let mut b = Theta::new(Kind::Theta, 12);
        let mix = |i: u64| {
            i.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(31).wrapping_mul(0xbf58_476d_1ce4_e5b9)
        };
        for i in 0..50_000 {
            a.add(mix(i), 1.0, "sum");
            b.add(mix(i + 25_000), 1.0, "sum");
        }
        let near = |x: f64, y: f64| (x / y - 1.0).abs() < 0.08;
        assert!(near(a.estimate(), 50_000.0), "{}", a.estimate());
        let mut both = a.clone();
        both.union(&b, "sum");
        assert!(near(both.estimate(), 75_000.0), "{}", both.estimate());
        let mut common = a.clone();
        common.intersect(&b, "sum");
        assert!(near(common.estimate(), 25_000.0), "{}", common.estimate());
        assert_eq!(Theta::from_bytes(&a.to_bytes(), Kind::Theta), Some(a));
    }
}
