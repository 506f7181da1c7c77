//! Sessions: who signed in, how, and until when.
//!
//! A token is 256 random bits; the store and the memory know its keyed hash alone. A **portal** session is what signing in
//! makes. A **site** session is made from one by a hand-over between the two hosts (law 11), and ends with it.
//!
//! The limits hold on the monotonic clock within a run; over a restart the time of day stands in, which never goes below the
//! last stored time. Last use is kept in memory and written at most once a minute ([`Sessions::flush`]), so after a crash a
//! session may seem used up to a minute earlier than it was.
//!
//! ```text
//! begin(…, &mut batch) → commit → admit → cookie        sign-in, hand-over
//! renew(…, &mut batch) → commit → admit → cookie        step-up: the old token is dead
//! find(token)                                            each request
//! end(…, &mut batch) → commit                            dead in memory at once, also if the commit fails
//! ```

mod all;
mod session;
mod store;
mod token;

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Instant;

use holdfast_audit::Kind;
use holdfast_store::{Batch, Record, Snapshot};

pub use session::{Method, Proof, Session, SessionId};
pub use token::Token;

use crate::people::{self, PersonId};
use crate::personal::PersonKey;
use crate::secrets::{Keyed, Secret};
use crate::{Act, Error, Moment, Random, roles};
use all::All;
use store::Stored;

/// Characters of a device's description that are kept.
const DEVICE: usize = 200;
/// Site sessions that may hang on one portal session. A browser uses one; a few more are for tabs that came at once.
const SITES: u32 = 4;

/// All sessions, in memory and in the store.
pub struct Sessions {
    secret: Secret,
    origin: Instant,
    all: RwLock<All>,
}

/// What a new session is about.
#[derive(Clone, Copy, Debug)]
pub struct New<'a> {
    /// Whose.
    pub person: PersonId,
    /// For a site session: the portal session that it comes from and ends with.
    pub portal: Option<&'a Session>,
    /// How the person proved who they are. That of a site session is its portal session's.
    pub method: Method,
    /// What the browser says it is, and the network it came from; sealed under the person's key, the first 200 characters.
    pub device: &'a str,
}

/// A session whose batch is not committed yet.
pub struct Pending {
    token: Token,
    key: Keyed,
    session: Session,
    /// What the batch takes out: what is beyond the limit, or the session that is renewed.
    ends: Vec<Keyed>,
    renews: Option<Keyed>,
    ends_before: (u64, u64),
}

/// What an act has ended, over all runs of its closure: hand the same one to each.
#[derive(Debug, Default)]
pub struct Ended(Vec<Keyed>);

impl Ended {
    /// How many sessions.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.len()
    }
}

/// What a flush has put into its batch.
#[derive(Debug, Default)]
pub struct Flushed {
    owed: Vec<Keyed>,
    used: Vec<(Arc<Session>, i64)>,
}

/// Which sessions end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// One of a person's, and what hangs on it.
    One(PersonId, SessionId),
    /// All of a person's but this one, and what hangs on it.
    Others(PersonId, SessionId),
    /// All of a person's.
    Person(PersonId),
    /// Everybody's.
    All,
}

impl Sessions {
    /// Reads the sessions of the store. Those that have ended meanwhile, whose person is gone or disabled, or whose portal
    /// session is gone, leave it by the batch. `now` becomes the origin of this run's times.
    ///
    /// # Errors
    /// [`Error::Store`], [`Error::Random`].
    pub fn open(
        snapshot: &Snapshot,
        batch: &mut Batch,
        random: &impl Random,
        now: Moment,
    ) -> Result<Self, Error> {
        let secret = Secret::load(snapshot, batch, random, "session tokens")?;
        let mut all = All::default();
        for row in snapshot.all::<Stored>()? {
            let (key, found) = row?;
            let person = people::find(snapshot, found.record.person);
            let enabled = person.is_ok_and(|person| person.enabled);
            let session = found.record.read(now);
            match Keyed::try_from(key.as_slice()) {
                Ok(key) if enabled && !session.is_over(0) => all.insert(key, session),
                _ => {
                    batch.delete_row(Stored::TABLE, key);
                }
            }
        }
        for key in all.orphans() {
            all.remove(&key, false);
            batch.delete(Stored::TABLE, key);
        }
        Ok(Self {
            secret,
            origin: now.monotonic,
            all: RwLock::new(all),
        })
    }

    /// Prepares a session. Where the person has as many as their roles allow, the one used longest ago ends with the commit.
    ///
    /// # Errors
    /// [`Error::NoPerson`] if the person is gone, [`Error::Refused`] if disabled or if the portal session has ended,
    /// [`Error::Store`], [`Error::Random`].
    pub fn begin(
        &self,
        snapshot: &Snapshot,
        batch: &mut Batch,
        act: &Act,
        random: &impl Random,
        new: New<'_>,
    ) -> Result<Pending, Error> {
        let ends_before = self.read().ends(new.person);
        // Looked at after the count: an end from here on is seen at the admission.
        if new.portal.is_some_and(Session::has_ended) {
            return Err(Error::Refused);
        }
        let person = people::find(snapshot, new.person)?;
        if !person.enabled {
            return Err(Error::Refused);
        }
        people::expect_unchanged(snapshot, batch, new.person)?;
        let limits = roles::limits(snapshot, &person.roles)?;
        let key = PersonKey::find(snapshot, new.person)?;
        let device: String = new.device.chars().take(DEVICE).collect();
        let millis = self.millis(act.now);
        let made = new.portal.map_or(millis, |portal| portal.made);
        let session = Session::new(session::Parts {
            id: SessionId::fresh(random)?,
            person: new.person,
            portal: new.portal.map(|portal| portal.id),
            proof: new
                .portal
                .map_or_else(|| Proof::new(new.method, millis), |portal| portal.proof),
            made,
            used: millis,
            limits,
            device: key.seal(new.person, "device", &device, random)?,
        });
        if new.portal.is_none() {
            act.done(batch, Kind::SignedIn, new.person.to_string())?;
        }
        self.pend(batch, act, random, session, None, ends_before)
    }

    /// Prepares a new token for a session, with a fresh proof: the step-up. The old token is dead once it is admitted.
    ///
    /// # Errors
    /// [`Error::Refused`] if the session has ended, [`Error::Store`], [`Error::Random`].
    pub fn renew(
        &self,
        snapshot: &Snapshot,
        batch: &mut Batch,
        act: &Act,
        random: &impl Random,
        token: &Token,
        method: Method,
    ) -> Result<Pending, Error> {
        let old = self.find(token, act.now).ok_or(Error::Refused)?;
        let ends_before = self.read().ends(old.person);
        if old.has_ended() {
            return Err(Error::Refused);
        }
        people::expect_unchanged(snapshot, batch, old.person)?;
        let millis = self.millis(act.now);
        let session = old.renewed(Proof::new(method, millis), millis);
        act.done(batch, Kind::SteppedUp, old.person.to_string())?;
        let renews = Some(self.key(token));
        self.pend(batch, act, random, session, renews, ends_before)
    }

    /// Takes up a session whose batch is committed, and hands out its token. `None` if meanwhile sessions of the person were
    /// ended, or the one that it renews or hangs on: have the person sign in again. Its row leaves the store with the next
    /// [`Sessions::flush`] then.
    #[must_use]
    pub fn admit(&self, pending: Pending) -> Option<Token> {
        let mut all = self.write();
        let session = &pending.session;
        // All under the one lock that every end takes, so that none can come in between.
        let stands = all.ends(session.person) == pending.ends_before
            && pending.renews.is_none_or(|old| all.is_alive(&old))
            && session
                .portal
                .is_none_or(|id| all.has_portal(session.person, id));
        if !stands {
            all.owe(pending.key);
            return None;
        }
        for key in &pending.ends {
            // What hangs on a renewed session stays: it keeps its number.
            all.remove(key, pending.renews != Some(*key));
        }
        // Others may have been admitted since the batch was made.
        for key in all.oldest_beyond(session, 1) {
            all.remove(&key, true);
        }
        all.insert(pending.key, pending.session);
        Some(pending.token)
    }

    /// The session of this token, while it lives; it counts as used now.
    #[must_use]
    pub fn find(&self, token: &Token, now: Moment) -> Option<Arc<Session>> {
        let key = self.key(token);
        let session = self.read().get(&key)?;
        let millis = self.millis(now);
        if session.is_over(millis) {
            return None;
        }
        session.touch(millis);
        Some(session)
    }

    /// A person's sessions that live, the last used first, each with its device.
    ///
    /// # Errors
    /// [`Error::NoPerson`], [`Error::Sealed`], [`Error::Store`].
    pub fn list(
        &self,
        snapshot: &Snapshot,
        person: PersonId,
        now: Moment,
    ) -> Result<Vec<(Arc<Session>, String)>, Error> {
        let key = PersonKey::find(snapshot, person)?;
        let millis = self.millis(now);
        let mut all = self.read().of(person);
        all.retain(|session| !session.is_over(millis));
        all.sort_by_key(|session| std::cmp::Reverse(session.used()));
        all.into_iter()
            .map(|session| {
                let device = key.open(person, "device", &session.device)?;
                Ok((session, device))
            })
            .collect()
    }

    /// How many sessions of a person live; those of the site count with that of the portal they come from.
    #[must_use]
    pub fn count(&self, person: PersonId, now: Moment) -> usize {
        let millis = self.millis(now);
        let all = self.read().of(person);
        let lives = |session: &&Arc<Session>| session.portal.is_none() && !session.is_over(millis);
        all.iter().filter(lives).count()
    }

    /// Ends sessions: in memory at once, so that no further byte is served and open streams are woken; in the store with the
    /// batch. Where the batch is not committed, their rows leave the store with the next [`Sessions::flush`]. `ended` is the
    /// same for each run of one act: a run that meets another commit has ended them already, and its batch is lost.
    ///
    /// # Errors
    /// [`Error::Store`], of the event alone; they have ended in memory then too.
    pub fn end(
        &self,
        batch: &mut Batch,
        act: &Act,
        which: Which,
        ended: &mut Ended,
    ) -> Result<(), Error> {
        let mut all = self.write();
        all.count_end(which);
        for key in all.matching(which) {
            ended.0.extend(all.remove(&key, true));
        }
        drop(all);
        for key in &ended.0 {
            batch.delete(Stored::TABLE, key);
        }
        batch.use_last_reserve();
        let whose = match which {
            Which::All => "all".to_owned(),
            Which::One(person, _) | Which::Others(person, _) | Which::Person(person) => {
                person.to_string()
            }
        };
        act.done(batch, Kind::SessionsEnded, whose)
    }

    /// Puts last uses that are a minute newer than what is stored into the batch, and takes out what has ended, by time or by
    /// an act whose commit failed. Call it once a minute, and when the server stops; after the commit, hand what it gives to
    /// [`Sessions::flushed`].
    ///
    /// # Errors
    /// [`Error::Store`] if the store cannot be read or a record not be encoded.
    pub fn flush(
        &self,
        snapshot: &Snapshot,
        batch: &mut Batch,
        now: Moment,
    ) -> Result<Flushed, Error> {
        let millis = self.millis(now);
        let mut all = self.write();
        all.touch_portals();
        for key in all.over(millis) {
            all.remove(&key, true);
        }
        let owed = all.owed();
        for key in &owed {
            batch.delete(Stored::TABLE, key);
        }
        let mut used = Vec::new();
        for (key, session) in all.iter() {
            // Without a row it is older than the snapshot knows, or its end is committed and was never heard of here: it stays
            // until it is over, and holds up no other.
            if session.is_due() && snapshot.contains(Stored::TABLE, key)? {
                // One that was ended in between must not come back by this.
                batch.expect_present(Stored::TABLE, key);
                batch.put(key, &Stored::of(session, now, millis))?;
                used.push((Arc::clone(session), session.used()));
            }
        }
        Ok(Flushed { owed, used })
    }

    /// Takes note that a flush is committed.
    pub fn flushed(&self, flushed: Flushed) {
        for (session, used) in flushed.used {
            session.set_flushed(used);
        }
        self.write().settle(&flushed.owed);
    }

    /// Number of sessions in memory.
    #[must_use]
    pub fn len(&self) -> usize {
        self.read().iter().count()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn pend(
        &self,
        batch: &mut Batch,
        act: &Act,
        random: &impl Random,
        session: Session,
        renews: Option<Keyed>,
        ends_before: (u64, u64),
    ) -> Result<Pending, Error> {
        let ends = match renews {
            Some(old) => vec![old],
            None => self.read().oldest_beyond(&session, 1),
        };
        let token = Token::fresh(random)?;
        let key = self.key(&token);
        batch.put(key, &Stored::of(&session, act.now, self.millis(act.now)))?;
        for key in &ends {
            batch.delete(Stored::TABLE, key);
        }
        Ok(Pending {
            token,
            key,
            session,
            ends,
            renews,
            ends_before,
        })
    }

    fn key(&self, token: &Token) -> Keyed {
        self.secret.hash(&[token.as_bytes()])
    }

    /// Milliseconds of this run; what began before it is negative.
    #[must_use]
    pub fn millis_of(&self, now: Moment) -> i64 {
        self.millis(now)
    }

    fn millis(&self, now: Moment) -> i64 {
        let since = now.monotonic.saturating_duration_since(self.origin);
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, All> {
        self.all.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> std::sync::RwLockWriteGuard<'_, All> {
        self.all.write().unwrap_or_else(PoisonError::into_inner)
    }
}
