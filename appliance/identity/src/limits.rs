//! Failures of sign-ins, and the back-off that they bring.
//!
//! A back-off belongs to one **name as tried from one network** (an IPv4 address or an IPv6 /64): after five failures that
//! network waits before it may try that name again, twice as long each time, at most a quarter of an hour. Others are not held
//! up, so nobody can lock another out who is elsewhere. Rates of each network and of all together belong to the server, which has
//! them for every route.
//!
//! Names that exist and names that do not are counted alike. What looks like guessing is told once in a quarter of an hour: many
//! names failing from one network (spraying), one name failing from many networks (stuffing). All memory is bounded; the oldest
//! gives way.

use std::collections::{HashMap, HashSet, VecDeque};
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use holdfast_audit::{Kind, Outcome};
use holdfast_store::{Batch, Snapshot};

use crate::people::Name;
use crate::secrets::{Keyed, Secret};
use crate::{Act, Error, Random};

/// Failures that bring no wait.
pub const FREE: u32 = 5;
/// The longest wait, and the time after which failures are forgotten.
pub const LONGEST: Duration = Duration::from_secs(15 * 60);
/// Names from one network, or networks for one name, that look like guessing.
pub const MANY: usize = 20;
const PLACES: usize = 16_384;

/// What failed lately.
pub struct Failures {
    secret: Secret,
    all: Mutex<All>,
}

#[derive(Default)]
struct All {
    pairs: Bounded<Pair>,
    networks: Bounded<Seen>,
    names: Bounded<Seen>,
}

#[derive(Clone, Copy, Default)]
struct Pair {
    failures: u32,
}

#[derive(Default)]
struct Seen {
    others: HashSet<Keyed>,
}

impl Failures {
    /// Takes the secret from the store; a new one goes into the batch.
    ///
    /// # Errors
    /// [`Error::Store`], [`Error::Random`].
    pub fn open(
        snapshot: &Snapshot,
        batch: &mut Batch,
        random: &impl Random,
    ) -> Result<Self, Error> {
        let secret = Secret::load(snapshot, batch, random, "failures")?;
        let all = Mutex::default();
        Ok(Self { secret, all })
    }

    /// Asks before an attempt whether this network may try this name now.
    ///
    /// # Errors
    /// [`Error::Wait`] with the time that is left.
    pub fn check(&self, from: IpAddr, typed: &str, now: Instant) -> Result<(), Error> {
        let (network, name) = self.keys(from, typed);
        let pair = self.secret.hash(&[&network, &name]);
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((pair, last)) = all.pairs.find(pair, now) else {
            return Ok(());
        };
        let Some(beyond) = pair.failures.checked_sub(FREE) else {
            return Ok(());
        };
        let wait = Duration::from_secs(1_u64.checked_shl(beyond.min(32)).unwrap_or(u64::MAX));
        let left = wait
            .min(LONGEST)
            .saturating_sub(now.saturating_duration_since(last));
        if left.is_zero() {
            return Ok(());
        }
        Err(Error::Wait(left))
    }

    /// Counts a failure. What looks like guessing goes into the batch, which may stay empty.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub fn failed(
        &self,
        batch: &mut Batch,
        act: &Act,
        from: IpAddr,
        typed: &str,
    ) -> Result<(), Error> {
        let (network, name) = self.keys(from, typed);
        let pair = self.secret.hash(&[&network, &name]);
        let now = act.now.monotonic;
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        let count = all.pairs.entry(pair, now, true);
        count.failures = count.failures.saturating_add(1);
        let sprays = all.networks.entry(network, now, false).reaches(name);
        let stuffs = all.names.entry(name, now, false).reaches(network);
        drop(all);
        if sprays {
            let what = format!("many names from {}", from.to_canonical());
            act.record(batch, Kind::GuessingNoticed, what, Outcome::Refused)?;
        }
        if stuffs {
            // The name is not told: it may be a password in the wrong field.
            let what = "one name from many networks".to_owned();
            act.record(batch, Kind::GuessingNoticed, what, Outcome::Refused)?;
        }
        Ok(())
    }

    /// Forgets the failures of this name from this network, after it has signed in.
    pub fn succeeded(&self, from: IpAddr, typed: &str) {
        let (network, name) = self.keys(from, typed);
        let pair = self.secret.hash(&[&network, &name]);
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        all.pairs.by_key.remove(&pair);
    }

    fn keys(&self, from: IpAddr, typed: &str) -> (Keyed, Keyed) {
        let network = match from.to_canonical() {
            IpAddr::V4(v4) => u128::from(v4.to_bits()),
            IpAddr::V6(v6) => v6.to_bits() & u128::MAX << 64,
        };
        let name = Name::parse(typed).map_or_else(
            |_| typed.chars().take(64).collect(),
            |name| name.normalised(),
        );
        let network = self.secret.hash(&[b"network", &network.to_be_bytes()]);
        (network, self.secret.hash(&[b"name", name.as_bytes()]))
    }
}

impl Seen {
    /// Adds one; whether that makes it many. Beyond that nothing more is kept or told.
    fn reaches(&mut self, other: Keyed) -> bool {
        self.others.len() < MANY && self.others.insert(other) && self.others.len() == MANY
    }
}

/// A map of at most [`PLACES`] entries, each forgotten a quarter of an hour after its time.
struct Bounded<V> {
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
    fn find(&mut self, key: Keyed, now: Instant) -> Option<(&V, Instant)> {
        let (value, time) = self.by_key.get(&key)?;
        (now.saturating_duration_since(*time) < LONGEST).then_some((value, *time))
    }

    /// The entry of this key, a new one if there is none or it is forgotten; `touch` makes its time begin anew.
    fn entry(&mut self, key: Keyed, now: Instant, touch: bool) -> &mut V {
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
