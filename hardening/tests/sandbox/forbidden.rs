//! What must not be possible: every act of the probe, and the way into the sandbox itself.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::process::Stdio;

use holdfast_hardening::probe::{self, End};
use holdfast_hardening::{
    Error, Filters, LANDLOCK_FILES, Limits, enter as give_up, probe::Finding,
};

use crate::{LIMITS, Test, command, enter, folder, told};

pub const TESTS: &[Test] = &[
    ("every_forbidden_act_is_stopped", every_act_is_stopped),
    (
        "the_images_program_tries_the_same_acts_and_refuses_cut_filters",
        program_tries_the_same,
    ),
    (
        "probe_notices_what_is_not_stopped",
        unconfined_act_is_noticed,
    ),
    ("privileges_are_given_up", || runs_well("privileges")),
    ("refuses_a_second_thread", || runs_well("second-thread")),
    ("refuses_an_old_landlock", || runs_well("old-landlock")),
    ("threads_start_and_are_bound_too", || {
        runs_well("threads-are-bound");
    }),
    ("no_file_can_be_opened_or_made", || runs_well("files")),
];

/// An act of the probe, after this prefix: in the sandbox, or outside it.
const INSIDE: &str = "inside:";
const OUTSIDE: &str = "outside:";

/// What a child of this name does.
pub fn child(name: &str, folder: &Path) {
    if let Some(act) = name.strip_prefix(INSIDE) {
        return probe::perform(act, &folder.join("data"), || give_up(&LIMITS).map(drop)).unwrap();
    }
    if let Some(act) = name.strip_prefix(OUTSIDE) {
        return probe::perform(act, &folder.join("data"), || Ok(())).unwrap();
    }
    match name {
        "privileges" => privileges(),
        "second-thread" => second_thread(),
        "old-landlock" => old_landlock(),
        "threads-are-bound" => threads_are_bound(),
        "files" => files(folder),
        name => panic!("no child `{name}`"),
    }
}

fn runs_well(name: &str) {
    let folder = folder();
    let output = command(name, folder.path())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", told(&output));
}

/// Puts the files of a store there, without a byte in them.
fn store(data: &std::path::Path) {
    for name in ["store.redb", "store.keys"] {
        std::fs::write(data.join(name), "").unwrap();
    }
}

fn findings(prefix: &str) -> Vec<Finding> {
    let folder = folder();
    store(&folder.path().join("data"));
    let found = probe::check(|act| command(&format!("{prefix}{act}"), folder.path())).unwrap();
    let left = std::fs::read_dir(folder.path().join("data"))
        .unwrap()
        .count();
    assert_eq!(left, 2, "the probe leaves nothing behind");
    found
}

fn program_tries_the_same() {
    let folder = folder();
    let data = folder.path().join("data");
    store(&data);
    let filters = Filters::compile().unwrap().to_text();
    let tried = |filters: &str| {
        let by = |act: &str| {
            let program = env!("CARGO_BIN_EXE_sandbox-probe");
            probe::program::command(program, act, &data, &LIMITS, filters)
        };
        probe::check(by).unwrap()
    };
    let stopped = |finding: &&Finding| finding.is_stopped();
    let found = tried(&filters);
    let through: Vec<_> = found.iter().filter(|f| !f.is_stopped()).collect();
    assert!(through.is_empty(), "{through:#?}");
    let names = |found: &[Finding]| found.iter().map(|f| f.act.clone()).collect::<Vec<_>>();
    assert_eq!(names(&found), names(&findings(INSIDE)));
    // With filters that cannot be read nothing was tried, and nothing counts as stopped but what the table alone shows.
    let cut = tried(&filters[1..]);
    assert_eq!(cut.iter().filter(stopped).count(), probe::BY_TABLE.len());
}

fn every_act_is_stopped() {
    let found = findings(INSIDE);
    let through: Vec<_> = found.iter().filter(|f| !f.is_stopped()).collect();
    assert!(through.is_empty(), "{through:#?}");
    let by_landlock = found.iter().filter(|f| matches!(f.end, End::Landlock(_)));
    assert!(by_landlock.count() >= 8, "{found:#?}");
    let killed = found.iter().filter(|f| f.end == End::Killed).count();
    assert!(killed >= 50, "{found:#?}");
    println!("figure: {} forbidden acts stopped", found.len());
}

/// Without the sandbox none counts as stopped but what was evaluated, or was out of reach of this user before. No act
/// does harm then.
fn unconfined_act_is_noticed() {
    // Those that a privileged user could feel are left out.
    let folder = folder();
    store(&folder.path().join("data"));
    for act in [
        "socket AF_UNIX",
        "memfd_create",
        "unlink",
        "mount",
        "prctl dumpable",
        probe::OPENING,
    ] {
        let output = command(&format!("{OUTSIDE}{act}"), folder.path())
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let found = probe::judge(act, &output);
        assert!(found.iter().any(|f| !f.is_stopped()), "{act}: {found:?}");
    }
}

fn privileges() {
    // Opened before, and read as the store is: in the sandbox it could not be opened.
    let status = File::open("/proc/self/status").unwrap();
    let read = || {
        let mut bytes = [0; 4096];
        let length = status.read_at(&mut bytes, 0).unwrap();
        String::from_utf8_lossy(&bytes[..length]).into_owned()
    };
    let before = read();
    let report = enter();
    let text = read();
    let field = |text: &str, name: &str| {
        let line = text.lines().find_map(|l| l.strip_prefix(name));
        line.unwrap().trim_start_matches(':').trim().to_owned()
    };
    let value = |name: &str| field(&text, name);
    for set in ["CapInh", "CapPrm", "CapEff", "CapAmb"] {
        assert_eq!(u64::from_str_radix(&value(set), 16).unwrap(), 0, "{set}");
    }
    let bounding = u64::from_str_radix(&value("CapBnd"), 16).unwrap();
    assert_eq!(bounding == 0, report.bounding_set_empty);
    assert_eq!(value("NoNewPrivs"), "1");
    // Filter mode, with both filters beside those of whoever started this (a build's sandbox has one).
    assert_eq!(value("Seccomp"), "2");
    let filters = |text: &str| field(text, "Seccomp_filters").parse::<u32>().unwrap();
    assert_eq!(filters(&text).checked_sub(filters(&before)), Some(2));
}

fn second_thread() {
    let (keep, kept) = std::sync::mpsc::channel::<()>();
    let thread = std::thread::spawn(move || kept.recv());
    let refused = give_up(&LIMITS);
    assert!(matches!(refused, Err(Error::MoreThreads { count: 2 })));
    drop(keep);
    let _ = thread.join();
    let report = enter();
    assert!(report.landlock_abi >= LANDLOCK_FILES, "{report:?}");
}

fn old_landlock() {
    let limits = Limits {
        landlock: 1000,
        ..LIMITS
    };
    let refused = give_up(&limits).unwrap_err();
    let text = refused.to_string();
    assert!(
        text.contains("1000 is needed; use a newer kernel"),
        "{text}"
    );
}

fn threads_are_bound() {
    enter();
    let thread = std::thread::Builder::new().name("worker".into());
    let opened = thread
        .spawn(|| File::open("/").is_ok())
        .unwrap()
        .join()
        .unwrap();
    assert!(!opened);
}

/// As the probe, but with the files of this test, and in detail.
fn files(folder: &Path) {
    let (own, new) = (&*folder.join("own"), folder.join("data/new"));
    std::fs::write(own, "x").unwrap();
    let programs = &*std::env::current_exe().unwrap();
    enter();
    let (status, root) = (Path::new("/proc/self/status"), Path::new("/"));
    for path in [own, programs, status, root, folder] {
        let refused = File::open(path).unwrap_err();
        assert_eq!(refused.kind(), std::io::ErrorKind::PermissionDenied);
    }
    assert!(File::create(own).is_err());
    assert!(File::create(new).is_err());
}
