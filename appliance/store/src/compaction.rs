//! Making the file as small as it can be: on demand, when the store is opened, before anyone is served.
//!
//! redb moves pages to the front of the file, in transactions of its own, until none can be moved; nothing else may be under
//! way meanwhile. That it is to be done is sealed with a commit, and taken back first: a machine that does not get to the end
//! of it does not try again by itself. After a crash in the middle redb walks the whole file at the next opening, since its
//! own transactions do not write what quick repair needs.

use std::path::Path;
use std::time::{Duration, Instant};

use holdfast_secrets::KeyRing;
use redb::{Database, Durability};

use crate::engine::definition;
use crate::opening::{OWN, unopened};
use crate::sums::{SUMS, Sums};
use crate::{Error, space};

/// What makes an opening a long one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Pause {
    /// The file has an older format, and is raised to this version's.
    Raising {
        /// Records that were read so far.
        records: u64,
    },
    /// The file is about to be made smaller.
    Compacting {
        /// Its length in bytes.
        bytes: u64,
    },
    /// The file was not made smaller, for want of room on the disk; the next start tries again.
    NotCompacted {
        /// Bytes that are free on the file system.
        room: u64,
    },
    /// The file was made smaller.
    Compacted {
        /// Its length in bytes now.
        bytes: u64,
        /// How long that took.
        took: Duration,
    },
}

/// Makes the file smaller; returns the sums that were committed with that.
pub(crate) fn compact(
    database: &mut Database,
    path: &Path,
    ring: &KeyRing,
    sums: Sums,
    telling: &mut dyn FnMut(Pause),
) -> Result<Sums, Error> {
    let length = || std::fs::metadata(path).map_or(0, |found| found.len());
    if let Err(Error::Full { free, .. }) = space::check_file(path) {
        telling(Pause::NotCompacted { room: free });
        return Ok(sums);
    }
    telling(Pause::Compacting { bytes: length() });
    let begun = Instant::now();
    let mut sums = sums;
    sums.compact = false;
    commit(database, path, ring, &mut sums)?;
    let compacted = database.compact();
    compacted.map_err(|error| unopened(path, &error))?;
    // Its last transaction wrote nothing for quick repair.
    commit(database, path, ring, &mut sums)?;
    telling(Pause::Compacted {
        bytes: length(),
        took: begun.elapsed(),
    });
    Ok(sums)
}

fn commit(database: &Database, path: &Path, ring: &KeyRing, sums: &mut Sums) -> Result<(), Error> {
    sums.commit = sums.commit.saturating_add(1);
    let sealed = sums.seal(ring)?;
    let write = || -> Result<(), redb::Error> {
        let mut transaction = database.begin_write()?;
        transaction.set_durability(Durability::Immediate)?;
        transaction.set_two_phase_commit(true);
        transaction.set_quick_repair(true);
        transaction
            .open_table(definition(OWN))?
            .insert(SUMS, sealed.as_slice())?;
        transaction.commit()?;
        Ok(())
    };
    write().map_err(|error| unopened(path, &error))
}
