//! Failures of sign-ins, and the back-off that they bring.
//!
//! A back-off belongs to one **name as tried from one network** (an IPv4 address or an IPv6 /64): after five failures that
//! network waits before it may try that name again, twice as long each time, at most a quarter of an hour. Others are not held
//! up, so nobody can lock another out who is elsewhere. Rates of each network and of all together belong to the server, which has
//! them for every route. The back-off of a generator of one-time passwords is its person's, and stored with it ([`totp`]).
//!
//! A try is counted **before** it is looked at ([`Failures::count`]), so that many at once are no more than many one by one. It
//! is forgotten only for the name of who has just proven to be that person ([`Failures::succeeded`]).
//!
//! Names that exist and names that do not are counted alike. What looks like guessing is told once in a quarter of an hour: many
//! names failing from one network (spraying), one name failing from many networks (stuffing). All memory is bounded; the oldest
//! gives way.
//!
//! [`totp`]: crate::totp

mod bounded;

use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use holdfast_audit::{Kind, Outcome};
use holdfast_store::{Batch, Snapshot};

use crate::network::Networks;
use crate::people::{Name, PersonId};
use crate::secrets::{Keyed, Secret};
use crate::{Act, Error, Random};
use bounded::Bounded;

/// Failures that bring no wait.
pub const FREE: u32 = 5;
/// The longest wait, and the time after which failures are forgotten.
pub const LONGEST: Duration = Duration::from_secs(15 * 60);
/// Names from one network, or networks for one name, that look like guessing.
pub const MANY: usize = 20;

/// What was tried. Each kind has counts of its own, so that no name is ever the key of another kind.
#[derive(Clone, Copy, Debug)]
pub enum Tried<'a> {
    /// A proof for a name, as it was typed.
    Name(&'a str),
    /// A code of this person's generator.
    Generator(PersonId),
}

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

    /// Asks whether this network may try this now. Nothing is counted.
    ///
    /// # Errors
    /// [`Error::Wait`] with the time that is left.
    pub fn check(&self, from: IpAddr, tried: Tried<'_>, now: Instant) -> Result<(), Error> {
        let keys = self.keys(from, tried);
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        all.may(&keys, now)
    }

    /// Counts a try before it is looked at, as if it failed. Whoever tries more at once than are left has to wait.
    ///
    /// # Errors
    /// [`Error::Wait`] with the time that is left; nothing is counted then.
    pub fn count(&self, from: IpAddr, tried: Tried<'_>, now: Instant) -> Result<(), Error> {
        let keys = self.keys(from, tried);
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        all.may(&keys, now)?;
        let pair = all.pairs.entry(keys.pair, now, true);
        pair.failures = pair.failures.saturating_add(1);
        Ok(())
    }

    /// Takes a counted try back that nobody has looked at.
    pub fn take_back(&self, from: IpAddr, tried: Tried<'_>, now: Instant) {
        let keys = self.keys(from, tried);
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        let pair = all.pairs.entry(keys.pair, now, false);
        pair.failures = pair.failures.saturating_sub(1);
    }

    /// Puts what looks like guessing into the batch, which may stay empty, after a counted try has failed.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub fn failed(
        &self,
        batch: &mut Batch,
        act: &Act,
        from: IpAddr,
        tried: Tried<'_>,
    ) -> Result<(), Error> {
        let keys = self.keys(from, tried);
        let now = act.now.monotonic;
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        let networks = &mut all.networks;
        let sprays = networks.entry(keys.network, now, false).reaches(keys.name);
        let names = &mut all.names;
        let stuffs = names.entry(keys.name, now, false).reaches(keys.network);
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

    /// Forgets what was counted of this from this network. **Only for who has just proven to be the person of the name.**
    pub fn succeeded(&self, from: IpAddr, tried: Tried<'_>) {
        let keys = self.keys(from, tried);
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        all.pairs.remove(&keys.pair);
    }

    fn keys(&self, from: IpAddr, tried: Tried<'_>) -> Keys {
        let network = Networks::from(from).own.to_bytes();
        let network = self.secret.hash(&[b"network", &network]);
        let name = match tried {
            Tried::Name(typed) => {
                let name = Name::parse(typed).map_or_else(
                    |_| typed.chars().take(64).collect(),
                    |name| name.normalised(),
                );
                self.secret.hash(&[b"name", name.as_bytes()])
            }
            Tried::Generator(person) => self.secret.hash(&[b"generator", person.as_bytes()]),
        };
        let pair = self.secret.hash(&[b"pair", &network, &name]);
        Keys {
            network,
            name,
            pair,
        }
    }
}

/// The wait after so many failures, if there is one.
pub(crate) fn wait(failures: u32) -> Option<Duration> {
    let beyond = failures.checked_sub(FREE)?;
    let seconds = 1_u64.checked_shl(beyond.min(32)).unwrap_or(u64::MAX);
    Some(Duration::from_secs(seconds).min(LONGEST))
}

/// The keys of a try.
struct Keys {
    network: Keyed,
    name: Keyed,
    pair: Keyed,
}

impl All {
    fn may(&mut self, keys: &Keys, now: Instant) -> Result<(), Error> {
        let Some((pair, last)) = self.pairs.find(keys.pair, now) else {
            return Ok(());
        };
        let wait = wait(pair.failures).unwrap_or_default();
        let left = wait.saturating_sub(now.saturating_duration_since(last));
        if left.is_zero() {
            return Ok(());
        }
        Err(Error::Wait(left))
    }
}

impl Seen {
    /// Adds one; whether that makes it many. Beyond that nothing more is kept or told.
    fn reaches(&mut self, other: Keyed) -> bool {
        self.others.len() < MANY && self.others.insert(other) && self.others.len() == MANY
    }
}
