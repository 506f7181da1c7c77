//! The GUID partition table (UEFI specification 2.10, chapter 5), as far as set-up needs it.
//!
//! Written here rather than taken from a crate because the table also holds the root: entries must keep their numbers
//! (a writer that closes gaps would rename slot B), and the backup must be whole on the disk before the primary is touched,
//! so that a power cut leaves one good table.

mod bytes;
mod entry;
mod read;
mod write;

#[cfg(test)]
mod tests;

use uuid::Uuid;

pub use entry::{BEING_MADE, DATA_TYPE, Entry, SET_UP};

const SIGNATURE: &[u8; 8] = b"EFI PART";
const ENTRY_BYTES: usize = 128;
/// The number of entries that every common tool writes.
const ENTRIES: usize = 128;

/// A whole table. The entry of partition N is `entries[N - 1]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// Bytes in a logical sector.
    pub sector: u64,
    /// Sectors on the disk as it is now, which may be more than when the table was written.
    pub sectors: u64,
    /// The disk's own GUID.
    pub disk: Uuid,
    /// First sector that a partition may use.
    pub first_usable: u64,
    /// All entries, unused ones too.
    pub entries: Vec<Entry>,
}

impl Table {
    /// An empty table for an empty disk.
    #[must_use]
    pub fn new(sector: u64, sectors: u64) -> Self {
        let mut table = Self {
            sector,
            sectors,
            disk: Uuid::new_v4(),
            first_usable: 0,
            entries: vec![Entry::unused(); ENTRIES],
        };
        table.first_usable = table.array_sectors().saturating_add(2);
        table
    }

    /// Last sector that a partition may use on the disk as it is now.
    #[must_use]
    pub fn last_usable(&self) -> u64 {
        self.sectors
            .saturating_sub(self.array_sectors())
            .saturating_sub(2)
    }

    /// Number of the first unused entry.
    #[must_use]
    pub fn free_number(&self) -> Option<usize> {
        let index = self.entries.iter().position(|e| !e.is_used())?;
        index.checked_add(1)
    }

    fn array_sectors(&self) -> u64 {
        let bytes = self.entries.len().saturating_mul(ENTRY_BYTES);
        u64::try_from(bytes)
            .unwrap_or(u64::MAX)
            .div_ceil(self.sector.max(1))
    }
}
