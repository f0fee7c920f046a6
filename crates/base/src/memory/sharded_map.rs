//! A hash map that grows in small steps.

use std::hash::{BuildHasher, Hash, RandomState};

use hashbrown::HashTable;

use super::{attempt, exhausted, grow_vec};
use crate::types::Result;

/// Number of tables. With 100,000 entries, each has about 1,600. More of them would no longer fit
/// into the cache.
const SHARDS: usize = 64;

/// A map of many small tables, each of which grows on its own. A plain map of 100,000 entries
/// moves all of them at once when it grows, under the lock that guards it, and every thread that
/// needs the lock waits for several milliseconds.
pub struct ShardedMap<K, V> {
    hasher: RandomState,
    shards: Box<[HashTable<Entry<K, V>>]>,
    len: usize,
}

/// An entry with its hash, so that a table that grows reads no keys. They may be texts elsewhere,
/// which are rarely in the cache.
struct Entry<K, V> {
    hash: u64,
    key: K,
    value: V,
}

impl<K, V> Default for ShardedMap<K, V> {
    fn default() -> ShardedMap<K, V> {
        ShardedMap {
            hasher: RandomState::new(),
            shards: std::iter::repeat_with(HashTable::new).take(SHARDS).collect(),
            len: 0,
        }
    }
}

/// The shard of a hash. The tables themselves use its lowest and its highest bits.
fn shard_of(hash: u64) -> usize {
    (hash >> 32) as usize % SHARDS
}

impl<K: Eq + Hash, V> ShardedMap<K, V> {
    pub fn len(&self) -> usize {
        self.len
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub fn get(&self, key: &K) -> Option<&V> {
        let hash = self.hasher.hash_one(key);
        let found = self.shards[shard_of(hash)].find(hash, |entry| entry.key == *key);
        found.map(|entry| &entry.value)
    }

    pub fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        let hash = self.hasher.hash_one(key);
        let found = self.shards[shard_of(hash)].find_mut(hash, |entry| entry.key == *key);
        found.map(|entry| &mut entry.value)
    }

    pub fn contains_key(&self, key: &K) -> bool {
        self.get(key).is_some()
    }

    /// Reserves memory for inserting this key, so that it cannot fail. Fails with `Limit`.
    pub fn grow(&mut self, key: &K) -> Result<()> {
        let shard = &mut self.shards[shard_of(self.hasher.hash_one(key))];
        attempt(|| shard.try_reserve(1, |entry| entry.hash)).map_err(|_| exhausted())
    }

    /// Inserts a value, and returns the one that it replaces.
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        let hash = self.hasher.hash_one(&key);
        let shard = &mut self.shards[shard_of(hash)];
        if let Some(known) = shard.find_mut(hash, |entry| entry.key == key) {
            return Some(std::mem::replace(&mut known.value, value));
        }
        shard.insert_unique(hash, Entry { hash, key, value }, |entry| entry.hash);
        self.len += 1;
        None
    }

    pub fn remove(&mut self, key: &K) -> Option<V> {
        let hash = self.hasher.hash_one(key);
        let found = self.shards[shard_of(hash)].find_entry(hash, |entry| entry.key == *key);
        let (removed, _) = found.ok()?.remove();
        self.len -= 1;
        Some(removed.value)
    }

    pub fn keys(&self) -> impl Iterator<Item = &K> {
        self.shards.iter().flatten().map(|entry| &entry.key)
    }

    pub fn values(&self) -> impl Iterator<Item = &V> {
        self.shards.iter().flatten().map(|entry| &entry.value)
    }

    /// Collects what `of` returns for each value. Fails with `Limit` if memory is exhausted.
    pub fn try_collect<T>(&self, of: impl FnMut(&V) -> T) -> Result<Vec<T>> {
        let mut all = Vec::new();
        grow_vec(&mut all, self.len)?;
        all.extend(self.values().map(of));
        Ok(all)
    }

    /// The number of parts in which a long list can be collected.
    pub fn parts() -> usize {
        SHARDS
    }

    /// The keys of one part. A key is always in the same part.
    pub fn keys_of_part(&self, part: usize) -> impl ExactSizeIterator<Item = &K> {
        self.shards[part].iter().map(|entry| &entry.key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sharded_map_behaves_like_a_map() {
        let mut map = ShardedMap::default();
        assert!(map.is_empty());
        for n in 0..10_000_u64 {
            map.grow(&n).expect("there is memory");
            assert_eq!(map.insert(n, n), None);
        }
        assert_eq!(map.insert(7, 70), Some(7));
        assert_eq!(
            (map.len(), map.remove(&8), map.remove(&8)),
            (10_000, Some(8), None)
        );
        if let Some(value) = map.get_mut(&9) {
            *value = 90;
        }
        assert_eq!(
            (map.get(&7), map.get(&8), map.get(&9)),
            (Some(&70), None, Some(&90))
        );
        assert!(map.contains_key(&7) && !map.contains_key(&8));
        assert_eq!(map.len(), 9_999);
        let mut values = map.try_collect(|value| *value).expect("there is memory");
        values.sort_unstable();
        assert_eq!(
            (values.len(), values.first(), values.last()),
            (9_999, Some(&0), Some(&9_999))
        );
        let parts = 0..ShardedMap::<u64, u64>::parts();
        let mut keys: Vec<u64> = parts.flat_map(|part| map.keys_of_part(part).copied()).collect();
        keys.sort_unstable();
        let mut all: Vec<u64> = map.keys().copied().collect();
        all.sort_unstable();
        assert_eq!(keys, all);
        assert_eq!(all.len(), map.len());
    }

    /// What one insertion may move, although the map is large.
    #[test]
    fn no_insertion_moves_many_entries() {
        let mut map = ShardedMap::default();
        for n in 0..100_000_u64 {
            map.insert(n, ());
        }
        let most = map.shards.iter().map(HashTable::len).max().unwrap_or_default();
        assert!(most < map.len() / 32, "{most} of {}", map.len());
    }
}
