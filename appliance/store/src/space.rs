//! Room on the file system, looked at before the engine is touched.
//!
//! redb cannot go on after a write that met a full disk, so a write that might is refused first and the store stays
//! usable. The estimate is generous: changed pages are written anew (copy on write), values up to the next power of two
//! of pages, and quick repair writes the allocator's state with each commit.

use std::path::Path;

use crate::Error;
use crate::engine::SealedBatch;

/// Kept free for the engine's own bookkeeping in one transaction.
const RESERVE: u64 = 8 << 20;
/// Pages of tree that one change may rewrite.
const PER_CHANGE: u64 = 64 << 10;

/// Refuses the batches if the file system may not hold them.
pub(crate) fn check(path: &Path, batches: &[SealedBatch]) -> Result<(), Error> {
    // A file system that cannot tell its room is taken at its word by writing.
    let Ok(stat) = rustix::fs::statvfs(path) else {
        return Ok(());
    };
    let free = stat.f_bavail.saturating_mul(stat.f_frsize);
    enough(free, needed(batches))
}

fn enough(free: u64, needed: u64) -> Result<(), Error> {
    if free < needed {
        return Err(Error::Full { free, needed });
    }
    Ok(())
}

/// An upper bound of what the batches take, in bytes.
fn needed(batches: &[SealedBatch]) -> u64 {
    batches.iter().fold(RESERVE, |sum, batch| {
        let bytes = u64::try_from(batch.size()).unwrap_or(u64::MAX);
        let changes = u64::try_from(batch.len()).unwrap_or(u64::MAX);
        sum.saturating_add(bytes.saturating_mul(2))
            .saturating_add(changes.saturating_mul(PER_CHANGE))
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, clippy::arithmetic_side_effects)]
mod tests {
    use super::*;

    #[test]
    fn write_without_room_is_refused_before_the_engine_sees_it() {
        let refused = enough(RESERVE - 1, needed(&[])).unwrap_err();
        assert!(refused.is_full());
        assert!(
            refused.to_string().contains("remove old versions"),
            "{refused}"
        );
        enough(RESERVE, needed(&[])).unwrap();
        assert!(check(Path::new("/"), &[]).is_ok());
        // Where the file system cannot be asked, writing goes on.
        assert!(check(Path::new("/none/such"), &[]).is_ok());
    }
}
