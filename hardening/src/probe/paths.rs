//! Names in the file system: made, removed, altered or asked for, beside the store or anywhere. None of them is there, so
//! that nothing is harmed where one gets through.

use std::io;

use rustix::fs::{AtFlags, Gid, Mode, OFlags, Timespec, Timestamps, Uid, XattrFlags};

use super::Act;

const ABSENT: &str = "/nonexistent/holdfast-probe";
const OTHER: &str = "/nonexistent/holdfast-other";

pub(super) const ACTS: &[Act] = &[
    ("unlink", || Ok(rustix::fs::unlink(ABSENT)?)),
    ("rename", || Ok(rustix::fs::rename(ABSENT, OTHER)?)),
    ("link", || Ok(rustix::fs::link(ABSENT, OTHER)?)),
    ("symlink", || Ok(rustix::fs::symlink(ABSENT, OTHER)?)),
    ("mkdir", || Ok(rustix::fs::mkdir(ABSENT, Mode::RWXU)?)),
    ("rmdir", || Ok(rustix::fs::rmdir(ABSENT)?)),
    ("mknod", || {
        let dir = rustix::fs::CWD;
        Ok(rustix::fs::mkfifoat(dir, ABSENT, Mode::RWXU)?)
    }),
    ("chmod", || Ok(rustix::fs::chmod(ABSENT, Mode::RWXU)?)),
    ("chown", || {
        Ok(rustix::fs::chown(ABSENT, Some(Uid::ROOT), Some(Gid::ROOT))?)
    }),
    ("setxattr", || {
        let flags = XattrFlags::empty();
        Ok(rustix::fs::setxattr(ABSENT, "user.probe", b"", flags)?)
    }),
    ("utimensat", || {
        let never = Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        let times = Timestamps {
            last_access: never,
            last_modification: never,
        };
        let (dir, flags) = (rustix::fs::CWD, AtFlags::empty());
        Ok(rustix::fs::utimensat(dir, ABSENT, &times, flags)?)
    }),
    ("openat2", || {
        let (flags, resolve) = (OFlags::RDONLY, rustix::fs::ResolveFlags::empty());
        rustix::fs::openat2(rustix::fs::CWD, ABSENT, flags, Mode::empty(), resolve)?;
        Ok(())
    }),
    ("readlink", || {
        rustix::fs::readlink(ABSENT, Vec::new())?;
        Ok(())
    }),
    ("inotify_init", || {
        rustix::fs::inotify::init(rustix::fs::inotify::CreateFlags::empty())?;
        Ok(())
    }),
    ("ioctl of a terminal", || {
        Ok(rustix::process::ioctl_tiocsctty(io::stdin())?)
    }),
    ("ioctl of a file", || {
        rustix::fs::ioctl_getflags(io::stdin())?;
        Ok(())
    }),
];
