//! A second machine on the guest's wire, made of packets.
//!
//! QEMU's user network answers for everybody and hands out one address to all, so what the guest itself says and which ports
//! it opens is seen better from a peer on the same Ethernet. A second kernel would bring a second image to build and trust; a
//! [`Peer`] of a few hundred lines sees each frame, answers ARP, neighbour discovery, DHCP and router solicitations, and asks every
//! port. It needs no privilege: QEMU's `dgram` network exchanges frames over Unix sockets.

mod dhcp;
mod frame;
mod notes;
mod peer;
mod read;
mod scan;

pub use dhcp::Request;
pub use peer::{GATEWAY, PREFIX, Peer, ROUTER};
pub use scan::Ports;
