//! Which step failed, and what to do.

use std::io;

use thiserror::Error;

/// Why the process could not give up its power. It must not serve then.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// The threads could not be counted.
    #[error("cannot count the threads in /proc/self/task: {0}; mount /proc")]
    Threads(#[source] io::Error),
    /// There is more than one thread.
    #[error("{count} threads run already; call `enter` before the runtime is built")]
    MoreThreads {
        /// How many.
        count: usize,
    },
    /// A resource limit could not be set.
    #[error("cannot limit {what}: {source}; allow setrlimit in the unit, or set the limit there")]
    Limit {
        /// Which resource.
        what: &'static str,
        /// How it failed.
        source: io::Error,
    },
    /// A privilege could not be given up.
    #[error("cannot give up {what}: {source}; start the process without it")]
    Privilege {
        /// Which one.
        what: &'static str,
        /// How it failed.
        source: io::Error,
    },
    /// The kernel's Landlock is absent or too old.
    #[error(
        "this kernel's Landlock has version {found}, and {needed} is needed; use a newer kernel with CONFIG_SECURITY_LANDLOCK, and `landlock` in lsm="
    )]
    LandlockTooOld {
        /// Its version; 0: absent.
        found: u32,
        /// The oldest that is accepted.
        needed: u32,
    },
    /// The Landlock rules could not be put in force.
    #[error("cannot restrict files by Landlock: {0}; check that the kernel allows it")]
    Landlock(String),
    /// The system call filter could not be put in force.
    #[error("cannot filter system calls: {0}; the kernel needs CONFIG_SECCOMP_FILTER")]
    SystemCalls(String),
    /// The table of system calls is not what this program reads.
    #[error("the table of system calls is wrong: {0}; build this program anew")]
    Table(String),
    /// A forbidden act could not be tried.
    #[error(
        "cannot try what is forbidden: {0}; start `holdfast sandbox check`, which names the acts"
    )]
    Probe(String),
}
