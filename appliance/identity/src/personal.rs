//! The key of one person, under which what is personal is sealed before the store seals it again.
//!
//! AES-256-GCM with a random nonce (NIST SP 800-38D, section 8.2.2). One person's key seals some thousands of messages in a
//! life, far below the 2^32 of that section. Associated data: `holdfast personal data`, a zero byte, the person's number,
//! the place.

use aes_gcm::Aes256Gcm;
use aes_gcm::aead::{AeadInOut, KeyInit};
use holdfast_store::{Batch, Record, Snapshot, Table};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::people::PersonId;
use crate::{Error, Random};

const NONCE: usize = 12;
const TAG: usize = 16;

/// The key of one person.
#[derive(Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
pub(crate) struct PersonKey([u8; 32]);

impl Record for PersonKey {
    const TABLE: Table = Table::plain("person-keys");
    const VERSION: u16 = 1;
}

/// Bytes that open under one person's key, in one place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Personal(Vec<u8>);

impl PersonKey {
    /// A new key, which the batch stores.
    pub(crate) fn make(
        person: PersonId,
        random: &impl Random,
        batch: &mut Batch,
    ) -> Result<Self, Error> {
        let key = Self::fresh(random)?;
        batch.put(person.as_bytes(), &key)?;
        Ok(key)
    }

    /// A new key, of nobody.
    pub(crate) fn fresh(random: &impl Random) -> Result<Self, Error> {
        Ok(Self(random.array()?))
    }

    pub(crate) fn find(snapshot: &Snapshot, person: PersonId) -> Result<Self, Error> {
        #[cfg(test)]
        crate::work::looks();
        snapshot.find(person.as_bytes())?.ok_or(Error::NoPerson)
    }

    pub(crate) fn seal(
        &self,
        person: PersonId,
        place: &str,
        value: &impl Serialize,
        random: &impl Random,
    ) -> Result<Personal, Error> {
        let plain = Zeroizing::new(serde_json::to_vec(value).map_err(|_| Error::Sealed)?);
        let nonce: [u8; NONCE] = random.array()?;
        let mut buffer = plain.to_vec();
        let tag = Aes256Gcm::new((&self.0).into())
            .encrypt_inout_detached(
                (&nonce).into(),
                &associated(person, place),
                buffer.as_mut_slice().into(),
            )
            .map_err(|_| Error::Sealed)?;
        Ok(Personal([&nonce[..], &buffer, &tag[..]].concat()))
    }

    pub(crate) fn open<T: DeserializeOwned>(
        &self,
        person: PersonId,
        place: &str,
        sealed: &Personal,
    ) -> Result<T, Error> {
        #[cfg(test)]
        crate::work::opens();
        let (nonce, rest) = sealed.0.split_first_chunk::<NONCE>().ok_or(Error::Sealed)?;
        let (text, tag) = rest.split_last_chunk::<TAG>().ok_or(Error::Sealed)?;
        let mut buffer = Zeroizing::new(text.to_vec());
        Aes256Gcm::new((&self.0).into())
            .decrypt_inout_detached(
                nonce.into(),
                &associated(person, place),
                buffer.as_mut_slice().into(),
                tag.into(),
            )
            .map_err(|_| Error::Sealed)?;
        serde_json::from_slice(&buffer).map_err(|_| Error::Sealed)
    }
}

fn associated(person: PersonId, place: &str) -> Vec<u8> {
    [
        b"holdfast personal data\0",
        &person.as_bytes()[..],
        place.as_bytes(),
    ]
    .concat()
}
