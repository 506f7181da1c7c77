//! How far the boot is from the least that this kernel needs: the same kernel with the same verified root, started once with
//! systemd and once with one static program in its place. Printed; no verdict depends on it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use holdfast_vm_tests::{
    Lab, Spec, configuration, device,
    esp::{BOOT_FILE, Esp},
    https, inputs, lab, limit,
    program::run,
    site::front,
    spec::Net,
    uki,
};
use std::{
    process::Command,
    time::{Duration, Instant},
};

/// What PID 1 is, and what it is here. The program is static, says its version and ends, which the kernel reports.
const SYSTEMD: &str = "init=/usr/lib/systemd/systemd";
const STATIC: &str = "init=/usr/bin/holdfast";
const ARGUMENT: &str = " -- --version holdfast.end";

/// The image with another first program, signed for this test.
fn with_static_init(lab: &Lab) -> Spec {
    let disk = lab.path("static.img");
    let sparse = ["--sparse=always", "--no-preserve=mode"];
    run(Command::new("cp")
        .args(sparse)
        .arg(&inputs().image)
        .arg(&disk));
    let esp = Esp::of(&disk);
    let mut image = esp.read(BOOT_FILE);
    let place = uki::section(&image, ".cmdline");
    let line = uki::command_line(&image);
    let (before, _) = line.split_once(SYSTEMD).expect("systemd is PID 1");
    let other = format!("{before}{STATIC} panic=0 console=ttyS0,115200{ARGUMENT}");
    // What stands behind the mark is dropped by the kernel.
    let padded = format!("{other:width$}", width = line.len());
    assert_eq!(padded.len(), line.len(), "the line became longer");
    image[place.start..place.start + line.len()].copy_from_slice(padded.as_bytes());
    esp.write(BOOT_FILE, &image);
    let signed = lab.path("static-signed.img");
    lab::sign(&lab.keys, &disk, &signed);
    let mut spec = lab.spec_of("static", &signed);
    spec.net = Net::None;
    spec
}

#[test]
fn boot_is_compared_with_its_floor() {
    let lab = Lab::new();
    let floor = {
        let machine = with_static_init(&lab).start();
        let first = machine.console.wait(&["Linux version"], limit(120)).at;
        let said = machine.console.wait(&["holdfast 0."], limit(120)).at;
        said.saturating_duration_since(first)
    };
    assert!(floor > Duration::ZERO);

    let spec = lab.configured("machine");
    let mut machine = spec.start();
    machine.wait_serving();
    device::publish(&lab, &machine);
    let certificate = machine
        .console
        .wait_field("certificate", &["SHA256:"], limit(60));
    machine.power_button();
    drop(machine);

    let machine = spec.start();
    let first = machine.console.wait(&["Linux version"], limit(120)).at;
    let page = front();
    let site = configuration::site(machine.port);
    let answer = https::get_within(&site, &page.path, &certificate, limit(240));
    let answered = Instant::now();
    assert!(answer.body == page.content, "the page");
    let boot = answered.saturating_duration_since(first).as_secs_f64();
    let floor = floor.as_secs_f64();
    println!(
        "figure: boot to the first answered request {boot:.1} s; the same kernel and root to one static program {floor:.1} s; \
         ratio {:.2}",
        boot / floor
    );
}
