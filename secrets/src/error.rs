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
    /// The key file cannot be read or written.
    #[error(
        "the key file {path} cannot be used: {reason}; look at the disk, and restore the key file from a backup if it is gone"
    )]
    KeyFile {
        /// Its place.
        path: std::path::PathBuf,
        /// The system's words.
        reason: String,
    },
    /// The key file's bytes are not those that were written.
    #[error("the key file is damaged: {0}; restore it, together with the store, from a backup")]
    KeyFileDamaged(&'static str),
    /// The key file was overwritten on purpose.
    #[error(
        "the keys of this store were destroyed on demand (`holdfast key destroy`), so nothing in it can be read again, by \
         anyone; give the machine an empty data disk to begin anew"
    )]
    KeysDestroyed,
    /// More keys than the file has room for.
    #[error("the key file is full; this needs a newer version")]
    KeyFileFull,
    /// The key file belongs to another store.
    #[error(
        "the key file belongs to another store; restore the one that was beside this store, from a backup"
    )]
    KeyFileForeign,
    /// The store has a key file, but it is not there.
    #[error(
        "the key file {0} is missing, and without it nothing in the store can be read; restore it from a backup"
    )]
    KeyFileMissing(std::path::PathBuf),
    /// The keys of a used store are there, and the store is not.
    #[error(
        "the store beside the key file {0} is missing or empty, though it had records; restore it from a backup, or give the \
         machine an empty data disk to begin anew"
    )]
    StoreGone(std::path::PathBuf),
    /// None of the given secrets opens the key file.
    #[error(
        "none of the given keys opens the key file; pass the root key that the store was made with, or its recovery key as \
         the credential holdfast.recovery-key"
    )]
    NoSlot,
    /// The slots that would stay are of no use in this run.
    #[error("this would leave no way into the store that is known to work; add another key first")]
    LastSlot,
    /// A slot's parameters are not of its kind.
    #[error(
        "the key file has a slot that this version cannot read; boot the newer image that wrote it"
    )]
    SlotParameters,
    /// The passphrase is too short.
    #[error(
        "the passphrase has fewer than {0} characters; take a longer one, such as six random words"
    )]
    PassphraseShort(usize),
    /// The text is no recovery key.
    #[error(
        "this is not a recovery key, which is eight groups of four letters and digits; look at the print again"
    )]
    RecoverySyntax,
}
