//! The keyed multiset hash of each table, by which a record that was put back, removed or added is noticed.
//!
//! MSet-Add-Hash (Clarke, Devadas, van Dijk, Gassend, Suh: "Incremental multiset hash functions and their application to
//! memory integrity checking", ASIACRYPT 2003): the sum, modulo 2^256, of a keyed digest of each record. A digest is
//! HMAC-SHA-256 over the stored key, and the first 42 and last 18 bytes of the stored value: the sealed value's header,
//! salt and nonce, its tag, and the record version. The tag answers for the ciphertext between, so a change costs the same
//! whatever the record's size; that the value opens under its tag is looked at when the table is verified.
//!
//! A key is in a table once, so two contents differ by a combination of digests with coefficients −1, 0 and 1. For a random
//! function each such combination is 0 with probability 2^-256; `q` attempts succeed with at most q · 2^-256, and what
//! HMAC-SHA-256 differs from one. **That holds only since the sums are sealed.** Were they seen after each commit, their
//! differences would be digests of single records, and a generalised birthday attack (Wagner, CRYPTO 2002) on a sum modulo
//! 2^n needs some 2^(2·√n) steps, which is 2^32 here.

use std::collections::BTreeMap;

use holdfast_secrets::{Context, KeyRing};
use serde::{Deserialize, Serialize};

use crate::Error;
use crate::opening::OWN;

/// Key of the sealed sums in the store's own table, which is also what they are sealed for.
pub(crate) const SUMS: &[u8] = b"sums";
/// Version of their encoding.
const VERSION: u16 = 1;
/// Length of header, salt and nonce of a sealed value.
const HEAD: usize = 42;
/// Length of the tag, and of the record version behind it.
const TAIL: usize = 18;
/// Openings of the file that are kept.
pub(crate) const OPENINGS: usize = 32;

/// What is sealed with each commit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Sums {
    /// Durable transactions that this store has seen.
    pub(crate) commit: u64,
    /// What was found altered: such a store is not opened again.
    pub(crate) altered: Option<String>,
    /// The file is to be made as small as it can be, at the next opening.
    pub(crate) compact: bool,
    /// The newest openings that were followed by a commit, oldest first.
    pub(crate) openings: Vec<Opening>,
    /// By name of the table.
    pub(crate) tables: BTreeMap<String, Sum>,
}

/// One opening of the file: of two histories that went apart, each has an opening that the other has not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opening {
    /// Number of the last commit before it.
    pub commit: u64,
    /// Random.
    pub id: u64,
}

/// The multiset hash of one table: least significant byte first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Sum {
    sum: [u8; 32],
    pub(crate) count: u64,
}

/// The digest of one record.
pub(crate) fn digest(
    ring: &KeyRing,
    table: &str,
    key: &[u8],
    value: &[u8],
) -> Result<[u8; 32], Error> {
    let (head, rest) = value.split_at(value.len().min(HEAD));
    let (_, tail) = rest.split_at(rest.len().saturating_sub(TAIL));
    let digest = ring.record_digest(table, &[key, head, tail]);
    digest.map_err(|error| Error::sealed(OWN, &error))
}

impl Sum {
    /// Counts a record.
    pub(crate) fn add(&mut self, digest: &[u8; 32]) {
        self.count = self.count.wrapping_add(1);
        let mut carry = false;
        for (byte, more) in self.sum.iter_mut().zip(digest) {
            let (sum, first) = byte.overflowing_add(*more);
            let (sum, second) = sum.overflowing_add(u8::from(carry));
            (*byte, carry) = (sum, first || second);
        }
    }

    /// Counts a record no more.
    pub(crate) fn remove(&mut self, digest: &[u8; 32]) {
        self.count = self.count.wrapping_sub(1);
        let mut borrow = false;
        for (byte, less) in self.sum.iter_mut().zip(digest) {
            let (rest, first) = byte.overflowing_sub(*less);
            let (rest, second) = rest.overflowing_sub(u8::from(borrow));
            (*byte, borrow) = (rest, first || second);
        }
    }
}

impl Sums {
    /// As they are stored.
    pub(crate) fn seal(&self, ring: &KeyRing) -> Result<Vec<u8>, Error> {
        ring.seal(&context(), &self.encoded()?)
            .map_err(|error| Error::sealed(OWN, &error))
    }

    /// Reads what was stored.
    pub(crate) fn open(ring: &KeyRing, sealed: &[u8]) -> Result<Self, String> {
        let plaintext = ring
            .open(&context(), sealed)
            .map_err(|error| error.to_string())?;
        match postcard::take_from_bytes(&plaintext) {
            Ok((sums, [])) => Ok(sums),
            Ok(_) => Err("bytes are left over".into()),
            Err(error) => Err(error.to_string()),
        }
    }

    /// A keyed digest of all of it.
    pub(crate) fn checkpoint(&self, ring: &KeyRing) -> Result<Checkpoint, Error> {
        let digest = ring.record_digest(OWN, &[b"checkpoint", &self.encoded()?]);
        Ok(Checkpoint {
            commit: self.commit,
            digest: digest.map_err(|error| Error::sealed(OWN, &error))?,
            openings: self.openings.clone(),
        })
    }

    fn encoded(&self) -> Result<Vec<u8>, Error> {
        postcard::to_stdvec(self).map_err(|error| Error::Encoding {
            table: OWN,
            error: error.to_string(),
        })
    }
}

fn context() -> Context<'static> {
    Context {
        table: OWN,
        key: SUMS,
        version: VERSION,
    }
}

/// What names the whole content of a store at one commit, and reveals nothing of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Number of the commit.
    pub commit: u64,
    /// Keyed digest over the number, the openings and the sums of all tables.
    pub digest: [u8; 32],
    /// The newest openings that were followed by a commit, oldest first, at most 32.
    pub openings: Vec<Opening>,
}

/// The sums in memory, as they were last committed, and how far a verification has come.
#[derive(Clone, Debug)]
pub(crate) struct State {
    pub(crate) sums: Sums,
    /// Name of this opening, until a commit has kept it.
    pub(crate) opening: Option<u64>,
    pub(crate) walk: Option<Walk>,
}

/// The part of a table that a verification has read, as it is now.
#[derive(Clone, Debug)]
pub(crate) struct Walk {
    pub(crate) table: String,
    /// The last key that was read.
    pub(crate) upto: Option<Vec<u8>>,
    pub(crate) sum: Sum,
}

impl State {
    pub(crate) fn new(sums: Sums, ring: &KeyRing) -> Result<Self, Error> {
        // A fresh salt is 24 bytes from the kernel; this crate has no other use for random bytes.
        let sealed = ring.seal(&context(), &[]);
        let salt = sealed.and_then(|sealed| holdfast_secrets::format::salt(&sealed));
        let salt = salt.map_err(|error| Error::sealed(OWN, &error))?;
        let id = salt.first_chunk().copied().unwrap_or_default();
        Ok(Self {
            sums,
            opening: Some(u64::from_be_bytes(id)),
            walk: None,
        })
    }

    /// Takes a change in: what stood under the key before, and what stands there now.
    pub(crate) fn changed(
        &mut self,
        ring: &KeyRing,
        (table, key): (&str, &[u8]),
        old: Option<&[u8]>,
        new: Option<&[u8]>,
    ) -> Result<(), Error> {
        let digest = |value: &[u8]| digest(ring, table, key, value);
        let (old, new) = (old.map(digest).transpose()?, new.map(digest).transpose()?);
        if !self.sums.tables.contains_key(table) {
            self.sums.tables.insert(table.to_owned(), Sum::default());
        }
        let walked = self.walk.as_mut().filter(|walk| {
            walk.table == table && walk.upto.as_deref().is_some_and(|upto| key <= upto)
        });
        let sums = self.sums.tables.get_mut(table).into_iter();
        for sum in sums.chain(walked.map(|walk| &mut walk.sum)) {
            if let Some(old) = &old {
                sum.remove(old);
            }
            if let Some(new) = &new {
                sum.add(new);
            }
        }
        Ok(())
    }

    /// The next commit: its number, and this opening if it is the first since.
    pub(crate) fn advance(&mut self) {
        if let Some(id) = self.opening.take() {
            let commit = self.sums.commit;
            self.sums.openings.push(Opening { commit, id });
            let more = self.sums.openings.len().saturating_sub(OPENINGS);
            self.sums.openings.drain(..more);
        }
        self.sums.commit = self.sums.commit.saturating_add(1);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::arithmetic_side_effects)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_removed_undoes_what_was_added_in_any_order(
            mut digests in proptest::collection::vec(any::<[u8; 32]>(), 1..20),
            other in any::<[u8; 32]>(),
        ) {
            let mut sum = Sum::default();
            sum.add(&other);
            let before = sum;
            digests.iter().for_each(|digest| sum.add(digest));
            digests.reverse();
            digests.iter().for_each(|digest| sum.remove(digest));
            prop_assert_eq!(sum, before);
        }
    }

    #[test]
    fn carries_go_through_all_bytes_and_fall_off_the_end() {
        let mut sum = Sum::default();
        sum.add(&[0xff; 32]);
        let mut one = [0; 32];
        *one.first_mut().unwrap() = 1;
        sum.add(&one);
        assert_eq!(sum.sum, [0; 32]);
        sum.remove(&one);
        assert_eq!(sum.sum, [0xff; 32]);
    }
}
