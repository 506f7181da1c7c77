//! The network part of the configuration.

use std::fmt;
use std::net::IpAddr;

/// How the machine gets its addresses.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Network {
    /// Only the link with this address; the first Ethernet link otherwise.
    pub mac: Option<MacAddress>,
    /// Static addresses; empty: DHCPv4 and IPv6 router advertisements.
    pub address: Vec<InterfaceAddress>,
    /// Default routers for the static addresses.
    pub gateway: Vec<IpAddr>,
    /// Name servers; with DHCP in addition to those that it hands out.
    pub dns: Vec<IpAddr>,
}

/// A 48-bit link address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MacAddress([u8; 6]);

impl MacAddress {
    /// Reads six pairs of hexadecimal digits with colons between them.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut bytes = [0; 6];
        let mut parts = text.split(':');
        for byte in &mut bytes {
            let part = parts.next().filter(|p| p.len() == 2)?;
            *byte = u8::from_str_radix(part, 16).ok()?;
        }
        // The lowest bit of the first byte marks a group address (IEEE 802), which no link has as its own.
        let group = bytes.first().is_some_and(|b| b & 1 == 1);
        (parts.next().is_none() && !group && bytes != [0; 6]).then_some(Self(bytes))
    }
}

impl fmt::Display for MacAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

/// An address with the length of its network prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InterfaceAddress {
    /// The machine's own address.
    pub address: IpAddr,
    /// Bits of the network part: 1 to 32 or 1 to 128.
    pub prefix: u8,
}

impl InterfaceAddress {
    /// Reads `address/prefix`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (address, prefix) = text.split_once('/')?;
        let address: IpAddr = address.parse().ok()?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let plain = prefix.bytes().all(|b| b.is_ascii_digit());
        let prefix: u8 = plain.then(|| prefix.parse().ok()).flatten()?;
        let usable = !address.is_unspecified() && !address.is_multicast() && !address.is_loopback();
        ((1..=most).contains(&prefix) && usable).then_some(Self { address, prefix })
    }
}

impl fmt::Display for InterfaceAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}
