//! One session in the store, by the time of day.

use holdfast_store::{Record, Table};
use serde::{Deserialize, Serialize};

use super::session::{Method, Parts, Proof, Session, SessionId};
use crate::Moment;
use crate::people::PersonId;
use crate::personal::Personal;
use crate::roles::Limits;

/// Kept under the keyed hash of the token. Times are milliseconds since 1970.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Stored {
    pub(super) id: SessionId,
    pub(super) person: PersonId,
    pub(super) portal: Option<SessionId>,
    method: Method,
    proved: i64,
    made: i64,
    used: i64,
    limits: Limits,
    device: Personal,
}

impl Record for Stored {
    const TABLE: Table = Table::plain("sessions");
    const VERSION: u16 = 1;
}

impl Stored {
    /// `millis` is `now` in milliseconds of this run.
    pub(super) fn of(session: &Session, now: Moment, millis: i64) -> Self {
        let wall = |time: i64| {
            let ago = millis.saturating_sub(time);
            now.wall.unix_millis().saturating_sub(ago)
        };
        Self {
            id: session.id,
            person: session.person,
            portal: session.portal,
            method: session.proof.method,
            proved: wall(session.proof.at),
            made: wall(session.made),
            used: wall(session.used()),
            limits: session.limits,
            device: session.device.clone(),
        }
    }

    /// As of a run that begins at `now`. What seems to lie in the future counts as of now.
    pub(super) fn read(self, now: Moment) -> Session {
        let relative = |time: i64| time.saturating_sub(now.wall.unix_millis()).min(0);
        Session::new(Parts {
            id: self.id,
            person: self.person,
            portal: self.portal,
            proof: Proof::new(self.method, relative(self.proved)),
            made: relative(self.made),
            used: relative(self.used),
            limits: self.limits,
            device: self.device,
        })
    }
}
