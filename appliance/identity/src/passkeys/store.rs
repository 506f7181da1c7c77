//! A person's passkeys in the store: one record, sealed under the person's own key.

use holdfast_store::{Batch, Record, Revision, Snapshot, Table};
use serde::{Deserialize, Serialize};
use webauthn_rs::prelude::Passkey as Credential;

use crate::people::PersonId;
use crate::personal::{PersonKey, Personal};
use crate::{Error, Random};

/// Passkeys of one person. As many are in each list of a sign-in by name, so that the list tells nothing.
pub const MOST: usize = 8;
const PLACE: &str = "passkeys";

/// A passkey, as it is listed and as policy reads it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Passkey {
    /// The number by which it is named and removed.
    pub id: [u8; 8],
    /// Its name for people.
    pub label: String,
    /// When it was made, milliseconds since 1970.
    pub made: i64,
    /// When it was last used, milliseconds since 1970.
    pub used: i64,
    /// The model of the authenticator (AAGUID), as it says itself; all zero if it does not. Only a claim, unless attested.
    pub aaguid: [u8; 16],
    /// Whether the maker vouches for the model. No attestation is asked for yet, so this is never set.
    pub attested: bool,
    /// Whether it is found without a name, as the browser says; unknown if it does not.
    pub discoverable: Option<bool>,
    pub(crate) credential: Credential,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Stored {
    keys: Personal,
}

impl Record for Stored {
    const TABLE: Table = Table::plain("passkeys");
    const VERSION: u16 = 1;
}

/// A credential's owner, so that nobody registers one that another has.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Owner {
    person: PersonId,
}

impl Record for Owner {
    const TABLE: Table = Table::hashed("passkey-owners");
    const VERSION: u16 = 1;
}

/// What was found for one person.
pub(super) struct Found {
    pub(super) keys: Vec<Passkey>,
    pub(super) key: PersonKey,
    pub(super) revision: Option<Revision>,
}

pub(super) fn read(snapshot: &Snapshot, person: PersonId) -> Result<Found, Error> {
    let key = PersonKey::find(snapshot, person)?;
    #[cfg(test)]
    crate::work::looks();
    let found = snapshot.find_versioned::<Stored>(person.as_bytes())?;
    let (keys, revision) = match found {
        Some(found) => {
            let keys = key.open(person, PLACE, &found.record.keys)?;
            (keys, Some(found.revision))
        }
        None => (Vec::new(), None),
    };
    Ok(Found {
        keys,
        key,
        revision,
    })
}

pub(super) fn write(
    batch: &mut Batch,
    random: &impl Random,
    person: PersonId,
    found: &Found,
) -> Result<(), Error> {
    match found.revision {
        Some(revision) => batch.expect_revision(Stored::TABLE, person.as_bytes(), revision),
        None => batch.expect_absent(Stored::TABLE, person.as_bytes()),
    };
    let keys = found.key.seal(person, PLACE, &found.keys, random)?;
    batch.put(person.as_bytes(), &Stored { keys })?;
    Ok(())
}

/// Adds the credential to those that belong to someone; the batch refuses if it does already.
pub(super) fn own(batch: &mut Batch, person: PersonId, credential: &[u8]) -> Result<(), Error> {
    batch.expect_absent(Owner::TABLE, credential);
    batch.put(credential, &Owner { person })?;
    Ok(())
}

pub(super) fn disown(batch: &mut Batch, credential: &[u8]) {
    batch.delete(Owner::TABLE, credential);
}

pub(crate) fn delete(
    snapshot: &Snapshot,
    batch: &mut Batch,
    person: PersonId,
) -> Result<(), Error> {
    for key in read(snapshot, person)?.keys {
        disown(batch, key.credential.cred_id());
    }
    batch.delete(Stored::TABLE, person.as_bytes());
    Ok(())
}
