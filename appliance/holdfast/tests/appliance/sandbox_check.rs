//! `holdfast sandbox check`, and the server's own at each start.

use std::collections::BTreeSet;
use std::process::Command;

use rustix::process::Signal;
use serde_json::Value;

use crate::appliance::{Appliance, HOLDFAST, ok, refused};

fn check(arguments: &[&str]) -> std::process::Output {
    Command::new(&*HOLDFAST)
        .args(["sandbox", "check"])
        .args(arguments)
        .output()
        .unwrap()
}

#[test]
fn every_forbidden_act_is_stopped_and_named_with_what_stopped_it() {
    let report: Value = serde_json::from_str(&ok(&check(&["--json"]))).unwrap();
    assert_eq!(report["stopped"], true);
    let acts = report["acts"].as_array().unwrap();
    let by = |what: &str| {
        let of_it = acts
            .iter()
            .filter(|act| act["by"].as_str().unwrap().starts_with(what));
        of_it
            .map(|act| act["act"].as_str().unwrap())
            .collect::<BTreeSet<_>>()
    };
    let killed = by("system call filter: ");
    for act in [
        "exec of a file",
        "clone of a process",
        "socket AF_INET",
        "connect",
        "memfd_create",
        "kill of another",
        "mount",
        "setns",
        "unlink",
        "prctl dumpable",
        "reboot",
    ] {
        assert!(killed.contains(act), "{act}: {killed:?}");
    }
    let landlock = by("Landlock: ");
    for act in [
        "read this program's file",
        "open the store anew",
        "make a file beside the store",
    ] {
        assert!(landlock.contains(act), "{act}: {landlock:?}");
    }
    println!("figure: {} acts in {} ms", acts.len(), report["millis"]);
    assert!(ok(&check(&[])).contains("Landlock: "));
}

#[test]
fn server_tries_its_sandbox_at_each_start_and_leaves_nothing_behind() {
    let mut appliance = Appliance::start();
    appliance.stop();
    let line = appliance.log();
    let line = line
        .lines()
        .find(|line| line.contains("\"sandbox-check\""))
        .unwrap();
    let line: Value = serde_json::from_str(line).unwrap();
    assert!(line["acts"].as_u64().unwrap() > 60, "{line}");
    assert_eq!(line["acts"], line["stopped"]);
    println!("figure: sandbox check at start {} ms", line["millis"]);
    let left = std::fs::read_dir(appliance.path("data")).unwrap();
    let mut left: Vec<_> = left.map(|entry| entry.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, ["store.keys", "store.redb"]);
}

/// What the kernel's audit line tells of a child (`comm`), so that no alarm is raised.
#[test]
fn child_names_itself_and_dies_of_the_filter_alone() {
    use std::os::unix::process::ExitStatusExt as _;
    let act = |name: &str, landlock: &str| {
        Command::new(&*HOLDFAST)
            .args(["sandbox", "act", name, "--data", "/", "--open-files", "64"])
            .args(["--landlock", landlock])
            .output()
            .unwrap()
    };
    let killed = act("memfd_create", "3");
    assert_eq!(killed.status.signal(), Some(Signal::SYS.as_raw()));
    // A sandbox that cannot be entered is not taken for one that holds.
    let text = refused(&act("memfd_create", "1000"));
    assert!(text.contains("Landlock has version"), "{text}");
    assert!(refused(&act("no such act", "3")).contains("there is no act"));
}
