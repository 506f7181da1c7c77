//! Where the bytes of blobs come from, and where encodings wait until it is known which of them travel.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use data_encoding::HEXLOWER;

use crate::digest::BlobRef;
use crate::error::Error;
use crate::prepare::{changed, read};

/// Bytes of encodings that wait in memory; more wait in a file.
const IN_MEMORY: u64 = 64 * 1024 * 1024;

/// Where the bytes of a blob come from.
#[derive(Clone, Debug)]
pub enum Source {
    /// A file of the folder.
    File(PathBuf),
    /// An encoding made here.
    Memory(Vec<u8>),
    /// An encoding made here, in a file that has no name any more.
    Spilled {
        /// The file.
        file: Arc<File>,
        /// Where the bytes begin.
        offset: u64,
    },
}

impl Source {
    /// The bytes.
    ///
    /// # Errors
    /// The file could not be read, or is no longer what was hashed.
    pub fn read(&self, blob: BlobRef) -> Result<Vec<u8>, Error> {
        match self {
            Self::Memory(bytes) => Ok(bytes.clone()),
            Self::Spilled { file, offset } => {
                let length = usize::try_from(blob.length).unwrap_or(usize::MAX);
                let mut bytes = vec![0; length];
                file.read_exact_at(&mut bytes, *offset)
                    .map_err(|source| spilling(std::env::temp_dir(), source))?;
                Ok(bytes)
            }
            Self::File(path) => {
                // Whatever is read here travels only if it is what was hashed.
                let bytes = read(path, None)?;
                if BlobRef::of(&bytes) != blob {
                    return Err(changed(path));
                }
                Ok(bytes)
            }
        }
    }
}

/// Keeps encodings: in memory up to a bound, then in one unlinked file that nobody else can open, and that is gone with
/// this process.
#[derive(Default)]
pub(crate) struct Spool(Mutex<State>);

#[derive(Default)]
struct State {
    held: u64,
    file: Option<Arc<File>>,
    end: u64,
}

impl Spool {
    pub(crate) fn keep(&self, bytes: Vec<u8>) -> Result<Source, Error> {
        let length = bytes.len() as u64;
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if state.held.saturating_add(length) <= IN_MEMORY {
            state.held = state.held.saturating_add(length);
            return Ok(Source::Memory(bytes));
        }
        let file = match &state.file {
            Some(file) => Arc::clone(file),
            None => Arc::clone(state.file.insert(Arc::new(unlinked()?))),
        };
        let offset = state.end;
        state.end = offset.saturating_add(length);
        drop(state);
        file.write_all_at(&bytes, offset)
            .map_err(|source| spilling(std::env::temp_dir(), source))?;
        Ok(Source::Spilled { file, offset })
    }
}

/// A new file in the folder for temporary ones, for this user alone, without a name.
fn unlinked() -> Result<File, Error> {
    let mut random = [0; 16];
    getrandom::fill(&mut random).map_err(Error::Random)?;
    let path = std::env::temp_dir().join(format!(".holdfast-{}", HEXLOWER.encode(&random)));
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&path)
        .map_err(|source| spilling(path.clone(), source))?;
    std::fs::remove_file(&path).map_err(|source| spilling(path, source))?;
    Ok(file)
}

fn spilling(path: PathBuf, source: std::io::Error) -> Error {
    Error::Spill { path, source }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn encodings_above_the_bound_wait_in_a_file_without_a_name() {
        let spool = Spool::default();
        let large = vec![7; usize::try_from(IN_MEMORY).unwrap()];
        let first = spool.keep(large.clone()).unwrap();
        assert!(matches!(first, Source::Memory(_)));
        let spilled: Vec<_> = (1..4_u8).map(|n| vec![n; 100_000]).collect();
        let sources: Vec<_> = spilled
            .iter()
            .map(|bytes| spool.keep(bytes.clone()).unwrap())
            .collect();
        for (bytes, source) in spilled.iter().zip(&sources) {
            assert_eq!(source.read(BlobRef::of(bytes)).unwrap(), *bytes);
            let Source::Spilled { file, .. } = source else {
                unreachable!("kept in memory")
            };
            use std::os::unix::fs::MetadataExt as _;
            let metadata = file.metadata().unwrap();
            assert_eq!((metadata.nlink(), metadata.mode() & 0o777), (0, 0o600));
        }
        assert_eq!(first.read(BlobRef::of(&large)).unwrap(), large);
    }
}
