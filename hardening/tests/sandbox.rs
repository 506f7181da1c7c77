//! What the sandbox stops and what it lets work, each proven in a process of its own that enters it.
//!
//! A harness of its own: `enter` wants the only thread, so each test is this program started again with the test's name.
//! `sandbox/paths.rs` holds what must go on working, by the names that `src/seccomp.json` gives as the reason of its
//! entries; `sandbox/entries.rs` takes the entries out one by one.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Output, Stdio};

use holdfast_hardening::{LANDLOCK_FILES, Limits, Report, enter_without};

#[path = "sandbox/entries.rs"]
mod entries;
#[path = "sandbox/forbidden.rs"]
mod forbidden;
#[path = "sandbox/paths.rs"]
mod paths;

const LIMITS: Limits = Limits {
    open_files: 1024,
    landlock: LANDLOCK_FILES,
};

/// The name of what a child does.
const CHILD: &str = "HOLDFAST_SANDBOX_CHILD";
/// A folder for it, with an empty folder `data`.
const FOLDER: &str = "HOLDFAST_SANDBOX_FOLDER";
/// The entry of the table that it does without.
const WITHOUT: &str = "HOLDFAST_SANDBOX_WITHOUT";

type Test = (&'static str, fn());
/// A test of any kind, by its name.
type Named = (&'static str, Box<dyn Fn()>);

fn main() -> ExitCode {
    if let Ok(name) = env::var(CHILD) {
        let folder = PathBuf::from(env::var_os(FOLDER).expect("set"));
        let act = paths::PATHS.iter().find(|path| path.name == name);
        match act {
            Some(path) => (path.act)(&folder),
            None => forbidden::child(&name, &folder),
        }
        return ExitCode::SUCCESS;
    }
    let own: Vec<Named> = paths::PATHS
        .iter()
        .map(|path| (path.name, Box::new(|| path.must_work()) as Box<dyn Fn()>))
        .chain(
            [forbidden::TESTS, entries::TESTS]
                .into_iter()
                .flatten()
                .map(|&(name, test)| (name, Box::new(test) as Box<dyn Fn()>)),
        )
        .collect();
    run(&own)
}

/// As cargo's own harness says it.
fn run(tests: &[Named]) -> ExitCode {
    let arguments: Vec<_> = env::args().skip(1).collect();
    if arguments.iter().any(|a| a == "--list") {
        tests.iter().for_each(|t| println!("{}: test", t.0));
        return ExitCode::SUCCESS;
    }
    let wanted = arguments.iter().find(|a| !a.starts_with('-'));
    let chosen: Vec<_> = tests
        .iter()
        .filter(|t| wanted.is_none_or(|w| t.0.contains(w.as_str())))
        .collect();
    println!("\nrunning {} tests", chosen.len());
    let mut failed = 0_usize;
    for (name, test) in &chosen {
        let passed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(test)).is_ok();
        println!("test {name} ... {}", if passed { "ok" } else { "FAILED" });
        failed = failed.saturating_add(usize::from(!passed));
    }
    let verdict = if failed == 0 { "ok" } else { "FAILED" };
    println!(
        "\ntest result: {verdict}. {} passed; {failed} failed; 0 ignored; 0 measured; {} filtered out\n",
        chosen.len().saturating_sub(failed),
        tests.len().saturating_sub(chosen.len())
    );
    if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// This program again, as the child of this name.
fn command(name: &str, folder: &Path) -> Command {
    let mut command = Command::new(env::current_exe().unwrap());
    command.env(CHILD, name).env(FOLDER, folder);
    command.env_remove("RUST_BACKTRACE").env_remove(WITHOUT);
    command
}

fn started(name: &str, folder: &Path, without: Option<usize>) -> Child {
    let mut command = command(name, folder);
    if let Some(entry) = without {
        command.env(WITHOUT, entry.to_string());
    }
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// In a child: the sandbox, without the entry that it is to do without.
fn enter() -> Report {
    let without = env::var(WITHOUT).ok().map(|entry| entry.parse().unwrap());
    enter_without(&LIMITS, without).expect("enters")
}

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("data")).unwrap();
    folder
}

fn told(output: &Output) -> String {
    format!(
        "{}\n{}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}
