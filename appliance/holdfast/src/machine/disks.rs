//! The machine's disks, as the kernel shows them under `/sys/block` and as their first bytes tell.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::ext4::{LOOKED_AT, look};
use super::gpt::{DATA_TYPE, Table};
use super::plan::{DiskView, Layout};

/// How much at either end of a disk must be zero for it to count as empty, in bytes.
const EMPTY_ENDS: u64 = 1024 * 1024;
/// The unit of `/sys/block`, whatever the sectors of a disk are.
const UNIT: u64 = 512;

/// A disk.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Disk {
    /// Kernel name.
    pub name: String,
    /// Bytes in a logical sector.
    pub sector: u64,
    /// Number of logical sectors.
    pub sectors: u64,
    /// Whether the kernel refuses writes.
    pub read_only: bool,
    /// The kernel's number of this attachment, never given twice in a boot (`/sys/block/X/diskseq`).
    pub sequence: u64,
}

impl Disk {
    /// Its device node.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        node(&self.name)
    }
}

/// A partition as the kernel knows it now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KernelPartition {
    /// Kernel name.
    pub name: String,
    /// Length in units of 512 bytes.
    pub length: u64,
}

/// The device node of a kernel name.
#[must_use]
pub fn node(name: &str) -> PathBuf {
    Path::new("/dev").join(name)
}

/// All disks, by name. What is no disk of the machine (loop devices, the mapped root itself) is left out.
#[must_use]
pub fn list() -> Vec<Disk> {
    const OTHERS: [&str; 7] = ["dm-", "loop", "ram", "zram", "md", "sr", "nbd"];
    let Ok(entries) = fs::read_dir("/sys/block") else {
        return Vec::new();
    };
    let mut disks: Vec<_> = entries
        .flatten()
        .map(|e| e.file_name().to_string_lossy().into_owned())
        .filter(|name| !OTHERS.iter().any(|o| name.starts_with(o)))
        .filter_map(|name| {
            let dir = Path::new("/sys/block").join(&name);
            let sector = number(&dir.join("queue/logical_block_size"))?;
            let bytes = number(&dir.join("size"))?.checked_mul(UNIT)?;
            let usable = bytes > 0 && number(&dir.join("hidden")) != Some(1);
            Some(Disk {
                name,
                sector,
                sectors: bytes.checked_div(sector)?,
                read_only: number(&dir.join("ro")) == Some(1),
                sequence: number(&dir.join("diskseq")).unwrap_or(0),
            })
            .filter(|_| usable)
        })
        .collect();
    disks.sort();
    disks
}

/// The disk that holds the verified root: the one whose partitions the first mapped device is made of.
#[must_use]
pub fn root_disk() -> Option<String> {
    let slave = fs::read_dir("/sys/block/dm-0/slaves")
        .ok()?
        .flatten()
        .next()?;
    let partition = Path::new("/sys/class/block").join(slave.file_name());
    let real = fs::canonicalize(partition).ok()?;
    // …/block/DISK/PARTITION
    Some(real.parent()?.file_name()?.to_str()?.to_owned())
}

/// All partitions of a disk that the kernel knows, with their numbers.
#[must_use]
pub fn partitions(disk: &str) -> Vec<(usize, KernelPartition)> {
    let dir = Path::new("/sys/block").join(disk);
    let Ok(entries) = fs::read_dir(&dir) else {
        return Vec::new();
    };
    let found = entries.flatten().filter_map(|e| {
        let its = usize::try_from(number(&e.path().join("partition"))?).ok()?;
        let partition = KernelPartition {
            name: e.file_name().to_str()?.to_owned(),
            length: number(&e.path().join("size"))?,
        };
        Some((its, partition))
    });
    found.collect()
}

/// Sectors of a disk in the kernel's units of 512 bytes.
#[must_use]
pub fn units(disk: &Disk, sectors: u64) -> u64 {
    sectors.saturating_mul(disk.sector) / UNIT
}

/// Looks at what stands on a disk.
#[must_use]
pub fn view(disk: &Disk, root: Option<&str>) -> DiskView {
    let layout = File::open(disk.path())
        .and_then(|mut device| layout(&mut device, disk))
        .unwrap_or_else(|e| Layout::Unreadable(e.to_string()));
    DiskView {
        name: disk.name.clone(),
        holds_root: root == Some(disk.name.as_str()),
        layout,
    }
}

/// The same for any device.
///
/// # Errors
/// Read errors, a damaged table.
pub fn layout(device: &mut (impl Read + Seek), disk: &Disk) -> io::Result<Layout> {
    if let Some(table) = Table::read(device, disk.sector, disk.sectors)? {
        let mut contents = Vec::new();
        for (number, entry) in (1..).zip(&table.entries) {
            if entry.kind == DATA_TYPE {
                let bytes = read(device, entry.first.saturating_mul(disk.sector), LOOKED_AT)?;
                contents.push((number, look(&bytes, entry.id)));
            }
        }
        return Ok(Layout::Table(table, contents));
    }
    let end = disk.sectors.saturating_mul(disk.sector);
    let ends = [0, end.saturating_sub(EMPTY_ENDS)];
    for at in ends {
        if read(device, at, EMPTY_ENDS)?.iter().any(|b| *b != 0) {
            return Ok(Layout::Foreign);
        }
    }
    Ok(if disk.read_only {
        Layout::Foreign
    } else {
        Layout::Empty {
            sector: disk.sector,
            sectors: disk.sectors,
        }
    })
}

/// Reads up to `length` bytes; fewer at the end of the device.
///
/// # Errors
/// Read errors.
pub fn read(device: &mut (impl Read + Seek), at: u64, length: u64) -> io::Result<Vec<u8>> {
    device.seek(SeekFrom::Start(at))?;
    let mut bytes = Vec::new();
    device.by_ref().take(length).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn number(path: &Path) -> Option<u64> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}
