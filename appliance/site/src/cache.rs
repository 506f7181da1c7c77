//! Decrypted hot blobs in memory, within a bound in bytes; the least lately used leaves first.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;

use crate::digest::Digest;

/// The cache. Its bytes never exceed the bound.
pub(crate) struct Cache {
    bound: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    held: usize,
    clock: u64,
    blobs: HashMap<Digest, (u64, Bytes)>,
    by_use: BTreeMap<u64, Digest>,
}

impl Cache {
    pub(crate) fn new(bound: usize) -> Self {
        Self {
            bound,
            state: Mutex::default(),
        }
    }

    pub(crate) fn find(&self, digest: &Digest) -> Option<Bytes> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let now = state.clock.saturating_add(1);
        // One among the quarter used last is far from leaving: to move it up again would only cost.
        let recent = u64::try_from(state.blobs.len() / 4).unwrap_or(u64::MAX);
        let (used, bytes) = state.blobs.get_mut(digest)?;
        if now.saturating_sub(*used) <= recent {
            return Some(bytes.clone());
        }
        let (before, bytes) = (std::mem::replace(used, now), bytes.clone());
        state.clock = now;
        state.by_use.remove(&before);
        state.by_use.insert(now, *digest);
        Some(bytes)
    }

    /// Keeps `bytes`, unless they alone would take more than an eighth of the bound.
    pub(crate) fn keep(&self, digest: Digest, bytes: &Bytes) {
        if bytes.len() > self.bound / 8 {
            return;
        }
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.blobs.contains_key(&digest) {
            return;
        }
        while state.held.saturating_add(bytes.len()) > self.bound {
            let Some((_, oldest)) = state.by_use.pop_first() else {
                break;
            };
            if let Some((_, gone)) = state.blobs.remove(&oldest) {
                state.held = state.held.saturating_sub(gone.len());
            }
        }
        state.clock = state.clock.saturating_add(1);
        let now = state.clock;
        state.held = state.held.saturating_add(bytes.len());
        state.blobs.insert(digest, (now, bytes.clone()));
        state.by_use.insert(now, digest);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_cache_keeps_its_bound_and_the_lately_used() {
        let cache = Cache::new(80);
        let blobs: Vec<_> = (0..9_u8).map(|n| Bytes::from(vec![n; 10])).collect();
        for blob in blobs.iter().take(8) {
            cache.keep(Digest::of(blob), blob);
        }
        let first = Digest::of(blobs.first().unwrap());
        assert!(cache.find(&first).is_some());
        let last = blobs.last().unwrap();
        cache.keep(Digest::of(last), last);
        assert!(cache.find(&first).is_some() && cache.find(&Digest::of(last)).is_some());
        assert!(cache.find(&Digest::of(&[1; 10])).is_none());
        assert!(cache.state.lock().unwrap().held <= 80);
        cache.keep(Digest::of(&[0; 11]), &Bytes::from(vec![0; 11]));
        assert!(cache.find(&Digest::of(&[0; 11])).is_none());
    }
}
