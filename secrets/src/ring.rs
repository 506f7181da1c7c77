//! Sealing, and the keys that it is done with.
//!
//! ```text
//! a table's data key of an epoch (32 random bytes, wrapped in the key file)
//!   ├─ HKDF-Expand "group" ‖ suite ‖ group    → key of a group of values, by the first 12 bytes of their salts
//!   └─ HKDF-Expand "value" ‖ suite ‖ salt     → key of one value, as they were sealed before there were groups
//! a table's look-up key (64 random bytes)     → HMAC-SHA256 of the keys of its records
//! the look-up key of the store's own table
//!   └─ HKDF-Expand "record digest" ‖ table    → HMAC-SHA256 of the records of a table, for its multiset hash
//! ```
//!
//! Stores of format 1 had no key file: there a table's two keys are derived from the root key, and the key file takes them
//! over as those of the first epoch.
//!
//! ```text
//! root key
//!   └─ HKDF-Extract (RFC 5869), salt "holdfast root key 1"
//!        ├─ Expand "key check"                → 16 bytes, stored in the clear: tells a wrong root key
//!        ├─ Expand "table"  ‖ 1 ‖ table       → the table's data key of epoch 1
//!        └─ Expand "lookup" ‖ table           → its look-up key
//! ```
//!
//! Labels and names carry a 32-bit big-endian length before them, so no two inputs of a derivation are the same bytes.
//! Look-up keys do not depend on the epoch: records must be found under the same name after the sealing keys have
//! changed. All hashes are SHA-256.

use std::sync::{Arc, Mutex, PoisonError, RwLock};

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::derive::{derive, expand, extract, sized};
use crate::format::{self, ALONE, GROUP_LEN, NONCE_LEN, OVERHEAD, SALT_LEN, Suite, VERSION, Which};
use crate::groups::Sealing;
use crate::keyfile::{self, KeyFile, LOOKUP_LEN, TableKeys, Tables};
use crate::provider::{CHECK_LEN, RootKeyProvider};
use crate::ready::{self, OWN, Ready, ReadyTables};
use crate::wrap::Key;
use crate::{Error, Plaintext, RootKey};

/// The epoch of a table's first key.
const FIRST_EPOCH: u32 = 1;
const NO_KEY: Error = Error::KeyFileDamaged("a table has no key");

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

/// Every key of the machine.
///
/// A ring by itself derives its keys from the root key, as stores of format 1 have them. Once it is
/// [attached](KeyRing::attach) to a key file, it uses the keys that are wrapped there, and the derived ones are gone.
pub struct KeyRing {
    pub(crate) suite: Suite,
    sealing: Sealing,
    /// Replaced as a whole, so that a [`View`] stays as it was.
    pub(crate) keys: RwLock<Arc<Keys>>,
    /// Taken before `keys`, by who changes keys.
    pub(crate) file: Mutex<Option<KeyFile>>,
    /// Until the ring is attached.
    pub(crate) providers: Mutex<Providers>,
}

/// What opens the key file.
#[derive(Default)]
pub(crate) struct Providers {
    /// In the order in which they are tried; the first is that of a new store.
    pub(crate) all: Vec<Box<dyn RootKeyProvider>>,
    /// A root key that is to take the other's place.
    pub(crate) next: Option<RootKey>,
}

/// Where a table's keys come from.
pub(crate) enum Keys {
    /// Derived from this, in the first epoch alone.
    Derived(Key),
    /// Held by the key file.
    Held(ReadyTables),
    /// There was no root key to derive from, or they were destroyed.
    None,
}

impl KeyRing {
    /// Makes the ring of this root key; `suite` is what new values are sealed with. Values of either suite open.
    #[must_use]
    pub fn new(root: RootKey, suite: Suite) -> Self {
        let derived = Keys::Derived(derived_from(&root));
        Self::of(derived, vec![Box::new(root)], None, suite)
    }

    /// Makes the ring of any providers, which are tried in this order: the root key first, if there is one. `next` is a
    /// root key that is to take the place of `root`.
    #[must_use]
    pub fn with(
        root: Option<RootKey>,
        next: Option<RootKey>,
        others: Vec<Box<dyn RootKeyProvider>>,
        suite: Suite,
    ) -> Self {
        let derived = root
            .as_ref()
            .map_or(Keys::None, |root| Keys::Derived(derived_from(root)));
        let mut all: Vec<Box<dyn RootKeyProvider>> = Vec::new();
        all.extend(root.map(|root| Box::new(root) as Box<dyn RootKeyProvider>));
        all.extend(others);
        Self::of(derived, all, next, suite)
    }

    fn of(
        keys: Keys,
        all: Vec<Box<dyn RootKeyProvider>>,
        next: Option<RootKey>,
        suite: Suite,
    ) -> Self {
        Self {
            suite,
            sealing: Sealing::default(),
            keys: RwLock::new(Arc::new(keys)),
            file: Mutex::new(None),
            providers: Mutex::new(Providers { all, next }),
        }
    }

    /// Seals `plaintext` for `context`, with a salt and a nonce that are new for each call.
    ///
    /// # Errors
    /// [`Error::Random`] if the kernel gives no random bytes, [`Error::TooLong`] beyond what the cipher allows (64 GiB).
    pub fn seal(&self, context: &Context<'_>, plaintext: &[u8]) -> Result<Vec<u8>, Error> {
        let (salt, nonce) = self.sealing.draw()?;
        self.seal_with(context, plaintext, VERSION, &salt, &nonce)
    }

    /// Seals what was [opened](KeyRing::open) anew, under the table's newest key: with the same salt, so that it stays the
    /// same writing of its record, but with another key for it and a new nonce.
    ///
    /// # Errors
    /// As [`KeyRing::seal`].
    pub fn reseal(
        &self,
        context: &Context<'_>,
        plaintext: &[u8],
        sealed: &[u8],
    ) -> Result<Vec<u8>, Error> {
        let mut nonce = [0; NONCE_LEN];
        getrandom::fill(&mut nonce).map_err(Error::Random)?;
        let before = format::split(sealed)?;
        self.seal_with(context, plaintext, before.key.version, before.salt, &nonce)
    }

    fn seal_with(
        &self,
        context: &Context<'_>,
        plaintext: &[u8],
        version: u8,
        salt: &[u8; SALT_LEN],
        nonce: &[u8; NONCE_LEN],
    ) -> Result<Vec<u8>, Error> {
        let sealing = |ready: &Ready| {
            let which = Which {
                version,
                suite: self.suite,
                epoch: ready.newest()?,
            };
            Some((which, ready.cipher(which, salt)?))
        };
        let (which, cipher) = self.look(context.table, sealing)?.ok_or(NO_KEY)?;

        let mut sealed = Vec::with_capacity(plaintext.len().saturating_add(OVERHEAD));
        sealed.extend_from_slice(&which.header());
        sealed.extend_from_slice(salt);
        sealed.extend_from_slice(nonce);
        let start = sealed.len();
        sealed.extend_from_slice(plaintext);

        let too_long = |_| Error::TooLong(plaintext.len());
        let (_, body) = sealed.split_at_mut(start);
        let tag = associated(which, salt, context, |data| {
            cipher.encrypt(nonce, data, body)
        });
        sealed.extend_from_slice(&tag.map_err(too_long)?);
        Ok(sealed)
    }

    /// Opens what [`KeyRing::seal`] made for the same context.
    ///
    /// # Errors
    /// As [`View::open`].
    pub fn open(&self, context: &Context<'_>, sealed: &[u8]) -> Result<Plaintext, Error> {
        self.view().open(context, sealed)
    }

    /// The keys as they are now. Who reads an older state of the store needs those of then.
    #[must_use]
    pub fn view(&self) -> View {
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        View(Arc::clone(&keys))
    }

    /// The epoch that new values of a table are sealed under.
    ///
    /// # Errors
    /// As [`KeyRing::seal`], for a table that has no keys yet.
    pub fn newest_epoch(&self, table: &str) -> Result<u32, Error> {
        self.look(table, Ready::newest)?.ok_or(NO_KEY)
    }

    /// The keyed hash under which a record is filed whose name would tell something (HMAC-SHA256). The same for the
    /// same table of the same store and value; unrelated between tables. It does not change with the epoch.
    ///
    /// # Errors
    /// As [`KeyRing::seal`], for a table that has no keys yet.
    pub fn lookup(&self, table: &str, value: &[u8]) -> Result<[u8; 32], Error> {
        self.look(table, |ready| ready.lookup(value))
    }

    /// The keyed digest of one record, by which a table's multiset hash counts it (HMAC-SHA256 of the parts, each with its
    /// length before it). Whoever has not the key can neither compute nor recognise it. Like the look-up hashes it does
    /// not change with the epoch.
    ///
    /// # Errors
    /// As [`KeyRing::seal`], if the store's own table has no keys yet.
    pub fn record_digest(&self, table: &str, parts: &[&[u8]]) -> Result<[u8; 32], Error> {
        if let Some(Some(digest)) = self.view().look(table, &|ready| ready.digest(parts))? {
            return Ok(digest);
        }
        let own = self.look(OWN, |ready| ready.keys().lookup.clone())?;
        Ok(ready::digest(ready::digests(&own, table), parts))
    }

    /// A value that tells this root key from others and reveals nothing of it; stores of format 1 hold it in the
    /// clear. `None` if the ring derives no keys.
    #[must_use]
    pub fn check_value(&self) -> Option<[u8; CHECK_LEN]> {
        let view = self.view();
        let Keys::Derived(root) = &*view.0 else {
            return None;
        };
        let mut check = [0; CHECK_LEN];
        expand(root, &[&sized(b"key check")], &mut check);
        Some(check)
    }

    /// Whether `stored` is the [check value](KeyRing::check_value) of this ring's root key.
    #[must_use]
    pub fn matches(&self, stored: &[u8]) -> bool {
        self.check_value()
            .is_some_and(|check| check.as_slice().ct_eq(stored).into())
    }

    /// Looks at a table's keys, which are made if there are none.
    fn look<T>(&self, table: &str, what: impl Fn(&Ready) -> T) -> Result<T, Error> {
        if let Some(seen) = self.view().look(table, &what)? {
            return Ok(seen);
        }
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let file = file.as_mut().ok_or(Error::NoSlot)?;
        // Another thread may have been first.
        let view = self.view();
        if let Some(seen) = view.look(table, &what)? {
            return Ok(seen);
        }
        let made = keyfile::new_table()?;
        file.put_table(table, &made)?;
        let mut tables = view.tables();
        tables.insert(table.to_owned(), made);
        self.replace(tables);
        self.view().look(table, &what)?.ok_or(NO_KEY)
    }

    /// Uses these keys from now on; who calls it holds `file`.
    pub(crate) fn replace(&self, tables: Tables) {
        self.set(Keys::Held(ready::all(tables)));
    }

    /// Forgets every key; who calls it holds `file`.
    pub(crate) fn forget(&self) {
        self.set(Keys::None);
    }

    fn set(&self, keys: Keys) {
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(keys);
    }
}

/// The keys of a moment, for reading alone.
#[derive(Clone)]
pub struct View(pub(crate) Arc<Keys>);

impl View {
    /// Whether both are of one moment: no key came or went between them.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Opens what [`KeyRing::seal`] made for the same context.
    ///
    /// # Errors
    /// [`Error::NotAuthentic`] if the value was altered or belongs elsewhere; the other variants if its fixed fields
    /// name something unknown. Nothing of the plaintext is given out then.
    pub fn open(&self, context: &Context<'_>, sealed: &[u8]) -> Result<Plaintext, Error> {
        let parts = format::split(sealed)?;
        let of_value = |ready: &Ready| ready.cipher(parts.key, parts.salt);
        let cipher = self.look(context.table, &of_value)?.flatten();
        let cipher = cipher.ok_or(Error::UnknownEpoch(parts.key.epoch))?;
        let mut plaintext = Plaintext::from(parts.ciphertext.to_vec());
        associated(parts.key, parts.salt, context, |data| {
            cipher.decrypt(parts.nonce, data, &mut plaintext, parts.tag)
        })
        .map_err(|_| Error::NotAuthentic)?;
        Ok(plaintext)
    }

    /// Looks at a table's keys, if it has any.
    fn look<T>(&self, table: &str, what: &impl Fn(&Ready) -> T) -> Result<Option<T>, Error> {
        match &*self.0 {
            Keys::Held(tables) => Ok(tables.get(table).map(what)),
            Keys::Derived(root) => Ok(Some(what(&Ready::of(derived_table(root, table))))),
            Keys::None => Err(Error::NoSlot),
        }
    }

    /// A copy of the keys that are held.
    pub(crate) fn tables(&self) -> Tables {
        match &*self.0 {
            Keys::Held(tables) => tables
                .iter()
                .map(|(name, keys)| (name.clone(), keys.keys().copy()))
                .collect(),
            Keys::Derived(_) | Keys::None => Tables::new(),
        }
    }
}

impl std::fmt::Debug for View {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("View(redacted)")
    }
}

fn derived_from(root: &RootKey) -> Key {
    extract(b"holdfast root key 1", root.as_bytes())
}

/// A table's keys as stores of format 1 have them.
pub(crate) fn derived_table(root: &Key, table: &str) -> TableKeys {
    let mut lookup = Zeroizing::new([0; LOOKUP_LEN]);
    let info = [sized(b"lookup"), sized(table.as_bytes())];
    expand(root, &[&info.concat()], lookup.as_mut_slice());
    let epoch = FIRST_EPOCH.to_be_bytes();
    let key = derive(root, &[&sized(b"table"), &epoch, &sized(table.as_bytes())]);
    TableKeys {
        lookup,
        epochs: vec![(FIRST_EPOCH, key)],
    }
}

impl std::fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeyRing")
            .field("suite", &self.suite)
            .finish_non_exhaustive()
    }
}

/// Does something with the associated data of a value. It is short but for long keys, and then needs no heap.
fn associated<T>(
    which: Which,
    salt: &[u8; SALT_LEN],
    context: &Context<'_>,
    what: impl FnOnce(&[u8]) -> T,
) -> T {
    let version = context.version.to_be_bytes();
    if which.version == ALONE {
        return what(&alone(which, context));
    }
    // The table, the suite, the epoch and the group are bound by the key.
    let parts = [
        salt.get(GROUP_LEN..).unwrap_or_default(),
        &version,
        context.key,
    ];
    let mut short = [0; 64];
    let mut rest = short.as_mut_slice();
    for part in parts {
        match rest.split_at_mut_checked(part.len()) {
            Some((place, behind)) => {
                place.copy_from_slice(part);
                rest = behind;
            }
            None => return what(&parts.concat()),
        }
    }
    let left = rest.len();
    let length = short.len().saturating_sub(left);
    what(short.get(..length).unwrap_or_default())
}

/// The associated data in version 1 of the format.
fn alone(which: Which, context: &Context<'_>) -> Vec<u8> {
    [
        b"holdfast sealed value\0".as_slice(),
        &which.header(),
        &sized(context.table.as_bytes()),
        &sized(context.key),
        &context.version.to_be_bytes(),
    ]
    .concat()
}
