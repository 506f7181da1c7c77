//! The process gives up power before it accepts a byte (law 6).
//!
//! [`enter`] runs on the only thread, before the asynchronous runtime exists: resource limits, no new privileges, no dump,
//! no capability, then Landlock (files, ports, signals), then seccomp (system calls). What is inherited by the threads that
//! come later holds for the whole process. Each step first looks whether it already holds, since the unit in the image has
//! taken much away before and forbids some of the calls that would take it away again.
//!
//! Memory that is writable and executable: there is no safe wrapper for `PR_SET_MDWE`; the system call filter lets no
//! executable mapping be made at all, and the unit has `MemoryDenyWriteExecute=`.

mod error;
mod files;
mod privileges;
mod system_calls;

use std::fs;
use std::path::PathBuf;

pub use error::Error;

/// What stays allowed.
#[derive(Debug, Clone)]
pub struct Limits {
    /// The only folder that stays readable and writable, with everything below it.
    pub data_dir: PathBuf,
    /// Files and folders that stay readable.
    pub readable: Vec<PathBuf>,
    /// Most open descriptors; lowered to what is allowed already.
    pub open_files: u64,
    /// Most processes and threads of the user; `None`: as it is (outside the image the user has others).
    pub processes: Option<u64>,
}

/// What was reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The kernel's Landlock version: from 4 on ports, from 6 on signals and abstract sockets are restricted too.
    pub landlock_abi: u32,
    /// Whether the bounding set of capabilities is empty; without the right to empty it, "no new privileges" alone keeps
    /// programs from gaining any.
    pub bounding_set_empty: bool,
}

/// Gives up power. Files, sockets and keys must be open and read by now.
///
/// # Errors
/// The first step that failed, or a second thread. The process has then lost part of its power and must end.
pub fn enter(limits: &Limits) -> Result<Report, Error> {
    only_thread()?;
    privileges::limit_resources(limits)?;
    let bounding_set_empty = privileges::drop_all()?;
    let landlock_abi = files::restrict(limits)?;
    system_calls::restrict()?;
    Ok(Report {
        landlock_abi,
        bounding_set_empty,
    })
}

/// Landlock and seccomp bind the calling thread and those that it starts later.
fn only_thread() -> Result<(), Error> {
    let threads = fs::read_dir("/proc/self/task").map_err(Error::Threads)?;
    match threads.count() {
        1 => Ok(()),
        count => Err(Error::MoreThreads { count }),
    }
}
