//! Nothing that the machine does changes what was signed: ESP, root and verity tree have the same bytes after use.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use holdfast_vm_tests::{
    Lab, device, disk, gpt,
    site::{assert_served, front},
};

#[test]
fn s4_root_is_truly_read_only() {
    let lab = Lab::new();
    let spec = lab.configured("machine");
    let before = gpt::partitions(spec.disk());
    let hash = |number: usize| disk::hash(spec.disk(), before[number].range.clone());
    let hashes = [0, 1, 2].map(hash);

    let mut machine = spec.start();
    machine.wait_serving();
    device::publish(&lab, &machine);
    let bytes = assert_served(&machine, &[front()]);
    machine.power_button();
    drop(machine);

    assert_eq!([0, 1, 2].map(hash), hashes, "ESP, root and verity tree");
    let after = gpt::partitions(spec.disk());
    assert_eq!(
        after[..3],
        before[..3],
        "their entries in the partition table"
    );
    let size: u64 = before[..3]
        .iter()
        .map(|entry| entry.range.end - entry.range.start)
        .sum();
    println!("figure: {size} bytes of ESP, root and tree unchanged; {bytes} bytes served");
}
