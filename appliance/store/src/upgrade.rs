//! Raising the format of a store that an earlier version made.
//!
//! From 1 to 2: the sums of all tables are made once, of what is there, and sealed with the new format in one transaction.
//! A crash before its end leaves format 1.

use std::path::Path;

use holdfast_secrets::KeyRing;
use redb::{Database, Durability, ReadableDatabase, ReadableTable, TableHandle};

use crate::engine::definition;
use crate::opening::{CHECK, CHECK_1, FORMAT, OWN, check_value, unopened};
use crate::sums::{SUMS, Sum, Sums, digest};
use crate::{Error, space};

/// Records between two tellings of how far it has come.
const TOLD: u64 = 4096;

/// Raises format 1 to 2; `told` gets the number of records so far, 0 at the beginning.
pub(crate) fn from_1(
    database: &Database,
    path: &Path,
    ring: &KeyRing,
    told: &mut dyn FnMut(u64),
) -> Result<Sums, Error> {
    space::check(path, &[])?;
    told(0);
    let sums = sums(database, ring, told)?;
    let sealed = sums.seal(ring)?;
    write(database, ring, &sealed).map_err(|error| unopened(path, &error))?;
    Ok(sums)
}

fn sums(database: &Database, ring: &KeyRing, told: &mut dyn FnMut(u64)) -> Result<Sums, Error> {
    let mut sums = Sums {
        commit: 1,
        ..Sums::default()
    };
    let mut records = 0_u64;
    let read = database.begin_read().map_err(Error::read)?;
    for table in read.list_tables().map_err(Error::read)? {
        let name = table.name().to_owned();
        if name == OWN {
            continue;
        }
        let rows = read.open_table(definition(&name)).map_err(Error::read)?;
        let mut sum = Sum::default();
        for row in rows.iter().map_err(Error::read)? {
            let (key, value) = row.map_err(Error::read)?;
            sum.add(&digest(ring, &name, key.value(), value.value()));
            records = records.saturating_add(1);
            if records.is_multiple_of(TOLD) {
                told(records);
            }
        }
        drop(rows);
        sums.tables.insert(name, sum);
    }
    Ok(sums)
}

fn write(database: &Database, ring: &KeyRing, sums: &[u8]) -> Result<(), redb::Error> {
    let mut transaction = database.begin_write()?;
    transaction.set_durability(Durability::Immediate)?;
    transaction.set_two_phase_commit(true);
    transaction.set_quick_repair(true);
    {
        let mut own = transaction.open_table(definition(OWN))?;
        own.insert(b"format".as_slice(), FORMAT.to_be_bytes().as_slice())?;
        own.remove(CHECK_1)?;
        own.insert(CHECK, check_value(ring).as_slice())?;
        own.insert(SUMS, sums)?;
    }
    transaction.commit()?;
    Ok(())
}
