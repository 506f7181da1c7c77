//! What every act is told: when, by whom, and where randomness comes from.

use std::time::Instant;

use holdfast_audit::{Actor, Event, Kind, Outcome, Timestamp};
use holdfast_store::Batch;

use crate::{Error, PersonId};

/// A point in time, by both clocks.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// The time of day, for what outlives a restart.
    pub wall: Timestamp,
    /// The clock that only goes forward, for limits within one run.
    pub monotonic: Instant,
}

/// Where random bytes come from: the kernel, outside tests.
pub trait Random {
    /// Fills `bytes`.
    ///
    /// # Errors
    /// [`Error::Random`] if there are none.
    fn fill(&self, bytes: &mut [u8]) -> Result<(), Error>;

    /// As many fresh random bytes as the type has.
    ///
    /// # Errors
    /// [`Error::Random`] if there are none.
    fn array<const N: usize>(&self) -> Result<[u8; N], Error> {
        let mut bytes = [0; N];
        self.fill(&mut bytes)?;
        Ok(bytes)
    }
}

/// When something is done, by whom, and in which request; goes into its audit event.
#[derive(Clone, Debug)]
pub struct Act {
    /// When.
    pub now: Moment,
    /// By whom.
    pub actor: Actor,
    /// The request it belongs to, as its answer will name it.
    pub request: Option<String>,
}

impl Act {
    /// Adds that a proof was refused: of this person, or of a name that nobody has.
    ///
    /// # Errors
    /// [`Error::Store`] if the event cannot be encoded.
    pub fn refused(&self, batch: &mut Batch, whose: Option<PersonId>) -> Result<(), Error> {
        let whose = whose.map(|person| person.to_string()).unwrap_or_default();
        self.record(batch, Kind::SignInRefused, whose, Outcome::Refused)
    }

    /// Adds the event of this act to its batch. `resource` names no one: a person is there by number.
    pub(crate) fn record(
        &self,
        batch: &mut Batch,
        kind: Kind,
        resource: String,
        outcome: Outcome,
    ) -> Result<(), Error> {
        batch.append(&Event {
            time: self.now.wall,
            kind,
            actor: self.actor.clone(),
            resource,
            outcome,
            request: self.request.clone(),
        })?;
        Ok(())
    }

    pub(crate) fn done(
        &self,
        batch: &mut Batch,
        kind: Kind,
        resource: String,
    ) -> Result<(), Error> {
        self.record(batch, kind, resource, Outcome::Done)
    }

    pub(crate) fn millis(&self) -> i64 {
        self.now.wall.unix_millis()
    }
}
