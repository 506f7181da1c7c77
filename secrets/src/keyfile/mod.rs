//! The key file: the master key, wrapped for each way to it, and every key that the master key wraps.
//!
//! ```text
//! root key (credential)   passphrase (Argon2id)   recovery key (printed)      one slot each
//!        └──────────────────────┼──────────────────────┘
//!                         master key (32 random bytes, nowhere but in the slots)
//!          ├─ HKDF "wrap table keys" ‖ table → wraps the table's look-up key and its data keys, one for each epoch
//!          └─ HKDF "key file"                → code over the whole content (HMAC-SHA-256)
//! ```
//!
//! Data keys are random, so none can be computed again once its wraps are gone.

mod content;
mod locked;
mod medium;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

pub use content::ID_LEN;
pub use content::Slot;
use content::{Content, WrappedTable};
pub(crate) use content::{LOOKUP_LEN, TableKeys};
pub use locked::LockedKeyFile;
use medium::{Medium, Written};

use crate::Error;
use crate::provider::{Kind, RootKeyProvider, SlotSecret};
use crate::wrap::{Key, fresh};

/// The keys of all tables, by name.
pub(crate) type Tables = BTreeMap<String, TableKeys>;

/// The open key file with the master key.
pub struct KeyFile {
    path: PathBuf,
    medium: Medium,
    generation: u64,
    content: Content,
    master: Key,
    /// The secrets of slots that were opened or made in this run, by slot number: what a new master key is wrapped for.
    secrets: BTreeMap<u32, SlotSecret>,
    /// A write failed, so what the file holds is not known: nothing more is written to it until it was opened anew.
    broken: bool,
}

impl KeyFile {
    /// Whether there is a file at `path`.
    ///
    /// # Errors
    /// [`Error::KeyFile`] when the system does not say.
    pub fn exists(path: &Path) -> Result<bool, Error> {
        path.try_exists().map_err(|error| failed(path, &error))
    }

    /// Makes the file with a new master key and one slot, and with these tables.
    ///
    /// # Errors
    /// [`Error::KeyFile`], [`Error::Random`], or what the provider says.
    pub(crate) fn create(
        path: &Path,
        provider: &dyn RootKeyProvider,
        tables: &Tables,
    ) -> Result<Self, Error> {
        let master = fresh()?;
        let (slot, secret) = Slot::new(1, provider, &master)?;
        let mut content = Content {
            id: *fresh()?,
            next_slot: 2,
            slots: vec![slot],
            ..Content::default()
        };
        for (name, keys) in tables {
            let wrapped = WrappedTable::wrap(&master, name, keys)?;
            content.tables.push(wrapped);
        }
        let written = Written {
            generation: 1,
            content: content.to_bytes(&master, 1)?,
        };
        let medium = Medium::create(path, &written).map_err(|error| failed(path, &error))?;
        Ok(Self {
            path: path.to_owned(),
            medium,
            generation: 1,
            content,
            master,
            secrets: BTreeMap::from([(1, secret)]),
            broken: false,
        })
    }

    /// Opens the file by the first of `providers` that a slot is of, and unwraps the tables' keys.
    ///
    /// # Errors
    /// [`Error::KeyFileDamaged`] if no region is whole or it was altered, [`Error::NoSlot`] if no provider opens a slot,
    /// [`Error::KeysDestroyed`], [`Error::KeyFile`] when the system refuses.
    pub(crate) fn open(
        path: &Path,
        providers: &[Box<dyn RootKeyProvider>],
    ) -> Result<(Self, Tables), Error> {
        let io = |error: std::io::Error| failed(path, &error);
        let medium = Medium::open(path).map_err(io)?;
        // A destruction that was cut off is ended before anything else is done.
        if medium.is_ending().map_err(io)? {
            medium.erase().map_err(io)?;
            return Err(Error::KeysDestroyed);
        }
        let newest = newest(&medium, io)?;
        let (content, body, code) = Content::parse(&newest.content)?;
        let mut secrets = BTreeMap::new();
        let mut master = None;
        for slot in &content.slots {
            for provider in providers {
                if let Some(secret) = slot.secret(provider.as_ref())? {
                    if master.is_none() {
                        master = Some(slot.master(&secret)?);
                    }
                    secrets.insert(slot.id, secret);
                    break;
                }
            }
        }
        let master = master.ok_or(Error::NoSlot)?;
        Content::check(&master, newest.generation, body, code)?;
        let tables = content
            .tables
            .iter()
            .map(|table| Ok((table.name.clone(), table.unwrap(&master)?)));
        let tables = tables.collect::<Result<Tables, Error>>()?;
        // A crash between the two writes, or a torn one: what is left of the generation before goes now.
        if !medium.holds_twice(&newest).map_err(io)? {
            medium.write(&newest).map_err(io)?;
        }
        let opened = Self {
            path: path.to_owned(),
            medium,
            generation: newest.generation,
            content,
            master,
            secrets,
            broken: false,
        };
        Ok((opened, tables))
    }

    /// Names this key file; the store that it belongs to holds the same.
    #[must_use]
    pub fn id(&self) -> [u8; ID_LEN] {
        self.content.id
    }

    /// The slots, in the order in which they were made.
    #[must_use]
    pub fn slots(&self) -> &[Slot] {
        &self.content.slots
    }

    /// Whether a provider of this run opens the slot.
    #[must_use]
    pub fn is_open(&self, slot: &Slot) -> bool {
        self.secrets.contains_key(&slot.id)
    }

    /// Whether a write has failed, so that the file has to be opened anew before its keys can change.
    #[must_use]
    pub fn is_broken(&self) -> bool {
        self.broken
    }

    /// Whether a wrap was destroyed while its master key had to stay, for want of another slot's secret.
    #[must_use]
    pub fn master_is_due(&self) -> bool {
        self.content.master_due
    }

    /// Adds a slot, if the provider opens none yet. Tells whether it did.
    ///
    /// # Errors
    /// As [`KeyFile::create`]; the file is as before then.
    pub fn add_slot(&mut self, provider: &dyn RootKeyProvider) -> Result<bool, Error> {
        for slot in &self.content.slots {
            if let Some(secret) = slot.secret(provider)? {
                self.secrets.insert(slot.id, secret);
                return Ok(false);
            }
        }
        let mut content = self.content.clone();
        let id = content.next_slot;
        content.next_slot = id.checked_add(1).ok_or(Error::KeyFileFull)?;
        let (slot, secret) = Slot::new(id, provider, &self.master)?;
        content.slots.push(slot);
        self.replace(content, None)?;
        self.secrets.insert(id, secret);
        Ok(true)
    }

    /// Takes away the slots that `remove` names, and with them their wraps of the master key. If every slot that stays is
    /// open, the master key is replaced too and every key wrapped anew; else that is due, see [`KeyFile::master_is_due`].
    /// Returns how many slots went.
    ///
    /// # Errors
    /// [`Error::LastSlot`] if no open slot would stay; else as [`KeyFile::create`]. The file is as before then.
    pub(crate) fn remove_slots(
        &mut self,
        tables: &Tables,
        remove: impl Fn(&Slot) -> bool,
    ) -> Result<usize, Error> {
        let mut content = self.content.clone();
        content.slots.retain(|slot| !remove(slot));
        let gone = self.content.slots.len().saturating_sub(content.slots.len());
        if gone == 0 && !content.master_due {
            return Ok(0);
        }
        if !content.slots.iter().any(|slot| self.is_open(slot)) {
            return Err(Error::LastSlot);
        }
        content.master_due = true;
        let master = if content.slots.iter().all(|slot| self.is_open(slot)) {
            Some(self.new_master(&mut content, tables)?)
        } else {
            None
        };
        self.replace(content, master)?;
        let left = &self.content.slots;
        self.secrets
            .retain(|id, _| left.iter().any(|slot| slot.id == *id));
        Ok(gone)
    }

    fn new_master(&self, content: &mut Content, tables: &Tables) -> Result<Key, Error> {
        let master = fresh()?;
        for slot in &mut content.slots {
            let secret = self.secrets.get(&slot.id).ok_or(Error::NoSlot)?;
            slot.rewrap(secret, &master)?;
        }
        let wrapped = tables
            .iter()
            .map(|(name, keys)| WrappedTable::wrap(&master, name, keys));
        content.tables = wrapped.collect::<Result<_, _>>()?;
        content.master_due = false;
        Ok(master)
    }

    /// Writes the keys of one table, in place of what stood there.
    ///
    /// # Errors
    /// [`Error::KeyFile`], [`Error::Random`]; the file is as before then.
    pub(crate) fn put_table(&mut self, name: &str, keys: &TableKeys) -> Result<(), Error> {
        let mut content = self.content.clone();
        let wrapped = WrappedTable::wrap(&self.master, name, keys)?;
        content.tables.retain(|table| table.name != name);
        content.tables.push(wrapped);
        self.replace(content, None)
    }

    /// Overwrites the whole file: nothing that any of its keys sealed can be read again.
    ///
    /// # Errors
    /// [`Error::KeyFile`].
    pub(crate) fn erase(&self) -> Result<(), Error> {
        self.medium
            .erase()
            .map_err(|error| failed(&self.path, &error))
    }

    /// Writes a new generation; what stands in memory changes only when it is durable.
    fn replace(&mut self, content: Content, master: Option<Key>) -> Result<(), Error> {
        if self.broken {
            let reason = "an earlier write of it failed; restart the machine";
            return Err(failed(&self.path, &std::io::Error::other(reason)));
        }
        let generation = self.generation.checked_add(1).ok_or(Error::KeyFileFull)?;
        let master = master.unwrap_or_else(|| self.master.clone());
        let written = Written {
            generation,
            content: content.to_bytes(&master, generation)?,
        };
        let write = self.medium.write(&written);
        self.broken = write.is_err();
        write.map_err(|error| failed(&self.path, &error))?;
        self.generation = generation;
        (self.content, self.master) = (content, master);
        Ok(())
    }
}

/// New keys of a table, in its first epoch.
pub(crate) fn new_table() -> Result<TableKeys, Error> {
    Ok(TableKeys {
        lookup: fresh::<LOOKUP_LEN>()?,
        epochs: vec![(1, fresh()?)],
    })
}

impl TableKeys {
    /// A copy, for a change that others must not see before it is durable.
    pub(crate) fn copy(&self) -> Self {
        Self {
            lookup: Zeroizing::new(*self.lookup),
            epochs: self.epochs.clone(),
        }
    }
}

/// The newest generation that is whole; `io` makes an error of the system's.
fn newest(medium: &Medium, io: impl Fn(std::io::Error) -> Error) -> Result<Written, Error> {
    if medium.is_ending().map_err(&io)? {
        return Err(Error::KeysDestroyed);
    }
    match medium.read().map_err(&io)?.into_iter().next() {
        Some(newest) => Ok(newest),
        None if medium.is_erased().map_err(&io)? => Err(Error::KeysDestroyed),
        None => Err(Error::KeyFileDamaged("neither of its two regions is whole")),
    }
}

fn failed(path: &Path, error: &std::io::Error) -> Error {
    Error::KeyFile {
        path: path.to_owned(),
        reason: error.to_string(),
    }
}

impl std::fmt::Debug for KeyFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let slots: Vec<_> = self
            .content
            .slots
            .iter()
            .map(Slot::known_kind)
            .collect::<Vec<Option<Kind>>>();
        f.debug_struct("KeyFile")
            .field("path", &self.path)
            .field("generation", &self.generation)
            .field("slots", &slots)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::RootKey;

    #[test]
    fn after_a_failed_write_nothing_is_written_until_it_was_opened_anew() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.keys");
        let root = || RootKey::from_bytes(&[7; 32]).unwrap();
        let mut file = KeyFile::create(&path, &root(), &Tables::new()).unwrap();
        let keys = new_table().unwrap();
        file.put_table("before", &keys).unwrap();
        let writable = std::mem::replace(
            &mut file.medium,
            Medium::of(std::fs::File::open(&path).unwrap()),
        );
        assert!(file.put_table("during", &keys).is_err());
        assert!(file.is_broken());
        file.medium = writable;
        let before = std::fs::read(&path).unwrap();
        assert!(file.put_table("after", &keys).is_err());
        assert_eq!(std::fs::read(&path).unwrap(), before);
        drop(file);
        let (mut file, tables) = KeyFile::open(&path, &[Box::new(root())]).unwrap();
        assert_eq!(tables.keys().collect::<Vec<_>>(), ["before"]);
        file.put_table("after", &keys).unwrap();
    }
}
