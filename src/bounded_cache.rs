//! A cache that holds so many entries at most and takes no memory before it has any.

use std::hash::Hash;

use quick_cache::sync::{Cache, DefaultLifecycle};
use quick_cache::{DefaultHashBuilder, OptionsBuilder, UnitWeighter};

/// Entries a cache makes room for at once; it grows from there.
const EXPECTED: usize = 512;

/// An empty cache of at most `max` entries; the least useful go first.
pub fn new<K: Eq + Hash, V: Clone>(max: u32) -> Cache<K, V> {
    let mut options = OptionsBuilder::new();
    options.estimated_items_capacity(EXPECTED).weight_capacity(max.into());
    match options.build() {
        Ok(options) => {
            Cache::with_options(options, UnitWeighter, DefaultHashBuilder::default(), DefaultLifecycle::default())
        }
        // Both numbers are given, which is all that it asks for.
        Err(_) => Cache::new(EXPECTED),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn cache_grows_far_beyond_its_first_room_and_stops_at_its_bound() {
        let cache = super::new::<u32, u32>(5000);
        for key in 0..20_000 {
            cache.insert(key, key);
        }
        assert!((4000..=5000).contains(&cache.len()), "{}", cache.len());
    }
}
