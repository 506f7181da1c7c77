//! The machine: mounts, roots, modules, names, clock, power. Each in the form that would change nothing.

use std::io;

use rustix::fs::CWD;
use rustix::mount::{FsOpenFlags, MountFlags, OpenTreeFlags, UnmountFlags};
use rustix::system::RebootCommand;
use rustix::time::{ClockId, Timespec};

use super::Act;

const ABSENT: &str = "/nonexistent/holdfast-probe";

pub(super) const ACTS: &[Act] = &[
    ("mount", || {
        Ok(rustix::mount::mount(
            "none",
            ABSENT,
            "tmpfs",
            MountFlags::empty(),
            None,
        )?)
    }),
    ("umount", || {
        Ok(rustix::mount::unmount(ABSENT, UnmountFlags::empty())?)
    }),
    ("fsopen", || {
        rustix::mount::fsopen("tmpfs", FsOpenFlags::empty())?;
        Ok(())
    }),
    ("open_tree", || {
        rustix::mount::open_tree(CWD, ABSENT, OpenTreeFlags::OPEN_TREE_CLONE)?;
        Ok(())
    }),
    ("chroot", || Ok(rustix::process::chroot(ABSENT)?)),
    ("pivot_root", || {
        Ok(rustix::process::pivot_root(ABSENT, ABSENT)?)
    }),
    ("init_module", || Ok(rustix::system::init_module(&[], c"")?)),
    ("finit_module", || {
        Ok(rustix::system::finit_module(io::stdin(), c"", 0)?)
    }),
    ("delete_module", || {
        Ok(rustix::system::delete_module(c"holdfast-none", 0)?)
    }),
    ("sethostname", || {
        let name = rustix::system::uname();
        Ok(rustix::system::sethostname(name.nodename().to_bytes())?)
    }),
    // Says what Ctrl-Alt-Del does; in the image it does nothing anyway.
    ("reboot", || {
        Ok(rustix::system::reboot(RebootCommand::CadOff)?)
    }),
    // Nobody may set this clock.
    ("clock_settime", || {
        let never = Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        Ok(rustix::time::clock_settime(ClockId::Monotonic, never)?)
    }),
];
