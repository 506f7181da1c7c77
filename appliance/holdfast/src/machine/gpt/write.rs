//! Writing a table: the backup is whole on the disk before the primary is touched.

use std::io::{self, Seek, SeekFrom, Write};

use super::bytes::crc32;
use super::{SIGNATURE, Table};

impl Table {
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

fn put(device: &mut (impl Write + Seek), at: u64, bytes: &[u8]) -> io::Result<()> {
    device.seek(SeekFrom::Start(at))?;
    device.write_all(bytes)
}
