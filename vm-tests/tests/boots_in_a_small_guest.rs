//! The least memory that we promise.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use holdfast_vm_tests::{
    Lab, device,
    site::{assert_served, pages},
};

#[test]
fn s8_serves_in_160_mib() {
    let lab = Lab::new();
    let mut spec = lab.configured("machine");
    spec.memory = 160;
    let machine = spec.start();
    machine.wait_serving();
    device::publish(&lab, &machine);
    let bytes = assert_served(&machine, &pages());
    let killed = ["Out of memory", "oom-kill", "invoked oom"];
    assert!(
        !killed.iter().any(|text| machine.console.has(text)),
        "memory ran out"
    );
    let boot = machine.boot_time().as_secs_f64();
    println!("figure: 160 MiB: boot to ready {boot:.1} s, {bytes} bytes served");
}
