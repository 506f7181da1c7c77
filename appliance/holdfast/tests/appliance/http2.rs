//! An HTTP/2 client that sends the frames that it is told to, right or wrong (RFC 9113, RFC 7541).

use std::io::{Read as _, Write as _};

use crate::appliance::Appliance;
use crate::web::{Stream, browser, connect};

pub const DATA: u8 = 0;
pub const HEADERS: u8 = 1;
pub const PRIORITY: u8 = 2;
pub const RST_STREAM: u8 = 3;
pub const SETTINGS: u8 = 4;
pub const PUSH_PROMISE: u8 = 5;
pub const PING: u8 = 6;
pub const GOAWAY: u8 = 7;
pub const WINDOW_UPDATE: u8 = 8;
pub const CONTINUATION: u8 = 9;

pub const END_STREAM: u8 = 1;
pub const ACK: u8 = 1;
pub const END_HEADERS: u8 = 4;
pub const PADDED: u8 = 8;

pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Error codes (RFC 9113, section 7).
pub mod error {
    pub const NONE: u32 = 0;
    pub const PROTOCOL: u32 = 1;
    pub const FLOW_CONTROL: u32 = 3;
    pub const STREAM_CLOSED: u32 = 5;
    pub const FRAME_SIZE: u32 = 6;
    pub const REFUSED_STREAM: u32 = 7;
    pub const COMPRESSION: u32 = 9;
    pub const CALM: u32 = 11;
}

#[derive(Debug)]
pub struct Frame {
    pub kind: u8,
    pub flags: u8,
    pub stream: u32,
    pub payload: Vec<u8>,
}

/// What became of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Status(u16),
    Reset(u32),
    GoAway(u32),
    /// The connection ended without a word.
    Closed,
}

pub struct Http2 {
    pub stream: Stream,
    pub host: String,
}

impl Http2 {
    /// Connects and says nothing yet.
    pub fn silent(appliance: &Appliance) -> Self {
        let mut stream = connect(appliance.address(), browser(&[b"h2"]));
        stream.conn.complete_io(&mut stream.sock).unwrap();
        Self {
            stream,
            host: appliance.authority(),
        }
    }

    /// Connects, and sends the preface and these parameters.
    pub fn open(appliance: &Appliance, settings: &[(u16, u32)]) -> Self {
        let mut client = Self::silent(appliance);
        client.write(PREFACE);
        client.send(SETTINGS, 0, 0, &parameters(settings));
        client
    }

    /// Sends bytes; after the server has closed, that may fail.
    pub fn write(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).is_ok() && self.stream.flush().is_ok()
    }

    pub fn send(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) -> bool {
        self.write(&frame(kind, flags, stream, payload))
    }

    /// The fields of a `GET` of this site, and more.
    pub fn get(&self, path: &str, more: &[(&str, &str)]) -> Vec<u8> {
        let host = self.host.clone();
        let mut all = vec![
            (":method", "GET"),
            (":scheme", "https"),
            (":authority", &host),
            (":path", path),
        ];
        all.extend(more);
        fields(&all)
    }

    /// Asks for a path of this site.
    pub fn ask(&mut self, stream: u32, path: &str) -> bool {
        let fields = self.get(path, &[]);
        self.send(HEADERS, END_HEADERS | END_STREAM, stream, &fields)
    }

    /// The next frame; `None` when the connection has ended.
    pub fn next(&mut self) -> Option<Frame> {
        let mut head = [0; 9];
        self.read(&mut head)?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let mut payload = vec![0; length as usize];
        self.read(&mut payload)?;
        Some(Frame {
            kind: head[3],
            flags: head[4],
            stream: u32::from_be_bytes([head[5] & 0x7f, head[6], head[7], head[8]]),
            payload,
        })
    }

    /// Reads without writing first: what the server said before it closed can be read after a write has failed.
    fn read(&mut self, mut into: &mut [u8]) -> Option<()> {
        while !into.is_empty() {
            match self.stream.conn.reader().read(into) {
                Ok(0) => return None,
                Ok(length) => into = &mut into[length..],
                Err(_) => {
                    let length = self.stream.conn.read_tls(&mut self.stream.sock).ok()?;
                    self.stream.conn.process_new_packets().ok()?;
                    if length == 0 {
                        return None;
                    }
                }
            }
        }
        Some(())
    }

    /// What becomes of a stream, or of the connection before that.
    pub fn outcome(&mut self, stream: u32) -> Outcome {
        while let Some(frame) = self.next() {
            match frame.kind {
                HEADERS if frame.stream == stream => {
                    return Outcome::Status(status(&frame.payload));
                }
                RST_STREAM if frame.stream == stream => {
                    return Outcome::Reset(number(&frame.payload));
                }
                GOAWAY => return Outcome::GoAway(number(&frame.payload[4..])),
                _ => {}
            }
        }
        Outcome::Closed
    }

    /// How the connection ends, which it must.
    pub fn end(&mut self) -> Outcome {
        let mut last = Outcome::Closed;
        while let Some(frame) = self.next() {
            if frame.kind == GOAWAY {
                last = Outcome::GoAway(number(&frame.payload[4..]));
            }
        }
        last
    }
}

pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = (payload.len() as u32).to_be_bytes();
    let mut bytes = length[1..].to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

pub fn parameters(settings: &[(u16, u32)]) -> Vec<u8> {
    let one = |(id, value): &(u16, u32)| [&id.to_be_bytes()[..], &value.to_be_bytes()[..]].concat();
    settings.iter().flat_map(one).collect()
}

/// Literals without indexing and without Huffman coding (RFC 7541, section 6.2.2).
pub fn fields(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (name, value) in fields {
        bytes.push(0);
        for text in [name, value] {
            length(&mut bytes, text.len());
            bytes.extend(text.as_bytes());
        }
    }
    bytes
}

/// An integer with a prefix of seven bits (RFC 7541, section 5.1).
pub fn length(bytes: &mut Vec<u8>, mut length: usize) {
    if length < 127 {
        bytes.push(length as u8);
        return;
    }
    bytes.push(127);
    length -= 127;
    while length >= 128 {
        bytes.push((length % 128) as u8 | 128);
        length /= 128;
    }
    bytes.push(length as u8);
}

fn number(bytes: &[u8]) -> u32 {
    u32::from_be_bytes(bytes[..4].try_into().unwrap())
}

/// The status of the first answer on a connection, which its header begins with.
fn status(block: &[u8]) -> u16 {
    // RFC 7541, appendix A: 8 to 14 are statuses.
    let known = [200, 204, 206, 304, 400, 404, 500];
    // A change of the table's size may come first (RFC 7541, section 6.3).
    let at = block.iter().position(|byte| byte & 0xe0 != 0x20).unwrap();
    match block[at] {
        byte @ 0x88..=0x8e => known[usize::from(byte - 0x88)],
        // A literal with the name of number 8.
        0x48 | 0x08 => {
            let coded = block[at + 1] & 0x80 != 0;
            let text = &block[at + 2..][..usize::from(block[at + 1] & 0x7f)];
            if coded {
                digits(text)
            } else {
                std::str::from_utf8(text).unwrap().parse().unwrap()
            }
        }
        other => panic!("no status: {other:x}"),
    }
}

/// Three digits by the Huffman code (RFC 7541, appendix B): 0, 1, 2 have five bits, the others six.
fn digits(bytes: &[u8]) -> u16 {
    let mut bits = bytes
        .iter()
        .flat_map(|byte| (0..8).rev().map(move |n| u16::from(byte >> n & 1)));
    let mut all = 0;
    for _ in 0..3 {
        let five = (0..5).fold(0, |code, _| code * 2 + bits.next().unwrap());
        let digit = if five < 3 {
            five
        } else {
            five * 2 + bits.next().unwrap() - 22
        };
        all = all * 10 + digit;
    }
    all
}
