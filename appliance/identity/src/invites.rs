//! Invites: a code that makes its finder a person with certain roles, once, until its end.
//!
//! The record's key is the keyed hash of the code (the store's look-up hash), so that neither the file nor the time of a
//! look-up tells anything about a code.

use std::time::Duration;

use holdfast_audit::{Actor, Kind};
use holdfast_store::{Batch, Record, Snapshot, Table};
use serde::{Deserialize, Serialize};

use crate::code::Code;
use crate::people::{self, Name, PersonId};
use crate::personal::PersonKey;
use crate::{Act, Error, Random, roles};

/// The longest life of an invite.
pub const LONGEST: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// Invites at the same time.
const PLACES: usize = 10_000;

/// An invite that was not used yet, as it is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invite {
    /// A random number by which it is listed and withdrawn.
    pub id: [u8; 8],
    /// Who made it: it ends with their rights.
    pub by: Actor,
    /// The roles that it gives.
    pub roles: Vec<String>,
    /// When it was made, milliseconds since 1970.
    pub made: i64,
    /// When it ends, milliseconds since 1970.
    pub ends: i64,
}

impl Record for Invite {
    const TABLE: Table = Table::hashed("invites");
    const VERSION: u16 = 1;
}

/// Makes an invite; the code is shown once and kept nowhere. A life above [`LONGEST`] is cut to it.
///
/// # Errors
/// [`Error::NoRole`], [`Error::TooMany`], [`Error::Random`], [`Error::Store`].
pub fn make(
    snapshot: &Snapshot,
    batch: &mut Batch,
    act: &Act,
    random: &impl Random,
    given: Vec<String>,
    life: Duration,
) -> Result<Code, Error> {
    roles::effective(snapshot, &given)?;
    let mut good = 0_usize;
    for row in snapshot.all::<Invite>()? {
        let (key, found) = row?;
        if found.record.ends <= act.millis() {
            batch.delete_row(Invite::TABLE, key);
        } else {
            good = good.saturating_add(1);
        }
    }
    if good >= PLACES {
        return Err(Error::TooMany(PLACES));
    }
    let code = Code::fresh(random)?;
    let life = i64::try_from(life.min(LONGEST).as_millis()).unwrap_or(0);
    let invite = Invite {
        id: random.array()?,
        by: act.actor.clone(),
        roles: given,
        made: act.millis(),
        ends: act.millis().saturating_add(life),
    };
    batch.put(code.as_bytes(), &invite)?;
    let what = format!("{} {}", name(&invite), invite.roles.join(","));
    act.done(batch, Kind::PersonInvited, what)?;
    Ok(code)
}

/// The invite of this code, while it is good.
///
/// # Errors
/// [`Error::Invite`], [`Error::Store`].
pub fn find(snapshot: &Snapshot, code: &Code, now: i64) -> Result<Invite, Error> {
    let found = snapshot.find::<Invite>(code.as_bytes())?;
    found
        .filter(|invite| now < invite.ends)
        .ok_or(Error::Invite)
}

/// All invites that were not used, those past their end too.
///
/// # Errors
/// [`Error::Store`].
pub fn list(snapshot: &Snapshot) -> Result<Vec<Invite>, Error> {
    let rows = snapshot.all::<Invite>()?;
    rows.map(|row| Ok(row?.1.record)).collect()
}

/// Takes an invite back.
///
/// # Errors
/// [`Error::Invite`] if there is none of this number, [`Error::Store`].
pub fn withdraw(
    snapshot: &Snapshot,
    batch: &mut Batch,
    act: &Act,
    id: [u8; 8],
) -> Result<(), Error> {
    for row in snapshot.all::<Invite>()? {
        let (key, found) = row?;
        if found.record.id == id {
            batch.delete_row(Invite::TABLE, key);
            batch.use_last_reserve();
            return act.done(batch, Kind::InviteWithdrawn, name(&found.record));
        }
    }
    Err(Error::Invite)
}

/// Takes back all invites that someone made, whose rights to do so end with this batch. Tells how many.
///
/// # Errors
/// [`Error::Store`].
pub fn withdraw_those_of(
    snapshot: &Snapshot,
    batch: &mut Batch,
    act: &Act,
    by: &Actor,
) -> Result<usize, Error> {
    let mut taken = 0_usize;
    for row in snapshot.all::<Invite>()? {
        let (key, found) = row?;
        if found.record.by == *by {
            batch.delete_row(Invite::TABLE, key);
            act.done(batch, Kind::InviteWithdrawn, name(&found.record))?;
            taken = taken.saturating_add(1);
        }
    }
    Ok(taken)
}

/// Uses the invite up: its finder becomes a person. The batch refuses if the invite was used or withdrawn meanwhile, or the
/// name or number taken.
pub(crate) fn redeem(
    snapshot: &Snapshot,
    batch: &mut Batch,
    act: &Act,
    random: &impl Random,
    code: &Code,
    id: PersonId,
    typed: &Name,
) -> Result<PersonKey, Error> {
    let invite = find(snapshot, code, act.millis())?;
    if people::by_name(snapshot, typed)?.is_some() {
        return Err(Error::NameTaken);
    }
    batch.expect_present(Invite::TABLE, code.as_bytes());
    batch.delete(Invite::TABLE, code.as_bytes());
    people::add(batch, act, random, id, typed, invite.roles)
}

fn name(invite: &Invite) -> String {
    data_encoding::HEXLOWER.encode(&invite.id)
}
