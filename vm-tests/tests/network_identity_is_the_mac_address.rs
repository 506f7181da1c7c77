//! What the machine tells a DHCP server, read from its packets: the hardware address and nothing else, the same after a restart,
//! so that it keeps its address. And: it starts without waiting for any answer.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use holdfast_vm_tests::{Lab, Machine, limit, net::Peer};
use std::{
    thread,
    time::{Duration, Instant},
};

const MAC: [u8; 6] = [0x52, 0x54, 0x00, 0x12, 0x34, 0x56];

#[test]
fn s11_dhcp_identity_and_address_stay_over_restarts_and_boot_waits_for_neither() {
    let lab = Lab::new();
    let mut spec = lab.configured("machine");
    let peer = Peer::new(&lab.path(""));
    spec.net = peer.net();

    // Nobody answers: the machine must come up all the same.
    let mut machine = spec.start();
    machine.wait_serving();
    let alone = machine.boot_time();
    peer.serve();
    let first = (identity(&peer), addresses(&machine));
    assert_eq!(first.0.0, MAC);
    assert_eq!(
        first.0.1,
        [&[1], &MAC[..]].concat(),
        "client identifier: type 1 and the MAC"
    );
    machine.power_button();
    drop(machine);

    peer.forget_requests();
    let again = spec.start();
    again.wait_serving();
    let second = (identity(&peer), addresses(&again));
    assert_eq!(first, second, "another identity or address after a restart");
    println!(
        "figure: ready {:.1} s after the kernel's start with nobody on the wire; address {} kept",
        alone.as_secs_f64(),
        second.1
    );
}

/// Hardware address, client identifier and host name of the first request.
fn identity(peer: &Peer) -> ([u8; 6], Vec<u8>, Option<String>) {
    let end = Instant::now() + limit(90);
    loop {
        if let Some(request) = peer.requests().into_iter().next() {
            let id = request
                .client_id
                .expect("a request carries a client identifier");
            return (request.hardware, id, request.host_name);
        }
        assert!(Instant::now() < end, "no DHCP request");
        thread::sleep(Duration::from_millis(100));
    }
}

/// The page's addresses, once both families are there.
fn addresses(machine: &Machine) -> String {
    machine
        .console
        .wait_field("addresses", &["10.77.0.", "fd77:"], limit(120))
}
