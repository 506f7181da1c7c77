//! Who is counted as one.

use std::net::IpAddr;

/// The networks that a client is counted under.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Networks {
    /// The IPv4 address, or the /64 of an IPv6 address, which one host commands as a rule (RFC 4291, section 2.5.4).
    pub(crate) own: Network,
    /// The /48 of an IPv6 address, which one site commands as a rule (RFC 6177, section 2).
    pub(crate) wide: Option<Network>,
}

/// The first bits of an address; 32 of them are IPv4, anything else IPv6.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Network {
    bits: u128,
    prefix: u8,
}

impl Network {
    /// Its bytes, for a keyed hash.
    pub(crate) fn to_bytes(self) -> [u8; 17] {
        let mut bytes = [self.prefix; 17];
        let bits = self.bits.to_be_bytes();
        bytes.iter_mut().zip(bits).for_each(|(to, from)| *to = from);
        bytes
    }
}

impl Networks {
    /// Both of them.
    pub(crate) fn both(self) -> impl Iterator<Item = Network> {
        std::iter::once(self.own).chain(self.wide)
    }
}

impl From<IpAddr> for Networks {
    fn from(peer: IpAddr) -> Self {
        match peer.to_canonical() {
            IpAddr::V4(v4) => Self {
                own: Network {
                    bits: u128::from(v4.to_bits()),
                    prefix: 32,
                },
                wide: None,
            },
            IpAddr::V6(v6) => {
                let of = |prefix: u8| Network {
                    bits: v6.to_bits() & u128::MAX << 128_u8.saturating_sub(prefix),
                    prefix,
                };
                Self {
                    own: of(64),
                    wide: Some(of(48)),
                }
            }
        }
    }
}
