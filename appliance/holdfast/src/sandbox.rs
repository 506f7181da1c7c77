//! `holdfast sandbox check`: everything that the server must not be able to do, tried in children that enter its sandbox.
//!
//! Each child is a program started anew, since a copy of a running process is nothing that safe code can make: this one
//! (`holdfast sandbox act NAME`), or in the image a small one that can do nothing else ([`PROBE`]) and starts in a third of
//! the time. The server does the same at each start.

use std::io;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use holdfast_hardening::probe::{self, End, Finding};
use holdfast_hardening::{Filters, Limits, enter};

use crate::cli::SandboxActArgs;
use crate::serve::started::limits;
use crate::{Failure, say};

/// This program's own file, even if it was replaced meanwhile.
const OWN_PROGRAM: &str = "/proc/self/exe";

/// The image's program for one act.
const PROBE: &str = "/usr/lib/holdfast/sandbox-probe";

/// Who tries the acts.
#[derive(Debug, Clone, Copy)]
pub enum By<'a> {
    /// This program.
    Own,
    /// [`PROBE`], with the very filters that the server will put on.
    Probe(&'a Filters),
}

/// For people: tries everything beside an empty store in a folder of its own, and prints what stopped each act.
pub fn check(json: bool) -> Result<(), Failure> {
    let folder = std::env::temp_dir().join(format!("holdfast-sandbox-{}", std::process::id()));
    let files = ["store.redb", "store.keys"].map(|name| folder.join(name));
    std::fs::create_dir(&folder)
        .and_then(|()| files.iter().try_for_each(|file| std::fs::write(file, "")))
        .map_err(|error| {
            format!(
                "cannot make {}: {error}; set TMPDIR to a folder that can be written",
                folder.display()
            )
        })?;
    let begun = Instant::now();
    let findings = findings(&folder, &limits(), By::Own);
    let took = begun.elapsed();
    // A folder that cannot be removed harms nobody; what was found counts.
    let removed = files.iter().try_for_each(std::fs::remove_file);
    let _ = removed.and_then(|()| std::fs::remove_dir(&folder));
    let findings = findings?;
    if json {
        let acts: Vec<_> = findings.iter().map(Finding::to_json).collect();
        let stopped = findings.iter().all(Finding::is_stopped);
        println!(
            "{}",
            serde_json::json!({ "stopped": stopped, "millis": took.as_millis(), "acts": acts })
        );
    } else {
        let width = findings.iter().map(|found| found.act.len()).max();
        for found in &findings {
            let width = width.unwrap_or_default();
            println!("  {:width$}  {}", found.act, found.by());
        }
        println!("{} acts in {} ms.", findings.len(), took.as_millis());
    }
    refuse_if_through(&findings)
}

/// The child's part.
pub fn act(args: &SandboxActArgs) -> Result<(), Failure> {
    let limits = Limits {
        open_files: args.open_files,
        landlock: args.landlock,
    };
    probe::perform(&args.name, &args.data, || enter(&limits).map(drop))?;
    Ok(())
}

/// Before serving: refuses if one act gets through.
pub fn at_start(folder: &Path, limits: &Limits, by: By) -> Result<(), Failure> {
    let begun = Instant::now();
    let findings = findings(folder, limits, by)?;
    let tried = findings.iter().filter(|found| found.end != End::Table);
    say::line(&format_args!(
        "{{\"kind\":\"sandbox-check\",\"acts\":{},\"stopped\":{},\"millis\":{}}}",
        tried.clone().count(),
        tried.filter(|found| found.is_stopped()).count(),
        begun.elapsed().as_millis()
    ));
    refuse_if_through(&findings)
}

/// In the image, before serving: refuses if an option of the unit is not in force.
pub fn unit_at_start(folder: &Path, limits: &Limits, by: By) -> Result<(), Failure> {
    let findings = probe::check_unit(child(folder, limits, by)).map_err(|error: io::Error| {
        format!("cannot look whether the unit's options are in force: {error}; start it as holdfast.service")
    })?;
    let (held, open): (Vec<_>, Vec<_>) = findings.iter().partition(|found| found.is_stopped());
    say::line(&format_args!(
        "{{\"kind\":\"unit-check\",\"options\":{},\"in_force\":{}}}",
        findings.len(),
        held.len()
    ));
    if open.is_empty() {
        return Ok(());
    }
    let open: Vec<_> = open
        .iter()
        .map(|found| format!("{} ({})", found.act, found.by()))
        .collect();
    Err(format!(
        "the unit does not confine the server: {}; boot the signed image, whose units do",
        open.join(", ")
    )
    .into())
}

fn findings(folder: &Path, limits: &Limits, by: By) -> Result<Vec<Finding>, Failure> {
    probe::check(child(folder, limits, by)).map_err(|error: io::Error| {
        let program = match by {
            By::Own => "this program to start itself",
            By::Probe(_) => "the server to start /usr/lib/holdfast/sandbox-probe, as the image's holdfast.service does",
        };
        format!("cannot try whether the sandbox holds: {error}; allow {program}").into()
    })
}

/// The command for a child that tries an act.
fn child<'a>(
    folder: &'a Path,
    limits: &'a Limits,
    by: By<'a>,
) -> impl Fn(&str) -> Command + use<'a> {
    let filters = match by {
        By::Own => None,
        By::Probe(filters) => Some(filters.to_text()),
    };
    move |act: &str| {
        let mut command = match &filters {
            Some(filters) => probe::program::command(PROBE, act, folder, limits, filters),
            None => own(act, folder, limits),
        };
        // Nothing of the server's, such as the place of its credentials.
        command.env_clear();
        command
    }
}

fn own(act: &str, folder: &Path, limits: &Limits) -> Command {
    let mut command = Command::new(OWN_PROGRAM);
    command
        .args(["sandbox", "act", act])
        .arg("--data")
        .arg(folder)
        .args(["--open-files", &limits.open_files.to_string()])
        .args(["--landlock", &limits.landlock.to_string()]);
    command
}

fn refuse_if_through(findings: &[Finding]) -> Result<(), Failure> {
    let through: Vec<_> = findings
        .iter()
        .filter(|found| !found.is_stopped())
        .map(|found| format!("{} ({})", found.act, found.by()))
        .collect();
    if through.is_empty() {
        return Ok(());
    }
    Err(format!(
        "the sandbox does not stop: {}; use the image, whose kernel is known to, or Linux 6.12 or newer with seccomp and \
         Landlock",
        through.join(", ")
    )
    .into())
}
