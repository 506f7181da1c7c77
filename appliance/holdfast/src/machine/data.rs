//! Brings the data partition up as planned, and takes it down.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::mount::{MountFlags, UnmountFlags, mount, unmount as umount};
use uuid::Uuid;

use super::disks::{self, Disk};
use super::error::MachineError;
use super::ext4::{LABEL, LOOKED_AT};
use super::gpt::{BEING_MADE, Entry, SET_UP, Table};
use super::look::Look;
use super::plan::{DiskView, Layout, Plan, plan};
use super::{console, setup};

/// Where the data file system is mounted.
pub const MOUNT_POINT: &str = "/var/lib/holdfast";
/// How long to wait for a disk that is not there yet.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long no further disk may have come up before the disks count as complete: longer where something would be made.
const STILL_TO_USE: Duration = Duration::from_millis(500);
const STILL_TO_MAKE: Duration = Duration::from_secs(2);
const POLL: Duration = Duration::from_millis(100);

/// Finds or makes the data partition and mounts it. Returns its data id. `look` is the first at the disks: the earlier it was,
/// the shorter the wait for a partition that only has to be mounted.
///
/// # Errors
/// A refusal of the plan, or what failed.
pub fn bring_up(data_id: Option<Uuid>, look: Look) -> Result<Uuid, MachineError> {
    let (disks, views, plan) = settle(data_id, look)?;
    let (index, number, existing) = match plan {
        Plan::Use { disk, number, .. } | Plan::Format { disk, number } => (disk, number, true),
        Plan::Create { disk, number, .. } => (disk, number, false),
    };
    let (Some(disk), Some(view)) = (disks.get(index), views.get(index)) else {
        return Err(lost());
    };
    let mut table = match &view.layout {
        Layout::Table(table, _) => table.clone(),
        _ => Table::new(disk.sector, disk.sectors),
    };
    let slot = number.checked_sub(1).ok_or_else(lost)?;
    let entry = table.entries.get_mut(slot).ok_or_else(lost)?;
    match plan {
        Plan::Use {
            grow: Some(last), ..
        } => entry.last = last,
        Plan::Create { first, last, .. } => *entry = Entry::data(first, last),
        _ => {}
    }
    let making = matches!(plan, Plan::Format { .. } | Plan::Create { .. });
    if making {
        entry.attributes |= BEING_MADE;
    }
    let entry = entry.clone();
    // What is formatted again is blank already or set-up's own, and must be marked before anything in it changes.
    if let Plan::Create { first, .. } = plan {
        blank(disk, first)?;
    }
    if making || matches!(plan, Plan::Use { grow: Some(_), .. }) {
        let fresh = matches!(
            plan,
            Plan::Create {
                new_table: true,
                ..
            }
        );
        write_table(disk, &table, fresh)?;
    }
    let name = announce(disk, number, &entry)?;
    if making {
        console::print(if existing {
            "holdfast: the data partition was not finished, formatting it\n"
        } else {
            "holdfast: making a data partition\n"
        });
        format(&disks::node(&name), entry.id)?;
        // Only now: until this is written, an interrupted set-up begins again.
        if let Some(entry) = table.entries.get_mut(slot) {
            entry.attributes = (entry.attributes | SET_UP) & !BEING_MADE;
        }
        write_table(disk, &table, false)?;
    }
    mount_data(&disks::node(&name))?;
    Ok(entry.id)
}

/// Unmounts the data partition.
///
/// # Errors
/// When it stays busy; the file system is cut loose then and PID 1 ends it.
pub fn unmount() -> Result<(), MachineError> {
    let began = Instant::now();
    loop {
        match umount(MOUNT_POINT, UnmountFlags::empty()) {
            Ok(()) => {
                console::print("holdfast: data partition unmounted\n");
                return Ok(());
            }
            // Not mounted.
            Err(Errno::INVAL) => return Ok(()),
            Err(Errno::BUSY) if began.elapsed() < Duration::from_secs(2) => sleep(POLL),
            Err(e) => {
                rustix::fs::sync();
                return Err(MachineError::io("unmount", Path::new(MOUNT_POINT))(e));
            }
        }
    }
}

/// Waits until the disks are complete enough for the plan, but never long. Time before this call counts for a partition that is
/// used as it stands, which can be put right by a restart; never for making one, nor for a refusal.
fn settle(
    data_id: Option<Uuid>,
    look: Look,
) -> Result<(Vec<Disk>, Vec<DiskView>, Plan), MachineError> {
    let began = Instant::now();
    let Look {
        mut disks,
        mut changed,
    } = look;
    loop {
        let root = disks::root_disk();
        let views: Vec<_> = disks
            .iter()
            .map(|d| disks::view(d, root.as_deref()))
            .collect();
        let planned = plan(&views, data_id);
        let still = match (&planned, data_id) {
            (Ok(Plan::Use { .. }), Some(_)) => Duration::ZERO,
            (Ok(Plan::Use { .. }), None) => STILL_TO_USE,
            (Ok(_), _) => STILL_TO_MAKE,
            // A slow disk may be all that is missing, and waiting before a refusal costs nothing.
            (Err(_), _) => PATIENCE,
        };
        let since = |changed: Instant| match planned {
            Ok(Plan::Use { .. }) => changed,
            _ => changed.max(began),
        };
        loop {
            let now = disks::list();
            if now != disks {
                (disks, changed) = (now, Instant::now());
                break;
            }
            if since(changed).elapsed() >= still || began.elapsed() >= PATIENCE {
                return planned.map(|plan| (disks, views, plan));
            }
            sleep(POLL);
        }
    }
}

/// Makes the beginning of a partition blank before its entry says "being made", so that nothing that was there before is taken
/// for set-up's own work when it is interrupted.
fn blank(disk: &Disk, first: u64) -> Result<(), MachineError> {
    let path = disk.path();
    let write = || {
        let mut device = OpenOptions::new().write(true).open(&path)?;
        device.seek(SeekFrom::Start(first.saturating_mul(disk.sector)))?;
        io::copy(&mut io::repeat(0).take(LOOKED_AT), &mut device)?;
        device.sync_all()
    };
    write().map_err(MachineError::io(
        "write the beginning of the partition on",
        &path,
    ))
}

fn write_table(disk: &Disk, table: &Table, fresh: bool) -> Result<(), MachineError> {
    let path = disk.path();
    let device = OpenOptions::new()
        .read(true)
        .write(true)
        .open(&path)
        .map_err(MachineError::io("open", &path))?;
    let written = if fresh {
        table.write_protective_mbr(&mut &device)
    } else {
        Ok(())
    };
    written
        .and_then(|()| table.write(&mut &device, || device.sync_all()))
        .map_err(MachineError::io("write the partition table of", &path))
}

/// Tells the kernel of a new or grown partition; returns the partition's kernel name.
fn announce(disk: &Disk, number: usize, entry: &Entry) -> Result<String, MachineError> {
    let known = || {
        disks::partitions(&disk.name)
            .into_iter()
            .find(|(n, _)| *n == number)
    };
    let sectors = entry.last.saturating_sub(entry.first).saturating_add(1);
    let length = disks::units(disk, sectors);
    let path = disk.path();
    let tell = |what: &str| {
        let arguments = [what, "--nr", &number.to_string(), &path.to_string_lossy()];
        execute("/usr/bin/partx", &arguments.map(str::to_owned))
    };
    match known() {
        None => tell("--add")?,
        Some((_, p)) if p.length != length => tell("--update")?,
        Some(_) => {}
    }
    match known() {
        Some((_, p)) if p.length == length => Ok(p.name),
        _ => Err(lost()),
    }
}

fn format(device: &Path, id: Uuid) -> Result<(), MachineError> {
    let id = id.to_string();
    let arguments = [
        "-q",
        "-F",
        "-t",
        "ext4",
        "-L",
        LABEL,
        "-U",
        &id,
        // No blocks kept for root, who writes nothing here; few inodes, as there are few files.
        "-m",
        "0",
        "-b",
        "4096",
        "-i",
        "65536",
        "-O",
        "has_journal,extent,64bit,metadata_csum,resize_inode",
        "-E",
        "nodiscard",
        // Set-up never writes over a damaged file system: the server then fails loudly and the data stays as it is.
        "-e",
        "remount-ro",
    ];
    execute(
        "/usr/sbin/mke2fs",
        &arguments
            .iter()
            .map(|a| (*a).to_owned())
            .chain([device.display().to_string()])
            .collect::<Vec<_>>(),
    )?;
    File::open(device)
        .and_then(|f| f.sync_all())
        .map_err(MachineError::io("flush", device))
}

fn mount_data(device: &Path) -> Result<(), MachineError> {
    let target = Path::new(MOUNT_POINT);
    let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC | MountFlags::NOATIME;
    mount(device, target, "ext4", flags, c"errors=remount-ro")
        .map_err(MachineError::io("mount the data partition", device))?;
    // A disk that grew but whose file system did not is no reason to stay down.
    if let Err(e) = execute("/usr/lib/systemd/systemd-growfs", &[MOUNT_POINT.to_owned()]) {
        console::print(&format!(
            "holdfast: the data file system did not grow: {e}\n"
        ));
    }
    let (user, group) = setup::server_account()?;
    chown(target, Some(user), Some(group))
        .and_then(|()| fs::set_permissions(target, Permissions::from_mode(0o700)))
        .map_err(MachineError::io("hand over", target))
}

/// Runs a program of the image with nothing of our own but the arguments.
fn execute(program: &'static str, arguments: &[String]) -> Result<(), MachineError> {
    let output = Command::new(program)
        .args(arguments)
        .env_clear()
        .current_dir("/")
        .stdin(Stdio::null())
        .output()
        .map_err(MachineError::io("run", &PathBuf::from(program)))?;
    if output.status.success() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&output.stderr);
    let text: String = text.chars().filter(|c| !c.is_control()).take(300).collect();
    Err(MachineError::Program {
        program,
        output: format!("{} {text}", output.status),
    })
}

fn lost() -> MachineError {
    MachineError::data(
        "the data partition went away while it was set up".to_owned(),
        "check the disk, then start the machine again",
    )
}
