//! What stands on a partition: only the superblock is looked at (kernel documentation, "ext4 Data Structures and Algorithms",
//! super block), and only enough of it to know our own file system again.

use uuid::Uuid;

/// The label that every data file system of ours has.
pub const LABEL: &str = "holdfast-data";

/// How much is looked at to call a partition blank, in bytes. Of the file systems that Linux knows, the superblocks of btrfs
/// and ReiserFS stand furthest from the beginning, at 64 KiB.
pub const LOOKED_AT: u64 = 128 * 1024;

/// What a partition holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// Zeros as far as one looks.
    Blank,
    /// The file system that belongs to this partition.
    Ours {
        /// Whether it was ever mounted.
        used: bool,
    },
    /// Anything else: another file system, an encrypted volume, what cannot be told.
    Foreign,
}

/// Looks at the first [`LOOKED_AT`] bytes of a partition whose unique GUID is `id`: our file system carries it as its UUID,
/// so that a copy that strayed to another partition is not taken for the original.
#[must_use]
pub fn look(bytes: &[u8], id: Uuid) -> Content {
    if bytes.iter().all(|b| *b == 0) {
        return Content::Blank;
    }
    superblock(bytes, id).unwrap_or(Content::Foreign)
}

fn superblock(bytes: &[u8], id: Uuid) -> Option<Content> {
    let block = bytes.get(1024..2048)?;
    let magic = block.get(0x38..0x3a)? == [0x53, 0xef];
    let uuid = block.get(0x68..0x78)? == id.as_bytes();
    let label = block.get(0x78..0x88)?;
    let label = label.split(|b| *b == 0).next()? == LABEL.as_bytes();
    let mounted_at = u32::from_le_bytes(*block.get(0x2c..)?.first_chunk()?);
    // A machine whose clock stands at 0 mounts at 0.
    let mounts = u16::from_le_bytes(*block.get(0x34..)?.first_chunk()?);
    (magic && uuid && label).then_some(Content::Ours {
        used: mounted_at != 0 || mounts != 0,
    })
}
