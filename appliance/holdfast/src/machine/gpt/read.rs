//! Reading a table, from whichever copy is whole.

use std::io::{self, Read, Seek, SeekFrom};

use uuid::Uuid;

use super::bytes::{crc32, guid, u32_at, u64_at};
use super::{ENTRY_BYTES, Entry, SIGNATURE, Table};

const HEADER_BYTES: usize = 92;
/// Most entries that are read.
const MOST_ENTRIES: usize = 1024;

impl Table {
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
