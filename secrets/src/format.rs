//! The sealed value format, versions 1 and 2.
//!
//! | offset | length | field |
//! |---|---|---|
//! | 0 | 1 | format version, `2`; `1` is read |
//! | 1 | 1 | suite: `1` AES-256-GCM (NIST SP 800-38D), `2` ChaCha20-Poly1305 (RFC 8439) |
//! | 2 | 4 | key epoch, big endian |
//! | 6 | 24 | salt; in version 2 the first 12 bytes name the group, the others are fresh from the kernel for each value |
//! | 30 | 12 | nonce, fresh from the kernel for each value |
//! | 42 | n | ciphertext |
//! | 42 + n | 16 | authentication tag |
//!
//! **Each group of values has a key of its own**, derived from the table's key and the group's name ([`crate::ring`]).
//! Random 96-bit nonces under one key would limit a table to about 2^32 values (SP 800-38D, 8.3); a group ends with the
//! process and after 2^20 values ([`LARGEST_GROUP`]), so two of its nonces meet with a probability below 2^-56, and two
//! processes draw the same group after some 2^48 starts, and even then their nonces differ. That is what XAES-256-GCM
//! does for each message by itself; a key that serves several can be kept ready, and reading costs a derivation and a key
//! schedule less. In version 1 each value was a group: its key came from all 24 bytes of salt.
//!
//! Neither group, salt nor nonce is ever a counter, so a machine that is put back to an earlier snapshot of its disk or
//! memory repeats nothing that it does not draw again.
//!
//! **Associated data**, all integers big endian:
//!
//! ```text
//! the last 12 bytes of the salt ‖ u16 record version ‖ key
//! ```
//!
//! It is unambiguous, since only the last field has no fixed length. The rest is bound by the key that it needs: each table and
//! epoch has its own, and suite, group and format version go into the derivation. A value therefore opens only in the
//! table, under the key and as the record version it was sealed for. In version 1:
//!
//! ```text
//! "holdfast sealed value" ‖ 0x00 ‖ header (the first 6 bytes)
//!   ‖ u32 length of table ‖ table ‖ u32 length of key ‖ key ‖ u16 record version
//! ```

use crate::Error;

/// The format version of what is sealed.
pub const VERSION: u8 = 2;
/// The version before, in which each value has a key of its own.
pub(crate) const ALONE: u8 = 1;
/// Length of a group's name in bytes, at the beginning of the salts of its values.
pub(crate) const GROUP_LEN: usize = 12;
/// Most values that are sealed for one group, over all tables.
pub const LARGEST_GROUP: u32 = 1 << 20;
/// Length of a value's salt in bytes.
pub const SALT_LEN: usize = 24;
/// Length of a value's nonce in bytes.
pub const NONCE_LEN: usize = 12;
/// Length of the authentication tag in bytes, for both suites.
pub const TAG_LEN: usize = 16;
/// Length of format version, suite and epoch together.
pub const HEADER_LEN: usize = 6;
/// What sealing adds to the length of a plaintext, in bytes.
pub const OVERHEAD: usize = HEADER_LEN + SALT_LEN + NONCE_LEN + TAG_LEN;

/// The authenticated cipher of a value. Every value names its own, so a store may hold both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Suite {
    /// AES-256-GCM (NIST SP 800-38D), the default.
    Aes256Gcm = 1,
    /// ChaCha20-Poly1305 (RFC 8439), for processors without AES instructions.
    ChaCha20Poly1305 = 2,
}

impl Suite {
    fn parse(byte: u8) -> Result<Self, Error> {
        match byte {
            1 => Ok(Self::Aes256Gcm),
            2 => Ok(Self::ChaCha20Poly1305),
            other => Err(Error::UnknownSuite(other)),
        }
    }
}

/// What a sealed value begins with: which of a table's keys it is for, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Which {
    /// [`VERSION`] or [`ALONE`].
    pub(crate) version: u8,
    pub(crate) suite: Suite,
    pub(crate) epoch: u32,
}

impl Which {
    /// The first bytes of a value: format version, suite, epoch.
    pub(crate) fn header(self) -> [u8; HEADER_LEN] {
        let [e0, e1, e2, e3] = self.epoch.to_be_bytes();
        [self.version, self.suite as u8, e0, e1, e2, e3]
    }
}

/// The fields of a sealed value, borrowed from its bytes.
#[derive(Debug)]
pub(crate) struct Parts<'a> {
    pub(crate) key: Which,
    pub(crate) salt: &'a [u8; SALT_LEN],
    pub(crate) nonce: &'a [u8; NONCE_LEN],
    pub(crate) ciphertext: &'a [u8],
    pub(crate) tag: &'a [u8; TAG_LEN],
}

/// Splits a sealed value into its fields; checks lengths, format and suite, and nothing else.
pub(crate) fn split(sealed: &[u8]) -> Result<Parts<'_>, Error> {
    let short = || Error::TooShort(sealed.len());
    let (&[version, suite, e0, e1, e2, e3], rest) =
        sealed.split_first_chunk::<HEADER_LEN>().ok_or_else(short)?;
    if version != VERSION && version != ALONE {
        return Err(Error::UnknownFormat(version));
    }
    let key = Which {
        version,
        suite: Suite::parse(suite)?,
        epoch: u32::from_be_bytes([e0, e1, e2, e3]),
    };
    let (salt, rest) = rest.split_first_chunk::<SALT_LEN>().ok_or_else(short)?;
    let (nonce, rest) = rest.split_first_chunk::<NONCE_LEN>().ok_or_else(short)?;
    let (ciphertext, tag) = rest.split_last_chunk::<TAG_LEN>().ok_or_else(short)?;
    Ok(Parts {
        key,
        salt,
        nonce,
        ciphertext,
        tag,
    })
}

/// The key epoch that a sealed value names.
///
/// # Errors
/// As [`salt`].
pub fn epoch(sealed: &[u8]) -> Result<u32, Error> {
    split(sealed).map(|parts| parts.key.epoch)
}

/// The salt of a sealed value: 12 of its bytes are fresh for each sealing, so it also names one writing of a record.
///
/// # Errors
/// If the bytes are too short for a sealed value, or of a format or suite that this version does not know. That the
/// value is authentic is *not* checked.
pub fn salt(sealed: &[u8]) -> Result<[u8; SALT_LEN], Error> {
    split(sealed).map(|parts| *parts.salt)
}
