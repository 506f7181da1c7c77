//! With Secure Boot off the firmware starts anything: what the signature vouches for is gone. What the kernel itself checks,
//! the root against its command line, still holds.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use holdfast_vm_tests::{
    Lab, disk, gpt, inputs,
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

/// A negative of the tests with Secure Boot on: the same unsigned image, which they refuse, comes up to its configuration.
#[test]
#[ignore = "part of the whole matrix: nix run .#tamper"]
fn unsigned_image_boots_without_secure_boot_only() {
    let lab = switched_off();
    let (outcome, _) = boot(&lab.spec_of("unsigned", &inputs().image));
    assert!(matches!(outcome, Outcome::Refused(_)), "{outcome:?}");
    println!("figure: unsigned, Secure Boot off: the kernel starts; {outcome:?}");
}

/// Firmware variables without any key.
fn switched_off() -> Lab {
    let mut lab = Lab::new();
    lab.variables = inputs().ovmf.join("OVMF_VARS_4M.fd");
    lab
}
