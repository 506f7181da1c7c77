//! A DHCP server's half (RFC 2131, RFC 2132), which remembers who asked.

use super::frame::Mac;
use std::net::Ipv4Addr;

const DISCOVER: u8 = 1;
const OFFER: u8 = 2;
const REQUEST: u8 = 3;
const ACK: u8 = 5;
const COOKIE: [u8; 4] = [99, 130, 83, 99];

/// What a client sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// 1 for DISCOVER, 3 for REQUEST.
    pub kind: u8,
    /// Its hardware address.
    pub hardware: Mac,
    /// Option 61, by which servers know a client.
    pub client_id: Option<Vec<u8>>,
    /// Option 12.
    pub host_name: Option<String>,
    transaction: [u8; 4],
}

impl Request {
    /// Reads a message to port 67.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        if bytes.first()? != &1 || bytes.get(236..240)? != COOKIE {
            return None;
        }
        let text = |value: Vec<u8>| String::from_utf8_lossy(&value).into_owned();
        Some(Self {
            kind: *option(bytes, 53)?.first()?,
            hardware: bytes.get(28..34)?.try_into().ok()?,
            client_id: option(bytes, 61),
            host_name: option(bytes, 12).map(text),
            transaction: bytes.get(4..8)?.try_into().ok()?,
        })
    }

    /// Whether it looks for a server.
    pub fn is_discover(&self) -> bool {
        self.kind == DISCOVER
    }

    /// The offer or acknowledgement of `address` by `server`.
    pub fn answer(&self, server: Ipv4Addr, address: Ipv4Addr) -> Option<Vec<u8>> {
        let kind = match self.kind {
            DISCOVER => OFFER,
            REQUEST => ACK,
            _ => return None,
        };
        let mut bytes = vec![0; 236];
        bytes[..3].copy_from_slice(&[2, 1, 6]);
        bytes[4..8].copy_from_slice(&self.transaction);
        bytes[16..20].copy_from_slice(&address.octets());
        bytes[20..24].copy_from_slice(&server.octets());
        bytes[28..34].copy_from_slice(&self.hardware);
        bytes.extend(COOKIE);
        bytes.extend([53, 1, kind]);
        bytes.extend([54, 4]);
        bytes.extend(server.octets());
        bytes.extend([51, 4]);
        bytes.extend(3600_u32.to_be_bytes());
        bytes.extend([1, 4, 255, 255, 255, 0]);
        bytes.extend([3, 4]);
        bytes.extend(server.octets());
        bytes.push(255);
        Some(bytes)
    }
}

fn option(bytes: &[u8], wanted: u8) -> Option<Vec<u8>> {
    let mut rest = bytes.get(240..)?;
    loop {
        match rest {
            [0, tail @ ..] => rest = tail,
            [code, length, tail @ ..] if *code != 255 => {
                let (value, tail) = tail.split_at_checked(usize::from(*length))?;
                if *code == wanted {
                    return Some(value.to_vec());
                }
                rest = tail;
            }
            _ => return None,
        }
    }
}
