//! dm-verity: one wrong byte of the root, or of the tree that vouches for it, and the machine serves nothing.
//! (A flipped byte in the command line breaks the signature; see `refuses_unsigned_altered_and_foreign_signed_uki`.)

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use holdfast_vm_tests::{
    Lab, Spec, disk,
    gpt::{self, Partition},
    inputs, limit,
    machine::SERVING,
};

/// Block size of data and tree.
const BLOCK: u64 = 4096;
/// Where erofs has its superblock (Linux, `fs/erofs/erofs_fs.h`).
const SUPERBLOCK: u64 = 1024;

#[test]
fn s3_flipped_byte_in_the_root_is_stopped() {
    let lab = Lab::new();
    let spec = lab.configured("root");
    let root = &gpt::partitions(spec.disk())[1];
    let place = root.range.start + SUPERBLOCK + 8;
    stopped(spec.clone(), place);
    println!("figure: 1 flipped bit in the root's first block stopped");
}

/// Later than the mount: in the first bytes of a program that must run before anything is served.
#[test]
fn s3_flipped_byte_in_a_program_is_stopped() {
    let lab = Lab::new();
    let spec = lab.configured("program");
    let root = &gpt::partitions(spec.disk())[1];
    stopped(spec.clone(), program(&spec, root));
    println!("figure: 1 flipped bit in a program's block stopped");
}

#[test]
fn s3_flipped_byte_in_the_verity_tree_is_stopped() {
    let lab = Lab::new();
    let spec = lab.configured("tree");
    let tree = &gpt::partitions(spec.disk())[2];
    // The first block is veritysetup's superblock, which the kernel does not read; the next is the tree's top.
    stopped(spec.clone(), tree.range.start + BLOCK + 7);
    println!("figure: 1 flipped bit in the verity tree stopped");
}

/// A byte of the block in which the `holdfast` program, or another linked like it, begins. A compressed file also begins with
/// its first bytes as they are.
fn program(spec: &Spec, root: &Partition) -> u64 {
    let head = std::fs::read(&inputs().binary).expect("the program can be read")[..8].to_vec();
    let hits = disk::find(spec.disk(), root.range.clone(), &head);
    *hits
        .first()
        .expect("the root holds a program like HOLDFAST_BIN")
        + 1
}

fn stopped(mut spec: Spec, place: u64) {
    disk::flip(spec.disk(), place);
    spec.stop_on_reset = true;
    let mut machine = spec.start();
    machine.console.wait(&["Linux version"], limit(180));
    machine.console.wait(&["is corrupted"], limit(240));
    assert!(
        machine.wait_reset(limit(240)),
        "it goes on:\n{}",
        machine.console.tail(60)
    );
    assert!(
        !SERVING.iter().any(|state| machine.console.has(state)),
        "it serves"
    );
}
