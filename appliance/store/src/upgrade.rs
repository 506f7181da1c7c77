//! Raising the format of a store that an earlier version made.
//!
//! From 1: the key file is made, with the tables' keys as they were derived from the root key until now. The sums of all tables are made once, of what is there, and sealed with the new format in one transaction.
//! A crash before its end leaves format 1.
//!
//! From 2 to 3: nothing but the number, so that a program which does not know values of [format 2](holdfast_secrets::format)
//! refuses the store as a whole. Values that are there stay as they are; they are read as before.

use std::path::Path;

use holdfast_secrets::{Belongs, KeyRing};
use redb::{Database, Durability, ReadableDatabase, ReadableTable, TableHandle, WriteTransaction};

use crate::compaction::Pause;
use crate::engine::definition;
use crate::keys::{self, KEY_FILE};
use crate::opening::{CHECK_1, FORMAT, OWN, unopened};
use crate::sums::{SUMS, Sum, Sums, digest};
use crate::{Error, space};

/// Records between two tellings of how far it has come.
const TOLD: u64 = 4096;

/// Raises format 2 to 3.
pub(crate) fn from_2(database: &Database, path: &Path) -> Result<(), Error> {
    let raised = || -> Result<(), redb::Error> {
        let transaction = begin(database)?;
        transaction
            .open_table(definition(OWN))?
            .insert(b"format".as_slice(), FORMAT.to_be_bytes().as_slice())?;
        Ok(transaction.commit()?)
    };
    raised().map_err(|error| unopened(path, &error))
}

fn begin(database: &Database) -> Result<WriteTransaction, redb::Error> {
    let mut transaction = database.begin_write()?;
    transaction.set_durability(Durability::Immediate)?;
    transaction.set_two_phase_commit(true);
    transaction.set_quick_repair(true);
    Ok(transaction)
}

/// Raises format 1 to the newest; `told` gets the number of records so far, 0 at the beginning.
pub(crate) fn from_1(
    database: &Database,
    path: &Path,
    ring: &KeyRing,
    told: &mut dyn FnMut(Pause),
) -> Result<Sums, Error> {
    space::check_folder(path)?;
    told(Pause::Raising { records: 0 });
    let names = names(database)?;
    let id = keys::attach(path, ring, Belongs::Derived(&names))?;
    // Who has the root key can always derive the keys of before; so each table gets a random one, and its values are sealed
    // anew when the machine serves.
    for name in &names {
        let begun = ring.status().tables.into_iter();
        if !begun
            .into_iter()
            .any(|table| table.name == *name && table.epochs.len() > 1)
        {
            let begun = ring.begin_epoch(name);
            begun.map_err(|error| keys::failed(path, &error))?;
        }
    }
    let sums = sums(database, ring, names, told)?;
    let sealed = sums.seal(ring)?;
    write(database, &id, &sealed).map_err(|error| unopened(path, &error))?;
    Ok(sums)
}

fn names(database: &Database) -> Result<Vec<String>, Error> {
    let read = database.begin_read().map_err(Error::read)?;
    let tables = read.list_tables().map_err(Error::read)?;
    let names = tables.map(|table| table.name().to_owned());
    Ok(names.filter(|name| name != OWN).collect())
}

fn sums(
    database: &Database,
    ring: &KeyRing,
    names: Vec<String>,
    told: &mut dyn FnMut(Pause),
) -> Result<Sums, Error> {
    let mut sums = Sums {
        commit: 1,
        ..Sums::default()
    };
    let mut records = 0_u64;
    let read = database.begin_read().map_err(Error::read)?;
    for name in names {
        let rows = read.open_table(definition(&name)).map_err(Error::read)?;
        let mut sum = Sum::default();
        for row in rows.iter().map_err(Error::read)? {
            let (key, value) = row.map_err(Error::read)?;
            sum.add(&digest(ring, &name, key.value(), value.value())?);
            records = records.saturating_add(1);
            if records.is_multiple_of(TOLD) {
                told(Pause::Raising { records });
            }
        }
        drop(rows);
        sums.tables.insert(name, sum);
    }
    Ok(sums)
}

fn write(database: &Database, key_file: &[u8], sums: &[u8]) -> Result<(), redb::Error> {
    let transaction = begin(database)?;
    {
        let mut own = transaction.open_table(definition(OWN))?;
        own.insert(b"format".as_slice(), FORMAT.to_be_bytes().as_slice())?;
        own.remove(CHECK_1)?;
        own.insert(KEY_FILE, key_file)?;
        own.insert(SUMS, sums)?;
    }
    transaction.commit()?;
    Ok(())
}
