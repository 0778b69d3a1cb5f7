//! A map that remembers only its newest entries: tombstones, error details.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;

pub struct Bounded<K, V> {
    limit: usize,
    order: VecDeque<K>,
    entries: HashMap<K, V>,
}

impl<K: Hash + Eq + Clone, V> Bounded<K, V> {
    pub fn new(limit: usize) -> Self {
        Bounded { limit, order: VecDeque::new(), entries: HashMap::new() }
    }

    pub fn insert(&mut self, key: K, value: V) {
        if self.entries.insert(key.clone(), value).is_none() {
            self.order.push_back(key);
        }
        while self.order.len() > self.limit {
            if let Some(oldest) = self.order.pop_front() {
                self.entries.remove(&oldest);
            }
        }
    }

    pub fn get(&self, key: &K) -> Option<&V> {
        self.entries.get(key)
    }

    pub fn contains(&self, key: &K) -> bool {
        self.entries.contains_key(key)
    }

    pub fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.entries.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_entry_makes_room() {
        let mut map = Bounded::new(2);
        for k in [1, 2, 1, 3] {
            map.insert(k, k);
        }
        assert_eq!((map.get(&1), map.get(&2), map.get(&3)), (None, Some(&2), Some(&3)));
    }
}
