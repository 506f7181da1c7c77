//! A second disk whose partitions have the ids and names of ours: it can stop the machine, never give it another root or data.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use holdfast_vm_tests::{
    Bus, Lab, disk, gpt,
    tamper::{Outcome, boot, signed_root},
};

#[test]
fn foreign_root_on_a_second_disk_is_never_served() {
    let lab = Lab::new();
    let outcome = with_foreign(&lab, Bus::Virtio);
    println!("figure: a root of the same id on a second disk: {outcome:?}");
}

#[test]
#[ignore = "part of the whole matrix: nix run .#tamper"]
fn foreign_root_on_a_faster_disk_is_never_served() {
    let lab = Lab::new();
    for bus in [Bus::Nvme, Bus::Ahci] {
        let outcome = with_foreign(&lab, bus);
        println!("figure: the same by {bus:?}: {outcome:?}");
    }
}

/// The same data partition twice: the machine cannot know which is the right one.
#[test]
#[ignore = "part of the whole matrix: nix run .#tamper"]
fn copy_of_the_data_on_a_second_disk_is_refused() {
    let lab = Lab::new();
    let mut spec = lab.configured("used");
    let mut machine = spec.start();
    machine.wait_serving();
    machine.power_button();
    drop(machine);
    let data = gpt::data_partitions(spec.disk()).remove(0);
    let copy = lab.path("copy.img");
    let length = data.range.end - data.range.start;
    let entry = gpt::Partition {
        range: 1 << 20..(1 << 20) + length,
        ..data.clone()
    };
    gpt::partition(&copy, length + (2 << 20), &[entry]);
    disk::copy(spec.disk(), data.range.clone(), &copy, 1 << 20);
    spec.add_disk(copy, Bus::Virtio);
    let (outcome, _) = boot(&spec);
    assert!(matches!(outcome, Outcome::Refused(_)), "{outcome:?}");
    println!("figure: the same data twice: {outcome:?}");
}

/// A copy of the whole disk, another one by a bit in the root and in the file system of each program.
fn with_foreign(lab: &Lab, bus: Bus) -> Outcome {
    let name = format!("{bus:?}");
    let mut spec = lab.configured(&name);
    let foreign = lab.spec(&format!("{name}-foreign"));
    let root = gpt::partitions(foreign.disk())[1].range.clone();
    disk::flip(foreign.disk(), root.start + 1024 + 8);
    spec.add_disk(foreign.disk().to_owned(), bus);
    let right = signed_root(spec.disk());
    let (outcome, _) = boot(&spec);
    match &outcome {
        // The kernel checks every block of it against this hash.
        Outcome::Serves(hash) => assert_eq!(hash.trim(), right, "another root"),
        Outcome::Stopped(_) | Outcome::Refused(_) => {}
        other => panic!("{other:?}"),
    }
    outcome
}
