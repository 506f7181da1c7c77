//! Who is pushing: while anyone is, no blob is removed, so that none goes that a push was told is there.
//!
//! A lease belongs to a connection. It is taken under the lock of publishing before anything is told, and removal holds
//! that lock for each of its batches; so a batch comes wholly before the answer, which then knows of it, or not at all.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Time without a request after which a push is taken for broken off. Should it go on all the same, what it misses is
/// named when it commits, and it pushes again.
pub(crate) const LAPSE: Duration = Duration::from_secs(15 * 60);
/// Most leases; above it the one that was used longest ago goes.
const MOST: usize = 64;

/// Names a connection: what its TLS handshake exported.
pub(crate) type Key = [u8; 32];

/// The leases.
#[derive(Default)]
pub(crate) struct Leases(Mutex<State>);

#[derive(Default)]
struct State {
    /// By connection: when it was last used, and how many requests use it now.
    held: HashMap<Key, (Instant, usize)>,
    /// How many were ever taken.
    taken: u64,
    /// Whether one went without a commit since that was last asked.
    broken: bool,
}

impl Leases {
    /// Notes that this connection pushes. The caller holds the lock of publishing.
    pub(crate) fn take(&self, key: Key, now: Instant) {
        let mut state = self.lock();
        state.taken = state.taken.saturating_add(1);
        if state.held.len() >= MOST && !state.held.contains_key(&key) {
            let idle = state.held.iter().filter(|(_, (_, users))| *users == 0);
            if let Some(oldest) = idle.min_by_key(|(_, (used, _))| *used).map(|(key, _)| *key) {
                state.held.remove(&oldest);
                state.broken = true;
            }
        }
        state.held.entry(key).or_insert((now, 0)).0 = now;
    }

    /// Keeps the lease from lapsing until what is given back is dropped.
    pub(crate) fn hold(&self, key: Key) -> Held<'_> {
        if let Some((_, users)) = self.lock().held.get_mut(&key) {
            *users = users.saturating_add(1);
        }
        Held { leases: self, key }
    }

    /// Its version is committed: the connection pushes no more.
    pub(crate) fn end(&self, key: &Key) {
        self.lock().held.remove(key);
    }

    /// How many were ever taken: the same number at two times means that no push began in between.
    pub(crate) fn taken(&self) -> u64 {
        self.lock().taken
    }

    /// Whether nobody pushes; forgets those that have lapsed.
    pub(crate) fn is_free(&self, now: Instant) -> bool {
        let mut state = self.lock();
        let before = state.held.len();
        state
            .held
            .retain(|_, (used, users)| *users > 0 || now.saturating_duration_since(*used) < LAPSE);
        state.broken |= state.held.len() < before;
        state.held.is_empty()
    }

    /// Whether a push broke off since this was last asked, and may have left blobs that no version names.
    pub(crate) fn broke_off(&self) -> bool {
        std::mem::take(&mut self.lock().broken)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One request's use of a lease.
pub(crate) struct Held<'a> {
    leases: &'a Leases,
    key: Key,
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        if let Some((_, users)) = self.leases.lock().held.get_mut(&self.key) {
            *users = users.saturating_sub(1);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::arithmetic_side_effects)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_free_while_someone_pushes() {
        let leases = Leases::default();
        let now = Instant::now();
        assert!(leases.is_free(now));
        leases.take([1; 32], now);
        leases.take([2; 32], now);
        leases.end(&[1; 32]);
        assert!(!leases.is_free(now) && leases.taken() == 2);
        assert!(!leases.is_free(now + LAPSE - Duration::from_secs(1)));
        let held = leases.hold([2; 32]);
        assert!(!leases.is_free(now + LAPSE * 2));
        drop(held);
        assert!(!leases.broke_off());
        assert!(leases.is_free(now + LAPSE * 2));
        assert!(leases.broke_off() && !leases.broke_off());
    }

    #[test]
    fn leases_are_bounded_and_those_in_use_stay() {
        let leases = Leases::default();
        let now = Instant::now();
        leases.take([0; 32], now);
        let held = leases.hold([0; 32]);
        for n in 1..=200_u8 {
            leases.take([n; 32], now + Duration::from_secs(n.into()));
        }
        let state = leases.lock();
        assert!(state.held.len() <= MOST);
        assert!(state.held.contains_key(&[0; 32]) && state.held.contains_key(&[200; 32]));
        drop(state);
        drop(held);
    }
}
