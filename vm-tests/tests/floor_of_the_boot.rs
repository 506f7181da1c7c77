//! How far the boot is from the least that this kernel needs: the same kernel with the same verified root, started with one
//! static program in the place of systemd, with systemd and nothing to start, and as it is. Printed; no verdict depends on it.
//!
//! Counted from the kernel's first line, which its EFI stub writes before it unpacks itself: the stamps of later lines begin
//! only once the kernel has a clock, which on a busy host is after it has cleared its memory. Emulated guests keep the host's
//! clock, so the moments at which lines come are guest time.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use holdfast_vm_tests::{
    Lab, Machine, Spec,
    configuration::{self, Configuration},
    device,
    esp::{BOOT_FILE, Esp},
    https, inputs, lab, limit,
    program::run,
    site::front,
    spec::Net,
    uki,
};
use std::{process::Command, time::Instant};

/// What small cloud machines have, and what `./run` gives.
const PROCESSORS: [u8; 2] = [1, 2];
/// The kernel's first line.
const FIRST: &str = "EFI stub: ";
/// The kernel's last line before the first program.
const KERNEL_DONE: &str = "as init process";

/// What PID 1 is, and what follows it in the signed line that a test can do without.
const SYSTEMD: &str = "init=/usr/lib/systemd/systemd";
const SPARE: &str = " systemd.gpt_auto=no systemd.default_device_timeout_sec=30";

/// A static program that says its version and ends, which the kernel reports.
const STATIC: &str = "init=/usr/bin/holdfast panic=0 console=ttyS0,115200 -- --version";
/// A target that starts nothing, and its line.
const EMPTY: &str = " systemd.unit=slices.target systemd.show_status=1";
const EMPTY_REACHED: &str = "Reached target";

/// The image with another command line, signed for this test.
fn with_line(lab: &Lab, name: &str, change: impl FnOnce(&str) -> String) -> Spec {
    let disk = lab.path(&format!("{name}.img"));
    let sparse = ["--sparse=always", "--no-preserve=mode"];
    run(Command::new("cp")
        .args(sparse)
        .arg(&inputs().image)
        .arg(&disk));
    let esp = Esp::of(&disk);
    let mut image = esp.read(BOOT_FILE);
    let place = uki::section(&image, ".cmdline");
    let line = uki::command_line(&image);
    let other = format!("{} holdfast.end", change(&line));
    // What stands behind the mark is dropped by the kernel.
    let padded = format!("{other:width$}", width = line.len());
    assert_eq!(padded.len(), line.len(), "the line became longer");
    image[place.start..place.start + line.len()].copy_from_slice(padded.as_bytes());
    esp.write(BOOT_FILE, &image);
    let signed = lab.path(&format!("{name}-signed.img"));
    lab::sign(&lab.keys, &disk, &signed);
    let mut spec = lab.spec_of(name, &signed);
    spec.net = Net::None;
    spec
}

/// Seconds from the kernel's first line to a moment.
fn since_first(machine: &Machine, moment: Instant) -> f64 {
    let first = machine.console.wait(&[FIRST], limit(120)).at;
    moment.saturating_duration_since(first).as_secs_f64()
}

/// Seconds from the kernel's first line to the first line that holds `text`.
fn until(machine: &Machine, text: &str) -> f64 {
    let line = machine.console.wait(&[text], limit(120));
    since_first(machine, line.at)
}

#[test]
fn boot_is_compared_with_its_floor() {
    let lab = Lab::new();
    let mut fixed = with_line(&lab, "static", |line| {
        let (before, _) = line.split_once(SYSTEMD).expect("systemd is PID 1");
        format!("{before}{STATIC}")
    });
    let mut idle = with_line(&lab, "empty", |line| {
        let (before, _) = line.split_once(SPARE).expect("the words that can go");
        format!("{before}{EMPTY}")
    });
    let first = lab.configured("machine");
    let mut machine = first.start();
    machine.wait_serving();
    device::publish(&lab, &machine);
    let field = |name: &str, holds: &str| machine.console.wait_field(name, &[holds], limit(60));
    let certificate = field("certificate", "SHA256:");
    let data_id = field("data id", "-");
    machine.power_button();
    drop(machine);
    // As the operator guide asks before the second boot.
    let mut whole = Spec::new(lab.path("named"), &lab.variables, first.disk().to_owned());
    whole.port = first.port;
    Configuration::new(whole.port)
        .data_id(&data_id)
        .by_smbios(&mut whole);

    for processors in PROCESSORS {
        for spec in [&mut fixed, &mut idle, &mut whole] {
            spec.processors = processors;
        }
        let floor = until(&fixed.start(), "holdfast 0.");
        assert!(floor > 0.0);
        let empty = until(&idle.start(), EMPTY_REACHED);
        let [boot, kernel, set_up, ready] = boot(&whole, &certificate);
        println!(
            "figure: processors {processors}: boot to the first answered request {boot:.1} s (kernel {kernel:.1}, \
             set up {set_up:.1}, ready {ready:.1}); the same kernel and root to one static program {floor:.1} s, \
             to systemd with nothing to start {empty:.1} s; ratio {:.2}",
            boot / floor
        );
    }
}

/// Seconds to the first answered request, to the kernel's end, to set-up's, and to "ready".
fn boot(spec: &Spec, certificate: &str) -> [f64; 4] {
    let mut machine = spec.start();
    // Not asked before: QEMU's network offers a connection that came too early again only after 6 and then 12 seconds.
    let ready = machine.wait_ready().at;
    let page = front();
    let site = configuration::site(machine.port);
    let answer = https::get_within(&site, &page.path, certificate, limit(240));
    let boot = since_first(&machine, Instant::now());
    assert!(answer.body == page.content, "the page");
    let kernel = until(&machine, KERNEL_DONE);
    let set_up = until(&machine, "holdfast: data id");
    let ready = since_first(&machine, ready);
    machine.power_button();
    [boot, kernel, set_up, ready]
}
