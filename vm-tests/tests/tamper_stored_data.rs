//! Whoever changes the data partition can take the site away; no altered byte of it is ever served.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use holdfast_vm_tests::{
    Lab, Machine, Spec, configuration, device, disk, gpt, https, limit,
    site::{Page, pages},
    tamper::{Outcome, boot},
};

const BLOCK: u64 = 4096;
/// How a redb file begins (redb, `docs/design.md`).
const MAGIC: &[u8] = b"redb\x1a\x0a\xa9\x0d\x0a";

#[test]
fn s29_damaged_store_serves_no_altered_page() {
    let lab = Lab::new();
    let (spec, pages) = used(&lab);
    let data = gpt::data_partitions(spec.disk()).remove(0).range;
    let store = begin(&spec, &data);
    // Sealed values look random: a bit in each block that does, in the first 64 MiB of the store.
    let mut damaged = 0;
    for block in (store + 16 * BLOCK..data.end.min(store + (64 << 20))).step_by(4096) {
        let bytes = disk::read(spec.disk(), block..block + BLOCK);
        let mut seen = [false; 256];
        bytes
            .iter()
            .for_each(|byte| seen[usize::from(*byte)] = true);
        if seen.iter().filter(|seen| **seen).count() > 200 {
            disk::flip(spec.disk(), block + BLOCK / 2);
            damaged += 1;
        }
    }
    assert!(damaged > 20, "{damaged} blocks of the store hold values");
    let (outcome, machine) = boot(&spec);
    let whole = honest(&outcome, &machine, &spec, &pages);
    assert!(whole < pages.len(), "the damage was not seen");
    println!(
        "figure: {damaged} damaged blocks: {outcome:?}, {whole} of {} pages whole, none altered",
        pages.len()
    );
}

#[test]
#[ignore = "part of the whole matrix: nix run .#tamper"]
fn s29_flipped_byte_in_the_head_of_the_store_serves_no_altered_page() {
    let lab = Lab::new();
    let (spec, pages) = used(&lab);
    let data = gpt::data_partitions(spec.disk()).remove(0).range;
    let store = begin(&spec, &data);
    // The magic, the flags, and both commit slots.
    for place in [0, 9, 64, 128 + 64, 192 + 64] {
        disk::flip(spec.disk(), store + place);
        let (outcome, machine) = boot(&spec);
        let whole = honest(&outcome, &machine, &spec, &pages);
        drop(machine);
        println!("byte {place} of the store: {outcome:?}, {whole} pages whole");
        disk::flip(spec.disk(), store + place);
    }
    println!("figure: 5 flipped bits in the head of the store: none served an altered page");
}

/// ext4: the superblock begins at 1024, its magic is at byte 56 of it (Linux, `fs/ext4/ext4.h`).
#[test]
#[ignore = "part of the whole matrix: nix run .#tamper"]
fn s21_flipped_byte_in_the_superblock_is_not_made_anew() {
    let lab = Lab::new();
    let (spec, pages) = used(&lab);
    let data = gpt::data_partitions(spec.disk()).remove(0);
    for place in [1024 + 56, 1024 + 4] {
        disk::flip(spec.disk(), data.range.start + place);
        let (outcome, machine) = boot(&spec);
        honest(&outcome, &machine, &spec, &pages);
        drop(machine);
        assert_eq!(
            gpt::data_partitions(spec.disk()),
            std::slice::from_ref(&data)
        );
        println!("byte {place} of the data partition: {outcome:?}");
    }
    println!(
        "figure: 2 flipped bits in the superblock: the partition is kept, nothing altered is served"
    );
}

fn used(lab: &Lab) -> (Spec, Vec<Page>) {
    let spec = lab.configured("used");
    let mut machine = spec.start();
    machine.wait_serving();
    device::publish(lab, &machine);
    machine.power_button();
    (spec, pages())
}

fn begin(spec: &Spec, data: &std::ops::Range<u64>) -> u64 {
    let mut blocks = (data.start..data.end).step_by(4096);
    let found =
        blocks.find(|block| disk::read(spec.disk(), *block..block + MAGIC.len() as u64) == MAGIC);
    found.expect("the data partition holds a redb file")
}

/// Each page is answered as it was pushed, or not at all; says how many are whole.
fn honest(outcome: &Outcome, machine: &Machine, spec: &Spec, pages: &[Page]) -> usize {
    if !matches!(outcome, Outcome::Serves(_)) {
        return 0;
    }
    let pin = machine
        .console
        .wait_field("certificate", &["SHA256:"], limit(60));
    let site = configuration::site(spec.port);
    let mut whole = 0;
    for page in pages {
        // An answer that ends early is an error, and none of a page.
        let Ok(answer) = https::get(&site, &page.path, &pin) else {
            continue;
        };
        if answer.status == 200 {
            assert!(answer.body == page.content, "{} is altered", page.path);
            whole += 1;
        }
    }
    whole
}
