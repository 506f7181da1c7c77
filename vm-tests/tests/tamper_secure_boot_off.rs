//! With Secure Boot off the firmware starts anything: what the signature vouches for is gone. What the kernel itself checks,
//! the root against its command line, still holds, and the machine says at each boot and in its status that it is off.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use holdfast_vm_tests::{
    Device, Lab,
    configuration::Configuration,
    disk, firmware, gpt, inputs, limit,
    tamper::{Outcome, boot},
};

#[test]
fn s3_flipped_byte_in_the_root_is_stopped_without_secure_boot() {
    let lab = switched_off();
    let spec = lab.spec_of("flipped", &inputs().image);
    let root = gpt::partitions(spec.disk())[1].range.clone();
    disk::flip(spec.disk(), root.start + 1024 + 8);
    let (outcome, _) = boot(&spec);
    assert!(matches!(outcome, Outcome::Stopped(_)), "{outcome:?}");
    println!("figure: unsigned, Secure Boot off, 1 flipped bit in the root: {outcome:?}");
}

/// The switch in the firmware's menu is off, the keys are enrolled: the unsigned image, which the tests with it on refuse,
/// serves, and says so.
#[test]
fn secure_boot_off_is_told_on_the_console_and_in_the_status() {
    let mut lab = Lab::new();
    let off = lab.path("off.fd");
    firmware::switch_off(&lab.variables, &off);
    lab.variables = off;
    let mut spec = lab.spec_of("off", &inputs().image);
    Configuration::new(spec.port).by_smbios(&mut spec);
    let (outcome, machine) = boot(&spec);
    assert!(matches!(outcome, Outcome::Serves(_)), "{outcome:?}");
    let told = machine.console.wait_field("secure boot", &[], limit(60));
    assert!(
        told.starts_with("OFF: the firmware starts anything"),
        "{told}"
    );
    let device = Device::enrol(&lab, &machine);
    let status = device.status();
    assert_eq!(status["machine"]["secure_boot"], "off", "{status}");
    let text = device.run(&["status"], "");
    assert!(text.contains(&format!("secure boot  {told}\n")), "{text}");
    println!("figure: unsigned, Secure Boot off: it serves, and says `{told}`");
}

/// A negative of the tests with Secure Boot on: the same unsigned image, which they refuse, comes up to its configuration. The
/// firmware has no keys at all.
#[test]
#[ignore = "part of the whole matrix: nix run .#tamper"]
fn unsigned_image_boots_without_secure_boot_only() {
    let lab = switched_off();
    let (outcome, machine) = boot(&lab.spec_of("unsigned", &inputs().image));
    assert!(matches!(outcome, Outcome::Refused(_)), "{outcome:?}");
    // Also of a boot that ends in a refusal.
    let told = machine.console.wait_field("secure boot", &[], limit(60));
    assert!(told.starts_with("OFF (setup mode): "), "{told}");
    println!("figure: unsigned, no keys: the kernel starts; {outcome:?}; it says `{told}`");
}

/// Firmware variables without any key.
fn switched_off() -> Lab {
    let mut lab = Lab::new();
    lab.variables = inputs().ovmf.join("OVMF_VARS_4M.fd");
    lab
}
