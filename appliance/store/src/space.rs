//! Room on the file system, looked at before the engine is touched.
//!
//! redb cannot go on after a write that met a full disk, so a write that might is refused first and the store stays
//! usable. The estimate is generous: changed pages are written anew (copy on write), values up to the next power of two
//! of pages, and quick repair writes the allocator's state with each commit, whose size follows the file's length.
//!
//! What is removed leaves free pages inside the file, which keeps its length. They are counted while the store is open, and
//! estimated by each verification, since the engine tells their number only for a walk that keeps all writers out; so
//! publishing comes back when something was removed, also before a restart. Whether a value fits into them is only known to the
//! engine, so that room on the file system is asked for even then; only the part of the reserve that nobody needs may be less.
//! A count that is too high therefore costs that part, and nothing else.

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::Error;
use crate::batch::Claim;
use crate::engine::SealedBatch;

/// Left free by large batches, and by those that leave the reserve: room for the small ones that have to follow, such as an
/// audit event.
const RESERVE: u64 = 8 << 20;
/// Left free by small batches: room to revoke and to enrol a device, when one of them has written all it can.
const RESERVE_USUAL: u64 = 4 << 20;
/// Left free by all, for the engine's own bookkeeping in one transaction.
const RESERVE_LAST: u64 = 2 << 20;
/// Left free by batches that free room: a revocation, when they have written all they can as well.
const RESERVE_FREEING: u64 = 5 << 19;
/// Most changes of a batch that frees room, so that there is room for one when all others have written what they can.
pub const FREEING_CHANGES: usize = 20;
/// Room below which a batch that frees room has to be such a small one.
const SCARCE: u64 = 4 * RESERVE;
/// Left free by what may use all of [`RESERVE`], where the file has free pages for it: enough for all others.
const RESERVE_REUSING: u64 = 6 << 20;
/// The allocator's state for quick repair: half a byte for each page of 4 KiB, up to the next power of two of pages.
const BOOKKEEPING: u64 = 4096;
/// Bytes of a page.
const PAGE: u64 = 4096;
/// Bytes of a leaf beside the record that it holds.
const RECORD: u64 = 32;
/// Batches below this, together, are small.
const SMALL: u64 = 64 << 10;
/// Pages of tree that one change may rewrite.
const PER_CHANGE: u64 = 64 << 10;

/// What the store takes, and what is left, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// Length of the store's file.
    pub bytes: u64,
    /// What its file system holds of it: the file has holes where nothing was ever written.
    pub held: u64,
    /// Room left on its file system.
    pub room: u64,
}

impl Usage {
    /// Whether little room is left, so that what frees some must do it in small steps.
    #[must_use]
    pub fn is_scarce(&self) -> bool {
        self.room < SCARCE
    }
}

/// Looks at the store's file and its file system.
pub(crate) fn usage(path: &Path) -> std::io::Result<Usage> {
    let stat = rustix::fs::statvfs(path)?;
    let file = std::fs::metadata(path)?;
    Ok(Usage {
        bytes: file.len(),
        // stat(2): in units of 512 bytes, whatever the file system's block is.
        held: file.blocks().saturating_mul(512),
        room: stat.f_bavail.saturating_mul(stat.f_frsize),
    })
}

/// Looks at the room on the file system and at the file's length.
type Look = Box<dyn Fn() -> std::io::Result<Usage> + Send + Sync>;

/// What is known of the room for an open store.
pub(crate) struct Space {
    look: Look,
    /// Bytes of pages that are known to be free inside the file.
    reusable: AtomicU64,
    /// The same that the transaction under way frees.
    freeing: AtomicU64,
    /// Bytes of pages that the records take which the verification under way has read.
    walked: AtomicU64,
}

impl Space {
    /// For the store at `path`.
    pub(crate) fn of(path: &Path) -> Self {
        let path = path.to_owned();
        Self::by(Box::new(move || usage(&path)))
    }

    /// For a store whose room is told by `look`.
    pub(crate) fn by(look: Look) -> Self {
        Self {
            look,
            reusable: AtomicU64::new(0),
            freeing: AtomicU64::new(0),
            walked: AtomicU64::new(0),
        }
    }

    /// Refuses the batches if the file system may not hold them.
    pub(crate) fn check(&self, batches: &[SealedBatch]) -> Result<(), Error> {
        // A file system that cannot tell its room is taken at its word by writing.
        let Ok(usage) = (self.look)() else {
            return Ok(());
        };
        let need = Need::of(batches, usage.bytes);
        let reusable = self.reusable.load(Ordering::Relaxed);
        enough(usage.room, need.with(reusable))
    }

    /// Refuses to seal so many rows that follow each other, with values of so many bytes together, if the file system may not
    /// hold them beside the ones of before.
    pub(crate) fn check_resealing(&self, bytes: usize, rows: usize) -> Result<(), Error> {
        let Ok(usage) = (self.look)() else {
            return Ok(());
        };
        let need = Need::of_resealing(bytes, rows, usage.bytes);
        enough(usage.room, need.total())
    }

    /// The room without which these batches are refused whatever they claim, for a file of this length.
    #[cfg(test)]
    pub(crate) fn asked(batches: &[SealedBatch], length: u64) -> u64 {
        Need::of(batches, length).taken.saturating_add(RESERVE_LAST)
    }

    /// Notes that a transaction begins. There is one at a time.
    pub(crate) fn begin(&self) {
        self.freeing.store(0, Ordering::Relaxed);
    }

    /// Notes that a value of this length is removed or replaced by the transaction under way.
    pub(crate) fn frees(&self, value: usize) {
        let value = u64::try_from(value).unwrap_or(0);
        // Small values share their page with others.
        if value >= PAGE {
            self.freeing.fetch_add(paged(value), Ordering::Relaxed);
        }
    }

    /// Notes that the transaction with these batches is committed.
    pub(crate) fn committed(&self, batches: &[SealedBatch]) {
        // No large value takes more than twice its length.
        let bytes = batches.iter().map(SealedBatch::size);
        let bytes = bytes.fold(0, usize::saturating_add).saturating_mul(2);
        let taken = u64::try_from(bytes).unwrap_or(u64::MAX);
        let left = self.reusable.load(Ordering::Relaxed).saturating_sub(taken);
        let freed = self.freeing.swap(0, Ordering::Relaxed);
        self.reusable
            .store(left.saturating_add(freed), Ordering::Relaxed);
    }

    /// Notes that a walk over all records begins. There is one at a time.
    pub(crate) fn walk(&self) {
        self.walked.store(0, Ordering::Relaxed);
    }

    /// Notes that the walk has met a record of this length, with its key.
    pub(crate) fn holds(&self, record: usize) {
        let record = u64::try_from(record).unwrap_or(u64::MAX);
        let taken = match record.saturating_add(RECORD) {
            large @ PAGE.. => paged(large),
            // A leaf is merged with another below a third of a page.
            small => small.saturating_mul(3),
        };
        self.walked.fetch_add(taken, Ordering::Relaxed);
    }

    /// Notes that the walk has met all records: what the file system holds beyond them is free. Batches that were committed
    /// meanwhile may be counted or not.
    pub(crate) fn has_walked(&self) {
        let Ok(usage) = (self.look)() else { return };
        let walked = self.walked.load(Ordering::Relaxed);
        // Branches, and the allocator's state of two commits.
        let state = (usage.bytes / BOOKKEEPING).saturating_mul(2);
        let more = (walked / 16).saturating_add(state);
        let free = usage.held.saturating_sub(walked.saturating_add(more));
        self.reusable.fetch_max(free, Ordering::Relaxed);
    }
}

/// Bytes of the pages that a large value takes.
fn paged(value: u64) -> u64 {
    let pages = value.div_ceil(PAGE);
    let power = pages.checked_next_power_of_two().unwrap_or(pages);
    power.saturating_mul(PAGE)
}

/// Refuses to make a store where there is no room for one.
pub(crate) fn check_folder(folder: &Path) -> Result<(), Error> {
    let Ok(usage) = usage(folder) else {
        return Ok(());
    };
    enough(usage.room, Need::of(&[], 0).total())
}

/// Refuses to begin with what only the engine's own bookkeeping needs room for.
pub(crate) fn check_file(path: &Path) -> Result<(), Error> {
    let Ok(usage) = usage(path) else {
        return Ok(());
    };
    enough(usage.room, Need::of(&[], usage.bytes).total())
}

fn enough(free: u64, needed: u64) -> Result<(), Error> {
    if free < needed {
        return Err(Error::Full { free, needed });
    }
    Ok(())
}

/// An upper bound of what batches take together, and what they leave, in bytes.
struct Need {
    reserve: u64,
    taken: u64,
}

impl Need {
    /// `length` is the file's.
    fn of(batches: &[SealedBatch], length: u64) -> Self {
        let (bytes, changes) = batches
            .iter()
            .fold((0_u64, 0_u64), |(bytes, changes), batch| {
                let more_bytes = u64::try_from(batch.size()).unwrap_or(u64::MAX);
                let more_changes = u64::try_from(batch.len()).unwrap_or(u64::MAX);
                (
                    bytes.saturating_add(more_bytes),
                    changes.saturating_add(more_changes),
                )
            });
        // Of several the most modest: where they have no room together, each is tried alone.
        let claim = batches.iter().map(SealedBatch::claim).min();
        let reserve = match claim.unwrap_or(Claim::Last) {
            _ if bytes >= SMALL => RESERVE,
            Claim::Bulk => RESERVE,
            Claim::Usual => RESERVE_USUAL,
            Claim::Freeing => RESERVE_FREEING,
            Claim::Last => RESERVE_LAST,
        };
        let taken = bytes
            .saturating_mul(2)
            .saturating_add(changes.saturating_mul(PER_CHANGE))
            .saturating_add(length / BOOKKEEPING);
        Self { reserve, taken }
    }

    /// Rows that follow each other share the branches above them, and small ones their leaves.
    fn of_resealing(bytes: usize, rows: usize, length: u64) -> Self {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        let rows = u64::try_from(rows).unwrap_or(u64::MAX);
        let taken = bytes
            .saturating_mul(2)
            .saturating_add(rows.saturating_mul(2 * PAGE))
            .saturating_add(length / BOOKKEEPING);
        Self {
            reserve: RESERVE_USUAL,
            taken,
        }
    }

    fn total(&self) -> u64 {
        self.reserve.saturating_add(self.taken)
    }

    /// The same, where so many bytes of free pages are in the file.
    fn with(&self, reusable: u64) -> u64 {
        match reusable >= self.taken {
            true => self.reserve.min(RESERVE_REUSING).saturating_add(self.taken),
            false => self.total(),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, clippy::arithmetic_side_effects)]
mod tests {
    use holdfast_secrets::{KeyRing, RootKey, Suite};

    use super::*;
    use crate::{Batch, Table};

    fn needed(batches: &[SealedBatch]) -> u64 {
        Need::of(batches, 0).total()
    }

    #[test]
    fn write_without_room_is_refused_before_the_engine_sees_it() {
        let refused = enough(RESERVE_LAST - 1, needed(&[])).unwrap_err();
        assert!(refused.is_full());
        assert!(
            refused.to_string().contains("remove old versions"),
            "{refused}"
        );
        enough(RESERVE_LAST, needed(&[])).unwrap();
        let disk = |room| {
            Space::by(Box::new(move || {
                Ok(Usage {
                    bytes: 0,
                    held: 0,
                    room,
                })
            }))
        };
        disk(RESERVE_LAST).check(&[]).unwrap();
        assert!(disk(RESERVE_LAST - 1).check(&[]).unwrap_err().is_full());
        // Where the file system cannot be asked, writing goes on.
        Space::of(Path::new("/none/such")).check(&[]).unwrap();
        check_folder(Path::new("/none/such")).unwrap();
    }

    #[test]
    fn bookkeeping_of_a_long_file_is_counted() {
        let (short, long) = (Need::of(&[], 1 << 20), Need::of(&[], 100 << 30));
        assert_eq!(long.total() - short.total(), (25 << 20) - 256);
    }

    #[test]
    fn small_batches_have_room_where_large_ones_are_refused() {
        let (small, large) = (
            needed(&[of(1000, |batch| batch)]),
            needed(&[of(64 << 10, |batch| batch)]),
        );
        assert!((RESERVE_USUAL..RESERVE).contains(&small), "{small}");
        assert!(large > RESERVE, "{large}");
        enough(RESERVE, small).unwrap();
        assert!(enough(RESERVE, large).is_err());
    }

    #[test]
    fn what_frees_room_has_some_when_others_have_not_and_leaves_a_revocation_its_own() {
        let mut batch = Batch::new();
        batch.use_reserve_to_free();
        for number in 0..FREEING_CHANGES as u64 {
            batch.delete(Table::plain("t"), number.to_be_bytes());
        }
        let ring = KeyRing::new(RootKey::from_bytes(&[7; 32]).unwrap(), Suite::Aes256Gcm);
        let needed_to_free = needed(&[batch.seal(&ring).unwrap()]);
        enough(RESERVE_USUAL, needed_to_free).unwrap();
        assert!(needed_to_free > RESERVE_FREEING);
        let mut revocation = Batch::new();
        revocation.use_last_reserve();
        revocation.put_bytes(Table::plain("t"), b"device", vec![0; 1000]);
        revocation.put_bytes(Table::plain("t"), b"event", vec![0; 1000]);
        enough(RESERVE_FREEING, needed(&[revocation.seal(&ring).unwrap()])).unwrap();
    }

    fn of(bytes: usize, claim: fn(&mut Batch) -> &mut Batch) -> SealedBatch {
        let mut batch = Batch::new();
        batch.put_bytes(Table::plain("t"), b"k", vec![0; bytes]);
        claim(&mut batch);
        let ring = KeyRing::new(RootKey::from_bytes(&[7; 32]).unwrap(), Suite::Aes256Gcm);
        batch.seal(&ring).unwrap()
    }

    #[test]
    fn what_is_published_in_small_pieces_uses_no_reserve_and_a_revocation_all_of_it() {
        let published = || of(1, Batch::leave_reserve);
        let usual = || of(1000, |batch| batch);
        let revocation = || of(1000, Batch::use_last_reserve);
        // At no size does it come into the reserve, and it takes no other along.
        assert!(enough(RESERVE, needed(&[published()])).is_err());
        assert!(enough(RESERVE, needed(&[published(), revocation()])).is_err());
        // However often a device does what else it may, room for its revocation stays.
        let least = needed(&[usual()]);
        enough(RESERVE, least).unwrap();
        enough(least - PER_CHANGE * 2, needed(&[revocation()])).unwrap();
        assert!(least - RESERVE_USUAL < RESERVE_USUAL - RESERVE_LAST);
        // A large one has no last reserve.
        let large = of(64 << 10, Batch::use_last_reserve);
        assert!(enough(RESERVE, needed(&[large])).is_err());
    }
}
