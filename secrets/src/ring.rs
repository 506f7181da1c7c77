//! The key hierarchy, and sealing under it.
//!
//! ```text
//! root key (32 bytes, a credential)
//!   └─ HKDF-Extract (RFC 5869), salt "holdfast root key 1"  → PRK of the root
//!        ├─ Expand "key check"                    → 16 bytes, stored in the clear: tells a wrong root key
//!        ├─ Expand "table"  ‖ epoch ‖ table       → key of a table in an epoch
//!        │    └─ Expand "value" ‖ suite ‖ salt    → key of one value
//!        ├─ Expand "lookup" ‖ table               → 64-byte key of a table's look-up hashes (HMAC-SHA256)
//!        └─ Expand "record digest" ‖ table        → 64-byte key of the digests of a table's records (HMAC-SHA256)
//! ```
//!
//! Labels and names carry a 32-bit big-endian length before them, so no two inputs of a derivation are the same bytes.
//! Look-up keys do not depend on the epoch: records must be found under the same name after the sealing keys have
//! changed. All hashes are SHA-256.

use hkdf::Hkdf;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::format::{self, NONCE_LEN, OVERHEAD, SALT_LEN, Suite};
use crate::{Error, RootKey, cipher};

/// Length of a key check value in bytes.
pub const CHECK_LEN: usize = 16;

/// The epoch that new values are sealed under, until rotation gives it successors.
const FIRST_EPOCH: u32 = 1;

type Key = Zeroizing<[u8; 32]>;

/// Where a value belongs. It opens there and nowhere else.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// Name of the table.
    pub table: &'a str,
    /// The record's key, as the table holds it.
    pub key: &'a [u8],
    /// Version of the record's encoding.
    pub version: u16,
}

/// Every key of the machine, derived on demand from the root key.
pub struct KeyRing {
    root: Key,
    suite: Suite,
}

impl KeyRing {
    /// Makes the ring of this root key; `suite` is what new values are sealed with. Values of either suite open.
    #[must_use]
    pub fn new(root: RootKey, suite: Suite) -> Self {
        let (prk, _) = Hkdf::<Sha256>::extract(Some(b"holdfast root key 1"), root.as_bytes());
        Self {
            root: Zeroizing::new(prk.into()),
            suite,
        }
    }

    /// Seals `plaintext` for `context`, under a key, salt and nonce that are new for each call.
    ///
    /// # Errors
    /// [`Error::Random`] if the kernel gives no random bytes, [`Error::TooLong`] beyond what the cipher allows (64 GiB).
    pub fn seal(&self, context: &Context<'_>, plaintext: &[u8]) -> Result<Vec<u8>, Error> {
        let header = format::header(self.suite, FIRST_EPOCH);
        let mut salt = [0; SALT_LEN];
        let mut nonce = [0; NONCE_LEN];
        getrandom::fill(&mut salt).map_err(Error::Random)?;
        getrandom::fill(&mut nonce).map_err(Error::Random)?;

        let mut sealed = Vec::with_capacity(plaintext.len().saturating_add(OVERHEAD));
        sealed.extend_from_slice(&header);
        sealed.extend_from_slice(&salt);
        sealed.extend_from_slice(&nonce);
        let start = sealed.len();
        sealed.extend_from_slice(plaintext);

        let too_long = |_| Error::TooLong(plaintext.len());
        let key = self.value_key(context.table, self.suite, FIRST_EPOCH, &salt);
        let associated = associated_data(&header, context);
        let (_, body) = sealed.split_at_mut(start);
        let tag = cipher::encrypt(self.suite, &key, &nonce, &associated, body).map_err(too_long)?;
        sealed.extend_from_slice(&tag);
        Ok(sealed)
    }

    /// Opens what [`KeyRing::seal`] made for the same context.
    ///
    /// # Errors
    /// [`Error::NotAuthentic`] if the value was altered or belongs elsewhere; the other variants if its fixed fields
    /// name something unknown. Nothing of the plaintext is given out then.
    pub fn open(&self, context: &Context<'_>, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
        let parts = format::split(sealed)?;
        if parts.epoch != FIRST_EPOCH {
            return Err(Error::UnknownEpoch(parts.epoch));
        }
        let header = format::header(parts.suite, parts.epoch);
        let key = self.value_key(context.table, parts.suite, parts.epoch, parts.salt);
        let associated = associated_data(&header, context);
        let mut plaintext = Zeroizing::new(parts.ciphertext.to_vec());
        cipher::decrypt(
            parts.suite,
            &key,
            parts.nonce,
            &associated,
            &mut plaintext,
            parts.tag,
        )
        .map_err(|_| Error::NotAuthentic)?;
        Ok(plaintext)
    }

    /// The keyed hash under which a record is filed whose name would tell something (HMAC-SHA256). The same for the
    /// same root key, table and value; unrelated between tables.
    #[must_use]
    pub fn lookup(&self, table: &str, value: &[u8]) -> [u8; 32] {
        // As long as a block of SHA-256, so that HMAC takes it as it is (RFC 2104, section 3).
        let mut key = Zeroizing::new([0; 64]);
        let info = [sized(b"lookup"), sized(table.as_bytes())];
        expand(&self.root, &[&info.concat()], key.as_mut_slice());
        let mut mac = <Hmac<Sha256> as KeyInit>::new((&*key).into());
        mac.update(value);
        mac.finalize().into_bytes().into()
    }

    /// The keyed digest of one record, by which a table's multiset hash counts it (HMAC-SHA256 of the parts, each with its
    /// length before it). Whoever has not the key can neither compute nor recognise it.
    #[must_use]
    pub fn record_digest(&self, table: &str, parts: &[&[u8]]) -> [u8; 32] {
        let mut key = Zeroizing::new([0; 64]);
        let info = [sized(b"record digest"), sized(table.as_bytes())];
        expand(&self.root, &[&info.concat()], key.as_mut_slice());
        let mut mac = <Hmac<Sha256> as KeyInit>::new((&*key).into());
        for part in parts {
            mac.update(&sized(part));
        }
        mac.finalize().into_bytes().into()
    }

    /// A value that tells this root key from others and reveals nothing of it; kept in the clear beside what it sealed.
    #[must_use]
    pub fn check_value(&self) -> [u8; CHECK_LEN] {
        let mut check = [0; CHECK_LEN];
        expand(&self.root, &[&sized(b"key check")], &mut check);
        check
    }

    /// Whether `stored` is the check value of this ring's root key.
    #[must_use]
    pub fn matches(&self, stored: &[u8]) -> bool {
        self.check_value().as_slice().ct_eq(stored).into()
    }

    fn value_key(&self, table: &str, suite: Suite, epoch: u32, salt: &[u8; SALT_LEN]) -> Key {
        let epoch = epoch.to_be_bytes();
        let table = derive(
            &self.root,
            &[&sized(b"table"), &epoch, &sized(table.as_bytes())],
        );
        derive(&table, &[&sized(b"value"), &[suite as u8], salt])
    }
}

impl std::fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeyRing")
            .field("suite", &self.suite)
            .finish_non_exhaustive()
    }
}

/// `bytes` with their length before them.
fn sized(bytes: &[u8]) -> Vec<u8> {
    // Table names and keys are far below 4 GiB: redb refuses longer ones, and saturation keeps the length honest.
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    [&length.to_be_bytes(), bytes].concat()
}

fn associated_data(header: &[u8], context: &Context<'_>) -> Vec<u8> {
    [
        b"holdfast sealed value\0".as_slice(),
        header,
        &sized(context.table.as_bytes()),
        &sized(context.key),
        &context.version.to_be_bytes(),
    ]
    .concat()
}

fn derive(prk: &Key, info: &[&[u8]]) -> Key {
    let mut key = Zeroizing::new([0; 32]);
    expand(prk, info, key.as_mut_slice());
    key
}

/// HKDF-Expand (RFC 5869, section 2.3) to at most 64 bytes.
fn expand(prk: &Key, info: &[&[u8]], out: &mut [u8]) {
    // INVARIANT: the PRK has the length of a SHA-256 output and `out` is far below 255 times that, so neither step can
    // refuse. Were that ever broken, an all-zero key must not follow: stop.
    let done = Hkdf::<Sha256>::from_prk(prk.as_slice())
        .map_err(|_| ())
        .and_then(|hkdf| hkdf.expand_multi_info(info, out).map_err(|_| ()));
    assert!(done.is_ok(), "HKDF lengths are fixed by this module");
}
