//! Passwords, where the operator turns them on: Argon2id (RFC 9106) with 19 MiB, two passes and one lane, the least memory that
//! OWASP's guidance names, so that a small guest can afford two at once.
//!
//! Making the hash costs memory and tens of milliseconds, so it is split from the store: [`stretch`] is for a thread of its own
//! behind a bounded queue, and needs nothing but what [`Challenge`] holds. A name that nobody has, and a person without a
//! password, get a challenge of their own that never fits, and cost the same.

use argon2::{Algorithm, Argon2, Block, Params, Version};
use holdfast_audit::Kind;
use holdfast_store::{Batch, Record, Snapshot, Table};
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, Zeroizing};

use crate::people::{self, PersonId};
use crate::personal::{PersonKey, Personal};
use crate::secrets::Secret;
use crate::{Act, Error, Random};

/// Least characters (NIST SP 800-63B-4, section 3.1.1.1, for a password that may be used alone).
pub const LEAST: usize = 15;
/// Most bytes; longer ones are refused, never cut.
pub const MOST: usize = 1024;

const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const PLACE: &str = "password";

/// What a password is held against.
#[derive(Clone, Serialize, Deserialize)]
pub struct Challenge {
    salt: [u8; 16],
    hash: [u8; 32],
}

impl Drop for Challenge {
    fn drop(&mut self) {
        self.hash.zeroize();
    }
}

/// The hash of what was typed.
pub struct Stretched(Zeroizing<[u8; 32]>);

#[derive(Debug, Serialize, Deserialize)]
struct Stored {
    challenge: Personal,
}

impl Record for Stored {
    const TABLE: Table = Table::plain("passwords");
    const VERSION: u16 = 1;
}

/// What makes the challenges of who has none.
pub struct Passwords {
    secret: Secret,
}

impl Passwords {
    /// Takes the secret from the store; a new one goes into the batch.
    ///
    /// # Errors
    /// [`Error::Store`], [`Error::Random`].
    pub fn open(
        snapshot: &Snapshot,
        batch: &mut Batch,
        random: &impl Random,
    ) -> Result<Self, Error> {
        let secret = Secret::load(snapshot, batch, random, "absent passwords")?;
        Ok(Self { secret })
    }

    /// What a password is held against, of this person, or of nobody.
    ///
    /// # Errors
    /// [`Error::Sealed`], [`Error::Store`].
    pub fn challenge(
        &self,
        snapshot: &Snapshot,
        person: Option<PersonId>,
        typed_name: &str,
    ) -> Result<Challenge, Error> {
        // The same reads for all: who is not there stands behind the number of nobody.
        let found = match read(snapshot, person.unwrap_or(people::NOBODY)) {
            // Where there are no passkeys, there is no record of nobody.
            Err(Error::NoPerson) => None,
            found => found?,
        };
        let salt = self.secret.hash(&[b"salt", typed_name.as_bytes()]);
        let mut decoy = Challenge {
            salt: [0; 16],
            hash: self.secret.hash(&[b"hash", typed_name.as_bytes()]),
        };
        decoy
            .salt
            .iter_mut()
            .zip(salt)
            .for_each(|(to, from)| *to = from);
        Ok(found.unwrap_or(decoy))
    }
}

impl Challenge {
    /// Whether it is the right one; compared in constant time.
    #[must_use]
    pub fn fits(&self, typed: &Stretched) -> bool {
        self.hash.ct_eq(&*typed.0).into()
    }
}

/// Makes the hash of what was typed. Takes 19 MiB and tens of milliseconds.
///
/// # Errors
/// [`Error::Password`] if it is longer than any password may be.
pub fn stretch(typed: &str, challenge: &Challenge) -> Result<Stretched, Error> {
    stretched(typed, &challenge.salt)
}

/// Makes what a new password will be held against. As expensive as [`stretch`].
///
/// # Errors
/// [`Error::Password`] if it is too short or too long, or the name itself; [`Error::Random`].
pub fn make(typed: &str, name: &str, random: &impl Random) -> Result<Challenge, Error> {
    let alike = typed.to_lowercase().contains(&name.to_lowercase())
        && typed.len() < name.len().saturating_add(8);
    if typed.chars().count() < LEAST || alike {
        return Err(Error::Password);
    }
    let salt = random.array()?;
    let hash = *stretched(typed, &salt)?.0;
    Ok(Challenge { salt, hash })
}

/// Keeps a new password in place of the one before. The caller has asked for a fresh sign-in.
///
/// # Errors
/// [`Error::NoPerson`], [`Error::Store`], [`Error::Random`].
pub fn set(
    snapshot: &Snapshot,
    batch: &mut Batch,
    act: &Act,
    random: &impl Random,
    person: PersonId,
    challenge: &Challenge,
) -> Result<(), Error> {
    people::expect_unchanged(snapshot, batch, person)?;
    let key = PersonKey::find(snapshot, person)?;
    let challenge = key.seal(person, PLACE, challenge, random)?;
    batch.put(person.as_bytes(), &Stored { challenge })?;
    act.done(batch, Kind::PasswordChanged, person.to_string())
}

/// Takes the password away.
///
/// # Errors
/// [`Error::Store`].
pub fn remove(batch: &mut Batch, act: &Act, person: PersonId) -> Result<(), Error> {
    delete(batch, person);
    act.done(batch, Kind::PasswordChanged, format!("{person} removed"))
}

/// Whether the person has a password.
///
/// # Errors
/// [`Error::Sealed`], [`Error::Store`].
pub fn is_set(snapshot: &Snapshot, person: PersonId) -> Result<bool, Error> {
    Ok(read(snapshot, person)?.is_some())
}

pub(crate) fn delete(batch: &mut Batch, person: PersonId) {
    batch.delete(Stored::TABLE, person.as_bytes());
}

fn read(snapshot: &Snapshot, person: PersonId) -> Result<Option<Challenge>, Error> {
    let key = PersonKey::find(snapshot, person)?;
    let found = snapshot.find::<Stored>(person.as_bytes())?;
    found
        .map(|found| key.open(person, PLACE, &found.challenge))
        .transpose()
}

fn stretched(typed: &str, salt: &[u8; 16]) -> Result<Stretched, Error> {
    if typed.len() > MOST {
        return Err(Error::Password);
    }
    let params = Params::new(MEMORY_KIB, PASSES, 1, Some(32)).map_err(|_| Error::Password)?;
    let mut memory = Zeroizing::new(vec![Block::default(); params.block_count()]);
    let mut hash = Zeroizing::new([0; 32]);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into_with_memory(
            typed.as_bytes(),
            salt,
            hash.as_mut_slice(),
            memory.as_mut_slice(),
        )
        .map_err(|_| Error::Password)?;
    Ok(Stretched(hash))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::tests::Kernel;

    #[test]
    fn a_password_fits_itself_and_no_other() {
        let made = make("correct horse battery", "mira", &Kernel).unwrap();
        let fits = |typed| made.fits(&stretch(typed, &made).unwrap());
        assert!(fits("correct horse battery"));
        assert!(!fits("correct horse batterY") && !fits(""));
        // RFC 9106: another salt, another hash.
        let again = make("correct horse battery", "mira", &Kernel).unwrap();
        assert_ne!((made.salt, made.hash), (again.salt, again.hash));
    }

    #[test]
    fn short_long_and_obvious_ones_are_refused() {
        let refused = |typed: &str| {
            matches!(
                make(typed, "mira of the harbour", &Kernel),
                Err(Error::Password)
            )
        };
        assert!(refused("fourteen chars") && refused(&"a".repeat(MOST.saturating_add(1))));
        assert!(refused("Mira of the harbour1"));
        assert!(!refused("fifteen letters"));
    }
}
