//! What can go wrong with a site, each with the way out.

use std::path::PathBuf;

use crate::path::PathError;

/// Errors of this crate. Every text ends in what to do next.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file or folder could not be read on the workstation.
    #[error("cannot read `{}`: {source}; make it readable and push again", path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The folder to push holds something that cannot become a page.
    #[error("`{}` {reason}; {way_out}", path.display())]
    Refused {
        /// The file or folder.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
        /// What to do next.
        way_out: &'static str,
    },
    /// The folder to push holds no file at all.
    #[error("`{}` holds no file to serve; name the folder that your generator writes into", path.display())]
    Empty {
        /// The folder.
        path: PathBuf,
    },
    /// A manifest that breaks a rule of the format.
    #[error("manifest refused: {0}; push with the `holdfast` of the appliance's version")]
    Manifest(String),
    /// A path in a manifest is not canonical.
    #[error("manifest refused: path `{path}`: {source}; rename the file and push again")]
    ManifestPath {
        /// The path as it came.
        path: String,
        /// Which rule it breaks.
        source: PathError,
    },
    /// A manifest names a blob that was not uploaded.
    #[error(
        "manifest refused: blob {digest} is not stored; upload it, then commit the version again"
    )]
    MissingBlob {
        /// Hex SHA-256 of the blob.
        digest: String,
    },
    /// A manifest tells another length than the stored blob has.
    #[error("manifest refused: blob {digest} has {stored} bytes, not {claimed}; push again")]
    BlobLength {
        /// Hex SHA-256 of the blob.
        digest: String,
        /// Bytes in the store.
        stored: u64,
        /// Bytes that the manifest tells.
        claimed: u64,
    },
    /// An uploaded blob does not hash to its name.
    #[error(
        "blob {digest} does not match its SHA-256; push again, the file changed or was damaged on its way"
    )]
    BlobHash {
        /// Hex SHA-256 under which it was sent.
        digest: String,
    },
    /// An uploaded blob is longer than [`crate::MAX_FILE`].
    #[error("blob {digest} is longer than 512 MiB; serve so large a file from elsewhere")]
    BlobTooLong {
        /// Hex SHA-256 under which it was sent.
        digest: String,
    },
    /// A version that does not exist was asked for.
    #[error("there is no version {0}; `holdfast site versions` lists those that exist")]
    NoVersion(u64),
    /// Stored data is not what was stored.
    #[error("stored site data is damaged: {0}; push the site again, or restore the data disk")]
    Damaged(String),
    /// The kernel gave no random bytes.
    #[error("the kernel gave no random bytes ({0}); restart the machine")]
    Random(getrandom::Error),
    /// The store refused.
    #[error(transparent)]
    Store(#[from] holdfast_store::Error),
}
