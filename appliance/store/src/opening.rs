//! Opening the file: is it ours, whole, of a known format, and made under this root key?
//!
//! The store's own table `_holdfast` holds `format` (u32, big endian) and `key-file` (the name of the key file beside it, 16
//! bytes) in the clear, and the sealed [`sums`](crate::sums). Format 1 had `key-check` ([`KeyRing::check_value`]) instead, no
//! key file and no sums. Format 2 had values of format 1 alone. Both are raised at their first opening.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::path::Path;
use std::sync::atomic::AtomicU64;
use std::sync::{Mutex, OnceLock};

use holdfast_secrets::{Belongs, KeyRing};
use redb::backends::FileBackend;
use redb::{Database, DatabaseError, ReadableDatabase, StorageBackend, StorageError, TableError};

use crate::compaction::{self, Pause};
use crate::engine::{Engine, definition};
use crate::keys::{self, KEY_FILE};
use crate::readers::Readers;
use crate::space::Space;
use crate::sums::{SUMS, State, Sums};
use crate::{Error, Store, making, upgrade};

/// The newest format that this version writes and reads.
pub(crate) const FORMAT: u32 = 3;
/// The one before it.
const FORMAT_2: u32 = 2;
/// Key of the check value in format 1.
pub(crate) const CHECK_1: &[u8] = b"key-check";
/// The first bytes of every redb file.
const MAGIC: &[u8] = b"redb\x1a\x0a\xa9\x0d\x0a";
/// The table of the store itself.
pub(crate) const OWN: &str = "_holdfast";

/// Opens the file, or makes it if there is none or an empty one.
pub(crate) fn open(
    path: &Path,
    ring: KeyRing,
    telling: &mut dyn FnMut(Pause),
) -> Result<Engine, Error> {
    let system = |error: io::Error| unopened(path, &error);
    if is_missing(path).map_err(system)? {
        making::make(path, &ring)?;
    }
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .open(path)
        .map_err(system)?;
    check_magic(&mut file, path)?;
    let backend = FileBackend::new(file).map_err(|error| explain(path, error))?;
    with_backend(path, ring, backend, telling)
}

/// Opens the store in any backend; `path` is what errors name.
pub(crate) fn with_backend(
    path: &Path,
    ring: KeyRing,
    backend: impl StorageBackend,
    telling: &mut dyn FnMut(Pause),
) -> Result<Engine, Error> {
    let mut database = Database::builder()
        .set_cache_size(Store::CACHE_BYTES)
        .create_with_backend(backend)
        .map_err(|error| explain(path, error))?;
    let mut sums = match check_own(&database, path, &ring)? {
        Own::Current(sums) => sums,
        Own::Format2(sums) => {
            // What was altered stays as it is, and is refused below.
            if sums.altered.is_none() {
                upgrade::from_2(&database, path)?;
            }
            sums
        }
        Own::Format1 => upgrade::from_1(&database, path, &ring, telling)?,
    };
    if let Some(what) = sums.altered {
        return Err(altered(path, &what));
    }
    if sums.compact {
        sums = compaction::compact(&mut database, path, &ring, sums, telling)?;
    }
    Ok(Engine {
        state: Mutex::new(State::new(sums, &ring)?),
        readers: Readers::default(),
        rotating: Mutex::new(()),
        verifying: Mutex::new(()),
        database,
        ring,
        path: path.to_owned(),
        space: Space::of(path),
        stopped: OnceLock::new(),
        stopping: tokio::sync::Notify::new(),
        transactions: AtomicU64::new(0),
    })
}

/// Whether there is no file at `path`, or one without a byte.
pub(crate) fn is_missing(path: &Path) -> io::Result<bool> {
    match std::fs::metadata(path) {
        Ok(found) => Ok(found.is_file() && found.len() == 0),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
        Err(error) => Err(error),
    }
}

/// redb would also refuse a foreign file, but not say so clearly.
fn check_magic(file: &mut File, path: &Path) -> Result<(), Error> {
    let mut start = Vec::with_capacity(MAGIC.len());
    let limit = u64::try_from(MAGIC.len()).unwrap_or(u64::MAX);
    file.take(limit)
        .read_to_end(&mut start)
        .map_err(|error| unopened(path, &error))?;
    if start == MAGIC {
        return Ok(());
    }
    let path = path.to_owned();
    if MAGIC.starts_with(&start) {
        let reason = "only its first bytes are there".into();
        return Err(Error::Truncated { path, reason });
    }
    let reason = "its first bytes are of something else".into();
    Err(Error::Foreign { path, reason })
}

pub(crate) fn unopened(path: &Path, error: &dyn std::fmt::Display) -> Error {
    Error::Open {
        path: path.to_owned(),
        reason: error.to_string(),
    }
}

pub(crate) fn explain(path: &Path, error: DatabaseError) -> Error {
    let path = path.to_owned();
    let reason = error.to_string();
    match error {
        DatabaseError::DatabaseAlreadyOpen => Error::InUse(path),
        DatabaseError::Storage(StorageError::Corrupted(text)) if text.contains("truncated") => {
            Error::Truncated { path, reason }
        }
        DatabaseError::Storage(StorageError::Io(error)) => match error.kind() {
            io::ErrorKind::InvalidData => Error::Foreign { path, reason },
            io::ErrorKind::UnexpectedEof => Error::Truncated { path, reason },
            _ => Error::Open { path, reason },
        },
        _ => Error::Damaged { path, reason },
    }
}

enum Own {
    Current(Sums),
    Format2(Sums),
    Format1,
}

fn check_own(database: &Database, path: &Path, ring: &KeyRing) -> Result<Own, Error> {
    let read = database.begin_read().map_err(Error::read)?;
    let own = match read.open_table(definition(OWN)) {
        Ok(own) => own,
        Err(TableError::Storage(error)) => return Err(Error::read(error)),
        Err(_) => return Err(foreign(path)),
    };
    let entry = |name: &[u8]| own.get_owned(name).map_err(Error::read);
    let format = entry(b"format")?.ok_or_else(|| foreign(path))?;
    let (key_file, sums) = (entry(KEY_FILE)?, entry(SUMS)?);
    match format.value().try_into().map(u32::from_be_bytes) {
        Ok(1) => {
            if key_file.is_some() || sums.is_some() {
                return Err(altered(path, "its format was put back to 1"));
            }
            let check = entry(CHECK_1)?.ok_or_else(|| foreign(path))?;
            match ring.matches(check.value()) {
                true => Ok(Own::Format1),
                false => Err(Error::WrongRootKey(path.to_owned())),
            }
        }
        Ok(format @ (FORMAT_2 | FORMAT)) => {
            let id = key_file.as_ref().and_then(|id| id.value().try_into().ok());
            let id = id.ok_or_else(|| altered(path, "the name of its key file is gone"))?;
            keys::attach(path, ring, Belongs::To(id))?;
            let sums = sums.ok_or_else(|| altered(path, "the sums of its tables are gone"))?;
            let sums = Sums::open(ring, sums.value()).map_err(|why| {
                altered(path, &format!("the sums of its tables do not open ({why})"))
            })?;
            Ok(match format {
                FORMAT_2 => Own::Format2(sums),
                _ => Own::Current(sums),
            })
        }
        Ok(found) => {
            let path = path.to_owned();
            Err(Error::NewerFormat {
                path,
                found,
                known: FORMAT,
            })
        }
        Err(_) => Err(foreign(path)),
    }
}

fn altered(path: &Path, what: &str) -> Error {
    Error::Altered {
        path: path.to_owned(),
        what: what.to_owned(),
    }
}

fn foreign(path: &Path) -> Error {
    let reason = "it is a redb file of another program".into();
    Error::Foreign {
        path: path.to_owned(),
        reason,
    }
}
