//! What the units say is in force in the machine: the server looks at its own at each start, every kernel variable could be
//! set, nothing failed, and the hardware watchdog is armed.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use holdfast_vm_tests::{Lab, device};
use std::{thread, time::Duration};

/// As in hardening/systemd/system/holdfast.service.
const WATCHDOG: Duration = Duration::from_secs(30);

/// Every mount of the machine that can be written, and why.
const WRITABLE: &[(&str, &str)] = &[
    ("/dev", "the kernel's device files"),
    ("/dev/pts", "PID 1 mounts it"),
    ("/dev/shm", "PID 1 mounts it"),
    ("/proc", "the kernel's, read-only to services"),
    ("/run", "what lives until the next boot"),
    ("/run/credstore", "the operator's credentials, in memory"),
    ("/sys", "the kernel's, read-only to services"),
    ("/sys/firmware/efi/efivars", "the firmware's variables"),
    ("/sys/fs/cgroup", "PID 1's control groups"),
    (
        "/sys/fs/pstore",
        "PID 1 mounts it for what a dying kernel leaves",
    ),
    ("/sys/kernel/security", "Landlock's and lockdown's state"),
    ("/var/lib/holdfast", "the data partition"),
];

/// Messages of the log, each with its unit.
fn log(device: &holdfast_vm_tests::Device) -> Vec<(String, String)> {
    let lines = device.json_lines(&["logs", "--lines", "10000"]);
    let text =
        |line: &serde_json::Value, field: &str| line[field].as_str().unwrap_or_default().to_owned();
    lines
        .iter()
        .map(|line| (text(line, "unit"), text(line, "message")))
        .collect()
}

#[test]
fn units_are_in_force_and_the_watchdog_is_armed() {
    let lab = Lab::new();
    let mut spec = lab.configured("machine");
    spec.arguments
        .extend(["-device", "i6300esb"].map(str::to_owned));
    let machine = spec.start();
    machine.wait_serving();
    let device = device::publish(&lab, &machine);
    // Longer than WatchdogSec= of the server's unit: if its signs of life did not arrive, it would be ended now.
    thread::sleep(WATCHDOG + Duration::from_secs(5));
    let lines = log(&device);
    let all = || {
        lines
            .iter()
            .map(|(unit, message)| format!("{unit}: {message}\n"))
            .collect::<String>()
    };
    assert!(lines.len() > 100, "the log is there:\n{}", all());

    // The options of holdfast.service, seen from inside before the process adds its own sandbox.
    let seen = lines
        .iter()
        .find(|(unit, message)| unit == "holdfast.service" && message.contains("unit-check"));
    let (_, seen) = seen.unwrap_or_else(|| panic!("no unit-check:\n{}", all()));
    let seen: serde_json::Value = serde_json::from_str(seen).unwrap();
    assert_eq!(seen["options"], seen["in_force"], "{seen}");
    assert!(seen["options"].as_u64().unwrap() > 20, "{seen}");

    // What can be written in the whole machine.
    let mounts = lines.iter().find(|(unit, message)| {
        unit == "holdfast-setup.service" && message.contains("writable-mounts")
    });
    let (_, mounts) = mounts.unwrap_or_else(|| panic!("no writable-mounts:\n{}", all()));
    let mounts: serde_json::Value = serde_json::from_str(mounts).unwrap();
    let named: Vec<_> = WRITABLE.iter().map(|(place, _)| *place).collect();
    assert_eq!(mounts["places"], serde_json::json!(named));

    // systemd-sysctl names what it could not write, systemd what did not start.
    let wrong = [
        "Couldn't write",
        "Failed with result",
        "Failed to start",
        "Watchdog timeout",
        "not found, ignoring",
        "Unknown key",
        "Unknown section",
    ];
    let found: Vec<_> = lines
        .iter()
        .filter(|(_, message)| wrong.iter().any(|text| message.contains(text)))
        .collect();
    assert!(found.is_empty(), "{found:#?}");

    // PID 1 says so before there is a journal.
    let armed = "Watchdog running with a hardware timeout of 30s";
    assert!(
        machine.console.has(armed),
        "no watchdog:\n{}",
        machine.console.tail(80)
    );
    println!(
        "figure: {} options of the server's unit in force; {} lines of log without a failure; {armed}",
        seen["options"],
        lines.len()
    );
}
