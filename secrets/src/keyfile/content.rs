//! What the key file says: slots that open the master key, and what the master key wraps.

use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::Error;
use crate::derive::{derive, sized};
use crate::provider::{Kind, RootKeyProvider, SlotSecret};
use crate::wrap::{Key, unwrap, wrap};

/// Length of the code that binds the whole content to the master key.
pub(super) const MAC_LEN: usize = 32;
/// Length of a key file's name for itself.
pub const ID_LEN: usize = 16;
/// Length of a look-up key, a block of SHA-256.
pub(crate) const LOOKUP_LEN: usize = 64;

/// A way to the master key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slot {
    /// Its number, never given out twice in a key file.
    pub id: u32,
    /// The number of its [`Kind`]; a newer version may know more.
    pub kind: u8,
    /// What the provider needs to know.
    pub parameters: Vec<u8>,
    /// Check value of the provider's secret.
    pub(super) check: [u8; crate::provider::CHECK_LEN],
    /// The master key, wrapped under the provider's secret.
    wrapped: Vec<u8>,
}

impl Slot {
    /// Its kind, if this version knows it.
    #[must_use]
    pub fn known_kind(&self) -> Option<Kind> {
        Kind::from_number(self.kind)
    }

    pub(super) fn new(
        id: u32,
        provider: &dyn RootKeyProvider,
        master: &Key,
    ) -> Result<(Self, SlotSecret), Error> {
        let parameters = provider.new_parameters()?;
        let secret = provider.secret(&parameters)?;
        let kind = provider.kind() as u8;
        let wrapped = wrap(
            &secret.wrapping_key(),
            &purpose(id, kind),
            master.as_slice(),
        )?;
        let check = secret.check();
        let slot = Self {
            id,
            kind,
            parameters,
            check,
            wrapped,
        };
        Ok((slot, secret))
    }

    /// The secret of `provider`, if this is its slot.
    pub(super) fn secret(
        &self,
        provider: &dyn RootKeyProvider,
    ) -> Result<Option<SlotSecret>, Error> {
        if self.kind != provider.kind() as u8 {
            return Ok(None);
        }
        let secret = provider.secret(&self.parameters)?;
        Ok(secret.matches(&self.check).then_some(secret))
    }

    pub(super) fn master(&self, secret: &SlotSecret) -> Result<Key, Error> {
        unwrap(
            &secret.wrapping_key(),
            &purpose(self.id, self.kind),
            &self.wrapped,
        )
    }

    pub(super) fn rewrap(&mut self, secret: &SlotSecret, master: &Key) -> Result<(), Error> {
        let purpose = purpose(self.id, self.kind);
        self.wrapped = wrap(&secret.wrapping_key(), &purpose, master.as_slice())?;
        Ok(())
    }
}

fn purpose(id: u32, kind: u8) -> Vec<u8> {
    [b"master\0".as_slice(), &id.to_be_bytes(), &[kind]].concat()
}

/// The wrapped keys of one table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct WrappedTable {
    pub(super) name: String,
    lookup: Vec<u8>,
    /// From the oldest to the newest, which seals.
    epochs: Vec<(u32, Vec<u8>)>,
}

/// The keys of one table.
pub(crate) struct TableKeys {
    pub(crate) lookup: Zeroizing<[u8; LOOKUP_LEN]>,
    /// From the oldest to the newest, which seals; never empty.
    pub(crate) epochs: Vec<(u32, Key)>,
}

impl WrappedTable {
    pub(super) fn wrap(master: &Key, name: &str, keys: &TableKeys) -> Result<Self, Error> {
        let by = wrapping(master, name);
        let epochs = keys.epochs.iter().map(|(epoch, key)| {
            wrap(&by, &epoch_purpose(name, *epoch), key.as_slice()).map(|key| (*epoch, key))
        });
        Ok(Self {
            name: name.to_owned(),
            lookup: wrap(&by, &lookup_purpose(name), keys.lookup.as_slice())?,
            epochs: epochs.collect::<Result<_, _>>()?,
        })
    }

    pub(super) fn unwrap(&self, master: &Key) -> Result<TableKeys, Error> {
        let by = wrapping(master, &self.name);
        let epochs = self.epochs.iter().map(|(epoch, key)| {
            unwrap(&by, &epoch_purpose(&self.name, *epoch), key).map(|key| (*epoch, key))
        });
        let keys = TableKeys {
            lookup: unwrap(&by, &lookup_purpose(&self.name), &self.lookup)?,
            epochs: epochs.collect::<Result<_, _>>()?,
        };
        if keys.epochs.is_empty() {
            return Err(Error::KeyFileDamaged("a table has no key"));
        }
        Ok(keys)
    }
}

fn wrapping(master: &Key, table: &str) -> Key {
    derive(
        master,
        &[&sized(b"wrap table keys"), &sized(table.as_bytes())],
    )
}

fn epoch_purpose(table: &str, epoch: u32) -> Vec<u8> {
    [
        b"table\0".as_slice(),
        &epoch.to_be_bytes(),
        table.as_bytes(),
    ]
    .concat()
}

fn lookup_purpose(table: &str) -> Vec<u8> {
    [b"lookup\0".as_slice(), table.as_bytes()].concat()
}

/// The whole content.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Content {
    /// Random; the store holds it too.
    pub(super) id: [u8; ID_LEN],
    /// The number of the next slot.
    pub(super) next_slot: u32,
    pub(super) slots: Vec<Slot>,
    /// A slot was taken away by someone who had to keep the master key, since another slot's secret was not at hand.
    pub(super) master_due: bool,
    pub(super) tables: Vec<WrappedTable>,
}

impl Content {
    /// As bytes, with the code behind.
    pub(super) fn to_bytes(&self, master: &Key, generation: u64) -> Result<Vec<u8>, Error> {
        let mut bytes =
            postcard::to_stdvec(self).map_err(|_| Error::KeyFileDamaged("it cannot be encoded"))?;
        let code = mac(master, generation, &bytes).finalize().into_bytes();
        bytes.extend_from_slice(&code);
        Ok(bytes)
    }

    /// Splits the code from what it is of. Nothing is authentic before [`Content::check`].
    pub(super) fn parse(bytes: &[u8]) -> Result<(Self, &[u8], &[u8; MAC_LEN]), Error> {
        let wrong = || Error::KeyFileDamaged("its fields cannot be read");
        let (body, code) = bytes.split_last_chunk::<MAC_LEN>().ok_or_else(wrong)?;
        match postcard::take_from_bytes(body) {
            Ok((content, [])) => Ok((content, body, code)),
            _ => Err(wrong()),
        }
    }

    /// Whether the holder of the master key wrote these bytes as this generation.
    pub(super) fn check(
        master: &Key,
        generation: u64,
        body: &[u8],
        code: &[u8; MAC_LEN],
    ) -> Result<(), Error> {
        mac(master, generation, body)
            .verify_slice(code)
            .map_err(|_| Error::KeyFileDamaged("it was altered"))
    }
}

fn mac(master: &Key, generation: u64, body: &[u8]) -> Hmac<Sha256> {
    let key = derive(master, &[&sized(b"key file")]);
    // INVARIANT: HMAC takes keys of any length.
    let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(key.as_slice())
        .unwrap_or_else(|_| unreachable!("HMAC takes keys of any length"));
    mac.update(&generation.to_be_bytes());
    mac.update(body);
    mac
}
