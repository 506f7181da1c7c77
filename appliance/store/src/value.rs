//! A stored value: the sealed bytes with their record version.

use holdfast_secrets::{Context, KeyRing, Plaintext, View};

use crate::record::VERSION_LEN;
use crate::snapshot::Revision;
use crate::{Error, Table};

/// Longest value in bytes, below the engine's own limit of 3 GiB, which would stop the writer.
const MAX_VALUE: usize = 1 << 30;
/// Longest key in bytes.
const MAX_KEY: usize = 64 << 10;

/// The value as the engine holds it: the sealed value, then the record version (two bytes, big endian), which is also
/// in the associated data. It stands behind so that sealing needs no second buffer.
pub(crate) fn seal_value(
    ring: &KeyRing,
    table: Table,
    key: &[u8],
    version: u16,
    plaintext: &[u8],
) -> Result<Vec<u8>, Error> {
    if plaintext.len() > MAX_VALUE || key.len() > MAX_KEY {
        return Err(Error::TooLarge {
            table: table.name(),
        });
    }
    let context = Context {
        table: table.name(),
        key,
        version,
    };
    let mut value = ring
        .seal(&context, plaintext)
        .map_err(|error| Error::sealed(table.name(), &error))?;
    value.extend_from_slice(&version.to_be_bytes());
    Ok(value)
}

/// The record version and plaintext of a value that the engine holds.
pub(crate) fn open_value(
    view: &View,
    table: Table,
    key: &[u8],
    value: &[u8],
) -> Result<(u16, Plaintext), Error> {
    let (sealed, version) = split(table, value)?;
    let context = Context {
        table: table.name(),
        key,
        version,
    };
    let plaintext = view
        .open(&context, sealed)
        .map_err(|error| Error::sealed(table.name(), &error))?;
    Ok((version, plaintext))
}

/// The revision of a value that the engine holds.
pub(crate) fn revision(table: Table, value: &[u8]) -> Result<Revision, Error> {
    let (sealed, _) = split(table, value)?;
    holdfast_secrets::format::salt(sealed)
        .map(Revision)
        .map_err(|error| Error::sealed(table.name(), &error))
}

fn split(table: Table, value: &[u8]) -> Result<(&[u8], u16), Error> {
    let too_short = || {
        Error::sealed(
            table.name(),
            &holdfast_secrets::Error::TooShort(value.len()),
        )
    };
    let (sealed, version) = value
        .split_last_chunk::<VERSION_LEN>()
        .ok_or_else(too_short)?;
    Ok((sealed, u16::from_be_bytes(*version)))
}
