//! A log of writes as QEMU's `blklogwrites` makes it; superblock and entries are those of Linux's dm-log-writes (kernel
//! documentation, `admin-guide/device-mapper/log-writes.rst`; `drivers/md/dm-log-writes.c`). All numbers are little-endian.

use super::SECTOR;
use std::{fs::File, os::unix::fs::FileExt, path::Path};

const MAGIC: u64 = 0x006a_7366_7773_6872;
const VERSION: u64 = 1;
const FLUSH: u64 = 1;
const FUA: u64 = 1 << 1;
const DISCARD: u64 = 1 << 2;
const MARK: u64 = 1 << 3;
/// More than any test writes; a length read from a damaged log must not become an allocation.
const MOST_SECTORS: u64 = 1 << 20;
const MOST_ENTRIES: usize = 1 << 20;

/// One write, flush, discard or mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// The first sector of the disk that it touches.
    pub sector: u64,
    /// How many sectors.
    pub sectors: u64,
    /// What was completed before it is durable.
    pub flush: bool,
    /// It is durable itself.
    pub fua: bool,
    /// It makes sectors undefined and carries no data.
    pub discard: bool,
    /// The byte of the log at which its data begin.
    data: u64,
}

/// A whole log.
#[derive(Debug)]
pub struct WriteLog {
    file: File,
    /// Its entries in the order of their completion.
    pub entries: Vec<Entry>,
}

impl WriteLog {
    /// Reads the log of a machine that is switched off. An entry that the log's end cuts is left out: its write was not reported
    /// to the guest.
    ///
    /// # Errors
    /// When the file is no such log, has another sector size, or holds fewer entries than its superblock says.
    pub fn open(path: &Path) -> Result<Self, String> {
        let at = |what: &str| format!("{}: {what}", path.display());
        let file = File::open(path).map_err(|error| at(&format!("cannot be opened: {error}")))?;
        let mut head = [0; 28];
        file.read_exact_at(&mut head, 0).map_err(|_| {
            at("too short for a superblock: the machine was not started with this log")
        })?;
        if (number(&head[..8]), number(&head[8..16])) != (MAGIC, VERSION) {
            return Err(at("no log of writes, version 1"));
        }
        if number(&head[24..28]) != SECTOR {
            return Err(at(
                "sectors of other than 512 bytes: set log-sector-size=512",
            ));
        }
        let promised = number(&head[16..24]);
        let (entries, _) = walk(&file, SECTOR).map_err(|error| at(&error))?;
        if (entries.len() as u64) < promised {
            let have = entries.len();
            return Err(at(&format!(
                "truncated: {have} of {promised} entries are whole; record it again"
            )));
        }
        Ok(Self { file, entries })
    }

    /// How many entries a log holds that is still being written; 0 where there is none yet.
    ///
    /// # Errors
    /// When what is there is no log.
    pub fn count(path: &Path) -> Result<usize, String> {
        let Ok(file) = File::open(path) else {
            return Ok(0);
        };
        Ok(walk(&file, SECTOR)?.0.len())
    }

    /// The data of a write, or zeros for a discard.
    ///
    /// # Errors
    /// When the log has become shorter.
    pub fn data(&self, entry: &Entry) -> Result<Vec<u8>, String> {
        let length = usize::try_from(entry.sectors * SECTOR).map_err(|error| error.to_string())?;
        let mut bytes = vec![0; length];
        if !entry.discard {
            self.file
                .read_exact_at(&mut bytes, entry.data)
                .map_err(|error| {
                    format!("the log does not read at byte {}: {error}", entry.data)
                })?;
        }
        Ok(bytes)
    }
}

/// The whole entries from byte `place` on, and the byte behind them.
fn walk(file: &File, mut place: u64) -> Result<(Vec<Entry>, u64), String> {
    let length = file.metadata().map_err(|error| error.to_string())?.len();
    let mut entries = Vec::new();
    while place + SECTOR <= length {
        let mut head = [0; 32];
        file.read_exact_at(&mut head, place)
            .map_err(|error| format!("the log does not read at byte {place}: {error}"))?;
        let field = |index: usize| number(&head[8 * index..8 * index + 8]);
        let (sector, sectors, flags) = (field(0), field(1), field(2));
        // A later entry may be in the file before an earlier one is.
        if head == [0; 32] {
            break;
        }
        if flags > (FLUSH | FUA | DISCARD | MARK) || sectors > MOST_SECTORS {
            return Err(format!(
                "no entry at byte {place}: flags {flags}, {sectors} sectors"
            ));
        }
        if entries.len() >= MOST_ENTRIES {
            return Err(format!(
                "more than {MOST_ENTRIES} entries: record less at once"
            ));
        }
        let discard = flags & DISCARD != 0;
        // A mark's data are a text for people.
        let carried = match (discard, flags & MARK != 0) {
            (true, _) => 0,
            (_, true) => field(3).min(SECTOR * MOST_SECTORS).div_ceil(SECTOR),
            _ => sectors,
        };
        let data = place + SECTOR;
        if data + carried * SECTOR > length {
            break;
        }
        entries.push(Entry {
            sector,
            sectors: if flags & MARK == 0 { sectors } else { 0 },
            flush: flags & FLUSH != 0,
            fua: flags & FUA != 0,
            discard,
            data,
        });
        place = data + carried * SECTOR;
    }
    Ok((entries, place))
}

fn number(bytes: &[u8]) -> u64 {
    let digits = bytes.iter().rev();
    digits.fold(0, |value, byte| (value << 8) | u64::from(*byte))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// An entry for a log made by hand: sector, number of sectors, flags, the byte that fills its data.
    pub(in super::super) type Row = (u64, u64, u64, u8);

    /// A log as the kernel's documentation describes it.
    pub(in super::super) fn written(promised: u64, rows: &[Row]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for field in [MAGIC, VERSION, promised] {
            bytes.extend(field.to_le_bytes());
        }
        bytes.extend(512_u32.to_le_bytes());
        bytes.resize(512, 0);
        for (sector, sectors, flags, fill) in rows {
            let begin = bytes.len();
            let length = if flags & DISCARD == 0 {
                sectors * 512
            } else {
                0
            };
            for field in [*sector, *sectors, *flags, length] {
                bytes.extend(field.to_le_bytes());
            }
            bytes.resize(begin + 512, 0);
            bytes.resize(begin + 512 + usize::try_from(length).unwrap(), *fill);
        }
        bytes
    }

    fn open(bytes: &[u8]) -> Result<WriteLog, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        std::fs::write(&path, bytes).unwrap();
        WriteLog::open(&path)
    }

    #[test]
    fn entries_of_each_kind_are_read() {
        let rows = [
            (8, 2, 0, 7),
            (0, 0, FLUSH, 0),
            (3, 1, FUA, 9),
            (5, 4, DISCARD, 0),
        ];
        let log = open(&written(4, &rows)).unwrap();
        let kinds: Vec<_> = log
            .entries
            .iter()
            .map(|e| (e.sector, e.sectors, e.flush, e.fua, e.discard))
            .collect();
        assert_eq!(
            kinds,
            [
                (8, 2, false, false, false),
                (0, 0, true, false, false),
                (3, 1, false, true, false),
                (5, 4, false, false, true)
            ]
        );
        assert_eq!(log.data(&log.entries[0]).unwrap(), vec![7; 1024]);
        assert_eq!(log.data(&log.entries[2]).unwrap(), vec![9; 512]);
        assert_eq!(log.data(&log.entries[3]).unwrap(), vec![0; 2048]);
    }

    #[test]
    fn an_entry_cut_by_the_end_is_left_out_unless_it_was_promised() {
        let rows = [(8, 2, 0, 7), (16, 2, 0, 8)];
        let mut bytes = written(1, &rows);
        bytes.truncate(bytes.len() - 1);
        assert_eq!(open(&bytes).unwrap().entries.len(), 1);
        bytes[16] = 2;
        let error = open(&bytes).unwrap_err();
        assert!(error.contains("truncated: 1 of 2 entries"), "{error}");
    }

    #[test]
    fn what_is_no_log_is_refused() {
        for (bytes, says) in [
            (vec![], "too short"),
            (vec![0; 4096], "no log of writes"),
            (written(3, &[(8, 1, 0, 0)]), "truncated"),
        ] {
            let error = open(&bytes).unwrap_err();
            assert!(error.contains(says), "{error}");
        }
        let mut huge = written(1, &[(8, 1, 0, 0)]);
        huge[512 + 8..512 + 16].copy_from_slice(&(1_u64 << 40).to_le_bytes());
        assert!(open(&huge).unwrap_err().contains("no entry at byte 512"));
        let mut sectors = written(0, &[]);
        sectors[24..28].copy_from_slice(&4096_u32.to_le_bytes());
        assert!(open(&sectors).unwrap_err().contains("log-sector-size=512"));
    }
}
