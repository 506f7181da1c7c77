//! Frames received from the guest. Its bytes are foreign: whatever does not parse is [`Content::Other`].

use super::frame::{ICMP6, Mac, TCP, UDP};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What one frame says.
#[derive(Debug, PartialEq, Eq)]
pub enum Content {
    /// Who has this IPv4 address?
    WhoHas { sender: Ipv4Addr, target: Ipv4Addr },
    /// Who has this IPv6 address? The sender is `::` when it checks an address of its own (RFC 4862, section 5.4).
    Solicit { sender: Ipv6Addr, target: Ipv6Addr },
    /// Is there a router?
    RouterSolicit { sender: Ipv6Addr },
    /// A TCP segment.
    Tcp {
        sender: IpAddr,
        from_port: u16,
        to_port: u16,
        flags: u8,
    },
    /// A UDP datagram.
    Udp {
        sender: IpAddr,
        from_port: u16,
        to_port: u16,
        content: Vec<u8>,
    },
    /// "Port unreachable" for a datagram to this port of the sender.
    Unreachable { sender: IpAddr, port: u16 },
    /// Anything else.
    Other { sender: Option<IpAddr> },
}

/// The Ethernet source of a frame and its content.
pub fn read(frame: &[u8]) -> Option<(Mac, Content)> {
    let mac = Mac::try_from(frame.get(6..12)?).ok()?;
    let content = frame.get(14..)?;
    let said = match frame.get(12..14)? {
        [0x08, 0x06] => arp(content),
        [0x08, 0x00] => ip4(content),
        [0x86, 0xdd] => ip6(content),
        _ => None,
    };
    Some((mac, said.unwrap_or(Content::Other { sender: None })))
}

fn arp(bytes: &[u8]) -> Option<Content> {
    let request = bytes.get(6..8)? == [0, 1];
    let (sender, target) = (address4(bytes, 14)?, address4(bytes, 24)?);
    request.then_some(Content::WhoHas { sender, target })
}

fn ip4(bytes: &[u8]) -> Option<Content> {
    let start = usize::from(bytes.first()? & 0xf) * 4;
    let sender = IpAddr::V4(address4(bytes, 12)?);
    let end = usize::from(short(bytes, 2)?);
    let content = bytes.get(start..end)?;
    match bytes.get(9)? {
        1 if content.first()? == &3 && content.get(1)? == &3 => {
            let inner = content.get(8..)?;
            let header = usize::from(inner.first()? & 0xf) * 4;
            let port = short(inner, header + 2)?;
            (inner.get(9)? == &UDP).then_some(Content::Unreachable { sender, port })
        }
        protocol => transport(sender, *protocol, content),
    }
}

fn ip6(bytes: &[u8]) -> Option<Content> {
    let sender = address6(bytes, 8)?;
    let from = IpAddr::V6(sender);
    let content = bytes.get(40..)?;
    match (bytes.get(6)?, content.first()?) {
        (&ICMP6, 1) if content.get(1)? == &4 => {
            let inner = content.get(8..)?;
            let port = short(inner, 42)?;
            (inner.get(6)? == &UDP).then_some(Content::Unreachable { sender: from, port })
        }
        (&ICMP6, 133) => Some(Content::RouterSolicit { sender }),
        (&ICMP6, 135) => Some(Content::Solicit {
            sender,
            target: address6(content, 8)?,
        }),
        (protocol, _) => transport(from, *protocol, content),
    }
}

fn transport(sender: IpAddr, protocol: u8, content: &[u8]) -> Option<Content> {
    match protocol {
        TCP => {
            let (from_port, to_port) = (short(content, 0)?, short(content, 2)?);
            let flags = *content.get(13)?;
            Some(Content::Tcp {
                sender,
                from_port,
                to_port,
                flags,
            })
        }
        UDP => {
            let (from_port, to_port) = (short(content, 0)?, short(content, 2)?);
            let content = content.get(8..)?.to_vec();
            Some(Content::Udp {
                sender,
                from_port,
                to_port,
                content,
            })
        }
        _ => Some(Content::Other {
            sender: Some(sender),
        }),
    }
}

fn short(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn address4(bytes: &[u8], at: usize) -> Option<Ipv4Addr> {
    Some(<[u8; 4]>::try_from(bytes.get(at..at + 4)?).ok()?.into())
}

fn address6(bytes: &[u8], at: usize) -> Option<Ipv6Addr> {
    Some(<[u8; 16]>::try_from(bytes.get(at..at + 16)?).ok()?.into())
}
