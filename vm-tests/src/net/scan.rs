//! Asks every port.

use super::{
    frame::{self, Mac, TCP, UDP},
    peer::Peer,
};
use crate::limit;
use std::{
    net::IpAddr,
    thread,
    time::{Duration, Instant},
};

const SOURCE_PORT: u16 = 40_000;
const SYN_ACK: u8 = 0x12;
const RST: u8 = 0x04;

/// What a scan found. A port is closed when the machine said so, not when it said nothing.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Ports {
    /// Ports that accept.
    pub open: Vec<u16>,
    /// How many refuse.
    pub closed: usize,
    /// Ports that gave no answer at all.
    pub silent: Vec<u16>,
}

impl Peer {
    /// Asks all 65535 TCP ports of `target`, those without an answer up to five times.
    ///
    /// # Panics
    /// When the guest has said nothing on the wire, so that its hardware address is unknown.
    pub fn tcp_ports(&self, target: IpAddr) -> Ports {
        let guest = self.guest_mac();
        let own = Self::own(target);
        for _ in 0..5 {
            let answered = |port: &u16| {
                self.wait(Duration::ZERO, |notes| {
                    notes.tcp.get(&(target, *port)).copied()
                })
                .is_some()
            };
            let missing: Vec<u16> = (1..=u16::MAX).filter(|port| !answered(port)).collect();
            if missing.is_empty() {
                break;
            }
            for port in missing {
                let segment = frame::syn(own.1, target, SOURCE_PORT, port);
                self.send(&frame::packet(own, (guest, target), TCP, &segment));
            }
            self.settle();
        }
        let mut ports = Ports::default();
        for port in 1..=u16::MAX {
            let flags = self.wait(Duration::ZERO, |notes| {
                notes.tcp.get(&(target, port)).copied()
            });
            match flags {
                Some(flags) if flags & SYN_ACK == SYN_ACK => ports.open.push(port),
                Some(flags) if flags & RST != 0 => ports.closed += 1,
                _ => ports.silent.push(port),
            }
        }
        ports
    }

    /// Asks these UDP ports until the machine says that each is closed, or the limit passes; gives back those of which it said
    /// nothing. Linux sends about one such message a second (`net.ipv4.icmp_ratelimit`), hence a list and not all ports.
    ///
    /// # Panics
    /// As [`Peer::tcp_ports`] does.
    pub fn udp_ports_not_closed(&self, target: IpAddr, ports: &[u16]) -> Vec<u16> {
        let guest = self.guest_mac();
        let own = Self::own(target);
        let end = Instant::now() + limit(90);
        loop {
            let closed = |port: &u16| {
                let key = (target, *port);
                self.wait(Duration::ZERO, |notes| {
                    notes.unreachable.contains(&key).then_some(())
                })
                .is_some()
            };
            let open: Vec<u16> = ports.iter().copied().filter(|port| !closed(port)).collect();
            if open.is_empty() || Instant::now() > end {
                return open;
            }
            for port in &open {
                let datagram = frame::datagram((own.1, SOURCE_PORT), (target, *port), b"\0");
                self.send(&frame::packet(own, (guest, target), UDP, &datagram));
                thread::sleep(Duration::from_millis(250));
            }
        }
    }

    fn guest_mac(&self) -> Mac {
        self.wait(limit(30), |notes| notes.mac)
            .expect("the guest has sent a frame")
    }

    /// Waits until no more answers come.
    fn settle(&self) {
        let count = || self.wait(Duration::ZERO, |notes| Some(notes.tcp.len()));
        let mut last = None;
        while last != count() {
            last = count();
            thread::sleep(limit(2));
        }
    }
}
