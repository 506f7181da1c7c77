//! Other programs, other processes, other privileges.

use std::io;
use std::os::fd::AsFd as _;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use rustix::process::{
    DumpableBehavior, PTracer, Pid, PidfdFlags, PidfdGetfdFlags, Resource, Rlimit, Signal, getppid,
};
use rustix::thread::{CapabilitySet, CapabilitySets, CpuSet, Uid};

use super::Act;

const OWN_PROGRAM: &str = "/proc/self/exe";

pub(super) const ACTS: &[Act] = &[
    ("exec of a file", || {
        Err(Command::new(OWN_PROGRAM).arg("--version").exec())
    }),
    ("clone of a process", || {
        Command::new(OWN_PROGRAM)
            .arg("--version")
            .spawn()?
            .wait()
            .map(drop)
    }),
    ("memfd_create", || {
        rustix::fs::memfd_create("probe", rustix::fs::MemfdFlags::CLOEXEC)?;
        Ok(())
    }),
    // Signal 0: nothing happens to a process that it reaches.
    ("kill of another", || {
        Ok(rustix::process::test_kill_process(parent())?)
    }),
    ("pidfd_open of another", || {
        rustix::process::pidfd_open(parent(), PidfdFlags::empty())?;
        Ok(())
    }),
    ("pidfd_send_signal", || {
        Ok(rustix::process::pidfd_send_signal(
            io::stdin(),
            Signal::CONT,
        )?)
    }),
    ("pidfd_getfd", || {
        rustix::process::pidfd_getfd(io::stdin(), 0, PidfdGetfdFlags::empty())?;
        Ok(())
    }),
    ("setsid", || {
        rustix::process::setsid()?;
        Ok(())
    }),
    ("setpriority", || {
        Ok(rustix::process::setpriority_process(None, -1)?)
    }),
    ("sched_setaffinity", || {
        Ok(rustix::thread::sched_setaffinity(None, &CpuSet::new())?)
    }),
    ("setuid", || Ok(rustix::thread::set_thread_uid(Uid::ROOT)?)),
    ("setgid", || {
        Ok(rustix::thread::set_thread_gid(rustix::thread::Gid::ROOT)?)
    }),
    ("setgroups", || Ok(rustix::thread::set_thread_groups(&[])?)),
    ("capset", || {
        let all = CapabilitySet::all();
        let sets = CapabilitySets {
            effective: all,
            permitted: all,
            inheritable: all,
        };
        Ok(rustix::thread::set_capabilities(None, sets)?)
    }),
    ("prlimit of core dumps", || {
        let limit = Rlimit {
            current: None,
            maximum: None,
        };
        Ok(rustix::process::setrlimit(Resource::Core, limit)?)
    }),
    ("prctl dumpable", || {
        Ok(rustix::process::set_dumpable_behavior(
            DumpableBehavior::Dumpable,
        )?)
    }),
    ("prctl ptracer", || {
        Ok(rustix::process::set_ptracer(PTracer::Any)?)
    }),
    ("unshare", || {
        // The safe function that the wrapper's newer releases advise against: with this flag it shares no descriptor table.
        #[allow(deprecated)]
        Ok(rustix::thread::unshare(
            rustix::thread::UnshareFlags::NEWUSER,
        )?)
    }),
    ("setns", || {
        let input = io::stdin();
        Ok(rustix::thread::move_into_link_name_space(
            input.as_fd(),
            None,
        )?)
    }),
];

/// Whoever started the check; the first process where that cannot be told.
fn parent() -> Pid {
    getppid().unwrap_or(Pid::INIT)
}
