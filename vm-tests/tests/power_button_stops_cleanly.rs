//! The power button ends the machine in order: services stopped, data partition unmounted.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use holdfast_vm_tests::{Lab, Spec, disk, gpt, limit};
use std::time::Duration;

/// The promise, in guest time. Emulated guests keep the host's clock, however busy the host is; `limit` stretches it there.
const PROMISE: u64 = 10;

#[test]
fn s12_power_button_stops_cleanly_within_ten_seconds() {
    let lab = Lab::new();
    let spec = lab.configured("machine");
    let mut machine = spec.start();
    machine.wait_serving();
    let took = machine.power_button();
    assert!(
        took <= limit(PROMISE),
        "it took {took:?}:\n{}",
        machine.console.tail(40)
    );
    assert!(
        machine
            .console
            .find(&["Power down"], Duration::from_secs(5))
            .is_some()
    );
    drop(machine);
    assert!(unmounted(&spec), "the data partition was not unmounted");

    let again = spec.start();
    again.wait_serving();
    let console = again.console.text();
    assert!(
        !console.contains("recover"),
        "a journal was recovered:\n{}",
        again.console.tail(80)
    );
    // The plug is pulled: the same look at the disk now finds an unclean file system, so it does tell the two apart.
    drop(again);
    assert!(!unmounted(&spec), "a pulled plug looks like a clean stop");
    println!(
        "figure: clean stop {:.1} s after the power button",
        took.as_secs_f64()
    );
}

/// ext4's superblock (Linux, `Documentation/filesystems/ext4/super.rst`): clean, and no journal to replay.
fn unmounted(spec: &Spec) -> bool {
    let data = &gpt::data_partitions(spec.disk())[0];
    let start = data.range.start + 1024;
    let block = disk::read(spec.disk(), start..start + 1024);
    assert_eq!(block[0x38..0x3a], [0x53, 0xef], "no ext4 file system");
    block[0x3a] & 1 == 1 && block[0x60] & 4 == 0
}
