//! The table of system calls, checked both ways: each entry names a path that works with it, and dies without it.

use std::os::unix::process::ExitStatusExt as _;

use holdfast_hardening::SYSTEM_CALLS;
use rustix::process::Signal;
use serde_json::Value;

use crate::paths::PATHS;
use crate::{Test, folder, told};

pub const TESTS: &[Test] = &[(
    "each_allowed_system_call_is_needed_by_the_path_that_its_entry_names",
    each_is_needed,
)];

/// Children at the same time.
const AT_ONCE: usize = 4;

fn each_is_needed() {
    let table: Value = serde_json::from_str(SYSTEM_CALLS).unwrap();
    let entries = table["allow"]["filter"].as_array().unwrap();
    let of_this_build = |entry: &Value| entry["only_in"] != "debug" || cfg!(debug_assertions);
    let numbered: Vec<_> = entries
        .iter()
        .enumerate()
        .filter(|(_, entry)| of_this_build(entry))
        .collect();
    let mut superfluous = Vec::new();
    for entries in numbered.chunks(AT_ONCE) {
        let running: Vec<_> = entries
            .iter()
            .map(|&(at, entry)| {
                let name = entry["needed_by"].as_str().unwrap_or_default();
                let path = PATHS.iter().find(|path| path.name == name);
                let path = path.unwrap_or_else(|| panic!("no path `{name}`: {entry}"));
                let folder = folder();
                let child = path.start(folder.path(), Some(at));
                (entry, path, child, folder)
            })
            .collect();
        for (entry, path, child, _folder) in running {
            let output = path.finish(child);
            if output.status.signal() != Some(Signal::SYS.as_raw()) {
                superfluous.push(format!("{entry}\n{}", told(&output)));
            }
        }
    }
    assert!(
        superfluous.is_empty(),
        "these entries are not needed by the path that they name:\n{}",
        superfluous.join("\n")
    );
    println!(
        "figure: {} system call entries, each needed",
        numbered.len()
    );
}
