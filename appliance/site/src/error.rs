//! What can go wrong with a site, each with the way out.

use std::path::PathBuf;

use crate::path::PathError;

/// A rule of `_redirects` or `_headers` that cannot be kept, before it is known where the rule stands.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}; {way_out}")]
pub struct Fault {
    /// What is wrong with it.
    pub reason: String,
    /// What to do next.
    pub way_out: &'static str,
}

impl Fault {
    pub(crate) fn new(reason: impl Into<String>, way_out: &'static str) -> Self {
        Self {
            reason: reason.into(),
            way_out,
        }
    }
}

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
    /// Encodings that wait could not be put into a temporary file.
    #[error(
        "cannot keep compressed files in `{}`: {source}; make room there, or name another folder with TMPDIR",
        path.display()
    )]
    Spill {
        /// The file or its folder.
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
    /// A line of `_redirects` or `_headers` that cannot be kept.
    #[error("`{file}`, line {line}: {fault}")]
    Line {
        /// Name of the file.
        file: &'static str,
        /// Number of the line, from 1.
        line: usize,
        /// What is wrong with it.
        fault: Fault,
    },
    /// A rule of a manifest that cannot be kept.
    #[error("manifest refused: {kind} rule {number}: {fault}")]
    Rule {
        /// `redirect` or `header`.
        kind: &'static str,
        /// Its place, from 1.
        number: usize,
        /// What is wrong with it.
        fault: Fault,
    },
    /// An encoding does not give the file back.
    #[error(
        "manifest refused: the {encoding} encoding of `{path}` (blob {digest}) {reason}; push again with the \
         `holdfast` of the appliance's version"
    )]
    Encoding {
        /// Name of the content encoding.
        encoding: &'static str,
        /// A path that names it.
        path: String,
        /// Hex SHA-256 of the encoded blob.
        digest: String,
        /// What is wrong with it.
        reason: &'static str,
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
    #[error("manifest refused: blob {digest} is not stored; push again, which uploads it")]
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
    /// The process is to end.
    #[error("the appliance is stopping; push again when it runs")]
    Stopping,
    /// The kernel gave no random bytes.
    #[error("the kernel gave no random bytes ({0}); restart the machine")]
    Random(getrandom::Error),
    /// The store refused.
    #[error(transparent)]
    Store(#[from] holdfast_store::Error),
}
