//! The GUID partition table (UEFI specification 2.10, chapter 5), as far as set-up needs it.
//!
//! Written here rather than taken from a crate because the table also holds the root: entries must keep their numbers
//! (a writer that closes gaps would rename slot B), and the backup must be whole on the disk before the primary is touched,
//! so that a power cut leaves one good table.

use std::io::{self, Read, Seek, SeekFrom, Write};

use uuid::Uuid;

/// Type GUID of Holdfast's data partition (random, chosen once).
pub const DATA_TYPE: Uuid = uuid::uuid!("d45a2e85-7ca7-494e-baa4-d55dc96b5ba3");

/// Attribute bit "set up": the partition holds, or held, data of ours. Bits 48 to 63 belong to the type (section 5.3.3);
/// 59, 60 and 63 are left alone because systemd gives them meanings of its own.
pub const SET_UP: u64 = 1 << 50;

const SIGNATURE: &[u8; 8] = b"EFI PART";
const HEADER_BYTES: usize = 92;
const ENTRY_BYTES: usize = 128;
/// The number of entries that every common tool writes, and the most that is read.
const ENTRIES: usize = 128;
const MOST_ENTRIES: usize = 1024;

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

    fn parse(bytes: &[u8]) -> Option<Self> {
        Some(Self {
            kind: guid(bytes, 0)?,
            id: guid(bytes, 16)?,
            first: u64_at(bytes, 32)?,
            last: u64_at(bytes, 40)?,
            attributes: u64_at(bytes, 48)?,
            name: *bytes.get(56..)?.first_chunk()?,
        })
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend(self.kind.to_bytes_le());
        out.extend(self.id.to_bytes_le());
        out.extend(self.first.to_le_bytes());
        out.extend(self.last.to_le_bytes());
        out.extend(self.attributes.to_le_bytes());
        out.extend(self.name);
    }

    fn unused() -> Self {
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

    /// Reads the primary table, or the backup at the end of the disk where the primary is damaged.
    /// `None`: there is no table.
    ///
    /// # Errors
    /// Read errors; `InvalidData` where a table is announced but neither copy is whole, or has a shape not handled here.
    pub fn read(
        device: &mut (impl Read + Seek),
        sector: u64,
        sectors: u64,
    ) -> io::Result<Option<Self>> {
        let primary = Self::read_at(device, 1, sector, sectors)?;
        if let Found::Whole(table) = primary {
            return Ok(Some(table));
        }
        let backup = Self::read_at(device, sectors.saturating_sub(1), sector, sectors)?;
        match (primary, backup) {
            (_, Found::Whole(table)) => Ok(Some(table)),
            (Found::Nothing, Found::Nothing) => Ok(None),
            _ => Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "the partition table is damaged",
            )),
        }
    }

    fn read_at(
        device: &mut (impl Read + Seek),
        lba: u64,
        sector: u64,
        sectors: u64,
    ) -> io::Result<Found> {
        let header = read_bytes(device, lba.saturating_mul(sector), HEADER_BYTES)?;
        if header.get(..8) != Some(SIGNATURE) {
            return Ok(Found::Nothing);
        }
        let parsed = || -> Option<(u64, usize, u32, Uuid, u64)> {
            let mut zeroed = header.clone();
            zeroed.get_mut(16..20)?.fill(0);
            let count = usize::try_from(u32_at(&header, 80)?).ok()?;
            let plain = u32_at(&header, 12)? == 92
                && u32_at(&header, 16)? == crc32(&zeroed)
                && u64_at(&header, 24)? == lba
                && u32_at(&header, 84)? == 128
                && (1..=MOST_ENTRIES).contains(&count);
            plain.then_some((
                u64_at(&header, 72)?,
                count,
                u32_at(&header, 88)?,
                guid(&header, 56)?,
                u64_at(&header, 40)?,
            ))
        };
        let Some((array, count, crc, disk, first_usable)) = parsed() else {
            return Ok(Found::Damaged);
        };
        let bytes = read_bytes(
            device,
            array.saturating_mul(sector),
            count.saturating_mul(ENTRY_BYTES),
        )?;
        let entries: Option<Vec<_>> = bytes.chunks_exact(ENTRY_BYTES).map(Entry::parse).collect();
        Ok(match entries.filter(|_| crc32(&bytes) == crc) {
            Some(entries) => Found::Whole(Self {
                sector,
                sectors,
                disk,
                first_usable,
                entries,
            }),
            None => Found::Damaged,
        })
    }

    /// Writes both copies, the backup first and flushed. It stands at the end of the disk as it is now.
    ///
    /// # Errors
    /// Write errors; `InvalidInput` where an entry does not fit the disk.
    pub fn write(
        &self,
        device: &mut (impl Write + Seek),
        mut flush: impl FnMut() -> io::Result<()>,
    ) -> io::Result<()> {
        let fits = self.entries.iter().filter(|e| e.is_used()).all(|e| {
            self.first_usable <= e.first && e.first <= e.last && e.last <= self.last_usable()
        });
        if !fits || self.first_usable < self.array_sectors().saturating_add(2) {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "the partition table does not fit the disk",
            ));
        }
        let mut array = Vec::new();
        self.entries.iter().for_each(|e| e.write(&mut array));
        let crc = crc32(&array);
        let whole = self.array_sectors().saturating_mul(self.sector);
        array.resize(usize::try_from(whole).unwrap_or(usize::MAX), 0);

        let last = self.sectors.saturating_sub(1);
        let backup_array = last.saturating_sub(self.array_sectors());
        let mut backup = array.clone();
        backup.extend(self.header(last, 1, backup_array, crc));
        put(device, backup_array.saturating_mul(self.sector), &backup)?;
        flush()?;

        let mut primary = self.header(1, last, 2, crc);
        primary.extend(&array);
        put(device, self.sector, &primary)?;
        flush()
    }

    /// Writes the protective MBR (section 5.2.3); needed once, on a disk that had no table.
    ///
    /// # Errors
    /// Write errors.
    pub fn write_protective_mbr(&self, device: &mut (impl Write + Seek)) -> io::Result<()> {
        let length = u32::try_from(self.sectors.saturating_sub(1)).unwrap_or(u32::MAX);
        let mut mbr = vec![0; 446];
        mbr.extend([0, 0, 2, 0, 0xee, 0xff, 0xff, 0xff, 1, 0, 0, 0]);
        mbr.extend(length.to_le_bytes());
        mbr.resize(510, 0);
        mbr.extend([0x55, 0xaa]);
        put(device, 0, &mbr)
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

    fn header(&self, own: u64, other: u64, array: u64, array_crc: u32) -> Vec<u8> {
        let build = |crc: u32| {
            let mut out = Vec::from(SIGNATURE.as_slice());
            out.extend([0, 0, 1, 0, 92, 0, 0, 0]);
            out.extend(crc.to_le_bytes());
            out.extend([0; 4]);
            for lba in [own, other, self.first_usable, self.last_usable()] {
                out.extend(lba.to_le_bytes());
            }
            out.extend(self.disk.to_bytes_le());
            out.extend(array.to_le_bytes());
            out.extend(u32::try_from(self.entries.len()).unwrap_or(0).to_le_bytes());
            out.extend([128, 0, 0, 0]);
            out.extend(array_crc.to_le_bytes());
            out
        };
        let mut out = build(crc32(&build(0)));
        out.resize(usize::try_from(self.sector).unwrap_or(512), 0);
        out
    }
}

enum Found {
    Nothing,
    Damaged,
    Whole(Table),
}

fn read_bytes(device: &mut (impl Read + Seek), at: u64, length: usize) -> io::Result<Vec<u8>> {
    device.seek(SeekFrom::Start(at))?;
    let mut bytes = Vec::new();
    device
        .by_ref()
        .take(u64::try_from(length).unwrap_or(0))
        .read_to_end(&mut bytes)?;
    // Beyond the end there is nothing, which is not an error: a backup may be announced there.
    bytes.resize(length, 0);
    Ok(bytes)
}

fn put(device: &mut (impl Write + Seek), at: u64, bytes: &[u8]) -> io::Result<()> {
    device.seek(SeekFrom::Start(at))?;
    device.write_all(bytes)
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn guid(bytes: &[u8], at: usize) -> Option<Uuid> {
    Some(Uuid::from_bytes_le(*bytes.get(at..)?.first_chunk()?))
}

/// CRC-32 as in Ethernet (section 5.3.2 names it), bit by bit: tables are read a few times a boot.
fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32, _| (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg());
    !bytes
        .iter()
        .fold(u32::MAX, |crc, b| (0..8).fold(crc ^ u32::from(*b), step))
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects
    )]
    use std::io::Cursor;

    use super::*;

    const SECTORS: u64 = 4096;

    fn disk() -> (Cursor<Vec<u8>>, Table) {
        let mut device = Cursor::new(vec![0; usize::try_from(SECTORS * 512).unwrap()]);
        let mut table = Table::new(512, SECTORS);
        // A gap at number 2, as slot B leaves one.
        table.entries[0] = Entry::data(64, 127);
        table.entries[2] = Entry::data(128, 1000);
        table.entries[2].attributes = SET_UP | 1;
        table.write_protective_mbr(&mut device).unwrap();
        table.write(&mut device, || Ok(())).unwrap();
        (device, table)
    }

    #[test]
    fn crc_is_the_standard_one() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    }

    #[test]
    fn numbers_attributes_and_gaps_are_kept() {
        let (mut device, table) = disk();
        assert_eq!(Table::read(&mut device, 512, SECTORS).unwrap(), Some(table));
    }

    #[test]
    fn independent_reader_agrees() {
        let (device, table) = disk();
        let read = gpt::GptConfig::new()
            .logical_block_size(gpt::disk::LogicalBlockSize::Lb512)
            .only_valid_headers(true)
            .open_from_device(device)
            .unwrap();
        assert!(read.backup_header().is_ok());
        assert_eq!(read.partitions()[&3].flags, SET_UP | 1);
        assert_eq!(read.partitions()[&3].part_guid, table.entries[2].id);
        assert_eq!(read.partitions()[&3].name, "holdfast-data");
        assert_eq!(read.header().last_usable, table.last_usable());
    }

    #[test]
    fn backup_serves_where_the_primary_is_torn() {
        let (mut device, table) = disk();
        device.get_mut()[512 * 2 + 40] ^= 1;
        assert_eq!(Table::read(&mut device, 512, SECTORS).unwrap(), Some(table));
        let end = device.get_ref().len();
        device.get_mut()[end - 512 + 20] ^= 1;
        assert!(Table::read(&mut device, 512, SECTORS).is_err());
    }

    #[test]
    fn backup_is_whole_before_the_primary_is_touched() {
        struct Cut(Cursor<Vec<u8>>, u64);
        impl Write for Cut {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                if self.1 == 0 {
                    return Err(io::Error::other("power cut"));
                }
                self.1 -= 1;
                // Half of the next write arrives when it is the last.
                let length = if self.1 == 0 {
                    bytes.len() / 2
                } else {
                    bytes.len()
                };
                self.0.write(&bytes[..length])
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        impl Seek for Cut {
            fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
                self.0.seek(to)
            }
        }
        for writes in 0..4 {
            let (device, before) = disk();
            let mut after = before.clone();
            after.entries[2].last = 2000;
            let mut cut = Cut(device, writes);
            let _ = after.write(&mut cut, || Ok(()));
            let read = Table::read(&mut cut.0, 512, SECTORS).unwrap().unwrap();
            assert!(read == before || read == after, "after {writes} writes");
        }
    }

    #[test]
    fn table_moves_to_the_end_of_a_grown_disk() {
        let (mut device, _) = disk();
        device
            .get_mut()
            .resize(usize::try_from(SECTORS * 1024).unwrap(), 0);
        let mut table = Table::read(&mut device, 512, SECTORS * 2).unwrap().unwrap();
        table.entries[2].last = table.last_usable();
        table.write(&mut device, || Ok(())).unwrap();
        device.get_mut()[512..1024].fill(0);
        assert_eq!(
            Table::read(&mut device, 512, SECTORS * 2).unwrap(),
            Some(table)
        );
    }

    #[test]
    fn no_table_is_not_an_error() {
        let mut device = Cursor::new(vec![0; 512 * 64]);
        assert_eq!(Table::read(&mut device, 512, 64).unwrap(), None);
    }
}
