//! The crate's own secrets: made once, kept in the store.

use hmac::{Hmac, KeyInit, Mac};
use holdfast_store::{Batch, Record, Snapshot, Table};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::{Error, Random};

/// Length of a keyed hash in bytes.
pub(crate) const HASH: usize = 32;

/// A keyed hash of a token or a name (HMAC-SHA-256, RFC 2104).
pub(crate) type Keyed = [u8; HASH];

/// A secret key for one purpose, by which the store knows it too.
#[derive(Clone, Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
pub(crate) struct Secret([u8; 32]);

impl Record for Secret {
    const TABLE: Table = Table::hashed("identity-keys");
    const VERSION: u16 = 1;
}

impl Secret {
    /// The secret for this purpose; a new one goes into the batch.
    pub(crate) fn load(
        snapshot: &Snapshot,
        batch: &mut Batch,
        random: &impl Random,
        purpose: &str,
    ) -> Result<Self, Error> {
        if let Some(secret) = snapshot.find(purpose)? {
            return Ok(secret);
        }
        let secret = Self(random.array()?);
        batch.expect_absent(Self::TABLE, purpose);
        batch.put(purpose, &secret)?;
        Ok(secret)
    }

    /// The keyed hash of these parts, each with its length before it.
    pub(crate) fn hash(&self, parts: &[&[u8]]) -> Keyed {
        #[cfg(test)]
        crate::work::hashes();
        // INVARIANT: HMAC takes keys of any length, so the all-zero hash is never returned.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.0) else {
            return [0; HASH];
        };
        for part in parts {
            mac.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    }
}
