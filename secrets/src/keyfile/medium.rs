//! The file: two regions that are overwritten in place, so that no write loses both and old wraps do not stay.
//!
//! | offset in a region | length | field |
//! |---|---|---|
//! | 0 | 16 | `holdfast keys 1\n` |
//! | 16 | 8 | generation, big endian |
//! | 24 | 4 | length of the content, big endian |
//! | 28 | n | content |
//! | 28 + n | 32 | SHA-256 of all before |
//! | 60 + n | … | zeros |
//!
//! The file is as long as two regions from the beginning, and is opened once, before the sandbox. A new generation goes to
//! the region that is not whole or holds the older one, is flushed, and then goes to the other region too: so a crash leaves
//! one of them whole, also after a failure before, and when a write has returned, nothing of the generation before is in the
//! file any more. What that means on a medium: docs/keys.md.
//!
//! A destruction first puts `holdfast ends 1\n` at the head of each region, in one sector, and flushes: from there on nobody
//! opens the file, and whoever finds the mark goes on overwriting. The marks go last.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use sha2::{Digest, Sha256};

/// Length of a region in bytes.
pub(super) const REGION: usize = 64 << 10;
const MAGIC: &[u8; 16] = b"holdfast keys 1\n";
/// What stands at the head of a region while the file is being destroyed.
const ENDS: &[u8; 16] = b"holdfast ends 1\n";
/// What a medium writes whole or not at all.
const SECTOR: usize = 512;
const HASH: usize = 32;
const FIXED: usize = 28 + HASH;

/// The open file.
#[derive(Debug)]
pub(super) struct Medium {
    file: File,
}

/// What a region holds.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Written {
    pub(super) generation: u64,
    pub(super) content: Vec<u8>,
}

impl Medium {
    /// Opens the file of both regions.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().read(true).write(true).open(path)?;
        Ok(Self::of(file))
    }

    /// A file that is open already, perhaps for reading alone.
    pub(super) fn of(file: File) -> Self {
        Self { file }
    }

    /// Makes the file beside `path`, whole and durable, and gives it its name.
    pub(super) fn create(path: &Path, written: &Written) -> io::Result<Self> {
        let unfinished = path.with_extension("keys.new");
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&unfinished)?;
        let medium = Self { file };
        medium.write(written)?;
        std::fs::rename(&unfinished, path)?;
        let folder = path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()?;
        Ok(medium)
    }

    /// What the regions hold that is whole, the newest first.
    pub(super) fn read(&self) -> io::Result<Vec<Written>> {
        let mut found: Vec<_> = self.regions()?.into_iter().flatten().collect();
        found.sort_by_key(|written| std::cmp::Reverse(written.generation));
        Ok(found)
    }

    /// What each region holds, if it is whole.
    fn regions(&self) -> io::Result<[Option<Written>; 2]> {
        let mut found = [None, None];
        for (index, found) in found.iter_mut().enumerate() {
            let mut region = vec![0; REGION];
            match self.file.read_exact_at(&mut region, offset(index)) {
                Ok(()) => *found = decode(&region),
                // A file that was cut off, or is being made.
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {}
                Err(error) => return Err(error),
            }
        }
        Ok(found)
    }

    /// The region that is written first: never the only whole one, and else that with the older generation.
    fn first(&self) -> io::Result<usize> {
        let generation = |found: &Option<Written>| found.as_ref().map(|found| found.generation);
        let [first, second] = self.regions()?;
        Ok(usize::from(generation(&second) < generation(&first)))
    }

    /// Whether both regions hold this.
    pub(super) fn holds_twice(&self, written: &Written) -> io::Result<bool> {
        let found = self.read()?;
        Ok(found.len() == 2 && found.iter().all(|found| found == written))
    }

    /// Writes a generation to both regions, one after the other.
    pub(super) fn write(&self, written: &Written) -> io::Result<()> {
        let region = encode(written)?;
        let first = self.first()?;
        for index in [first, 1_usize.saturating_sub(first)] {
            self.file.write_all_at(&region, offset(index))?;
            self.file.sync_data()?;
        }
        Ok(())
    }

    /// Whether both regions hold zeros alone.
    pub(super) fn is_erased(&self) -> io::Result<bool> {
        let mut both = vec![0xff; REGION.saturating_mul(2)];
        match self.file.read_exact_at(&mut both, 0) {
            Ok(()) => Ok(both.iter().all(|byte| *byte == 0)),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Whether a destruction began and did not come to its end: one mark is enough.
    pub(super) fn is_ending(&self) -> io::Result<bool> {
        let mut head = [0; ENDS.len()];
        for index in 0..2 {
            match self.file.read_exact_at(&mut head, offset(index)) {
                Ok(()) if head == *ENDS => return Ok(true),
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {}
                Err(error) => return Err(error),
            }
        }
        Ok(false)
    }

    /// Overwrites both regions with zeros, so that a stop at any point leaves the file as it was or marked for what is left.
    pub(super) fn erase(&self) -> io::Result<()> {
        self.erase_by(|bytes, at| {
            self.file.write_all_at(bytes, at)?;
            self.file.sync_data()
        })
    }

    fn erase_by(&self, mut write: impl FnMut(&[u8], u64) -> io::Result<()>) -> io::Result<()> {
        let mut mark = vec![0; SECTOR];
        mark.splice(..ENDS.len(), ENDS.iter().copied());
        let rest = vec![0; REGION.saturating_sub(SECTOR)];
        for index in 0..2 {
            write(&mark, offset(index))?;
        }
        for index in 0..2 {
            let behind = offset(index).saturating_add(mark.len() as u64);
            write(&rest, behind)?;
        }
        for index in 0..2 {
            write(&vec![0; SECTOR], offset(index))?;
        }
        Ok(())
    }
}

fn offset(index: usize) -> u64 {
    u64::try_from(index.saturating_mul(REGION)).unwrap_or(u64::MAX)
}

fn encode(written: &Written) -> io::Result<Vec<u8>> {
    let content = &written.content;
    let length = content.len().saturating_add(FIXED);
    let (Ok(number), true) = (u32::try_from(content.len()), length <= REGION) else {
        return Err(io::Error::other("more keys than the key file has room for"));
    };
    let mut region = Vec::with_capacity(REGION);
    region.extend_from_slice(MAGIC);
    region.extend_from_slice(&written.generation.to_be_bytes());
    region.extend_from_slice(&number.to_be_bytes());
    region.extend_from_slice(content);
    let hash = Sha256::digest(&region);
    region.extend_from_slice(&hash);
    region.resize(REGION, 0);
    Ok(region)
}

fn decode(region: &[u8]) -> Option<Written> {
    let rest = region.strip_prefix(MAGIC)?;
    let (generation, rest) = rest.split_first_chunk::<8>()?;
    let (length, rest) = rest.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    let content = rest.get(..length)?;
    let hash = rest.get(length..length.checked_add(HASH)?)?;
    let end = length.checked_add(FIXED)?.checked_sub(HASH)?;
    (Sha256::digest(region.get(..end)?).as_slice() == hash).then(|| Written {
        generation: u64::from_be_bytes(*generation),
        content: content.to_vec(),
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_only_whole_region_is_never_written_first() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.keys");
        let of = |generation| Written {
            generation,
            content: vec![7; 100],
        };
        let medium = Medium::create(&path, &of(1)).unwrap();
        for generation in 2..6 {
            for torn in 0..2 {
                medium.write(&of(generation)).unwrap();
                medium.file.write_all_at(b"torn", offset(torn)).unwrap();
                assert_eq!(medium.first().unwrap(), torn, "{generation}");
                // So it also is where one of them is a generation behind.
                medium.write(&of(generation)).unwrap();
                let before = encode(&of(1)).unwrap();
                medium.file.write_all_at(&before, offset(torn)).unwrap();
                assert_eq!(medium.first().unwrap(), torn, "{generation}");
            }
        }
        medium.write(&of(9)).unwrap();
        assert!(medium.holds_twice(&of(9)).unwrap());
    }

    #[test]
    fn a_destruction_that_is_cut_off_leaves_the_file_as_it_was_or_marked() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.keys");
        let written = Written {
            generation: 1,
            content: vec![7; 2000],
        };
        // Each write ends whole, not at all, or after its first sector.
        for writes in 0..6 {
            for sectors in [0, 1, 200] {
                let medium = Medium::create(&path, &written).unwrap();
                let mut left = writes;
                let cut = medium.erase_by(|bytes, at| {
                    if left == 0 {
                        let some = bytes.len().min(SECTOR * sectors);
                        medium.file.write_all_at(bytes.get(..some).unwrap(), at)?;
                        return Err(io::Error::other("the power is cut"));
                    }
                    left -= 1;
                    medium.file.write_all_at(bytes, at)
                });
                assert!(cut.is_err());
                let begun = writes > 0 || sectors > 0;
                let (ending, erased) = (medium.is_ending().unwrap(), medium.is_erased().unwrap());
                assert_eq!(ending || erased, begun, "{writes} {sectors}");
                // Only a file that nothing has been done to opens.
                assert_eq!(medium.holds_twice(&written).unwrap(), !begun);
                if ending {
                    medium.erase().unwrap();
                    assert!(medium.is_erased().unwrap() && !medium.is_ending().unwrap());
                }
            }
        }
    }
}
