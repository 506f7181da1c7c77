//! Recovery codes: ten codes, shown once, each good for one sign-in.
//!
//! A code has 130 random bits, so a keyed hash suffices: there is nothing to guess that a slow hash would protect.

use holdfast_audit::{Kind, Outcome};
use holdfast_store::{Batch, Record, Revision, Snapshot, Table};
use serde::{Deserialize, Serialize};
use subtle::{Choice, ConstantTimeEq};

use crate::code::Code;
use crate::people::PersonId;
use crate::personal::{PersonKey, Personal};
use crate::secrets::{Keyed, Secret};
use crate::{Act, Error, Random};

/// How many are made at once.
pub const CODES: usize = 10;
const PLACE: &str = "recovery codes";

/// Recovery codes of everybody.
pub struct Recovery {
    secret: Secret,
}

#[derive(Debug, Serialize, Deserialize)]
struct Stored {
    hashes: Personal,
}

impl Record for Stored {
    const TABLE: Table = Table::plain("recovery-codes");
    const VERSION: u16 = 1;
}

impl Recovery {
    /// Takes the secret from the store; a new one goes into the batch.
    ///
    /// # Errors
    /// [`Error::Store`], [`Error::Random`].
    pub fn open(
        snapshot: &Snapshot,
        batch: &mut Batch,
        random: &impl Random,
    ) -> Result<Self, Error> {
        let secret = Secret::load(snapshot, batch, random, "recovery codes")?;
        Ok(Self { secret })
    }

    /// Makes ten codes in place of those before. The caller has asked for a fresh sign-in.
    ///
    /// # Errors
    /// [`Error::NoPerson`], [`Error::Store`], [`Error::Random`].
    pub fn make(
        &self,
        snapshot: &Snapshot,
        batch: &mut Batch,
        act: &Act,
        random: &impl Random,
        person: PersonId,
    ) -> Result<Vec<Code>, Error> {
        let codes = (0..CODES).map(|_| Code::fresh(random));
        let codes = codes.collect::<Result<Vec<_>, _>>()?;
        let hashes: Vec<Keyed> = codes.iter().map(|code| self.hash(person, code)).collect();
        let key = PersonKey::find(snapshot, person)?;
        match snapshot.find_versioned::<Stored>(person.as_bytes())? {
            Some(found) => batch.expect_revision(Stored::TABLE, person.as_bytes(), found.revision),
            None => batch.expect_absent(Stored::TABLE, person.as_bytes()),
        };
        put(batch, &key, random, person, &hashes)?;
        act.done(batch, Kind::RecoveryCodesMade, person.to_string())?;
        Ok(codes)
    }

    /// Uses a code up. All hashes are compared, whichever fits.
    ///
    /// # Errors
    /// [`Error::Recorded`] if it is none of theirs: commit the batch and refuse. [`Error::Store`].
    pub fn redeem(
        &self,
        snapshot: &Snapshot,
        batch: &mut Batch,
        act: &Act,
        random: &impl Random,
        person: PersonId,
        code: &Code,
    ) -> Result<(), Error> {
        let hash = self.hash(person, code);
        let found = read(snapshot, person)?;
        let mut good = Choice::from(0);
        let (mut left, mut known) = (Vec::new(), None);
        if let Some((hashes, key, revision)) = found {
            for other in hashes {
                let same = other.ct_eq(&hash);
                good |= same;
                if !bool::from(same) {
                    left.push(other);
                }
            }
            known = Some((key, revision));
        }
        let (true, Some((key, revision))) = (bool::from(good), known) else {
            let who = person.to_string();
            act.record(batch, Kind::SignInRefused, who, Outcome::Refused)?;
            return Err(Error::Recorded);
        };
        batch.expect_revision(Stored::TABLE, person.as_bytes(), revision);
        put(batch, &key, random, person, &left)?;
        act.done(batch, Kind::RecoveryCodeUsed, person.to_string())
    }

    fn hash(&self, person: PersonId, code: &Code) -> Keyed {
        self.secret.hash(&[person.as_bytes(), code.as_bytes()])
    }
}

/// How many codes are left.
///
/// # Errors
/// [`Error::Sealed`], [`Error::Store`].
pub fn left(snapshot: &Snapshot, person: PersonId) -> Result<usize, Error> {
    Ok(read(snapshot, person)?.map_or(0, |(hashes, ..)| hashes.len()))
}

/// Has the batch refuse if a code is used meanwhile.
pub(crate) fn expect_unchanged(
    snapshot: &Snapshot,
    batch: &mut Batch,
    person: PersonId,
) -> Result<(), Error> {
    if let Some(found) = snapshot.find_versioned::<Stored>(person.as_bytes())? {
        batch.expect_revision(Stored::TABLE, person.as_bytes(), found.revision);
    }
    Ok(())
}

pub(crate) fn delete(batch: &mut Batch, person: PersonId) {
    batch.delete(Stored::TABLE, person.as_bytes());
}

type Found = (Vec<Keyed>, PersonKey, Revision);

fn read(snapshot: &Snapshot, person: PersonId) -> Result<Option<Found>, Error> {
    let Some(found) = snapshot.find_versioned::<Stored>(person.as_bytes())? else {
        return Ok(None);
    };
    let key = PersonKey::find(snapshot, person)?;
    let hashes = key.open(person, PLACE, &found.record.hashes)?;
    Ok(Some((hashes, key, found.revision)))
}

fn put(
    batch: &mut Batch,
    key: &PersonKey,
    random: &impl Random,
    person: PersonId,
    hashes: &[Keyed],
) -> Result<(), Error> {
    let hashes = key.seal(person, PLACE, &hashes, random)?;
    batch.put(person.as_bytes(), &Stored { hashes })?;
    Ok(())
}
