//! The partition table (UEFI 2.10, section 5.3), as the host sees it.

use crate::{
    disk::{read, write},
    program::run,
};
use std::{
    fs::File,
    ops::Range,
    path::Path,
    process::{Command, Stdio},
};

const SECTOR: u64 = 512;
/// Bytes of an entry.
pub const ENTRY: usize = 128;

/// The type of a Holdfast data partition.
pub const DATA_TYPE: &str = "d45a2e85-7ca7-494e-baa4-d55dc96b5ba3";

/// The attribute that says "this partition was set up": what is found in it must be ours.
pub const SET_UP: u64 = 1 << 50;

/// The attribute that says "a file system is being made here": what is found in it is set-up's own work.
pub const BEING_MADE: u64 = 1 << 51;

/// An entry of the partition table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partition {
    /// Its number, from 1.
    pub number: usize,
    /// Its type GUID, lower case.
    pub kind: String,
    /// Its unique GUID, lower case.
    pub id: String,
    /// Its attribute bits.
    pub attributes: u64,
    /// The bytes of the disk that it covers.
    pub range: Range<u64>,
}

/// The used entries of the primary table.
///
/// # Panics
/// When the disk has none.
pub fn partitions(disk: &Path) -> Vec<Partition> {
    let header = read(disk, SECTOR..2 * SECTOR);
    assert_eq!(&header[..8], b"EFI PART", "{} has no GPT", disk.display());
    let start = number(&header[72..80]) * SECTOR;
    let (count, size) = (number(&header[80..84]), number(&header[84..88]));
    used(&read(disk, start..start + count * size), size)
}

/// The used entries of the primary and the backup table of a disk of `size` bytes, each as far as it is whole: its header and its
/// entries have the checksums that the header says (UEFI 2.10, section 5.3.2). The backup is looked for in the last sector.
pub fn copies(size: u64, read: impl Fn(Range<u64>) -> Vec<u8>) -> [Option<Vec<Partition>>; 2] {
    [SECTOR, size - SECTOR].map(|place| {
        let mut header = read(place..place + SECTOR);
        let sum = number(&header[16..20]);
        header[16..20].fill(0);
        let says = |at: usize, value: u64, width: usize| number(&header[at..at + width]) == value;
        let plain = header.starts_with(b"EFI PART") && says(12, 92, 4) && says(84, ENTRY as u64, 4);
        let (start, count) = (number(&header[72..80]), number(&header[80..84]));
        let fits = count <= 1024 && start < size / SECTOR - (count * ENTRY as u64).div_ceil(SECTOR);
        if !plain || !fits || u64::from(crc32(&header[..92])) != sum || !says(24, place / SECTOR, 8)
        {
            return None;
        }
        let length = count * ENTRY as u64;
        let start = start * SECTOR;
        let mut entries = read(start..start + length.next_multiple_of(SECTOR));
        entries.truncate(usize::try_from(length).expect("a table is small"));
        (number(&header[88..92]) == u64::from(crc32(&entries)))
            .then(|| used(&entries, ENTRY as u64))
    })
}

fn used(table: &[u8], size: u64) -> Vec<Partition> {
    let entries = table.chunks_exact(usize::try_from(size).expect("an entry is small"));
    let used = entries
        .enumerate()
        .filter(|(_, entry)| entry[..16] != [0; 16]);
    used.map(|(place, entry)| Partition {
        number: place + 1,
        kind: guid(&entry[..16]),
        id: guid(&entry[16..32]),
        attributes: number(&entry[48..56]),
        range: number(&entry[32..40]) * SECTOR..(number(&entry[40..48]) + 1) * SECTOR,
    })
    .collect()
}

/// The Holdfast data partitions.
///
/// # Panics
/// As [`partitions`] does.
pub fn data_partitions(disk: &Path) -> Vec<Partition> {
    partitions(disk)
        .into_iter()
        .filter(|entry| entry.kind == DATA_TYPE)
        .collect()
}

/// Makes `disk` a fresh disk of `size` bytes with the given partitions, by sfdisk.
///
/// # Panics
/// When sfdisk refuses.
pub fn partition(disk: &Path, size: u64, entries: &[Partition]) {
    File::create(disk)
        .and_then(|file| file.set_len(size))
        .expect("a disk file can be made");
    let mut script = String::from("label: gpt\n");
    for entry in entries {
        let bits = (48..64).filter(|bit| entry.attributes & (1 << bit) != 0);
        let bits = bits
            .map(|bit| format!("GUID:{bit}"))
            .collect::<Vec<_>>()
            .join(" ");
        script += &format!(
            "start={}, size={}, type={}, uuid={}, attrs=\"{bits}\"\n",
            entry.range.start / SECTOR,
            (entry.range.end - entry.range.start) / SECTOR,
            entry.kind,
            entry.id,
        );
    }
    let file = disk.with_extension("sfdisk");
    std::fs::write(&file, script).expect("the temporary folder takes a file");
    let input = File::open(&file).expect("the script was just written");
    run(Command::new("sfdisk")
        .arg("--quiet")
        .arg(disk)
        .stdin(Stdio::from(input)));
}

/// Changes the entries of both tables as a partition editor does, with the checksums that belong to them (UEFI 2.10, section
/// 5.3.2). `change` gets all entries, 128 bytes each.
///
/// # Panics
/// When the disk has no table, or one with entries of another size.
pub fn edit(disk: &Path, change: impl Fn(&mut [u8])) {
    let primary = read(disk, SECTOR..2 * SECTOR);
    let backup = number(&primary[32..40]) * SECTOR;
    for place in [SECTOR, backup] {
        let mut header = read(disk, place..place + 92);
        assert_eq!(&header[..8], b"EFI PART", "no header at byte {place}");
        assert_eq!(number(&header[84..88]), ENTRY as u64, "other entries");
        let start = number(&header[72..80]) * SECTOR;
        let length = number(&header[80..84]) * ENTRY as u64;
        let mut entries = read(disk, start..start + length);
        change(&mut entries);
        write(disk, start, &entries);
        header[88..92].copy_from_slice(&crc32(&entries).to_le_bytes());
        header[16..20].fill(0);
        let sum = crc32(&header);
        header[16..20].copy_from_slice(&sum.to_le_bytes());
        write(disk, place, &header);
    }
}

/// CRC-32 (ISO 3309), the checksum of the table.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| {
            (sum >> 1) ^ (0xedb8_8320 * (sum & 1))
        })
    })
}

fn number(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .rev()
        .fold(0, |value, byte| (value << 8) | u64::from(*byte))
}

/// The first three fields of a GUID are little-endian (UEFI 2.10, appendix A).
fn guid(bytes: &[u8]) -> String {
    const ORDER: [usize; 16] = [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15];
    let mut text = String::new();
    for (place, from) in ORDER.into_iter().enumerate() {
        if [4, 6, 8, 10].contains(&place) {
            text.push('-');
        }
        text += &format!("{:02x}", bytes[from]);
    }
    text
}
