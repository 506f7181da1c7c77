//! The ring and its key file: opening it, and changing keys while they are in use.

use std::collections::btree_map::Entry;
use std::path::Path;
use std::sync::{MutexGuard, PoisonError};

use zeroize::Zeroizing;

use crate::Error;
use crate::keyfile::{ID_LEN, KeyFile, Slot, TableKeys, Tables};
use crate::provider::{Kind, RecoveryKey};
use crate::ready::OWN;
use crate::ring::{KeyRing, Keys, derived_table};
use crate::wrap::fresh;

/// What the store knows of its key file.
#[derive(Clone, Copy, Debug)]
pub enum Belongs<'a> {
    /// The store is about to be made.
    New,
    /// The store was made before there were key files, and has these tables.
    Derived(&'a [String]),
    /// The store has the key file with this name for itself.
    To(&'a [u8; ID_LEN]),
}

/// What people may know of the keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// The ways in, from the oldest.
    pub slots: Vec<SlotState>,
    /// The tables with their keys, by name.
    pub tables: Vec<TableState>,
    /// A wrap was destroyed, but the master key could not be replaced, since another slot's secret was not at hand.
    pub master_due: bool,
}

/// A way in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlotState {
    /// Its number.
    pub id: u32,
    /// Its kind; `None` if a newer version made it.
    pub kind: Option<Kind>,
    /// Whether this run was given what opens it.
    pub open: bool,
}

/// A table's epochs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableState {
    /// Its name.
    pub name: String,
    /// From the oldest; the last seals. More than one while values are sealed anew.
    pub epochs: Vec<u32>,
}

impl KeyRing {
    /// Opens the key file at `path`, or makes it, and uses its keys from now on. Returns its name for itself, which the
    /// store must keep.
    ///
    /// A root key that is to be the next gets its slot, and so does one that opens none but came with something that does. If
    /// the newest root key has opened a slot that was there before and no next one was given, the slots of older root keys
    /// go: never at the start that made the newer slot, so that a wrong root key beside a right passphrase costs nothing. A
    /// ring that has this key file already goes on with it.
    ///
    /// # Errors
    /// [`Error::KeyFileMissing`], [`Error::KeyFileForeign`], [`Error::NoSlot`] and the others of the key file.
    pub fn attach(&self, path: &Path, belongs: Belongs<'_>) -> Result<[u8; ID_LEN], Error> {
        if let Some(file) = &*self.file() {
            return match belongs {
                Belongs::To(id) if *id == file.id() => Ok(file.id()),
                _ => Err(Error::KeyFileForeign),
            };
        }
        let providers = std::mem::take(
            &mut *self
                .providers
                .lock()
                .unwrap_or_else(PoisonError::into_inner),
        );
        let exists = KeyFile::exists(path)?;
        let (mut file, mut tables) = match (&belongs, exists) {
            (Belongs::To(_), false) => return Err(Error::KeyFileMissing(path.to_owned())),
            (_, true) => KeyFile::open(path, &providers.all)?,
            (_, false) => {
                let first = providers.all.first().ok_or(Error::NoSlot)?;
                let tables = self.derived(belongs)?;
                (KeyFile::create(path, first.as_ref(), &tables)?, tables)
            }
        };
        match belongs {
            Belongs::To(id) if *id != file.id() => return Err(Error::KeyFileForeign),
            // The key file was made, and then the machine stopped before the store knew of it. No table has keys of its own
            // alone then: that of a raised store has, so that nobody can put its format back and have new sums made.
            Belongs::Derived(_) if exists => {
                let names: Vec<_> = tables.keys().filter(|name| *name != OWN).cloned().collect();
                for (name, derived) in self.derived(Belongs::Derived(&names))? {
                    let first = |keys: &TableKeys| keys.epochs.first().cloned();
                    let stands = tables.get(&name).and_then(first);
                    if stands.is_none() || stands != first(&derived) {
                        return Err(Error::KeyFileForeign);
                    }
                }
                for (name, keys) in self.derived(belongs)? {
                    if let Entry::Vacant(place) = tables.entry(name) {
                        file.put_table(place.key(), &keys)?;
                        place.insert(keys);
                    }
                }
            }
            // Whoever made a store with records in it made keys for their tables too.
            Belongs::New if tables.keys().any(|name| name != OWN) => {
                return Err(Error::StoreGone(path.to_owned()));
            }
            _ => {}
        }
        let known: Vec<u32> = file.slots().iter().map(|slot| slot.id).collect();
        for provider in &providers.all {
            // A root key that opens no slot came with something that does: it is the one from now on.
            if provider.kind() == Kind::Credential {
                file.add_slot(provider.as_ref())?;
            }
        }
        if let Some(next) = &providers.next {
            file.add_slot(next)?;
        } else {
            let newest = file.slots().iter().rev().find(|slot| is_credential(slot));
            let proven = |slot: &&Slot| file.is_open(slot) && known.contains(&slot.id);
            if let Some(newest) = newest.filter(proven).map(|slot| slot.id) {
                file.remove_slots(&tables, |slot| is_credential(slot) && slot.id != newest)?;
            }
        }
        let id = file.id();
        *self.file.lock().unwrap_or_else(PoisonError::into_inner) = Some(file);
        self.replace(tables);
        Ok(id)
    }

    /// The keys that a store without a key file has.
    fn derived(&self, belongs: Belongs<'_>) -> Result<Tables, Error> {
        let Belongs::Derived(names) = belongs else {
            return Ok(Tables::new());
        };
        let view = self.view();
        let Keys::Derived(root) = &*view.0 else {
            return Err(Error::NoSlot);
        };
        let tables = names
            .iter()
            .map(|name| (name.clone(), derived_table(root, name)));
        Ok(tables.collect())
    }

    /// Whether a write of the key file has failed, so that it has to be opened anew before keys can change.
    #[must_use]
    pub fn is_broken(&self) -> bool {
        self.file().as_ref().is_some_and(KeyFile::is_broken)
    }

    /// What people may know of the keys.
    #[must_use]
    pub fn status(&self) -> Status {
        let file = self.file();
        let slots = file.iter().flat_map(|file| {
            file.slots().iter().map(|slot| SlotState {
                id: slot.id,
                kind: slot.known_kind(),
                open: file.is_open(slot),
            })
        });
        let slots = slots.collect();
        let master_due = file.as_ref().is_some_and(KeyFile::master_is_due);
        let tables = self.view().tables();
        let tables = tables.iter().map(|(name, keys)| TableState {
            name: name.clone(),
            epochs: keys.epochs.iter().map(|(epoch, _)| *epoch).collect(),
        });
        let tables = tables.collect();
        Status {
            slots,
            tables,
            master_due,
        }
    }

    /// Gives a table a new key, which seals from now on; the older ones still open. Returns its epoch.
    ///
    /// # Errors
    /// Those of the key file; the table's keys are as before then.
    pub fn begin_epoch(&self, table: &str) -> Result<u32, Error> {
        self.change(table, |keys| {
            let newest = keys.epochs.last().map_or(0, |(epoch, _)| *epoch);
            let epoch = newest.checked_add(1).ok_or(Error::KeyFileFull)?;
            keys.epochs.push((epoch, fresh()?));
            Ok(epoch)
        })
    }

    /// Destroys a table's keys but the newest. Nothing may be sealed under them any more.
    ///
    /// # Errors
    /// Those of the key file; the table's keys are as before then.
    pub fn end_epochs(&self, table: &str) -> Result<(), Error> {
        self.change(table, |keys| {
            let older = keys.epochs.len().saturating_sub(1);
            keys.epochs.drain(..older);
            Ok(())
        })
    }

    fn change<T>(
        &self,
        table: &str,
        change: impl FnOnce(&mut crate::keyfile::TableKeys) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let mut file = self.file();
        let file = file.as_mut().ok_or(Error::NoSlot)?;
        let mut tables = self.view().tables();
        let mut changed = match tables.remove(table) {
            Some(keys) => keys,
            None => crate::keyfile::new_table()?,
        };
        let outcome = change(&mut changed)?;
        file.put_table(table, &changed)?;
        tables.insert(table.to_owned(), changed);
        self.replace(tables);
        Ok(outcome)
    }

    /// Makes a new recovery key and destroys the slot of the one before. The text is the only copy.
    ///
    /// # Errors
    /// Those of the key file.
    pub fn new_recovery_key(&self) -> Result<Zeroizing<String>, Error> {
        let mut file = self.file();
        let file = file.as_mut().ok_or(Error::NoSlot)?;
        let tables = self.view().tables();
        let key = RecoveryKey::generate()?;
        file.add_slot(&key)?;
        let newest = file.slots().last().map(|slot| slot.id);
        file.remove_slots(&tables, |slot| {
            slot.known_kind() == Some(Kind::Recovery) && Some(slot.id) != newest
        })?;
        Ok(key.text())
    }

    /// Overwrites the key file and forgets every key: nothing in the store can be read again, by anyone.
    ///
    /// # Errors
    /// Those of the key file; the keys are forgotten all the same.
    pub fn destroy(&self) -> Result<(), Error> {
        let mut file = self.file();
        self.forget();
        match file.take() {
            Some(file) => file.erase(),
            None => Err(Error::NoSlot),
        }
    }

    fn file(&self) -> MutexGuard<'_, Option<KeyFile>> {
        self.file.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_credential(slot: &Slot) -> bool {
    slot.known_kind() == Some(Kind::Credential)
}
