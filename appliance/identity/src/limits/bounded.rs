//! A map that forgets.

use std::collections::{HashMap, VecDeque};
use std::time::Instant;

use super::LONGEST;
use crate::secrets::Keyed;

/// Entries of one map.
const PLACES: usize = 16_384;

/// A map of at most [`PLACES`] entries, each forgotten a quarter of an hour after its time.
pub(super) struct Bounded<V> {
    by_key: HashMap<Keyed, (V, Instant)>,
    /// In the order in which they came.
    order: VecDeque<Keyed>,
}

impl<V> Default for Bounded<V> {
    fn default() -> Self {
        Self {
            by_key: HashMap::new(),
            order: VecDeque::new(),
        }
    }
}

impl<V: Default> Bounded<V> {
    pub(super) fn find(&mut self, key: Keyed, now: Instant) -> Option<(&V, Instant)> {
        let (value, time) = self.by_key.get(&key)?;
        (now.saturating_duration_since(*time) < LONGEST).then_some((value, *time))
    }

    pub(super) fn remove(&mut self, key: &Keyed) {
        if self.by_key.remove(key).is_some() {
            self.order.retain(|other| other != key);
        }
    }

    /// The entry of this key, a new one if there is none or it is forgotten; `touch` makes its time begin anew.
    pub(super) fn entry(&mut self, key: Keyed, now: Instant, touch: bool) -> &mut V {
        while self.order.len() >= PLACES && !self.by_key.contains_key(&key) {
            if let Some(oldest) = self.order.pop_front() {
                self.by_key.remove(&oldest);
            }
        }
        let known = self.by_key.contains_key(&key);
        if !known {
            self.order.push_back(key);
        }
        let (value, time) = self
            .by_key
            .entry(key)
            .or_insert_with(|| (V::default(), now));
        if now.saturating_duration_since(*time) >= LONGEST {
            (*value, *time) = (V::default(), now);
        }
        if touch {
            *time = now;
        }
        value
    }
}
