//! A data partition that somebody else has written runs nothing: programs, a set-user-id program of root, a program for the
//! loader and a device file are put there on the host, and root itself is refused by the mount, in a machine that brings units
//! which try it without any sandbox. The same programs run where a unit lifts noexec, and the same device works from /dev: they are
//! what they claim to be. For the site they do not matter.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use holdfast_vm_tests::{
    Device, Lab, device,
    ext4::{self, File},
    gpt, limit,
    site::{assert_served, pages},
};
use std::{
    fs,
    os::unix::fs::PermissionsExt,
    process::Command,
    thread,
    time::{Duration, Instant},
};

/// A whole program for this processor: an ELF header, one segment, and `exit(geteuid() != 0)`.
const PROGRAM: &[u8] = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\x3e\0\x01\0\0\0\x78\0\x40\0\0\0\0\0\x40\0\0\0\0\0\0\0\
\0\0\0\0\0\0\0\0\0\0\0\0\x40\0\x38\0\x01\0\0\0\0\0\0\0\
\x01\0\0\0\x05\0\0\0\0\0\0\0\0\0\0\0\0\0\x40\0\0\0\0\0\0\0\x40\0\0\0\0\0\
\x8e\0\0\0\0\0\0\0\x8e\0\0\0\0\0\0\0\0\x10\0\0\0\0\0\0\
\xb8\x6b\0\0\0\x0f\x05\x31\xff\x85\xc0\x40\x0f\x95\xc7\xb8\x3c\0\0\0\x0f\x05";

/// A program that needs the loader and nothing but the C library, which the image has.
const DYNAMIC: &str = "/usr/bin/true";

/// Each unit of `image/lab/units`, and how PID 1 says that it ended.
const ENDS: [(&str, &str); 7] = [
    // Exit codes of systemd.exec(5), "Process Exit Codes".
    ("lab-program.service", "status=203/EXEC"),
    ("lab-program-allowed.service", "Finished "),
    // The loader's own.
    ("lab-loaded.service", "status=127/"),
    ("lab-loaded-allowed.service", "Finished "),
    // It ran, and not as root: nosuid, and PID 1's own NoNewPrivileges=, which cannot be told apart here.
    ("lab-setuid-allowed.service", "status=1/FAILURE"),
    ("lab-device.service", "status=208/STDIN"),
    ("lab-device-allowed.service", "Finished "),
];

/// Why, in the words of those that were refused. Before it starts a program PID 1's executor asks the kernel whether it may
/// (`access(2)`), which looks at the mount as `execve(2)` does; that call itself is what the server tries at each start.
const REASONS: [&str; 3] = [
    "Failed at step EXEC spawning /var/lib/holdfast/crafted/program: Permission denied",
    "failed to map segment from shared object",
    "Failed to set up standard input: Permission denied",
];

#[test]
fn programs_and_devices_of_a_crafted_data_partition_are_refused_by_its_mount() {
    let lab = Lab::new();
    runs_here(&lab);
    let spec = lab.faulty("machine");
    let mut machine = spec.start();
    machine.wait_serving();
    let device = device::publish(&lab, &machine);
    machine.power_button();
    drop(machine);

    let data = gpt::data_partitions(spec.disk()).remove(0);
    let dynamic = fs::read(DYNAMIC).expect("a dynamic program");
    let files = [
        ("program", 0o100_755, File::Regular(PROGRAM)),
        ("setuid", 0o104_755, File::Regular(PROGRAM)),
        ("dynamic", 0o100_755, File::Regular(&dynamic)),
        // /dev/zero (kernel documentation, "Linux allocated devices").
        ("zero", 0o020_666, File::Device(1, 5)),
        ("link", 0o120_777, File::Link("/usr/bin/holdfast")),
    ];
    ext4::put(spec.disk(), &data, "crafted", &files);

    let machine = spec.start();
    machine.wait_ready();
    let served = assert_served(&machine, &pages());
    let all = tried(&device);
    let words = ["lab-", "crafted", "unit-check"];
    let lines: Vec<_> = all
        .iter()
        .filter(|line| words.iter().any(|word| line.contains(word)))
        .collect();
    for (unit, end) in ENDS {
        let of_unit = |line: &&&String| {
            // "Finished UNIT - …", "UNIT: Main process exited, …, status=…".
            line.starts_with(&format!("{unit}: ")) || line.starts_with(&format!("Finished {unit} "))
        };
        let said: Vec<_> = lines.iter().filter(of_unit).collect();
        let ended = said.iter().any(|line| line.contains(end));
        assert!(
            ended,
            "{unit} did not end by `{end}`: {said:#?}\n{lines:#?}"
        );
    }
    for reason in REASONS {
        let told = lines.iter().any(|line| line.contains(reason));
        assert!(told, "nobody says `{reason}`: {lines:#?}");
    }
    // The server's own look at each start, from the same mount.
    let check = lines.iter().find(|line| line.contains("unit-check"));
    let check: serde_json::Value = serde_json::from_str(check.expect("a unit-check")).unwrap();
    assert_eq!(check["options"], check["in_force"], "{check}");
    println!(
        "figure: of a crafted data partition neither a program, nor one by the loader, nor a device works for root (203/EXEC, 127, \
         208/STDIN), both programs run where noexec is lifted and the same device works from /dev, set-user-id has no effect; {served} bytes served as before"
    );
}

/// The machine's log, once the last of the units has ended.
fn tried(device: &Device) -> Vec<String> {
    let end = Instant::now() + limit(60);
    loop {
        let lines = device.json_lines(&["logs", "--lines", "10000"]);
        let lines: Vec<_> = lines
            .iter()
            .map(|line| line["message"].as_str().unwrap_or_default().to_owned())
            .collect();
        let ended = |(unit, _): &(&str, &str)| {
            let failed = format!("{unit}: Failed with result");
            let finished = format!("Finished {unit} ");
            lines
                .iter()
                .any(|line| line.starts_with(&failed) || line.starts_with(&finished))
        };
        if ENDS.iter().all(ended) || Instant::now() > end {
            return lines;
        }
        thread::sleep(Duration::from_secs(1));
    }
}

/// The crafted program does what it says, on the host.
fn runs_here(lab: &Lab) {
    let path = lab.path("program");
    fs::write(&path, PROGRAM).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    let code = Command::new(&path).status().unwrap().code();
    assert!(matches!(code, Some(0 | 1)), "{code:?}");
}
