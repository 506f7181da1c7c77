//! What opens the data is typed on the serial console: a first passphrase, then that one, then the recovery key. None of it is
//! shown or logged, a machine that waits can be switched off, and a credential is not asked for.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use holdfast_vm_tests::{
    Device, Lab, Machine, Spec,
    configuration::Configuration,
    inputs, limit,
    site::{assert_served, front},
};
use std::{
    fs, thread,
    time::{Duration, Instant},
};

const PHRASE: &str = "six-typed words that nobody would guess 51c7";
const WRONG: &str = "another-typed phrase that opens nothing 9e02";
const SHORT: &str = "short 7b1";
const FIRST: &str = "New passphrase for the data of localhost, which is empty now: ";
const AGAIN: &str = "The same once more: ";
const BOTH: &str = "Passphrase or recovery key for the data of localhost: ";

/// As in hardening/systemd/system/holdfast-setup.service.
const TIMEOUT: Duration = Duration::from_secs(300);

/// From a boot to a question.
fn patience() -> Duration {
    limit(240)
}

/// Every byte that the serial line has carried since the machine was switched on, and the log that the machine keeps.
fn told(spec: &Spec, device: &Device) -> String {
    let serial = fs::read(spec.folder.join("serial")).unwrap();
    let log = device.run(&["logs", "--lines", "10000"], "");
    assert!(log.contains("holdfast-setup.service"), "{log}");
    format!("{}{log}", String::from_utf8_lossy(&serial))
}

fn assert_untold(told: &str, typed: &[&str]) {
    for text in typed {
        // A part is enough to say too much.
        let (begin, _) = text.split_at(9);
        assert!(!told.contains(begin), "`{begin}` is told");
    }
}

/// What the log says of the last unlocking.
fn unlocked(told: &str) -> &str {
    let line = told.lines().rfind(|line| line.contains("\"unlocked\""));
    line.unwrap_or_else(|| panic!("no line about it"))
}

fn wait_question(machine: &Machine, question: &str, count: usize) {
    machine.console.wait_count(question, count, patience());
}

#[test]
fn data_is_opened_by_what_is_typed_and_by_nothing_that_is_shown() {
    let lab = Lab::new();
    let mut spec = lab.spec("machine");
    let toml = Configuration::new(spec.port).typed().toml();
    spec.credential("holdfast.toml", &toml);
    spec.typing = true;

    // A first boot.
    let mut machine = spec.start();
    wait_question(&machine, FIRST, 1);
    let state = &machine.console;
    state.wait_field("state", &["waiting for a new passphrase"], limit(60));
    machine.type_line(SHORT);
    wait_question(&machine, FIRST, 2);
    assert!(machine.console.has("fewer than 12 characters"));
    machine.type_line(PHRASE);
    wait_question(&machine, AGAIN, 1);
    machine.type_line(PHRASE);
    machine.wait_serving();
    let device = Device::enrol(&lab, &machine);
    device.push(&inputs().site);
    machine.wait_ready();
    let page = front();
    assert_served(&machine, std::slice::from_ref(&page));
    let recovery = device.run(&["key", "recovery"], "");
    let recovery = recovery.trim();
    let shown = device.json(&["config", "show"]);
    let shown = shown.to_string();
    assert!(shown.contains("the console"), "{shown}");

    // Another one, by a device's order: first something else is typed, then the passphrase.
    device.run(&["reboot", "--yes"], "");
    wait_question(&machine, BOTH, 1);
    let state = &machine.console;
    state.wait_field("state", &["waiting for the passphrase"], limit(60));
    machine.type_line(WRONG);
    wait_question(&machine, "wrong, try 1. Ask again in 1 s", 1);
    wait_question(&machine, BOTH, 2);
    // Who connects late presses Return.
    machine.type_line("");
    wait_question(&machine, BOTH, 3);
    let typed = Instant::now();
    machine.type_line(PHRASE);
    machine.wait_ready_again(2);
    let opened = typed.elapsed();
    assert_served(&machine, std::slice::from_ref(&page));
    let first = told(&spec, &device);
    assert!(unlocked(&first).contains("\"holdfast.passphrase\""));
    assert!(unlocked(&first).contains("\"wrong_tries\":1"), "{first}");

    // A machine that waits is switched off like any other.
    device.run(&["reboot", "--yes"], "");
    wait_question(&machine, BOTH, 4);
    let off = machine.power_button();
    assert_untold(&first, &[PHRASE, WRONG, SHORT, recovery]);
    drop(machine);

    // The passphrase is forgotten: the recovery key.
    let mut machine = spec.start();
    wait_question(&machine, BOTH, 1);
    machine.type_line(&recovery.to_lowercase());
    machine.wait_ready();
    assert_served(&machine, std::slice::from_ref(&page));
    let ways = device.json(&["key", "status"])["ways"].to_string();
    let second = told(&spec, &device);
    assert!(
        unlocked(&second).contains("\"holdfast.recovery-key\""),
        "{ways}"
    );
    assert_untold(&second, &[PHRASE, recovery, &recovery.to_lowercase()]);
    machine.power_button();
    drop(machine);

    // A credential that opens the data is used, and nobody is asked.
    spec.credential("holdfast.passphrase", PHRASE);
    let machine = spec.start();
    machine.wait_ready();
    assert_served(&machine, std::slice::from_ref(&page));
    let third = told(&spec, &device);
    assert!(!third.contains("Passphrase or"), "it asked all the same");
    assert_untold(&third, &[PHRASE]);
    println!(
        "figure: typed passphrase to ready {:.1} s, off at the question {:.1} s, {} bytes of console and log without what was typed",
        opened.as_secs_f64(),
        off.as_secs_f64(),
        first.len() + second.len() + third.len()
    );
}

#[test]
#[ignore = "takes six minutes, since the unit's own time limit is five"]
fn a_question_waits_longer_than_a_disk_may() {
    let lab = Lab::new();
    let mut spec = lab.spec("machine");
    let toml = Configuration::new(spec.port).typed().toml();
    spec.credential("holdfast.toml", &toml);
    spec.typing = true;
    let mut machine = spec.start();
    wait_question(&machine, FIRST, 1);
    thread::sleep(TIMEOUT + Duration::from_secs(30));
    machine.type_line("");
    wait_question(&machine, FIRST, 2);
    machine.type_line(PHRASE);
    wait_question(&machine, AGAIN, 1);
    machine.type_line(PHRASE);
    machine.wait_serving();
    println!(
        "figure: it waited {} s, longer than the {} s that its unit gives a disk",
        TIMEOUT.as_secs() + 30,
        TIMEOUT.as_secs()
    );
}
