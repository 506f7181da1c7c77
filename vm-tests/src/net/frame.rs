//! Frames to send: Ethernet, ARP (RFC 826), IPv4 (RFC 791), IPv6 (RFC 8200), ICMPv6 (RFC 4861), TCP (RFC 9293), UDP (RFC 768).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

pub type Mac = [u8; 6];

pub const TCP: u8 = 6;
pub const UDP: u8 = 17;
pub const ICMP6: u8 = 58;

/// A whole frame from `from` to `to` with an IP packet.
pub fn packet(from: (Mac, IpAddr), to: (Mac, IpAddr), protocol: u8, content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len())
        .expect("a packet is short")
        .to_be_bytes();
    let (kind, mut packet) = match (from.1, to.1) {
        (IpAddr::V4(source), IpAddr::V4(target)) => {
            let total = u16::try_from(content.len() + 20).expect("a packet is short");
            let mut header = vec![0x45, 0];
            header.extend(total.to_be_bytes());
            header.extend([0, 0, 0x40, 0, 64, protocol, 0, 0]);
            header.extend(source.octets());
            header.extend(target.octets());
            let sum = checksum(&[&header]);
            header[10..12].copy_from_slice(&sum);
            (0x0800, header)
        }
        (IpAddr::V6(source), IpAddr::V6(target)) => {
            let mut header = vec![0x60, 0, 0, 0];
            header.extend(length);
            // Neighbour discovery is heard only with the hop limit 255 (RFC 4861, section 7.1).
            header.extend([protocol, 255]);
            header.extend(source.octets());
            header.extend(target.octets());
            (0x86dd, header)
        }
        _ => panic!("source and target are of different families"),
    };
    packet.extend_from_slice(content);
    ethernet(from.0, to.0, kind, &packet)
}

fn ethernet(from: Mac, to: Mac, kind: u16, content: &[u8]) -> Vec<u8> {
    [&to[..], &from, &kind.to_be_bytes(), content].concat()
}

/// A SYN of a connection attempt; the sequence number repeats the port.
pub fn syn(from: IpAddr, to: IpAddr, source_port: u16, port: u16) -> Vec<u8> {
    let mut segment = Vec::with_capacity(20);
    segment.extend(source_port.to_be_bytes());
    segment.extend(port.to_be_bytes());
    segment.extend(u32::from(port).to_be_bytes());
    segment.extend([0, 0, 0, 0, 5 << 4, 0x02, 0xff, 0xff, 0, 0, 0, 0]);
    sum_into(&mut segment, 16, from, to, TCP);
    segment
}

/// A UDP datagram.
pub fn datagram(from: (IpAddr, u16), to: (IpAddr, u16), content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len() + 8).expect("a datagram is short");
    let mut bytes = Vec::with_capacity(content.len() + 8);
    bytes.extend(from.1.to_be_bytes());
    bytes.extend(to.1.to_be_bytes());
    bytes.extend(length.to_be_bytes());
    bytes.extend([0, 0]);
    bytes.extend_from_slice(content);
    sum_into(&mut bytes, 6, from.0, to.0, UDP);
    bytes
}

/// An ARP answer: `from` has the address that `to` asked for.
pub fn arp_reply(from: (Mac, Ipv4Addr), to: (Mac, Ipv4Addr)) -> Vec<u8> {
    let mut content = vec![0, 1, 8, 0, 6, 4, 0, 2];
    content.extend(from.0);
    content.extend(from.1.octets());
    content.extend(to.0);
    content.extend(to.1.octets());
    ethernet(from.0, to.0, 0x0806, &content)
}

/// A neighbour advertisement, solicited, override (RFC 4861, section 4.4).
pub fn neighbour(from: (Mac, Ipv6Addr), to: (Mac, Ipv6Addr)) -> Vec<u8> {
    let mut content = vec![136, 0, 0, 0, 0x60, 0, 0, 0];
    content.extend(from.1.octets());
    content.extend([2, 1]);
    content.extend(from.0);
    icmp6(from, to, content)
}

/// A router advertisement with one prefix for address formation (RFC 4861, sections 4.2 and 4.6.2).
pub fn router(from: (Mac, Ipv6Addr), to: (Mac, Ipv6Addr), prefix: Ipv6Addr) -> Vec<u8> {
    let mut content = vec![134, 0, 0, 0, 64, 0, 0x07, 0x08, 0, 0, 0, 0, 0, 0, 0, 0];
    content.extend([3, 4, 64, 0xc0]);
    content.extend(86_400_u32.to_be_bytes());
    content.extend(14_400_u32.to_be_bytes());
    content.extend([0; 4]);
    content.extend(prefix.octets());
    content.extend([1, 1]);
    content.extend(from.0);
    icmp6(from, to, content)
}

fn icmp6(from: (Mac, Ipv6Addr), to: (Mac, Ipv6Addr), mut content: Vec<u8>) -> Vec<u8> {
    let (source, target) = (IpAddr::V6(from.1), IpAddr::V6(to.1));
    sum_into(&mut content, 2, source, target, ICMP6);
    packet((from.0, source), (to.0, target), ICMP6, &content)
}

/// Writes the checksum over pseudo header and content (RFC 8200, section 8.1) at `place`.
fn sum_into(content: &mut [u8], place: usize, from: IpAddr, to: IpAddr, protocol: u8) {
    let length = u32::try_from(content.len())
        .expect("a packet is short")
        .to_be_bytes();
    let addresses = match (from, to) {
        (IpAddr::V4(from), IpAddr::V4(to)) => [from.octets(), to.octets()].concat(),
        (IpAddr::V6(from), IpAddr::V6(to)) => [from.octets(), to.octets()].concat(),
        _ => panic!("source and target are of different families"),
    };
    let sum = checksum(&[&addresses, &length, &[0, 0, 0, protocol], content]);
    content[place..place + 2].copy_from_slice(&sum);
}

/// RFC 1071. Each part but the last has an even length.
fn checksum(parts: &[&[u8]]) -> [u8; 2] {
    let mut sum = 0_u32;
    for pair in parts.iter().flat_map(|part| part.chunks(2)) {
        sum += u32::from(pair[0]) << 8 | u32::from(pair.get(1).copied().unwrap_or(0));
    }
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    (!u16::try_from(sum).expect("folded to 16 bits")).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sum_of_the_example_in_rfc_1071() {
        let sum = checksum(&[&[0x00, 0x01, 0xf2, 0x03], &[0xf4, 0xf5, 0xf6, 0xf7]]);
        assert_eq!(sum, (!0xddf2_u16).to_be_bytes());
    }

    #[test]
    fn a_segment_with_its_checksum_sums_to_zero() {
        let (from, to) = (IpAddr::from([10, 77, 0, 1]), IpAddr::from([10, 77, 0, 2]));
        let segment = syn(from, to, 40_000, 443);
        let pseudo = [10, 77, 0, 1, 10, 77, 0, 2, 0, 0, 0, 20, 0, 0, 0, TCP];
        assert_eq!(checksum(&[&pseudo, &segment]), [0, 0]);
    }
}
