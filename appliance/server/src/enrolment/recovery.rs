//! Recovery after the last device was lost: a `holdfast.recover` credential opens the console's enrolment once more.
//!
//! The value is spent as soon as it is seen, in the same batch as the audit event, and before any code is shown: the code
//! is good for 15 minutes, once, and the same value never shows another. A credential that is left in place is therefore
//! no open door.

use std::sync::atomic::{AtomicBool, Ordering};

use aws_lc_rs::digest::{SHA256, digest};
use holdfast_audit::{Actor, Event, Kind, Outcome, Timestamp};
use holdfast_store::{Batch, Record, Store, Table};
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::record;

const NO_ROOM: &str = "holdfast.recover has no effect: the disk has no room to note that it was used; give the disk more room, then restart";
const SPENT: &str =
    "holdfast.recover was used before and has no effect; take it out, or pass a new value";

/// A value that was used, kept under its SHA-256.
#[derive(Debug, Serialize, Deserialize)]
struct Spent {
    /// When, milliseconds since 1970.
    time: i64,
}

impl Record for Spent {
    const TABLE: Table = Table::hashed("recoveries");
    const VERSION: u16 = 1;
}

/// Whether the console may enrol a device although others were enrolled before.
#[derive(Debug, Default)]
pub(crate) struct Recovery {
    open: AtomicBool,
    note: Option<&'static str>,
}

impl Recovery {
    /// Spends the credential's value, if there is one and it was not used before.
    ///
    /// # Errors
    /// The store's: without the record nothing is opened.
    pub(crate) fn start(
        store: &Store,
        value: Option<&[u8; 32]>,
        now: Timestamp,
    ) -> Result<Self, Error> {
        let Some(value) = value else {
            return Ok(Self::default());
        };
        let hash = digest(&SHA256, value);
        if store.snapshot()?.find::<Spent>(hash.as_ref())?.is_some() {
            return Ok(Self::refused(SPENT));
        }
        let mut batch = Batch::new();
        batch.expect_absent(Spent::TABLE, hash.as_ref());
        let spent = Spent {
            time: now.unix_millis(),
        };
        batch.put(hash.as_ref(), &spent)?;
        let event = Event {
            time: now,
            kind: Kind::RecoveryOpened,
            actor: Actor::Machine,
            resource: "holdfast.recover".to_owned(),
            outcome: Outcome::Done,
            request: None,
        };
        holdfast_audit::append(&mut batch, &event)?;
        match store.commit_blocking(batch) {
            // Pages are served even from a full disk.
            Err(error) if error.is_full() => return Ok(Self::refused(NO_ROOM)),
            outcome => drop(outcome?),
        }
        Ok(Self {
            open: AtomicBool::new(true),
            note: None,
        })
    }

    fn refused(why: &'static str) -> Self {
        record::note("recovery-not-opened", why);
        Self {
            open: AtomicBool::new(false),
            note: Some(why),
        }
    }

    /// Whether a device may be enrolled by the console's code.
    pub(crate) fn is_open(&self) -> bool {
        self.open.load(Ordering::Relaxed)
    }

    /// Ends it: a device was enrolled, or the code has lapsed.
    pub(crate) fn close(&self) {
        self.open.store(false, Ordering::Relaxed);
    }

    /// What the console says of a value that has no effect.
    pub(crate) fn note(&self) -> Option<&'static str> {
        self.note
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use holdfast_secrets::{KeyRing, RootKey, Suite};

    use super::*;

    #[test]
    fn a_value_opens_once_and_each_opening_is_an_event() {
        let folder = tempfile::tempdir().unwrap();
        let ring = KeyRing::new(RootKey::from_bytes(&[7; 32]).unwrap(), Suite::Aes256Gcm);
        let store = Store::open(folder.path().join("store.redb"), ring).unwrap();
        let now = Timestamp::from_unix_millis(1).unwrap();
        let start = |value: Option<&[u8; 32]>| Recovery::start(&store, value, now).unwrap();
        assert!(!start(None).is_open());
        let first = start(Some(&[1; 32]));
        assert!(first.is_open() && first.note().is_none());
        first.close();
        assert!(!first.is_open());
        let again = start(Some(&[1; 32]));
        assert!(!again.is_open() && again.note().unwrap().contains("used before"));
        assert!(start(Some(&[2; 32])).is_open());
        let events: Vec<_> = holdfast_audit::list(&store.snapshot().unwrap(), ..)
            .unwrap()
            .map(|event| event.unwrap().1.kind)
            .collect();
        assert_eq!(events, [Kind::RecoveryOpened, Kind::RecoveryOpened]);
    }
}
