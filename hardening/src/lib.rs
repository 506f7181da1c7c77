//! The process gives up power before it accepts a byte (law 6), and proves it.
//!
//! [`enter`] runs on the only thread, before the asynchronous runtime exists: resource limits, no new privileges, no dump,
//! no capability, then Landlock (files, ports, signals), then seccomp (system calls). What is inherited by the threads that
//! come later holds for the whole process. Each step first looks whether it already holds, since the unit in the image has
//! taken much away before and forbids some of the calls that would take it away again.
//!
//! [`probe`] tries in child processes, each in the same sandbox, everything that must not be possible.
//!
//! Memory that is writable and executable: no library wraps `PR_SET_MDWE` safely, and code of ours may not be unsafe. The
//! system call filter takes more than that option would: no mapping becomes executable at all, by `mmap`, `mprotect`,
//! `pkey_mprotect`, `shmat` or `remap_file_pages`. In the image `MemoryDenyWriteExecute=` sets the option as well.

mod error;
mod files;
mod privileges;
pub mod probe;
mod system_calls;

use std::fs;

use seccompiler::BpfProgram;

pub use error::Error;

/// Every version of Landlock from this one on restricts opening, removing and truncating files.
pub const LANDLOCK_FILES: u32 = 3;
/// From this one on ports, devices' ioctls, signals and abstract sockets are restricted too. Our own kernel has it.
pub const LANDLOCK_SIGNALS: u32 = 6;

/// What stays allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Most open descriptors; lowered to what is allowed already.
    pub open_files: u64,
    /// The oldest version of Landlock that is accepted; at least [`LANDLOCK_FILES`].
    pub landlock: u32,
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

/// Gives up power. Files, sockets and keys must be open and read by now: nothing can be opened afterwards.
///
/// # Errors
/// The first step that failed, or a second thread. The process has then lost part of its power and must end.
pub fn enter(limits: &Limits) -> Result<Report, Error> {
    enter_with(limits, &Filters::compile()?)
}

/// As [`enter`], with one entry of the system calls' table fewer, by its place: so the tests show that each is needed.
///
/// # Errors
/// Those of [`enter`].
#[doc(hidden)]
pub fn enter_without(limits: &Limits, entry: Option<usize>) -> Result<Report, Error> {
    enter_with(limits, &Filters(system_calls::compile(entry)?))
}

/// The system call filters, compiled: once for the process and for all children that try them before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filters(Vec<BpfProgram>);

impl Filters {
    /// Compiles the table.
    ///
    /// # Errors
    /// A table that does not compile for this processor.
    pub fn compile() -> Result<Self, Error> {
        system_calls::compile(None).map(Self)
    }

    /// As text, to be passed to another process.
    #[must_use]
    pub fn to_text(&self) -> String {
        system_calls::to_text(&self.0)
    }

    /// Reads what [`Filters::to_text`] wrote.
    ///
    /// # Errors
    /// Text that is cut or malformed. What is well formed is taken: the text must come from who compiled it.
    pub fn from_text(text: &str) -> Result<Self, Error> {
        system_calls::from_text(text).map(Self)
    }
}

/// As [`enter`], with filters that were compiled before.
///
/// # Errors
/// Those of [`enter`].
pub fn enter_with(limits: &Limits, filters: &Filters) -> Result<Report, Error> {
    only_thread()?;
    privileges::limit_resources(limits)?;
    let bounding_set_empty = privileges::drop_all()?;
    let landlock_abi = files::restrict(limits.landlock.max(LANDLOCK_FILES))?;
    system_calls::restrict(&filters.0)?;
    Ok(Report {
        landlock_abi,
        bounding_set_empty,
    })
}

/// The table of system calls, as text.
#[doc(hidden)]
pub const SYSTEM_CALLS: &str = system_calls::TABLE;

/// Landlock and seccomp bind the calling thread and those that it starts later.
fn only_thread() -> Result<(), Error> {
    let threads = fs::read_dir("/proc/self/task").map_err(Error::Threads)?;
    match threads.count() {
        1 => Ok(()),
        count => Err(Error::MoreThreads { count }),
    }
}
