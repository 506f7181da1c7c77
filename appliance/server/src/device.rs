//! Enrolled devices.

use holdfast_store::{Record, Snapshot, Store, Table};
use serde::{Deserialize, Serialize};

use crate::pin::Pin;
use crate::rejection::Rejection;

/// A device that was enrolled, kept under its pin.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Device {
    /// Its pin, since the table's keys are hashed.
    pub(crate) pin: Pin,
    /// Its name for people.
    pub(crate) name: String,
    /// When it was enrolled, milliseconds since 1970.
    pub(crate) enrolled: i64,
    /// Whether it may still do anything.
    pub(crate) state: State,
}

/// What became of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum State {
    /// It may act.
    Active,
    /// It may not; the record stays, so that its pin cannot come back unseen.
    Revoked,
}

impl Record for Device {
    const TABLE: Table = Table::hashed("devices");
    const VERSION: u16 = 1;
}

/// Marks that a first device was enrolled, after which no code is good any more.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct FirstEnrolment {
    pub(crate) device: Pin,
}

impl FirstEnrolment {
    pub(crate) const KEY: &str = "first";
}

impl Record for FirstEnrolment {
    const TABLE: Table = Table::hashed("first-enrolment");
    const VERSION: u16 = 1;
}

/// Whether `pin` belongs to a device that may act.
pub(crate) fn is_enrolled(snapshot: &Snapshot, pin: &Pin) -> Result<bool, holdfast_store::Error> {
    let device = snapshot.find::<Device>(pin.as_bytes())?;
    Ok(device.is_some_and(|device| device.state == State::Active))
}

/// Refuses what a device began while it was enrolled, and would end after it was revoked. For within the lock of the act.
pub(crate) fn still_enrolled(store: &Store, pin: &Pin) -> Result<(), Rejection> {
    if is_enrolled(&store.snapshot()?, pin)? {
        return Ok(());
    }
    let why = "This device was revoked meanwhile. The site and its versions are as they were.";
    Err(Rejection::Conflict(why.to_owned()))
}

/// Number of devices that may act.
pub(crate) fn count(snapshot: &Snapshot) -> Result<usize, holdfast_store::Error> {
    let mut active = 0_usize;
    for row in snapshot.all::<Device>()? {
        if row?.1.record.state == State::Active {
            active = active.saturating_add(1);
        }
    }
    Ok(active)
}
