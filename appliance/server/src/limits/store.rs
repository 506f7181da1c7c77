//! Where the state of the rates is kept: bounded, and such that nobody can push others out of it.
//!
//! A client that comes again finds the state that it left. New ones get a place of their own while there is one; places
//! of clients that have their whole burst back are free again. With all places taken, a newcomer shares one of a fixed
//! number of states with those whose secretly keyed hash is the same. So an attacker with many addresses can neither
//! throw out clients that are there nor choose whom it shares a state with.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError};

use governor::nanos::Nanos;
use governor::state::StateStore;
use governor::state::keyed::ShrinkableKeyedStateStore;

use super::network::Network;

/// Parts with a lock each.
const SHARDS: usize = 16;

/// States by network.
pub(super) struct Store {
    hash: RandomState,
    /// Most places in a shard.
    places: usize,
    shards: Vec<Mutex<Shard>>,
}

struct Shard {
    own: HashMap<Network, u64>,
    shared: Vec<u64>,
}

impl Store {
    /// At most about `places` networks with a state of their own, and `shared` states for the rest.
    pub(super) fn new(places: usize, shared: usize) -> Self {
        let shard = || {
            Mutex::new(Shard {
                own: HashMap::new(),
                shared: vec![0; shared.div_ceil(SHARDS).max(1)],
            })
        };
        Self {
            hash: RandomState::new(),
            places: places.div_ceil(SHARDS).max(1),
            shards: std::iter::repeat_with(shard).take(SHARDS).collect(),
        }
    }

    fn shards(&self) -> impl Iterator<Item = MutexGuard<'_, Shard>> {
        let locked = |shard| Mutex::lock(shard).unwrap_or_else(PoisonError::into_inner);
        self.shards.iter().map(locked)
    }
}

impl StateStore for Store {
    type Key = Network;

    fn measure_and_replace<T, F, E>(&self, network: &Network, decide: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let hash = self.hash.hash_one(network);
        let below = |hash: u64, count: usize| {
            let count = u64::try_from(count).unwrap_or(u64::MAX);
            usize::try_from(hash.checked_rem(count).unwrap_or_default()).unwrap_or_default()
        };
        let Some(shard) = self.shards.get(below(hash, SHARDS)) else {
            // INVARIANT: there are SHARDS shards.
            return decide(None).map(|(answer, _)| answer);
        };
        let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
        let shard = &mut *shard;
        let room = shard.own.len() < self.places;
        let state = match shard.own.get_mut(network) {
            Some(state) => state,
            None if room => {
                let (answer, state) = decide(None)?;
                shard.own.insert(*network, state.as_u64());
                return Ok(answer);
            }
            None => {
                let at = below(hash >> 32, shard.shared.len());
                let Some(state) = shard.shared.get_mut(at) else {
                    // INVARIANT: a shard has at least one shared state.
                    return decide(None).map(|(answer, _)| answer);
                };
                state
            }
        };
        let before = (*state > 0).then(|| Nanos::new(*state));
        let (answer, after) = decide(before)?;
        *state = after.as_u64();
        Ok(answer)
    }
}

impl ShrinkableKeyedStateStore<Network> for Store {
    fn retain_recent(&self, drop_below: Nanos) {
        for mut shard in self.shards() {
            shard.own.retain(|_, state| *state > drop_below.as_u64());
        }
    }

    fn shrink_to_fit(&self) {
        for mut shard in self.shards() {
            shard.own.shrink_to_fit();
        }
    }

    fn len(&self) -> usize {
        self.shards().map(|shard| shard.own.len()).sum()
    }

    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
