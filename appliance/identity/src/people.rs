//! People: a random number, a name, roles.

use std::fmt;
use std::ops::Bound;

use holdfast_audit::Kind;
use holdfast_store::{Batch, Record, Revision, Snapshot, Table, Versioned};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::personal::{PersonKey, Personal};
use crate::{Act, Error, Random, passkeys, passwords, recovery, roles, totp};

/// The table of people's own keys: rotate it after a deletion.
pub const KEYS: Table = PersonKey::TABLE;

/// A person's number: 16 random bytes. It is the user handle of passkeys, and what audit events name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PersonId([u8; 16]);

/// The number of the decoy that stands in for who does not exist. Nobody gets it: 128 random bits are not all zero.
pub(crate) const NOBODY: PersonId = PersonId([0; 16]);

impl PersonId {
    pub(crate) fn fresh(random: &impl Random) -> Result<Self, Error> {
        Ok(Self(random.array()?))
    }

    /// The number's bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    pub(crate) fn uuid(self) -> Uuid {
        Uuid::from_bytes(self.0)
    }

    pub(crate) fn from_handle(handle: &[u8]) -> Option<Self> {
        handle.try_into().ok().map(Self)
    }

    /// Reads what [`fmt::Display`] writes.
    #[must_use]
    pub fn parse(hex: &str) -> Option<Self> {
        let bytes = data_encoding::HEXLOWER.decode(hex.as_bytes()).ok()?;
        Self::from_handle(&bytes)
    }
}

impl fmt::Display for PersonId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&data_encoding::HEXLOWER.encode(&self.0))
    }
}

/// A name as a person typed it, without blanks around it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Name(String);

impl Name {
    /// Reads a name: 1 to 64 letters, digits, blanks and `-_.@'`, the first a letter or digit. Combining marks are refused,
    /// so that there is one way of writing each.
    ///
    /// # Errors
    /// [`Error::Name`].
    pub fn parse(typed: &str) -> Result<Self, Error> {
        let typed = typed.trim();
        let fits = |c: char| c.is_alphanumeric() || " -_.@'".contains(c);
        let begins = typed.chars().next().is_some_and(char::is_alphanumeric);
        if !begins || typed.chars().count() > 64 || !typed.chars().all(fits) {
            return Err(Error::Name);
        }
        Ok(Self(typed.to_owned()))
    }

    /// As it was typed.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The one under which it is found: lower case, one blank for several.
    pub(crate) fn normalised(&self) -> String {
        let lower = self.0.to_lowercase();
        lower.split_whitespace().collect::<Vec<_>>().join(" ")
    }
}

/// A person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// The number.
    pub id: PersonId,
    /// The name.
    pub name: Name,
    /// The roles that were given, without what they inherit.
    pub roles: Vec<String>,
    /// When the person joined, milliseconds since 1970.
    pub made: i64,
    /// Whether the person may sign in.
    pub enabled: bool,
}

#[derive(Debug, Serialize, Deserialize)]
struct Stored {
    name: Personal,
    roles: Vec<String>,
    made: i64,
    enabled: bool,
}

impl Record for Stored {
    const TABLE: Table = Table::plain("people");
    const VERSION: u16 = 1;
}

#[derive(Debug, Serialize, Deserialize)]
struct Named {
    person: PersonId,
}

impl Record for Named {
    const TABLE: Table = Table::hashed("person-names");
    const VERSION: u16 = 1;
}

/// The person of this number.
///
/// # Errors
/// [`Error::NoPerson`], [`Error::Sealed`], [`Error::Store`].
pub fn find(snapshot: &Snapshot, id: PersonId) -> Result<Person, Error> {
    let stored = snapshot.find::<Stored>(id.as_bytes())?;
    read(snapshot, id, stored.ok_or(Error::NoPerson)?)
}

/// The number of the person of this name, however it is written.
///
/// # Errors
/// [`Error::Store`].
pub fn by_name(snapshot: &Snapshot, name: &Name) -> Result<Option<PersonId>, Error> {
    #[cfg(test)]
    crate::work::looks();
    let found = snapshot.find::<Named>(name.normalised())?;
    Ok(found.map(|named| named.person))
}

/// All people, in the order of their numbers, which tells nothing.
///
/// # Errors
/// [`Error::Sealed`], [`Error::Store`].
pub fn list(snapshot: &Snapshot) -> Result<Vec<Person>, Error> {
    let rows = snapshot.all::<Stored>()?;
    rows.map(|row| of_row(snapshot, row)).collect()
}

/// At most so many people, in the order of their numbers, that come behind this number.
///
/// # Errors
/// [`Error::Sealed`], [`Error::Store`].
pub fn list_behind(
    snapshot: &Snapshot,
    behind: Option<PersonId>,
    most: usize,
) -> Result<Vec<Person>, Error> {
    let begin = match &behind {
        Some(id) => Bound::Excluded(id.as_bytes().as_slice()),
        None => Bound::Unbounded,
    };
    let rows = snapshot.range::<Stored>((begin, Bound::Unbounded))?;
    rows.take(most).map(|row| of_row(snapshot, row)).collect()
}

/// Gives a person these roles in place of the ones before. End their sessions with the same commit and once more after it, so
/// that new limits hold.
///
/// # Errors
/// [`Error::NoPerson`], [`Error::NoRole`], [`Error::Store`].
pub fn set_roles(
    snapshot: &Snapshot,
    batch: &mut Batch,
    act: &Act,
    id: PersonId,
    given: Vec<String>,
) -> Result<(), Error> {
    roles::effective(snapshot, &given)?;
    change(snapshot, batch, act, id, "roles", |stored| {
        stored.roles = given;
    })
}

/// Lets a person sign in, or not. End the sessions of who is disabled **before** the commit.
///
/// # Errors
/// [`Error::NoPerson`], [`Error::Store`].
pub fn set_enabled(
    snapshot: &Snapshot,
    batch: &mut Batch,
    act: &Act,
    id: PersonId,
    enabled: bool,
) -> Result<(), Error> {
    batch.use_last_reserve();
    let what = if enabled { "enabled" } else { "disabled" };
    change(snapshot, batch, act, id, what, |stored| {
        stored.enabled = enabled;
    })
}

/// Removes a person with all that belongs to them, their own key among it. End their sessions before the commit, and rotate
/// the table [`KEYS`] after it.
///
/// # Errors
/// [`Error::NoPerson`], [`Error::Store`].
pub fn delete(
    snapshot: &Snapshot,
    batch: &mut Batch,
    act: &Act,
    id: PersonId,
) -> Result<(), Error> {
    let person = find(snapshot, id)?;
    batch.use_last_reserve();
    batch.expect_present(Stored::TABLE, id.as_bytes());
    batch.delete(Stored::TABLE, id.as_bytes());
    batch.delete(Named::TABLE, person.name.normalised());
    batch.delete(PersonKey::TABLE, id.as_bytes());
    passkeys::delete(snapshot, batch, id)?;
    passwords::delete(batch, id);
    recovery::delete(batch, id);
    totp::delete(batch, id);
    act.done(batch, Kind::PersonDeleted, id.to_string())
}

/// Adds a person with a new key of their own.
pub(crate) fn add(
    batch: &mut Batch,
    act: &Act,
    random: &impl Random,
    id: PersonId,
    name: &Name,
    roles: Vec<String>,
) -> Result<PersonKey, Error> {
    let key = PersonKey::make(id, random, batch)?;
    let stored = Stored {
        name: key.seal(id, "name", name, random)?,
        roles,
        made: act.millis(),
        enabled: true,
    };
    batch.expect_absent(Named::TABLE, name.normalised());
    batch.expect_absent(Stored::TABLE, id.as_bytes());
    batch.put(name.normalised(), &Named { person: id })?;
    batch.put(id.as_bytes(), &stored)?;
    act.done(batch, Kind::PersonJoined, id.to_string())?;
    Ok(key)
}

/// Has the batch refuse if the person is changed or deleted meanwhile.
pub(crate) fn expect_unchanged(
    snapshot: &Snapshot,
    batch: &mut Batch,
    id: PersonId,
) -> Result<(), Error> {
    let found = snapshot.find_versioned::<Stored>(id.as_bytes())?;
    let revision = found.ok_or(Error::NoPerson)?.revision;
    batch.expect_revision(Stored::TABLE, id.as_bytes(), revision);
    Ok(())
}

fn change(
    snapshot: &Snapshot,
    batch: &mut Batch,
    act: &Act,
    id: PersonId,
    what: &str,
    change: impl FnOnce(&mut Stored),
) -> Result<(), Error> {
    let found = snapshot.find_versioned::<Stored>(id.as_bytes())?;
    let found = found.ok_or(Error::NoPerson)?;
    let (mut stored, revision): (Stored, Revision) = (found.record, found.revision);
    change(&mut stored);
    batch.expect_revision(Stored::TABLE, id.as_bytes(), revision);
    batch.put(id.as_bytes(), &stored)?;
    act.done(batch, Kind::PersonChanged, format!("{id} {what}"))
}

fn of_row(
    snapshot: &Snapshot,
    row: Result<(Vec<u8>, Versioned<Stored>), holdfast_store::Error>,
) -> Result<Person, Error> {
    let (key, found) = row?;
    let id = PersonId::from_handle(&key).ok_or(Error::Sealed)?;
    read(snapshot, id, found.record)
}

fn read(snapshot: &Snapshot, id: PersonId, stored: Stored) -> Result<Person, Error> {
    let key = PersonKey::find(snapshot, id)?;
    Ok(Person {
        id,
        name: key.open(id, "name", &stored.name)?,
        roles: stored.roles,
        made: stored.made,
        enabled: stored.enabled,
    })
}
