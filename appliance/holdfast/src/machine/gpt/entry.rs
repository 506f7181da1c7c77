//! One entry of the table (section 5.3.3).

use uuid::Uuid;

use super::bytes::{guid, u64_at};

/// Type GUID of Holdfast's data partition (random, chosen once).
pub const DATA_TYPE: Uuid = uuid::uuid!("d45a2e85-7ca7-494e-baa4-d55dc96b5ba3");

/// Attribute bit "set up": the partition holds, or held, data of ours. Bits 48 to 63 belong to the type (section 5.3.3);
/// 59, 60 and 63 are left alone because systemd gives them meanings of its own.
pub const SET_UP: u64 = 1 << 50;

/// Attribute bit "being made": set-up found or made the beginning of the partition blank and makes a file system in it. What stands
/// there is set-up's own work, finished or not. Once it is finished, [`SET_UP`] takes its place.
pub const BEING_MADE: u64 = 1 << 51;

/// One partition. Sectors are the disk's logical ones; both ends are included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Type GUID; nil: the entry is unused.
    pub kind: Uuid,
    /// Unique GUID.
    pub id: Uuid,
    /// First sector.
    pub first: u64,
    /// Last sector.
    pub last: u64,
    /// Attribute bits.
    pub attributes: u64,
    /// Name, UTF-16LE, kept as it is.
    pub name: [u8; 72],
}

impl Entry {
    /// Whether the entry stands for a partition.
    #[must_use]
    pub fn is_used(&self) -> bool {
        !self.kind.is_nil()
    }

    /// An entry of the data type with a fresh id.
    #[must_use]
    pub fn data(first: u64, last: u64) -> Self {
        let mut name = [0; 72];
        let text = "holdfast-data".encode_utf16().flat_map(u16::to_le_bytes);
        name.iter_mut().zip(text).for_each(|(to, from)| *to = from);
        Self {
            kind: DATA_TYPE,
            id: Uuid::new_v4(),
            first,
            last,
            attributes: 0,
            name,
        }
    }

    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        Some(Self {
            kind: guid(bytes, 0)?,
            id: guid(bytes, 16)?,
            first: u64_at(bytes, 32)?,
            last: u64_at(bytes, 40)?,
            attributes: u64_at(bytes, 48)?,
            name: *bytes.get(56..)?.first_chunk()?,
        })
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        out.extend(self.kind.to_bytes_le());
        out.extend(self.id.to_bytes_le());
        out.extend(self.first.to_le_bytes());
        out.extend(self.last.to_le_bytes());
        out.extend(self.attributes.to_le_bytes());
        out.extend(self.name);
    }

    pub(super) fn unused() -> Self {
        Self {
            kind: Uuid::nil(),
            id: Uuid::nil(),
            first: 0,
            last: 0,
            attributes: 0,
            name: [0; 72],
        }
    }
}
