//! Secure Boot lets nothing start that these keys did not sign, and starts what they did.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use holdfast_vm_tests::{
    Lab, Spec,
    esp::{BOOT_FILE, Esp},
    firmware::KeyPair,
    gpt, inputs, lab, limit,
    spec::Net,
    uki,
};

/// What EDK II prints when a signature is missing or wrong.
const REFUSALS: [&str; 2] = ["Access Denied", "Security Violation"];

#[test]
fn s1_signed_uki_boots() {
    let lab = Lab::new();
    let machine = offline(lab.spec("signed")).start();
    machine.console.wait(&["Linux version"], limit(180));
    println!("figure: the signed image starts its kernel");
}

#[test]
fn s2_unsigned_uki_is_refused() {
    let lab = Lab::new();
    refused(&offline(lab.spec_of("unsigned", &inputs().image)));
    println!("figure: 1 unsigned image refused");
}

#[test]
fn s2_foreign_signed_uki_is_refused() {
    let lab = Lab::new();
    let foreign = KeyPair::make(&lab.path(""), "foreign");
    let image = lab.path("foreign-signed.img");
    lab::sign(&foreign, &inputs().image, &image);
    refused(&offline(lab.spec_of("foreign", &image)));
    println!("figure: 1 image signed with a foreign key refused");
}

#[test]
fn s2_altered_kernel_or_command_line_is_refused() {
    let lab = Lab::new();
    for section in [".linux", ".cmdline"] {
        let spec = offline(lab.spec(section));
        let image = Esp::of(spec.disk()).read(BOOT_FILE);
        let range = uki::section(&image, section);
        let middle = range.start + range.len() / 2;
        // The file is written anew in the disk's FAT, one bit apart.
        let mut altered = image.clone();
        altered[middle] ^= 1;
        Esp::of(spec.disk()).write(BOOT_FILE, &altered);
        refused(&spec);
    }
    println!("figure: 2 flipped bytes in a signed image refused (kernel, command line)");
}

/// Without a network card the firmware has nothing else to try, so it comes to its end.
fn offline(mut spec: Spec) -> Spec {
    spec.net = Net::None;
    spec
}

fn refused(spec: &Spec) {
    assert!(gpt::partitions(spec.disk()).len() >= 3);
    let machine = spec.start();
    machine.console.wait(&REFUSALS, limit(180));
    let started = machine
        .console
        .find(&["Linux version", "Command line:"], limit(5));
    assert!(
        started.is_none(),
        "it started:\n{}",
        machine.console.tail(60)
    );
}
