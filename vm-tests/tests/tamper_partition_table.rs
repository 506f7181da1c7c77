//! The partition table is signed by nobody. Whoever writes it can stop the machine; the root that runs stays the signed one.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use holdfast_vm_tests::{
    Lab, disk,
    gpt::{self, ENTRY},
    tamper::{Outcome, boot, signed_root},
};

/// Where an entry has its unique id, and its name.
const ID: std::ops::Range<usize> = 16..32;
const NAME: std::ops::Range<usize> = 56..128;
const ROOT: usize = 1;
const TREE: usize = 2;
const SLOT_B: usize = 3;

#[test]
fn swapped_partition_ids_are_stopped() {
    let lab = Lab::new();
    let spec = lab.configured("swapped");
    gpt::edit(spec.disk(), |entries| swap(entries, &ID));
    let (outcome, _) = boot(&spec);
    assert!(matches!(outcome, Outcome::Stopped(_)), "{outcome:?}");
    println!("figure: ids of root and tree swapped: {outcome:?}");
}

#[test]
#[ignore = "part of the whole matrix: nix run .#tamper"]
fn swapped_partition_names_have_no_effect() {
    let lab = Lab::new();
    let spec = lab.configured("names");
    gpt::edit(spec.disk(), |entries| swap(entries, &NAME));
    let (outcome, _) = boot(&spec);
    assert_eq!(outcome, Outcome::Serves(signed_root(spec.disk())));
    println!("figure: names of root and tree swapped: it serves the same root");
}

#[test]
#[ignore = "part of the whole matrix: nix run .#tamper"]
fn second_partition_with_the_same_id_is_never_served() {
    let lab = Lab::new();
    let spec = lab.configured("duplicate");
    let parts = gpt::partitions(spec.disk());
    // A root that is another one by one bit, under the id and the name of the right one.
    disk::copy(
        spec.disk(),
        parts[ROOT].range.clone(),
        spec.disk(),
        parts[SLOT_B].range.start,
    );
    disk::flip(spec.disk(), parts[SLOT_B].range.start + 1024 + 8);
    gpt::edit(spec.disk(), |entries| {
        for field in [&ID, &NAME] {
            let from = ENTRY * ROOT + field.start..ENTRY * ROOT + field.end;
            entries.copy_within(from, ENTRY * SLOT_B + field.start);
        }
    });
    let right = signed_root(spec.disk());
    harmless(&boot(&spec).0, &right);
}

#[test]
#[ignore = "part of the whole matrix: nix run .#tamper"]
fn wrong_checksums_of_the_table_start_nothing_else() {
    let lab = Lab::new();
    for (name, place) in [("header", 512 + 56), ("entries", 1024 + 56)] {
        let spec = lab.configured(name);
        disk::flip(spec.disk(), place);
        let right = signed_root(spec.disk());
        let (outcome, _) = boot(&spec);
        println!("table with a wrong {name}: {outcome:?}");
        harmless(&outcome, &right);
    }
}

#[test]
#[ignore = "part of the whole matrix: nix run .#tamper"]
fn missing_root_entry_is_waited_for() {
    let lab = Lab::new();
    let spec = lab.configured("missing");
    gpt::edit(spec.disk(), |entries| {
        entries[ENTRY * ROOT..ENTRY * (ROOT + 1)].fill(0);
    });
    let (outcome, _) = boot(&spec);
    assert!(
        matches!(outcome, Outcome::Waits | Outcome::Stopped(_)),
        "{outcome:?}"
    );
    println!("figure: no entry for the root: {outcome:?}");
}

fn swap(entries: &mut [u8], field: &std::ops::Range<usize>) {
    for place in field.clone() {
        entries.swap(ENTRY * ROOT + place, ENTRY * TREE + place);
    }
}

/// It stops, waits, or serves the signed root.
fn harmless(outcome: &Outcome, right: &str) {
    if let Outcome::Serves(hash) = outcome {
        assert_eq!(hash.trim(), right, "another root");
    }
    println!("figure: {outcome:?}");
}
