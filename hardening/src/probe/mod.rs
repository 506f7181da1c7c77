//! Everything that must not be possible, tried in child processes that entered the same sandbox.
//!
//! An act that ends the process by the system call filter has a child of its own; those that are answered with an error
//! share one, where each is tried before and after the sandbox was entered, so that it is known what stopped it. A child
//! names itself [`NAME`], which the kernel's audit line (`type=1326 … comm="sandbox-probe"`) carries, so that nobody takes
//! it for an intruder.
//!
//! Acts for which there is no safe function stand in [`BY_TABLE`]: the tests evaluate the filters for every number.

mod kernel;
mod network;
mod opening;
mod paths;
mod processes;
pub mod program;
mod unit;

use std::io::{self, Write as _};
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::Error;

/// What a child calls itself (comm, at most 15 bytes).
pub const NAME: &str = "sandbox-probe";

/// The name of the child that tries everything that is answered with an error.
pub const OPENING: &str = "opening";

/// The name of the child that looks at what the unit took away. It is no part of [`children`]: it tells of the image alone.
pub const UNIT: &str = "unit";

/// What no safe function can try. `no_number_but_those_of_the_table_passes` and its neighbours evaluate the filters.
pub const BY_TABLE: &[&str] = &[
    "bpf",
    "fanotify_init",
    "io_uring_setup",
    "ioctl TIOCSTI",
    "kexec_load",
    "keyctl",
    "mmap writable and executable",
    "mprotect executable",
    "open_by_handle_at",
    "perf_event_open",
    "personality",
    "process_vm_writev",
    "ptrace",
    "quotactl",
    "shmat executable",
    "userfaultfd",
];

/// Children that run at the same time: bounded, since the unit bounds its tasks.
const AT_ONCE: usize = 8;

/// What is tried, and how: anything that comes back, well or with an error, has passed the filter.
type Act = (&'static str, fn() -> io::Result<()>);

/// What was tried and how it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What was tried.
    pub act: String,
    /// How it ended.
    pub end: End,
}

/// How an act ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// The system call filter ended the process.
    Killed,
    /// Landlock: it could be done before, and was answered with this error afterwards.
    Landlock(String),
    /// It could not be done before either: file modes, mounts or namespaces of the unit. The first error before, the
    /// second afterwards.
    Before(String, String),
    /// Not tried but evaluated, see [`BY_TABLE`].
    Table,
    /// Seen at work before the sandbox: an option of the unit.
    Unit,
    /// It was not stopped, or not known to be; says what was seen.
    Through(String),
}

impl Finding {
    /// Whether it was stopped.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        !matches!(self.end, End::Through(_))
    }

    /// What stopped it, for people.
    #[must_use]
    pub fn by(&self) -> String {
        match &self.end {
            End::Killed => "system call filter: the process was ended (SIGSYS)".to_owned(),
            End::Landlock(error) => format!("Landlock: {error}"),
            End::Before(error, _) => {
                format!("out of reach before the sandbox: {error}")
            }
            End::Table => "system call filter, by its table (no safe function tries it)".to_owned(),
            End::Unit => "the unit, before the sandbox".to_owned(),
            End::Through(seen) => format!("NOT STOPPED: {seen}"),
        }
    }

    /// `act`, `stopped`, `by`.
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({ "act": self.act, "stopped": self.is_stopped(), "by": self.by() })
    }
}

fn killing() -> impl Iterator<Item = &'static Act> {
    [network::ACTS, processes::ACTS, paths::ACTS, kernel::ACTS]
        .into_iter()
        .flatten()
}

/// Names of all children to be started.
pub fn children() -> impl Iterator<Item = &'static str> {
    std::iter::once(OPENING).chain(killing().map(|act| act.0))
}

/// Starts a child for each name, as `command` says, and judges how they end. `command` must lead to [`perform`].
///
/// # Errors
/// A child that cannot be started or waited for.
pub fn check(command: impl Fn(&str) -> Command) -> io::Result<Vec<Finding>> {
    let mut findings = Vec::new();
    let names: Vec<_> = children().collect();
    for names in names.chunks(AT_ONCE) {
        let started: Vec<_> = names
            .iter()
            .map(|name| {
                let mut command = command(name);
                command.stdin(Stdio::null());
                command.stdout(Stdio::piped()).stderr(Stdio::piped());
                command.spawn()
            })
            .collect();
        for (name, child) in names.iter().zip(started) {
            findings.extend(judge(name, &child?.wait_with_output()?));
        }
    }
    findings.extend(BY_TABLE.iter().map(|act| Finding {
        act: (*act).to_owned(),
        end: End::Table,
    }));
    Ok(findings)
}

/// Starts the child [`UNIT`] as `command` says; what each option of the unit shows, as an act that it stops.
///
/// # Errors
/// A child that cannot be started, or that does not tell of everything.
pub fn check_unit(command: impl Fn(&str) -> Command) -> io::Result<Vec<Finding>> {
    let output = command(UNIT).stdin(Stdio::null()).output()?;
    let said = String::from_utf8_lossy(&output.stdout);
    let whole = output.status.success() && said.ends_with(WHOLE);
    let findings: Option<Vec<_>> = said
        .trim_end_matches(WHOLE)
        .lines()
        .map(|line| {
            let (act, seen) = line.split_once('\t')?;
            let end = match seen {
                "" => End::Unit,
                seen => End::Through(seen.to_owned()),
            };
            let act = act.to_owned();
            Some(Finding { act, end })
        })
        .collect();
    findings.filter(|_| whole).ok_or_else(|| {
        let complaint = String::from_utf8_lossy(&output.stderr);
        io::Error::other(format!("{} {said}{complaint}", output.status))
    })
}

/// How the child of this name ended, by what it left.
#[doc(hidden)]
#[must_use]
pub fn judge(name: &str, output: &Output) -> Vec<Finding> {
    let said = String::from_utf8_lossy(&output.stdout);
    let seen = || {
        let said = said.replace('\n', " ");
        let complaint = String::from_utf8_lossy(&output.stderr);
        let complaint = complaint.lines().next().unwrap_or_default();
        format!("{} {said}{complaint}", output.status)
    };
    let finding = |end| Finding {
        act: name.to_owned(),
        end,
    };
    if name != OPENING {
        // Only a child that was in the sandbox, and said nothing more, was stopped by it.
        let killed = output.status.signal() == Some(Signal::SYS.as_raw());
        let end = if killed && said == INSIDE {
            End::Killed
        } else {
            End::Through(seen())
        };
        return vec![finding(end)];
    }
    let findings: Option<Vec<_>> = match said.strip_prefix(INSIDE) {
        Some(lines) if output.status.success() => lines.lines().map(opening::read).collect(),
        _ => None,
    };
    match findings {
        Some(findings) if findings.len() == opening::COUNT => findings,
        _ => vec![finding(End::Through(seen()))],
    }
}

/// What a child says when it is in the sandbox.
const INSIDE: &str = "in\n";

/// The last line of the child [`UNIT`].
const WHOLE: &str = "all\n";

/// The child's part: enters the sandbox by `enter` and tries the act of this name; whoever started it sees how that ends.
/// `folder` is the store's.
///
/// # Errors
/// The sandbox's, an unknown name, a closed standard output.
pub fn perform(
    name: &str,
    folder: &Path,
    enter: impl FnOnce() -> Result<(), Error>,
) -> Result<(), Error> {
    let failed = |e: io::Error| Error::Probe(e.to_string());
    if name == UNIT {
        return tell_of_unit(folder).map_err(failed);
    }
    let act = killing().find(|act| act.0 == name);
    if act.is_none() && name != OPENING {
        return Err(Error::Probe(format!("there is no act `{name}`")));
    }
    rustix::thread::set_name(c"sandbox-probe").map_err(|e| failed(e.into()))?;
    let before = opening::Before::new(folder, act.is_none());
    enter()?;
    let mut out = io::stdout().lock();
    out.write_all(INSIDE.as_bytes())
        .and_then(|()| out.flush())
        .map_err(failed)?;
    match act {
        None => out.write_all(before.after().as_bytes()),
        Some((_, act)) => {
            let came_back = act();
            writeln!(out, "came back: {came_back:?}")
        }
    }
    .and_then(|()| out.flush())
    .map_err(failed)
}

/// A line for each option, with what was seen where it is not in force.
fn tell_of_unit(folder: &Path) -> io::Result<()> {
    let mut text = String::new();
    for finding in unit::findings(folder) {
        let seen = match finding.end {
            End::Through(seen) => seen.replace(['\n', '\t'], " "),
            _ => String::new(),
        };
        text.push_str(&format!("{}\t{seen}\n", finding.act));
    }
    text.push_str(WHOLE);
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

#[cfg(test)]
mod tests;
