//! Opening the file: is it ours, whole, of a known format, and made under this root key?
//!
//! The store's own table `_holdfast` holds, unsealed: `format` (u32, big endian) and `key-check` (16 bytes, see
//! [`KeyRing::check_value`]).

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::AtomicU64;

use holdfast_secrets::KeyRing;
use redb::backends::FileBackend;
use redb::{Database, DatabaseError, ReadableDatabase, StorageBackend, StorageError, TableError};

use crate::engine::{Engine, definition};
use crate::{Error, making};

/// The newest format that this version writes and reads.
pub(crate) const FORMAT: u32 = 1;
/// Memory for cached pages. Small, since the whole machine may have 192 MiB and hot pages are cached above the store.
const CACHE_BYTES: usize = 16 << 20;
/// The first bytes of every redb file.
const MAGIC: &[u8] = b"redb\x1a\x0a\xa9\x0d\x0a";
/// The table of the store itself, unsealed.
pub(crate) const OWN: &str = "_holdfast";

/// Opens the file, or makes it if there is none or an empty one.
pub(crate) fn open(path: &Path, ring: KeyRing) -> Result<Engine, Error> {
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
    with_backend(path, ring, backend)
}

/// Opens the store in any backend; `path` is what errors name.
pub(crate) fn with_backend(
    path: &Path,
    ring: KeyRing,
    backend: impl StorageBackend,
) -> Result<Engine, Error> {
    let database = Database::builder()
        .set_cache_size(CACHE_BYTES)
        .create_with_backend(backend)
        .map_err(|error| explain(path, error))?;
    check_own(&database, path, &ring)?;
    Ok(Engine {
        database,
        ring,
        path: path.to_owned(),
        stopped: OnceLock::new(),
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

fn check_own(database: &Database, path: &Path, ring: &KeyRing) -> Result<(), Error> {
    let read = database.begin_read().map_err(Error::read)?;
    let own = match read.open_table(definition(OWN)) {
        Ok(own) => own,
        Err(TableError::Storage(error)) => return Err(Error::read(error)),
        Err(_) => return Err(foreign(path)),
    };
    let entry = |name: &str| {
        let found = own.get_owned(name.as_bytes()).map_err(Error::read)?;
        found.ok_or_else(|| foreign(path))
    };
    let format = entry("format")?.value().try_into().map(u32::from_be_bytes);
    match format {
        Ok(FORMAT) => {}
        Ok(found) => {
            let path = path.to_owned();
            return Err(Error::NewerFormat {
                path,
                found,
                known: FORMAT,
            });
        }
        Err(_) => return Err(foreign(path)),
    }
    if ring.matches(entry("key-check")?.value()) {
        Ok(())
    } else {
        Err(Error::WrongRootKey(path.to_owned()))
    }
}

fn foreign(path: &Path) -> Error {
    let reason = "it is a redb file of another program".into();
    Error::Foreign {
        path: path.to_owned(),
        reason,
    }
}
