//! Every block of the root, and every level of the tree that vouches for it: one wrong bit and nothing is served.
//! (One case of each is in `flipped_byte_is_stopped`.)

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use holdfast_vm_tests::{
    Lab, Spec, disk, gpt,
    tamper::{Outcome, boot, signed_root},
};

/// Block size of data and tree.
const BLOCK: u64 = 4096;

#[test]
#[ignore = "part of the whole matrix: nix run .#tamper"]
fn s3_flipped_byte_in_any_level_of_the_tree_is_stopped() {
    let lab = Lab::new();
    // Block 1 is the top; the lowest level follows, and its first block vouches for the superblock of the root.
    for (name, block) in [("top", 1), ("lowest", 2)] {
        let spec = lab.configured(name);
        let tree = gpt::partitions(spec.disk())[2].range.clone();
        stopped(&spec, tree.start + block * BLOCK + 7);
    }
    println!("figure: 2 levels of the tree: stopped");
}

#[test]
fn s3_flipped_byte_in_the_folders_of_the_root_is_stopped() {
    let lab = Lab::new();
    let spec = lab.configured("inodes");
    let root = gpt::partitions(spec.disk())[1].range.clone();
    stopped(&spec, root.start + 2048);
    println!("figure: 1 flipped bit among the root's first inodes: stopped");
}

/// What the signed command line does not need may be anything: the superblock of the tree, and what lies behind both.
#[test]
#[ignore = "part of the whole matrix: nix run .#tamper"]
fn bytes_that_nothing_reads_have_no_effect() {
    let lab = Lab::new();
    let spec = lab.configured("unread");
    let parts = gpt::partitions(spec.disk());
    disk::flip(spec.disk(), parts[2].range.start + 20);
    for part in &parts[1..] {
        disk::flip(spec.disk(), part.range.end - 1);
    }
    let (outcome, _) = boot(&spec);
    assert_eq!(outcome, Outcome::Serves(signed_root(spec.disk())));
    println!("figure: superblock of the tree, filling and slot B changed: it serves the same root");
}

fn stopped(spec: &Spec, place: u64) {
    disk::flip(spec.disk(), place);
    let (outcome, _) = boot(spec);
    assert!(
        matches!(outcome, Outcome::Stopped(_)),
        "byte {place}: {outcome:?}"
    );
}
