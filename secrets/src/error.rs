//! What can go wrong with keys and sealed values.

/// Failures of this crate. No variant carries key material or plaintext.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The text given as root key is not 32 bytes in hex or base64.
    #[error(
        "the root key is not 32 bytes written as 64 lower-case hex digits or as base64; make one with \
         `openssl rand -hex 32` and pass it as the credential holdfast.root-key"
    )]
    RootKeySyntax,
    /// The root key is all zeros, so nobody made it at random.
    #[error(
        "the root key is all zeros, which protects nothing; make one with `openssl rand -hex 32` and pass it as the \
         credential holdfast.root-key"
    )]
    RootKeyZero,
    /// The kernel gave no random bytes.
    #[error(
        "the kernel gave no random bytes ({0}); restart the machine, and look at its kernel log if this stays"
    )]
    Random(getrandom::Error),
    /// The value is shorter than its fixed fields.
    #[error(
        "a sealed value is only {0} bytes long; the store is damaged: restore it from a backup"
    )]
    TooShort(usize),
    /// The value names a format that this version does not know.
    #[error(
        "a sealed value has format {0}, which this version does not know; boot the newer image that wrote it, or \
         restore the store from a backup"
    )]
    UnknownFormat(u8),
    /// The value names a cipher suite that this version does not know.
    #[error(
        "a sealed value names cipher suite {0}, which this version does not know; boot the newer image that wrote it, \
         or restore the store from a backup"
    )]
    UnknownSuite(u8),
    /// The value was sealed under a key epoch that the ring does not hold.
    #[error(
        "a sealed value belongs to key epoch {0}, which this root key does not cover; boot with the root key of that \
         epoch, or restore the store from a backup"
    )]
    UnknownEpoch(u32),
    /// The value is not what was sealed for this table, key and record version.
    #[error(
        "a sealed value is not authentic: it was altered, or moved from another place; restore the store from a backup"
    )]
    NotAuthentic,
    /// The plaintext is longer than the cipher allows.
    #[error("a value of {0} bytes is too long to be sealed; split it into smaller ones")]
    TooLong(usize),
}
