//! What can go wrong with the store, and the way out of each.

use std::path::PathBuf;

/// Failures of the store. Cloneable, since one failed transaction answers several waiting batches.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Another process has the file open.
    #[error("{} is in use by another process; stop that one first, only one may open the store", .0.display())]
    InUse(PathBuf),
    /// The file is not a store of ours.
    #[error(
        "{} is not a Holdfast store ({reason}); move it away to start with an empty one, or point to the right data",
        path.display()
    )]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What was found instead.
        reason: String,
    },
    /// The file is shorter than it says itself.
    #[error("{} is cut short ({reason}); restore it from a backup", path.display())]
    Truncated {
        /// The file.
        path: PathBuf,
        /// What is missing.
        reason: String,
    },
    /// The file's structure is damaged.
    #[error("{} is damaged ({reason}); restore it from a backup", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What the engine says.
        reason: String,
    },
    /// The file was written by a newer version.
    #[error(
        "{} has store format {found}, this version knows up to {known}; boot the newer image that wrote it",
        path.display()
    )]
    NewerFormat {
        /// The file.
        path: PathBuf,
        /// The format of the file.
        found: u32,
        /// The newest format of this version.
        known: u32,
    },
    /// Records were put back, removed or added behind the store's back, or its seal over all of them is gone.
    #[error(
        "store altered: {what}, in {}; it is not served. Someone wrote to the disk past this program, or the disk itself \
         lost or restored parts of it: find out which, then restore the whole data partition from a backup, or start with an \
         empty one and push again",
        path.display()
    )]
    Altered {
        /// The file.
        path: PathBuf,
        /// What was found, such as `table audit`.
        what: String,
    },
    /// The store was made under another root key. Nothing in it is damaged.
    #[error(
        "{} was made under another root key; its data is intact: boot with the root key that it was made with \
         (credential holdfast.root-key)",
        .0.display()
    )]
    WrongRootKey(PathBuf),
    /// The key file beside the store is not there, not its own, or damaged.
    #[error("{} cannot be opened without its keys: {reason}", path.display())]
    Keys {
        /// The store.
        path: PathBuf,
        /// What the secrets crate says, with its way out.
        reason: String,
    },
    /// The file cannot be opened or made.
    #[error("cannot open {}: {reason}; check that the data folder exists and that this user may write there", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// What the system says.
        reason: String,
    },
    /// A value is not what was stored under this table and key.
    #[error("a record of table `{table}` cannot be opened: {reason}")]
    Sealed {
        /// The table.
        table: &'static str,
        /// What the secrets crate says, with its way out.
        reason: String,
    },
    /// A record that should be sealed anew does not open, so the table's older keys are kept.
    #[error(
        "record {record} of table `{table}` cannot be sealed under the new key, since it does not open: {reason}; the older \
         keys are kept. Remove what it belongs to, or restore it from a backup, and rotate again"
    )]
    Unopened {
        /// The table.
        table: String,
        /// The first 16 bytes of its key as the engine holds it, in hex.
        record: String,
        /// What the secrets crate says.
        reason: String,
    },
    /// A record's bytes are not of its type.
    #[error(
        "a record of table `{table}` does not have its shape ({error}); report this, and boot the image that wrote it"
    )]
    Encoding {
        /// The table.
        table: &'static str,
        /// What postcard says.
        error: String,
    },
    /// A record was written by a newer version.
    #[error(
        "a record of table `{table}` has version {version}, which is newer than this program; boot the newer image"
    )]
    NewerRecord {
        /// The table.
        table: &'static str,
        /// The version that was found.
        version: u16,
    },
    /// A record has an old version that this program cannot read any more.
    #[error(
        "a record of table `{table}` has version {version}, which this program cannot read any more; boot an image in between first"
    )]
    OldRecord {
        /// The table.
        table: &'static str,
        /// The version that was found.
        version: u16,
    },
    /// A batch expected something else of a record; nothing of the batch was done.
    #[error("a record of table `{table}` is not in the expected state; read it again and repeat")]
    Conflict {
        /// The table.
        table: &'static str,
    },
    /// A range was asked of a table that keeps its keys as keyed hashes.
    #[error(
        "table `{table}` keeps its keys as keyed hashes, which have no order; ask for one key or for all records"
    )]
    NoOrder {
        /// The table.
        table: &'static str,
    },
    /// The last key of a table with numbered records is not a number.
    #[error(
        "table `{table}` has a key that is not a number; the store is damaged: restore it from a backup"
    )]
    NoNumber {
        /// The table.
        table: &'static str,
    },
    /// A key above 64 KiB or a value above 1 GiB.
    #[error(
        "a record of table `{table}` has a key above 64 KiB or a value above 1 GiB; store it in parts"
    )]
    TooLarge {
        /// The table.
        table: &'static str,
    },
    /// The file system has too little room. Nothing was written, and the store goes on.
    #[error(
        "the data partition has {free} bytes left and this write may need {needed}; remove old versions, or give the \
         disk more room and restart"
    )]
    Full {
        /// Free bytes.
        free: u64,
        /// An upper bound of what the write takes.
        needed: u64,
    },
    /// A write failed in a way after which the engine cannot be trusted to go on. Reads may still work.
    #[error(
        "the store takes no more writes, since one failed ({0}); the server ends and is started anew, which opens the store \
         again with every answered write in it. See to the disk if this comes back"
    )]
    Stopped(String),
    /// The writer thread was not started.
    #[error("the store's writer is not running; call start_writer first")]
    NoWriter,
    /// The writer thread was started twice, or the system refused a thread.
    #[error("the store's writer cannot be started: {0}; start it once, after the sandbox")]
    WriterStart(String),
    /// A snapshot was held for more than a minute while others wrote, so it was ended; what it saw may be gone.
    #[error(
        "this view of the store was open for more than a minute while it was written to, and has ended; read it again"
    )]
    SnapshotEnded,
    /// The engine failed at reading.
    #[error(
        "the store cannot be read ({0}); restart the service, and restore from a backup if this stays"
    )]
    Read(String),
}

impl Error {
    /// Whether the system or the engine refused while the store was opened, so that another try may do: not what only a person
    /// can put right.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        matches!(self, Self::Open { .. } | Self::Read(_) | Self::Stopped(_))
    }

    /// Whether the batch may succeed when its records are read again and it is repeated.
    #[must_use]
    pub fn is_conflict(&self) -> bool {
        matches!(self, Self::Conflict { .. })
    }

    /// Whether there was no room for the write.
    #[must_use]
    pub fn is_full(&self) -> bool {
        matches!(self, Self::Full { .. })
    }

    pub(crate) fn read(error: impl Into<redb::Error>) -> Self {
        Self::Read(error.into().to_string())
    }

    pub(crate) fn sealed(table: &'static str, error: &holdfast_secrets::Error) -> Self {
        Self::Sealed {
            table,
            reason: error.to_string(),
        }
    }
}
