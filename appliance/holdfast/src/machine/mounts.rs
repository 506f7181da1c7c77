//! Every writable mount gets nosuid, nodev and noexec, whatever PID 1 and the kernel gave it.

use std::fs;
use std::path::{Path, PathBuf};

use rustix::mount::{MountFlags, mount_remount};

use super::error::MachineError;
use crate::say;

/// Where device nodes must work.
const DEVICES: [&str; 2] = ["/dev", "/dev/pts"];

/// Remounts what lacks a flag.
///
/// # Errors
/// The first mount that could not be changed.
pub fn restrict() -> Result<(), MachineError> {
    let path = Path::new("/proc/self/mountinfo");
    let text = fs::read_to_string(path).map_err(MachineError::io("read", path))?;
    for (target, flags) in lacking(&text) {
        mount_remount(&target, flags | MountFlags::BIND, "")
            .map_err(MachineError::io("remount", &target))?;
    }
    Ok(())
}

/// Tells the journal which mounts can be written, by their places in order.
///
/// # Errors
/// The list of mounts that could not be read.
pub fn tell_writable() -> Result<(), MachineError> {
    let path = Path::new("/proc/self/mountinfo");
    let text = fs::read_to_string(path).map_err(MachineError::io("read", path))?;
    let line = serde_json::json!({ "kind": "writable-mounts", "places": writable(&text) });
    say::line(&line);
    Ok(())
}

/// The places of the mounts on which something can be written: neither the mount nor its file system is read-only.
fn writable(mountinfo: &str) -> Vec<&str> {
    let places = mountinfo.lines().filter_map(|line| {
        let (mount, file_system) = line.split_once(" - ")?;
        let mut mount = mount.split(' ').skip(4);
        let (place, options) = (mount.next()?, mount.next()?);
        let whole = file_system.split(' ').next_back()?;
        let read_only = |options: &str| options.split(',').any(|option| option == "ro");
        (!read_only(options) && !read_only(whole)).then_some(place)
    });
    let mut places: Vec<_> = places.collect();
    places.sort_unstable();
    places
}

/// The writable mounts that lack a flag, with all the flags that they should have (proc_pid_mountinfo(5)).
fn lacking(mountinfo: &str) -> Vec<(PathBuf, MountFlags)> {
    let mut list = Vec::new();
    for line in mountinfo.lines() {
        let mut fields = line.split(' ').skip(4);
        let (Some(target), Some(options)) = (fields.next(), fields.next()) else {
            continue;
        };
        let has = |name| options.split(',').any(|o| o == name);
        let device = DEVICES.contains(&target);
        if has("ro") || (has("nosuid") && has("noexec") && (has("nodev") || device)) {
            continue;
        }
        let mut flags = MountFlags::NOSUID | MountFlags::NOEXEC;
        flags.set(MountFlags::NODEV, !device);
        // Names with a space or a backslash are written in octal; PID 1 mounts none.
        list.push((PathBuf::from(target), flags));
    }
    list
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_written_is_told() {
        let text = "1 0 253:0 / / ro,relatime - erofs /dev/root ro\n\
                    4 1 0:7 / /run rw,nosuid,nodev shared:3 - tmpfs tmpfs rw\n\
                    5 1 0:8 / /data rw,noexec - ext4 /dev/vda5 ro,errors=remount-ro\n\
                    6 1 0:9 / /dev rw,nosuid shared:2 - devtmpfs devtmpfs rw\n";
        assert_eq!(writable(text), ["/dev", "/run"]);
    }

    #[test]
    fn writable_mounts_lose_execution_and_devices() {
        let text = "1 0 253:0 / / ro,relatime - erofs /dev/root ro\n\
                    2 1 0:5 / /dev rw,nosuid shared:2 - devtmpfs devtmpfs rw\n\
                    3 2 0:6 / /dev/pts rw,nosuid,noexec shared:2 - devpts devpts rw\n\
                    4 1 0:7 / /run rw,nosuid,nodev shared:3 - tmpfs tmpfs rw\n\
                    5 1 0:8 / /proc rw,nosuid,nodev,noexec - proc proc rw\n";
        let both = MountFlags::NOSUID | MountFlags::NOEXEC;
        let expected = vec![
            (PathBuf::from("/dev"), both),
            (PathBuf::from("/run"), both | MountFlags::NODEV),
        ];
        assert_eq!(lacking(text), expected);
    }
}
