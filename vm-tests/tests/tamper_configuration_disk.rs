//! The configuration disk: what cannot be read is refused, never guessed.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use holdfast_vm_tests::{
    Bus, Lab, Spec,
    configuration::{Configuration, ROOT_KEY},
    disk, esp,
    tamper::{Outcome, boot},
};
use std::path::PathBuf;

#[test]
fn s15_configuration_disk_with_a_damaged_file_is_refused() {
    let lab = Lab::new();
    let mut spec = lab.spec("damaged");
    let path = configuration(&lab, &spec, "one.img");
    let key = disk::find(&path, 0..8 << 20, ROOT_KEY.as_bytes());
    // A digit becomes a byte that is none.
    disk::write(&path, key[0] + 10, b"g");
    spec.add_disk(path, Bus::Virtio);
    refused(&spec);
}

/// Byte 510 of a FAT boot sector is its mark.
#[test]
#[ignore = "part of the whole matrix: nix run .#tamper"]
fn s15_configuration_disk_without_its_mark_is_refused() {
    let lab = Lab::new();
    let mut spec = lab.spec("mark");
    let path = configuration(&lab, &spec, "one.img");
    disk::flip(&path, 510);
    spec.add_disk(path, Bus::Virtio);
    refused(&spec);
}

#[test]
#[ignore = "part of the whole matrix: nix run .#tamper"]
fn s16_two_configuration_disks_are_refused() {
    let lab = Lab::new();
    let mut spec = lab.spec("two");
    for name in ["one.img", "two.img"] {
        let path = configuration(&lab, &spec, name);
        spec.add_disk(path, Bus::Virtio);
    }
    refused(&spec);
}

/// Another root key: the old data is not opened, and not made anew.
#[test]
#[ignore = "part of the whole matrix: nix run .#tamper"]
fn s33_configuration_disk_with_another_root_key_harms_nothing() {
    let lab = Lab::new();
    let mut spec = lab.spec("key");
    let path = configuration(&lab, &spec, "one.img");
    spec.add_disk(path.clone(), Bus::Virtio);
    let mut machine = spec.start();
    machine.wait_serving();
    machine.power_button();
    drop(machine);
    let key = disk::find(&path, 0..8 << 20, ROOT_KEY.as_bytes());
    disk::flip(&path, key[0] + 10);
    refused(&spec);
    disk::flip(&path, key[0] + 10);
    let (outcome, _) = boot(&spec);
    assert!(
        matches!(outcome, Outcome::Serves(_)),
        "with the right key again: {outcome:?}"
    );
}

fn configuration(lab: &Lab, spec: &Spec, name: &str) -> PathBuf {
    let path = lab.path(name);
    let toml = Configuration::new(spec.port).toml();
    let files = [
        ("holdfast.toml", toml.as_str()),
        ("holdfast.root-key", ROOT_KEY),
    ];
    esp::configuration_disk(&path, &files);
    path
}

fn refused(spec: &Spec) {
    let (outcome, _) = boot(spec);
    assert!(matches!(outcome, Outcome::Refused(_)), "{outcome:?}");
    println!("figure: {outcome:?}");
}
