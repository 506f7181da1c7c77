//! Which partition becomes the data partition. Pure: disks as they were seen go in, what to do comes out.
//!
//! - With a data id in the configuration only the partition with this unique GUID is accepted, and none is ever made.
//! - Without one, the only partition of our type is taken. Two are refused. Where no disk holds any, one is made: in the free
//!   space at the end of the root's disk, or, where that has less than 64 MiB of it, on the only other disk that is entirely
//!   empty.
//! - An entry with the "set up" bit must hold our file system. One with the "being made" bit is what an interrupted set-up
//!   leaves, with a file system half made: it is formatted again. So is one without either bit that is blank or holds our file
//!   system that was never mounted. With anything else in it, it is refused.

use std::fmt::Write as _;

use uuid::Uuid;

use super::error::MachineError;
use super::ext4::Content;
use super::gpt::{BEING_MADE, DATA_TYPE, SET_UP, Table};

/// Smallest data partition that is made, in bytes.
pub const SMALLEST: u64 = 64 * 1024 * 1024;
/// Partitions begin and end on multiples of this, in bytes.
const ALIGNMENT: u64 = 1024 * 1024;

/// A disk as it was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiskView {
    /// Kernel name, such as `vda`.
    pub name: String,
    /// Whether the verified root stands on it.
    pub holds_root: bool,
    /// What was found at its beginning.
    pub layout: Layout,
}

/// How a disk is laid out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Layout {
    /// Nothing at all; sector size and number of sectors.
    Empty {
        /// Bytes in a sector.
        sector: u64,
        /// Number of sectors.
        sectors: u64,
    },
    /// A partition table, with what stands on each partition of our type, by number.
    Table(Table, Vec<(usize, Content)>),
    /// Something that is none of our business.
    Foreign,
    /// It cannot be told what there is: a damaged table, a disk that does not read.
    Unreadable(String),
}

/// What to do. `disk` is an index into the disks that were given, `number` a partition number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Plan {
    /// The partition is there; `grow` is its new last sector where the disk has room behind it.
    Use {
        /// Which disk.
        disk: usize,
        /// Which partition.
        number: usize,
        /// New last sector.
        grow: Option<u64>,
    },
    /// The entry is there, the set-up was not finished.
    Format {
        /// Which disk.
        disk: usize,
        /// Which partition.
        number: usize,
    },
    /// An entry is to be made.
    Create {
        /// Which disk.
        disk: usize,
        /// Its number.
        number: usize,
        /// First sector.
        first: u64,
        /// Last sector.
        last: u64,
        /// Whether the disk needs a table first.
        new_table: bool,
    },
}

struct Candidate {
    disk: usize,
    number: usize,
    id: Uuid,
    set_up: bool,
    being_made: bool,
    content: Content,
}

/// Decides.
///
/// # Errors
/// A refusal, which names the partitions and the way out.
pub fn plan(disks: &[DiskView], data_id: Option<Uuid>) -> Result<Plan, MachineError> {
    let mut found = candidates(disks);
    if let Some(id) = data_id {
        found.retain(|c| c.id == id);
    }
    match (found.as_slice(), data_id) {
        ([], Some(id)) => Err(MachineError::data(
            format!("no disk has the data partition {id} that the configuration names"),
            "attach the disk that holds it, or correct `id` in [data]",
        )),
        ([], None) => create(disks),
        ([one], _) => adopt(disks, one, data_id.is_some()),
        (several, _) => {
            let mut list = String::new();
            for c in several {
                let name = disks.get(c.disk).map_or("?", |d| d.name.as_str());
                let _ = write!(list, " {} (partition {} of {name})", c.id, c.number);
            }
            Err(MachineError::data(
                format!("more than one data partition:{list}"),
                "name the right one as `id` in [data], or detach the other disk; \
                 two with one id are copies: detach one",
            ))
        }
    }
}

fn candidates(disks: &[DiskView]) -> Vec<Candidate> {
    let mut found = Vec::new();
    for (disk, view) in disks.iter().enumerate() {
        let Layout::Table(table, contents) = &view.layout else {
            continue;
        };
        for (number, entry) in (1..).zip(&table.entries) {
            if entry.kind == DATA_TYPE {
                let content = contents.iter().find(|(n, _)| *n == number);
                found.push(Candidate {
                    disk,
                    number,
                    id: entry.id,
                    set_up: entry.attributes & SET_UP != 0,
                    being_made: entry.attributes & BEING_MADE != 0,
                    content: content.map_or(Content::Foreign, |(_, c)| *c),
                });
            }
        }
    }
    found
}

fn adopt(disks: &[DiskView], c: &Candidate, named: bool) -> Result<Plan, MachineError> {
    let refuse = |what: &str, fix| {
        Err(MachineError::data(
            format!("data partition {} {what}", c.id),
            fix,
        ))
    };
    match (c.set_up, c.content) {
        (true, Content::Ours { .. }) => Ok(Plan::Use {
            disk: c.disk,
            number: c.number,
            grow: growth(disks, c),
        }),
        (true, Content::Blank) => refuse(
            "was set up and is blank now",
            "attach the disk that holds the data, or restore it; to begin anew, delete the partition",
        ),
        (true, Content::Foreign) => refuse(
            "was set up and holds something else now",
            "attach the disk that holds the data, or restore it; to begin anew, delete the partition",
        ),
        (false, _) if named => refuse(
            "is named in the configuration but was never set up",
            "correct `id` in [data], or take it out to let this partition be set up",
        ),
        (false, Content::Ours { used: true }) => refuse(
            "is in use but not marked as set up",
            "name it as `id` in [data] of the machine that used it, or delete the partition to begin anew",
        ),
        // Writes of an interrupted format may have reached the disk in any order.
        (false, Content::Foreign) if c.being_made => Ok(Plan::Format {
            disk: c.disk,
            number: c.number,
        }),
        (false, Content::Foreign) => refuse(
            "holds something else and was never set up",
            "detach the disk if that is needed; to use the partition, fill its first MiB with zeros, or delete it",
        ),
        (false, Content::Blank | Content::Ours { used: false }) => Ok(Plan::Format {
            disk: c.disk,
            number: c.number,
        }),
    }
}

/// The new last sector where the partition is the last on its disk and a whole step of alignment is free behind it.
fn growth(disks: &[DiskView], c: &Candidate) -> Option<u64> {
    let Layout::Table(table, _) = &disks.get(c.disk)?.layout else {
        return None;
    };
    let entry = table.entries.get(c.number.checked_sub(1)?)?;
    let is_last = table
        .entries
        .iter()
        .all(|e| !e.is_used() || e.last <= entry.last);
    let end = aligned_end(table)?;
    let step = ALIGNMENT.checked_div(table.sector)?;
    (is_last && end >= entry.last.checked_add(step)?).then_some(end)
}

fn create(disks: &[DiskView]) -> Result<Plan, MachineError> {
    // The data partition may stand on the disk that cannot be read: making another would hide that.
    for view in disks {
        if let Layout::Unreadable(why) = &view.layout {
            return Err(MachineError::data(
                format!(
                    "no data partition found, but disk {} cannot be read: {why}",
                    view.name
                ),
                "repair or detach that disk",
            ));
        }
    }
    let root = disks.iter().enumerate().find(|(_, d)| d.holds_root);
    if let Some((disk, view)) = root
        && let Layout::Table(table, _) = &view.layout
        && let Some(number) = table.free_number()
        && let Some((first, last)) = room(table)
    {
        return Ok(Plan::Create {
            disk,
            number,
            first,
            last,
            new_table: false,
        });
    }
    let empty = disks
        .iter()
        .enumerate()
        .filter_map(|(i, d)| match &d.layout {
            Layout::Empty { sector, sectors } => {
                room(&Table::new(*sector, *sectors)).map(|(first, last)| (i, first, last))
            }
            _ => None,
        });
    let empty: Vec<_> = empty.collect();
    match empty.as_slice() {
        [(disk, first, last)] => Ok(Plan::Create {
            disk: *disk,
            number: 1,
            first: *first,
            last: *last,
            new_table: true,
        }),
        [] => Err(MachineError::data(
            "no room for a data partition".to_owned(),
            "enlarge the disk of the image by 64 MiB or more, or attach an empty disk",
        )),
        _ => Err(MachineError::data(
            "the root's disk has no room, and there is more than one empty disk".to_owned(),
            "attach exactly one empty disk for the first boot",
        )),
    }
}

/// The aligned free space behind the last partition, if it is large enough.
fn room(table: &Table) -> Option<(u64, u64)> {
    let step = ALIGNMENT.checked_div(table.sector)?;
    let used = table.entries.iter().filter(|e| e.is_used()).map(|e| e.last);
    let free = used
        .max()
        .map_or(Some(table.first_usable), |l| l.checked_add(1))?;
    let first = free
        .max(table.first_usable)
        .checked_next_multiple_of(step)?;
    let last = aligned_end(table)?;
    let sectors = last.checked_add(1)?.checked_sub(first)?;
    (sectors.checked_mul(table.sector)? >= SMALLEST).then_some((first, last))
}

fn aligned_end(table: &Table) -> Option<u64> {
    let step = ALIGNMENT.checked_div(table.sector)?;
    let end = table.last_usable().checked_add(1)?;
    let end = end.checked_sub(end.checked_rem(step)?)?;
    end.checked_sub(1)
}
