//! Recovery codes: ten codes, shown once, each good for one sign-in.
//!
//! A code has 130 random bits, so a keyed hash suffices: there is nothing to guess that a slow hash would protect.
//!
//! To use one takes the same work for a name that nobody has, and for who has none left: there are codes of nobody for them,
//! which are made anew in memory with each start.

use holdfast_audit::Kind;
use holdfast_store::{Batch, Record, Snapshot, Table};
use serde::{Deserialize, Serialize};
use subtle::{Choice, ConstantTimeEq};

use crate::code::Code;
use crate::people::{self, PersonId};
use crate::personal::{PersonKey, Personal};
use crate::secrets::{Keyed, Secret};
use crate::{Act, Error, Random};

/// How many are made at once.
pub const CODES: usize = 10;
const PLACE: &str = "recovery codes";

/// Recovery codes of everybody.
pub struct Recovery {
    secret: Secret,
    decoy: Decoy,
}

/// Codes that nobody was shown.
struct Decoy {
    key: PersonKey,
    hashes: Personal,
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
        let decoy = Decoy::make(random)?;
        Ok(Self { secret, decoy })
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

    /// Uses a code up: of this person, or of nobody if the name is unknown. All hashes are compared, whichever fits.
    ///
    /// # Errors
    /// [`Error::Refused`] if it is none of theirs; [`Error::Store`].
    pub fn redeem(
        &self,
        snapshot: &Snapshot,
        batch: &mut Batch,
        act: &Act,
        random: &impl Random,
        person: Option<PersonId>,
        code: &Code,
    ) -> Result<(), Error> {
        let of = person.unwrap_or(people::NOBODY);
        let hash = self.hash(of, code);
        #[cfg(test)]
        crate::work::looks();
        let stored = snapshot.find_versioned::<Stored>(of.as_bytes())?;
        let key = match PersonKey::find(snapshot, of) {
            Err(Error::NoPerson) => None,
            found => Some(found?),
        };
        let theirs = person.and(stored).zip(key);
        let (owner, opens, sealed) = match &theirs {
            Some((stored, key)) => (of, key, &stored.record.hashes),
            None => (people::NOBODY, &self.decoy.key, &self.decoy.hashes),
        };
        let hashes: Vec<Keyed> = opens.open(owner, PLACE, sealed)?;
        let mut good = Choice::from(0);
        let mut left = Vec::with_capacity(CODES);
        for other in hashes {
            let same = other.ct_eq(&hash);
            good |= same;
            if !bool::from(same) {
                left.push(other);
            }
        }
        let (true, Some((stored, key))) = (bool::from(good), theirs) else {
            return Err(Error::Refused);
        };
        batch.expect_revision(Stored::TABLE, of.as_bytes(), stored.revision);
        put(batch, &key, random, of, &left)?;
        act.done(batch, Kind::RecoveryCodeUsed, of.to_string())
    }

    fn hash(&self, person: PersonId, code: &Code) -> Keyed {
        self.secret.hash(&[person.as_bytes(), code.as_bytes()])
    }
}

impl Decoy {
    fn make(random: &impl Random) -> Result<Self, Error> {
        let key = PersonKey::fresh(random)?;
        let hashes = (0..CODES).map(|_| random.array());
        let hashes = hashes.collect::<Result<Vec<Keyed>, _>>()?;
        let hashes = key.seal(people::NOBODY, PLACE, &hashes, random)?;
        Ok(Self { key, hashes })
    }
}

/// How many codes are left.
///
/// # Errors
/// [`Error::Sealed`], [`Error::Store`].
pub fn left(snapshot: &Snapshot, person: PersonId) -> Result<usize, Error> {
    let Some(stored) = snapshot.find::<Stored>(person.as_bytes())? else {
        return Ok(0);
    };
    let key = PersonKey::find(snapshot, person)?;
    let hashes: Vec<Keyed> = key.open(person, PLACE, &stored.hashes)?;
    Ok(hashes.len())
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
