//! Records: what a table holds, and how it becomes bytes.

use holdfast_secrets::Plaintext;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{Error, Table};

/// The version under which raw bytes are sealed; records start at 1.
pub(crate) const RAW: u16 = 0;
/// Length of the version that stands behind each sealed value, in bytes, big endian.
pub(crate) const VERSION_LEN: usize = 2;

/// A type that is kept in one table, encoded with postcard.
///
/// postcard stores neither field names nor types: changing the type in any way needs a new [`Record::VERSION`] and an
/// [`Record::upgrade`] from the old ones. Adding variants at the end of an enum is the one exception.
pub trait Record: Serialize + DeserializeOwned {
    /// The table that holds these records, and nothing else.
    const TABLE: Table;
    /// Version of the encoding, from 1. It is stored with each record and authenticated.
    const VERSION: u16;

    /// Reads a record that an earlier version wrote.
    ///
    /// # Errors
    /// [`Error::OldRecord`] unless the type knows that version, [`Error::Encoding`] if the bytes are not of it.
    fn upgrade(version: u16, bytes: &[u8]) -> Result<Self, Error> {
        let _ = bytes;
        Err(Error::OldRecord {
            table: Self::TABLE.name(),
            version,
        })
    }
}

pub(crate) fn encode<R: Record>(record: &R) -> Result<Plaintext, Error> {
    const { assert!(R::VERSION > RAW, "record versions start at 1") };
    postcard::to_stdvec(record)
        .map(Plaintext::from)
        .map_err(|error| Error::Encoding {
            table: R::TABLE.name(),
            error: error.to_string(),
        })
}

/// Reads the plaintext of a record that was written as this version; what [`Record::upgrade`] reads an old type with.
///
/// # Errors
/// [`Error::NewerRecord`], [`Error::OldRecord`] or [`Error::Encoding`] if the type cannot be read from it.
pub fn decode_as<R: Record>(version: u16, bytes: &[u8]) -> Result<R, Error> {
    let table = R::TABLE.name();
    if version > R::VERSION {
        return Err(Error::NewerRecord { table, version });
    }
    if version < R::VERSION {
        return R::upgrade(version, bytes);
    }
    let encoding = |error: String| Error::Encoding { table, error };
    match postcard::take_from_bytes(bytes) {
        Ok((record, [])) => Ok(record),
        Ok((_, rest)) => Err(encoding(format!("{} bytes are left over", rest.len()))),
        Err(error) => Err(encoding(error.to_string())),
    }
}
