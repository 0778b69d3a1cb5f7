//! The table of counts that `approx_top_k` keeps: exact until more than three quarters of the largest
//! table are in use, then the least counts are dropped and an offset tells by how much counts err.
//!
//! Places in the table, and the order in which it is read, follow the hash code that the item has in
//! the JVM: Spark lists items of equal counts in that order.

const LEAST: usize = 8;
const SAMPLE: usize = 1024;

struct Slot {
    item: Box<[u8]>,
    hash: i32,
    count: i64,
}

pub struct Frequent {
    slots: Vec<Option<Slot>>,
    used: usize,
    /// Bytes of the items.
    held: usize,
    largest: usize,
    offset: i64,
    /// Rows that are NULL.
    pub nulls: i64,
}

fn spread(hash: i32) -> usize {
    let mut h = i64::from(hash) as u64;
    h ^= h >> 33;
    h = h.wrapping_mul(0xff51_afd7_ed55_8ccd);
    h ^= h >> 33;
    h = h.wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    (h ^ (h >> 33)) as usize
}

fn capacity(size: usize) -> usize {
    size * 3 / 4
}

fn empty(size: usize) -> Vec<Option<Slot>> {
    std::iter::repeat_with(|| None).take(size).collect()
}

impl Frequent {
    /// For that many items at least.
    pub fn new(tracked: i64) -> Self {
        let tracked = usize::try_from(tracked).unwrap_or(1).clamp(1, 1_000_000);
        let largest = (tracked * 4).div_ceil(3).next_power_of_two().max(LEAST);
        Frequent { slots: empty(LEAST), used: 0, held: 0, largest, offset: 0, nulls: 0 }
    }

    fn put(&mut self, item: &[u8], hash: i32, count: i64) {
        let mask = self.slots.len() - 1;
        let mut place = spread(hash) & mask;
        while let Some(slot) = self.slots.get_mut(place) {
            match slot {
                Some(s) if &*s.item == item => {
                    s.count += count;
                    return;
                }
                Some(_) => place = (place + 1) & mask,
                None => {
                    *slot = Some(Slot { item: item.into(), hash, count });
                    self.used += 1;
                    self.held += item.len();
                    return;
                }
            }
        }
    }

    /// The slots again in a table of that size, less `by` each; those that come to nothing are dropped.
    fn rebuild(&mut self, size: usize, by: i64) {
        let old = std::mem::replace(&mut self.slots, empty(size));
        (self.used, self.held) = (0, 0);
        for s in old.into_iter().flatten().filter(|s| s.count > by) {
            self.put(&s.item, s.hash, s.count - by);
        }
    }

    pub fn add(&mut self, item: &[u8], hash: i32, count: i64) {
        self.put(item, hash, count);
        if self.used <= capacity(self.slots.len()) {
            return;
        }
        if self.slots.len() < self.largest {
            return self.rebuild(self.slots.len() * 2, 0);
        }
        let mut sample: Vec<i64> = self.slots.iter().flatten().take(SAMPLE).map(|s| s.count).collect();
        sample.sort_unstable();
        let median = sample.get(sample.len() / 2).copied().unwrap_or_default();
        self.offset += median;
        self.rebuild(self.slots.len(), median);
    }

    fn in_order(&self) -> impl Iterator<Item = &Slot> {
        let (size, golden) = (self.slots.len(), (5f64.sqrt() - 1.0) / 2.0);
        let stride = (size as f64 * golden) as usize | 1;
        (0..size).filter_map(move |i| self.slots.get((i * stride) & (size - 1))?.as_ref())
    }

    pub fn merge(&mut self, other: &Frequent) {
        for s in other.in_order() {
            self.add(&s.item, s.hash, s.count);
        }
        self.offset += other.offset;
        self.nulls += other.nulls;
    }

    /// The k most frequent items with their counts; `None` is NULL.
    pub fn top(&self, k: usize) -> Vec<(Option<&[u8]>, i64)> {
        let sure = self.in_order().filter(|s| s.count > self.offset);
        let mut all: Vec<_> = sure.map(|s| (Some(&*s.item), s.count + self.offset)).collect();
        all.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        if self.nulls > 0 {
            let place = all.partition_point(|(_, count)| *count >= self.nulls);
            all.insert(place, (None, self.nulls));
        }
        all.truncate(k);
        all
    }

    pub fn size(&self) -> usize {
        self.slots.len() * size_of::<Option<Slot>>() + self.held
    }

    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(32 + self.held + 16 * self.used);
        out.push(1);
        out.extend((self.largest.ilog2() as u8).to_le_bytes());
        out.extend((self.slots.len().ilog2() as u8).to_le_bytes());
        out.extend(self.offset.to_le_bytes());
        out.extend(self.nulls.to_le_bytes());
        for s in self.slots.iter().flatten() {
            out.extend(s.count.to_le_bytes());
            out.extend(s.hash.to_le_bytes());
            out.extend((s.item.len() as u32).to_le_bytes());
            out.extend(&*s.item);
        }
        out
    }

    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let ([1, largest, size], rest) = bytes.split_first_chunk()? else { return None };
        if *largest > 24 || size > largest || *size < 3 {
            return None;
        }
        let (offset, rest) = rest.split_first_chunk()?;
        let (nulls, mut rest) = rest.split_first_chunk()?;
        let mut out = Frequent::new(1);
        out.largest = 1 << largest;
        out.slots = empty(1 << size);
        while !rest.is_empty() {
            let (count, after) = rest.split_first_chunk()?;
            let (hash, after) = after.split_first_chunk()?;
            let (length, after) = after.split_first_chunk()?;
            let (item, after) = after.split_at_checked(u32::from_le_bytes(*length) as usize)?;
            out.add(item, i32::from_le_bytes(*hash), i64::from_le_bytes(*count));
            rest = after;
        }
        out.offset += i64::from_le_bytes(*offset);
        out.nulls = i64::from_le_bytes(*nulls);
        Some(out)
    }
}

#[cfg(test)]
mod tests {
    use super::Frequent;

    fn numbers(all: impl IntoIterator<Item = i32>, tracked: i64) -> Frequent {
        let mut out = Frequent::new(tracked);
        all.into_iter().for_each(|v| out.add(&v.to_le_bytes(), v, 1));
        out
    }

    fn shown(f: &Frequent, k: usize) -> Vec<(i32, i64)> {
        let item = |b: Option<&[u8]>| b.and_then(|b| b.try_into().ok()).map_or(-1, i32::from_le_bytes);
        f.top(k).into_iter().map(|(b, n)| (item(b), n)).collect()
    }

    #[test]
    fn equal_counts_come_in_the_order_of_the_table() {
        let f = numbers([0, 0, 1, 1, 2, 3, 4, 4], 10_000);
        assert_eq!(shown(&f, 5), [(0, 2), (4, 2), (1, 2), (2, 1), (3, 1)]);
        let again = Frequent::from_bytes(&f.to_bytes());
        assert_eq!(again.map(|f| shown(&f, 5)), Some(shown(&f, 5)));
    }

    #[test]
    fn more_items_than_tracked_keep_the_heavy_ones() {
        let f = numbers((0..5000).flat_map(|i| [i, 7, 7, 9]), 16);
        assert_eq!(shown(&f, 2).iter().map(|t| t.0).collect::<Vec<_>>(), [7, 9]);
    }

    #[test]
    fn garbage_is_no_sketch() {
        for bytes in [&[][..], &[0], &[1, 9, 9], &[1, 60, 60], &[1; 40]] {
            assert!(Frequent::from_bytes(bytes).is_none());
        }
    }
}
