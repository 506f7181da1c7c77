//! Whoever changes the EFI system partition can stop the machine from booting; what boots is what was signed.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use holdfast_vm_tests::{
    Lab, Spec, disk,
    esp::{BOOT_FILE, Esp},
    gpt,
    tamper::{Outcome, boot_offline},
    uki,
};

#[test]
fn s2_flipped_byte_in_the_signature_is_refused() {
    let lab = Lab::new();
    let length = Esp::of(lab.spec("whole").disk()).read(BOOT_FILE).len();
    // Inside the signer's RSA value, which ends the PKCS#7 structure but for at most seven bytes of filling.
    refused(&lab.spec("signature"), length - 40);
    println!("figure: 1 flipped bit in the signature refused");
}

#[test]
#[ignore = "part of the whole matrix: nix run .#tamper"]
fn s2_flipped_byte_in_any_section_of_the_uki_is_refused() {
    let lab = Lab::new();
    let whole = Esp::of(lab.spec("whole").disk()).read(BOOT_FILE);
    let names = [
        ".text", ".rodata", ".data", ".sbat", ".sdmagic", ".reloc", ".osrel", ".cmdline", ".uname",
        ".linux",
    ];
    for name in names {
        let range = uki::section(&whole, name);
        refused(&lab.spec(name), range.start + range.len() / 2);
    }
    // In the DOS stub, which nothing runs.
    refused(&lab.spec("header"), 0x50);
    println!(
        "figure: flipped bits in {} sections and the header of the UKI refused",
        names.len()
    );
}

#[test]
#[ignore = "part of the whole matrix: nix run .#tamper"]
fn s2_every_byte_of_the_command_line_is_signed() {
    let lab = Lab::new();
    let whole = Esp::of(lab.spec("whole").disk()).read(BOOT_FILE);
    let range = uki::section(&whole, ".cmdline");
    for (name, place) in [
        ("first", range.start),
        ("last", range.end - 1),
        ("third", range.start + range.len() / 3),
    ] {
        refused(&lab.spec(name), place);
    }
    println!("figure: the first, a middle and the last byte of the command line: refused");
}

/// FAT32: byte 12 of the boot sector is the upper half of the sector size (Microsoft's specification).
#[test]
#[ignore = "part of the whole matrix: nix run .#tamper"]
fn flipped_bytes_of_the_file_system_start_nothing_else() {
    let lab = Lab::new();
    let spec = lab.spec("size");
    let range = gpt::partitions(spec.disk())[0].range.clone();
    disk::flip(spec.disk(), range.start + 12);
    let outcome = boot_offline(&spec);
    assert_eq!(outcome, Outcome::Nothing, "sectors of 768 bytes");

    let spec = lab.spec("name");
    let entry = disk::find(
        spec.disk(),
        range.start..range.start + (2 << 20),
        b"BOOTX64 EFI",
    );
    disk::flip(spec.disk(), *entry.first().expect("the entry is there"));
    let outcome = boot_offline(&spec);
    assert_eq!(outcome, Outcome::Nothing, "with another name");

    let spec = lab.spec("free");
    disk::flip(spec.disk(), range.end - 4096);
    let outcome = boot_offline(&spec);
    assert!(
        matches!(outcome, Outcome::Refused(_)),
        "a bit in free space: {outcome:?}"
    );
    println!("figure: boot sector and folder entry: nothing starts; free space: no effect");
}

fn refused(spec: &Spec, place: usize) {
    let mut altered = Esp::of(spec.disk()).read(BOOT_FILE);
    altered[place] ^= 1;
    Esp::of(spec.disk()).write(BOOT_FILE, &altered);
    let outcome = boot_offline(spec);
    assert_eq!(outcome, Outcome::Unsigned, "byte {place} of the UKI");
}
