//! A second machine on the same wire asks all TCP ports and the well-known UDP ports, over IPv4 and IPv6: 443 alone accepts, and all
//! others say so themselves. The second machine is [`Peer`], a packet-level one; its module says why.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use holdfast_vm_tests::{
    Lab,
    configuration::Configuration,
    limit,
    net::{Peer, Ports},
};
use std::net::{IpAddr, Ipv4Addr};

const GUEST: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 2);

/// DNS, DHCP, TFTP, portmapper, NTP, NetBIOS, SNMP, HTTP/3 (not in this round), IKE, syslog, DHCPv6, SSDP, mDNS, LLMNR, and one that
/// nobody ever uses.
const UDP_PORTS: [u16; 18] = [
    53, 67, 68, 69, 111, 123, 137, 161, 443, 500, 514, 546, 547, 1900, 4500, 5353, 5355, 47_111,
];

#[test]
fn s10_no_listening_port_but_ours() {
    let lab = Lab::new();
    let mut spec = lab.spec("machine");
    let peer = Peer::new(&lab.path(""));
    spec.net = peer.net();
    Configuration::new(443)
        .address(&["10.77.0.2/24"], "10.77.0.1")
        .by_smbios(&mut spec);
    let machine = spec.start();
    machine.wait_serving();
    let link_local = peer.link_local(limit(60)).unwrap_or_else(|| {
        panic!(
            "no IPv6 address is checked on the wire:
{}",
            machine.console.tail(40)
        )
    });

    let only_ours = Ports {
        open: vec![443],
        closed: 65_534,
        silent: vec![],
    };
    for target in [IpAddr::V4(GUEST), IpAddr::V6(link_local)] {
        assert_eq!(peer.tcp_ports(target), only_ours, "TCP at {target}");
        let open = peer.udp_ports_not_closed(target, &UDP_PORTS);
        assert_eq!(open, [0; 0], "UDP at {target}");
    }
    println!(
        "figure: 2 x 65535 TCP and 2 x {} UDP ports asked, 443/TCP open",
        UDP_PORTS.len()
    );
}
