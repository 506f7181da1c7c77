//! What the unit took away before the process does: each option of `holdfast.service` that can be seen at work from inside,
//! seen before the sandbox, which would hide whose work it was.
//!
//! Not seen here: options of which nothing shows but the sandbox's own filter (`LockPersonality=`, `RestrictRealtime=`,
//! `MemoryDenyWriteExecute=`, the groups of `SystemCallFilter=`), since no safe function tries them.

use std::fs::{self, File, Permissions};
use std::io::{self, Write as _};
use std::net::UdpSocket;
use std::os::fd::{AsFd as _, AsRawFd as _};
use std::os::unix::fs::{FileTypeExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::fs::{MemfdFlags, StatVfsMountFlags};
use rustix::process::{Resource, getrlimit};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use super::{End, Finding};

/// What was seen instead.
type Seen = Result<(), String>;

/// An option and how it shows; the folder is the store's.
type Shown = (&'static str, fn(&Path) -> Seen);

/// A whole program for this processor: an ELF header, one segment, and `exit(0)`.
const PROGRAM: &[u8] = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\x3e\0\x01\0\0\0\x78\0\x40\0\0\0\0\0\x40\0\0\0\0\0\0\0\
\0\0\0\0\0\0\0\0\0\0\0\0\x40\0\x38\0\x01\0\0\0\0\0\0\0\
\x01\0\0\0\x05\0\0\0\0\0\0\0\0\0\0\0\0\0\x40\0\0\0\0\0\0\0\x40\0\0\0\0\0\
\x81\0\0\0\0\0\0\0\x81\0\0\0\0\0\0\0\0\x10\0\0\0\0\0\0\
\xb8\x3c\0\0\0\x31\xff\x0f\x05";

const OPTIONS: &[Shown] = &[
    ("NoNewPrivileges", |_| status("NoNewPrivs", |v| v == "1")),
    ("CapabilityBoundingSet", |_| status("CapBnd", no_bit)),
    ("AmbientCapabilities", |_| status("CapAmb", no_bit)),
    // To the user that it is: the kernel would let it.
    ("SystemCallFilter", |_| {
        let own = rustix::process::getuid();
        refused(rustix::thread::set_thread_uid(own).map_err(io::Error::from))
    }),
    ("UMask", |_| status("Umask", |v| v == "0077")),
    ("LimitCORE", |_| {
        let most = getrlimit(Resource::Core).maximum;
        expect(most == Some(0), format!("the limit is {most:?}"))
    }),
    ("PrivateNetwork", |_| {
        let text = fs::read_to_string("/proc/self/net/dev").map_err(|e| e.to_string())?;
        let names: Vec<_> = text
            .lines()
            .filter_map(|line| Some(line.split_once(':')?.0.trim()))
            .collect();
        expect(names == ["lo"], format!("interfaces {names:?}"))
    }),
    ("RestrictAddressFamilies", |_| {
        refused(UdpSocket::bind("127.0.0.1:0").map(drop))
    }),
    ("ProtectSystem", |_| {
        is_read_only("/run").and(is_read_only("/"))
    }),
    ("ProtectControlGroups", |_| is_read_only("/sys/fs/cgroup")),
    ("ProtectKernelTunables", |_| is_read_only("/sys")),
    ("ProtectProc", |_| absent("/proc/1")),
    ("ProcSubset", |_| absent("/proc/meminfo")),
    ("InaccessiblePaths", |_| {
        let mode = fs::metadata("/run/credstore").map_err(|e| e.to_string())?;
        let mode = mode.permissions().mode() & 0o777;
        expect(mode == 0, format!("its mode is {mode:o}"))
    }),
    ("PrivateDevices", |_| {
        let entries = fs::read_dir("/dev").map_err(|e| e.to_string())?;
        let disks: Vec<_> = entries
            .flatten()
            .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_block_device()))
            .map(|entry| entry.file_name())
            .collect();
        expect(disks.is_empty(), format!("disks {disks:?}"))
    }),
    ("RestrictNamespaces", |_| {
        // By the option itself: the kernel would find no name space there, and say EINVAL.
        let nothing = File::open("/dev/null").map_err(|e| e.to_string())?;
        match move_into_link_name_space(
            nothing.as_fd(),
            Some(LinkNameSpaceType::HostNameAndNISDomainName),
        ) {
            Err(rustix::io::Errno::PERM) => Ok(()),
            other => Err(format!("{other:?}")),
        }
    }),
    ("RestrictSUIDSGID", |folder| {
        in_file(folder, |path| {
            refused(fs::set_permissions(path, Permissions::from_mode(0o4700)))
        })
    }),
    ("StateDirectoryMode", |folder| {
        let mode = fs::metadata(folder).map_err(|e| e.to_string())?;
        let mode = mode.permissions().mode() & 0o777;
        expect(mode == 0o700, format!("its mode is {mode:o}"))
    }),
    ("NoExecPaths", |folder| in_file(folder, start)),
    ("PrivateTmp", |_| in_file(&std::env::temp_dir(), start)),
    ("vm.memfd_noexec", |_| {
        let Ok(file) = rustix::fs::memfd_create("probe", MemfdFlags::EXEC) else {
            return Ok(());
        };
        let mut file = File::from(file);
        file.write_all(PROGRAM).map_err(|e| e.to_string())?;
        start(Path::new(&format!("/proc/self/fd/{}", file.as_raw_fd())))
    }),
    ("noexec on every writable mount", |_| {
        let mounts = fs::read_to_string("/proc/self/mountinfo").map_err(|e| e.to_string())?;
        let open: Vec<_> = mounts.lines().filter_map(executable_and_writable).collect();
        expect(open.is_empty(), format!("{open:?}"))
    }),
];

/// What each option shows; the folder is the store's. The first of a finding's two errors tells what was seen.
#[must_use]
pub fn findings(folder: &Path) -> Vec<Finding> {
    OPTIONS
        .iter()
        .map(|(option, shows)| Finding {
            act: (*option).to_owned(),
            end: match shows(folder) {
                Ok(()) => End::Unit,
                Err(seen) => End::Through(seen),
            },
        })
        .collect()
}

/// A mount of /proc/PID/mountinfo (proc(5)) on which something could be written and started.
fn executable_and_writable(line: &str) -> Option<&str> {
    let (mount, file_system) = line.split_once(" - ")?;
    let mut mount = mount.split(' ').skip(4);
    let (place, options) = (mount.next()?, mount.next()?);
    let whole = file_system.split(' ').next_back()?;
    let has = |options: &str, word| options.split(',').any(|option| option == word);
    let open = has(options, "rw") && has(whole, "rw") && !has(options, "noexec");
    open.then_some(place)
}

fn status(field: &str, good: impl FnOnce(&str) -> bool) -> Seen {
    let text = fs::read_to_string("/proc/self/status").map_err(|e| e.to_string())?;
    let value = text
        .lines()
        .find_map(|line| line.strip_prefix(field)?.strip_prefix(':'))
        .map(str::trim);
    expect(value.is_some_and(good), format!("{field} is {value:?}"))
}

fn no_bit(value: &str) -> bool {
    !value.is_empty() && value.bytes().all(|byte| byte == b'0')
}

fn is_read_only(path: &str) -> Seen {
    let found = rustix::fs::statvfs(path).map_err(|e| format!("{path}: {e}"))?;
    let read_only = found.f_flag.contains(StatVfsMountFlags::RDONLY);
    expect(read_only, format!("{path} can be written"))
}

fn absent(path: &str) -> Seen {
    expect(!Path::new(path).exists(), format!("{path} is there"))
}

/// Makes a file that would be a program, and removes it.
fn in_file(folder: &Path, try_it: impl FnOnce(&Path) -> Seen) -> Seen {
    let path = folder.join(format!(".unit-probe-{}", std::process::id()));
    let made = File::options()
        .write(true)
        .create_new(true)
        .mode(0o700)
        .open(&path)
        .and_then(|mut file| file.write_all(PROGRAM));
    let seen = match made {
        Ok(()) => try_it(&path),
        Err(error) => Err(format!("cannot make {}: {error}", path.display())),
    };
    // If it cannot be removed, the next start finds another name, and nothing starts it.
    let _ = fs::remove_file(&path);
    seen
}

fn start(path: &Path) -> Seen {
    let mut command = Command::new(path);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    match command.status() {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(()),
        Err(error) => Err(format!("starting it failed otherwise: {error}")),
        Ok(status) => Err(format!("it ran: {status}")),
    }
}

fn refused(outcome: io::Result<()>) -> Seen {
    match outcome {
        Err(_) => Ok(()),
        Ok(()) => Err("it was done".to_owned()),
    }
}

fn expect(holds: bool, seen: String) -> Seen {
    if holds { Ok(()) } else { Err(seen) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]

    use super::*;

    #[test]
    fn only_mounts_that_can_be_written_and_started_from_count() {
        let line = |mount: &str, whole: &str| {
            format!("36 35 98:0 / /data {mount} shared:1 - ext4 /dev/vda5 {whole}")
        };
        let open = |mount, whole| executable_and_writable(&line(mount, whole)).is_some();
        assert!(open("rw,nosuid", "rw,errors=remount-ro"));
        assert!(!open("rw,nosuid,noexec", "rw"));
        assert!(!open("ro,nosuid", "rw"));
        assert!(!open("rw", "ro"));
    }

    /// Otherwise a mount without noexec would pass for one with it.
    #[test]
    fn the_program_that_is_tried_runs_where_it_may() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("program");
        fs::write(&path, PROGRAM).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o700)).unwrap();
        assert!(Command::new(&path).status().unwrap().success());
        assert!(start(&path).unwrap_err().contains("it ran"));
    }

    #[test]
    fn what_the_unit_gives_is_missing_outside_it() {
        let folder = tempfile::tempdir().unwrap();
        let found = findings(folder.path());
        let through = |name: &str| {
            let found = found.iter().find(|found| found.act == name).unwrap();
            !found.is_stopped()
        };
        // Not those that where the tests run may have taken away too.
        for option in [
            "ProcSubset",
            "RestrictAddressFamilies",
            "RestrictNamespaces",
            "SystemCallFilter",
        ] {
            assert!(through(option), "{option}");
        }
    }
}
