//! Keys made ready: the hash functions have taken them in, once for all values that they are used for.
//!
//! HMAC begins with a block that depends on the key alone (RFC 2104, section 4), and HKDF-Expand is HMAC (RFC 5869, section
//! 2.3). What stands behind that block is kept, so a value costs two compressions of SHA-256 less for each of its keys. It is
//! worth as much as the key and is wiped like it: `hmac` and `sha2` overwrite theirs when they are dropped.

use std::collections::BTreeMap;
use std::sync::Arc;

use hkdf::Hkdf;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::cipher::Cipher;
use crate::derive::{expand, extract, sized};
use crate::format::{ALONE, GROUP_LEN, SALT_LEN, Which};
use crate::groups::Groups;
use crate::keyfile::{LOOKUP_LEN, TableKeys, Tables};
use crate::wrap::Key;

/// The store's own table.
pub(crate) const OWN: &str = "_holdfast";

/// A table's keys, ready for use. On the heap, since a value that is moved leaves its bytes where it was.
pub(crate) struct Ready {
    keys: TableKeys,
    /// In the order of the table's epochs.
    epochs: Vec<(u32, Box<Hkdf<Sha256>>)>,
    groups: Groups,
    lookup: Box<Hmac<Sha256>>,
    /// Unless the store's own table has no keys yet, from which its key comes.
    digest: Option<Box<Hmac<Sha256>>>,
}

/// The keys of all tables, ready for use, by name.
pub(crate) type ReadyTables = BTreeMap<String, Ready>;

/// Makes the keys of all tables ready.
pub(crate) fn all(tables: Tables) -> ReadyTables {
    let own = tables.get(OWN).map(|own| own.lookup.clone());
    let ready = tables.into_iter().map(|(name, keys)| {
        let digest = own.as_ref().map(|own| Box::new(digests(own, &name)));
        let ready = Ready::new(keys, digest);
        (name, ready)
    });
    ready.collect()
}

impl Ready {
    /// Makes these keys ready, without that of the table's digests.
    pub(crate) fn of(keys: TableKeys) -> Self {
        Self::new(keys, None)
    }

    fn new(keys: TableKeys, digest: Option<Box<Hmac<Sha256>>>) -> Self {
        let epochs = keys.epochs.iter().filter_map(|(epoch, key)| {
            // INVARIANT: a key is as long as an output of SHA-256, so it is never refused. Were that ever broken, the epoch
            // would be unknown, and nothing sealed or opened under it.
            let ready = Hkdf::from_prk(key.as_slice()).ok()?;
            Some((*epoch, Box::new(ready)))
        });
        Self {
            epochs: epochs.collect(),
            groups: Groups::new(),
            lookup: Box::new(keyed(&keys.lookup)),
            digest,
            keys,
        }
    }

    /// The keys themselves.
    pub(crate) fn keys(&self) -> &TableKeys {
        &self.keys
    }

    /// The epoch that seals.
    pub(crate) fn newest(&self) -> Option<u32> {
        self.epochs.last().map(|(epoch, _)| *epoch)
    }

    /// The cipher of a value, unless the table has no such epoch.
    pub(crate) fn cipher(&self, which: Which, salt: &[u8; SALT_LEN]) -> Option<Arc<Cipher>> {
        if which.version == ALONE {
            let key = self.derived(which, b"value", salt)?;
            return Some(Arc::new(Cipher::new(which.suite, &key)));
        }
        let group = salt.first_chunk::<GROUP_LEN>()?;
        self.groups.cipher(which, group, || {
            let key = self.derived(which, b"group", group)?;
            Some(Cipher::new(which.suite, &key))
        })
    }

    /// The key of a value or of a group of them; `label` has five bytes.
    fn derived(&self, which: Which, label: &[u8; 5], salt: &[u8]) -> Option<Key> {
        let epochs = self.epochs.iter().rev();
        let (_, ready) = epochs
            .into_iter()
            .find(|(epoch, _)| *epoch == which.epoch)?;
        let mut key = Zeroizing::new([0; 32]);
        let info: [&[u8]; 4] = [b"\0\0\0\x05", label, &[which.suite as u8], salt];
        let done = ready.expand_multi_info(&info, key.as_mut_slice());
        done.is_ok().then_some(key)
    }

    /// The keyed hash that a record is filed under.
    pub(crate) fn lookup(&self, value: &[u8]) -> [u8; 32] {
        let mut mac = Hmac::clone(&self.lookup);
        mac.update(value);
        mac.finalize().into_bytes().into()
    }

    /// The keyed digest of a record; `None` if its key is not ready.
    pub(crate) fn digest(&self, parts: &[&[u8]]) -> Option<[u8; 32]> {
        let ready = self.digest.as_deref()?;
        Some(digest(ready.clone(), parts))
    }
}

/// HMAC that has taken in a key as long as a block of SHA-256, which it takes as it is (RFC 2104, section 3).
fn keyed(key: &[u8; LOOKUP_LEN]) -> Hmac<Sha256> {
    <Hmac<Sha256> as KeyInit>::new(key.into())
}

/// What makes the digests of a table's records, from the look-up key of the store's own table. Nothing else is looked up in
/// that table, so no look-up hash is a key of digests.
pub(crate) fn digests(own: &[u8; LOOKUP_LEN], table: &str) -> Hmac<Sha256> {
    let mut key = Zeroizing::new([0; LOOKUP_LEN]);
    let info = [sized(b"record digest"), sized(table.as_bytes())];
    let prk = extract(b"holdfast record digests 1", own);
    expand(&prk, &[&info.concat()], key.as_mut_slice());
    keyed(&key)
}

/// HMAC of the parts, each with its length before it.
pub(crate) fn digest(mut mac: Hmac<Sha256>, parts: &[&[u8]]) -> [u8; 32] {
    for part in parts {
        // As in [`sized`], without a copy of it.
        let length = u32::try_from(part.len()).unwrap_or(u32::MAX);
        mac.update(&length.to_be_bytes());
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::derive::derive;
    use crate::format::{Suite, VERSION};
    use crate::keyfile::new_table;

    /// What [`Ready`] keeps is what deriving anew gives, byte for byte: stores that were written before it open.
    #[test]
    fn ready_keys_are_the_derived_ones() {
        let tables = [OWN, "devices"].map(|name| (name.to_owned(), new_table().unwrap()));
        let ready = all(tables.into());
        let (own, devices) = (ready.get(OWN).unwrap(), ready.get("devices").unwrap());
        let (epoch, key) = devices.keys().epochs.last().unwrap();
        let salt = [9; SALT_LEN];
        let group = [9; GROUP_LEN];
        for suite in [Suite::Aes256Gcm, Suite::ChaCha20Poly1305] {
            for (version, label, salted) in [
                (ALONE, b"value", salt.as_slice()),
                (VERSION, b"group", group.as_slice()),
            ] {
                let which = Which {
                    version,
                    suite,
                    epoch: *epoch,
                };
                let derived = derive(key, &[&sized(label), &[suite as u8], salted]);
                let ready = devices.derived(which, label, salted).unwrap();
                assert_eq!(ready.as_slice(), derived.as_slice());
                let (mut one, mut other) = ([7; 40], [7; 40]);
                let cipher = devices.cipher(which, &salt).unwrap();
                let tag = cipher.encrypt(&[1; 12], b"", &mut one).unwrap();
                let cipher = Cipher::new(suite, &derived);
                assert_eq!(cipher.encrypt(&[1; 12], b"", &mut other).unwrap(), tag);
                let which = Which { epoch: 7, ..which };
                assert!(devices.cipher(which, &salt).is_none());
            }
        }

        let mut mac = keyed(&devices.keys().lookup);
        mac.update(b"laptop");
        assert_eq!(devices.lookup(b"laptop"), *mac.finalize().into_bytes());

        let mut mac = digests(&own.keys().lookup, "devices");
        mac.update(&[sized(b"ab"), sized(b"c")].concat());
        assert_eq!(
            devices.digest(&[b"ab", b"c"]).unwrap(),
            *mac.finalize().into_bytes()
        );
        assert_ne!(
            devices.digest(&[b"a", b"bc"]),
            devices.digest(&[b"ab", b"c"])
        );
        assert_ne!(own.digest(&[b"ab", b"c"]), devices.digest(&[b"ab", b"c"]));
    }
}
