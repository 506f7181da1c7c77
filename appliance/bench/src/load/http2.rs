//! HTTP/2 as far as a load needs it (RFC 9113): one request on many streams, header blocks built once (RFC 7541).

use std::sync::Arc;

use super::stream::Protocol;
use crate::Failure;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;

const END_STREAM: u8 = 1;
const ACK: u8 = 1;
const END_HEADERS: u8 = 4;
const PADDED: u8 = 8;
const PRIORITY: u8 = 32;

/// SETTINGS_HEADER_TABLE_SIZE, SETTINGS_ENABLE_PUSH, SETTINGS_INITIAL_WINDOW_SIZE (RFC 9113, section 6.5.2).
const HEADER_TABLE_SIZE: u16 = 1;
const ENABLE_PUSH: u16 = 2;
const INITIAL_WINDOW_SIZE: u16 = 4;

/// What a stream may send: more than any file here has.
const STREAM_WINDOW: u32 = 16 << 20;
/// What the connection may send beyond the first 65535 bytes, and how much of it is used before it is given again.
const WINDOW: u32 = 1 << 30;
const USED: u32 = 1 << 29;

/// One connection's state.
pub struct Http2 {
    /// The header block of the first request, and that of the others: references to its fields where the server keeps them.
    first: Vec<u8>,
    next: Vec<u8>,
    streams: usize,
    id: u32,
    /// Streams that are being answered, and what came of each.
    open: Vec<(u32, usize)>,
    expected: Arc<[u8]>,
    /// The part of the current frame's header that has come.
    head: Vec<u8>,
    frame: Option<Frame>,
    /// The current frame's content, unless it is data.
    control: Vec<u8>,
    used: u32,
    compared: bool,
    once: bool,
}

/// A frame that is being read.
#[derive(Clone, Copy)]
struct Frame {
    kind: u8,
    flags: u8,
    stream: u32,
    left: usize,
}

impl Http2 {
    /// The requests of one connection: `streams` at once, a new one for each answer, unless `once`.
    pub fn new(
        authority: &str,
        path: &str,
        expected: Arc<[u8]>,
        streams: usize,
        once: bool,
    ) -> Self {
        // `:method: GET`, `:scheme: https`, then `:authority` and `:path` with incremental indexing (RFC 7541, 6.2.1).
        let mut first = vec![0x82, 0x87];
        for (name, value) in [(0x41, authority), (0x44, path)] {
            first.push(name);
            // Names and paths of a benchmark are shorter than 127 bytes.
            first.push(u8::try_from(value.len().min(126)).unwrap_or(126));
            first.extend(value.bytes().take(126));
        }
        Self {
            first,
            // The dynamic table's newest entry is number 62 (RFC 7541, 2.3.3): `:path`; 63 is `:authority`.
            next: vec![0x82, 0x87, 0x80 | 63, 0x80 | 62],
            streams,
            id: 1,
            open: Vec::with_capacity(streams),
            expected,
            head: Vec::with_capacity(9),
            frame: None,
            control: Vec::new(),
            used: 0,
            compared: false,
            once,
        }
    }

    fn ask(&mut self, out: &mut Vec<u8>) {
        let block = if self.id == 1 {
            &self.first
        } else {
            &self.next
        };
        frame(out, HEADERS, END_STREAM | END_HEADERS, self.id, block);
        self.open.push((self.id, 0));
        self.id = self.id.saturating_add(2);
    }

    fn data(&mut self, stream: u32, bytes: &[u8]) -> Result<(), Failure> {
        let open = self.open.iter_mut().find(|(id, _)| *id == stream);
        let (_, received) =
            open.ok_or("data on a stream that is not open; the load cannot follow it")?;
        let from = *received;
        *received = from.saturating_add(bytes.len());
        if !self.compared && self.expected.get(from..*received) != Some(bytes) {
            return Err("an answer has other bytes than the file; look at the server's log".into());
        }
        Ok(())
    }

    /// A frame is complete. Returns whether an answer is.
    fn end(&mut self, frame_: Frame, out: &mut Vec<u8>) -> Result<bool, Failure> {
        let Frame {
            kind,
            flags,
            stream,
            ..
        } = frame_;
        let control = std::mem::take(&mut self.control);
        match kind {
            HEADERS if flags & (PADDED | PRIORITY) == 0 => {
                // A change of the table's size may come before the first field (RFC 7541, 4.2).
                let fields: &[u8] = match control.split_first() {
                    Some((byte, rest)) if byte & 0xe0 == 0x20 && byte & 0x1f != 0x1f => rest,
                    _ => &control,
                };
                // Number 8 of the static table is `:status: 200`.
                if fields.first() != Some(&0x88) {
                    return Err("the server answered another status than 200; look at its log, and lift its limits for the load".into());
                }
            }
            HEADERS => return Err("the server pads its headers; the load cannot follow it".into()),
            SETTINGS if flags & ACK == 0 => {
                for setting in control.chunks_exact(6) {
                    if let [0, low, a, b, c, d] = *setting
                        && u16::from(low) == HEADER_TABLE_SIZE
                        && u32::from_be_bytes([a, b, c, d]) < 256
                    {
                        // The server keeps no fields: each request carries them, without indexing (RFC 7541, 6.2.2).
                        self.first = self
                            .first
                            .iter()
                            .map(|byte| match byte {
                                0x41 => 0x01,
                                0x44 => 0x04,
                                other => *other,
                            })
                            .collect();
                        self.next = self.first.clone();
                    }
                }
                frame(out, SETTINGS, ACK, 0, &[]);
                if self.id == 1 {
                    for _ in 0..self.streams {
                        self.ask(out);
                    }
                }
            }
            PING if flags & ACK == 0 => frame(out, PING, ACK, 0, &control),
            RST_STREAM | GOAWAY => {
                let code = control
                    .last_chunk::<4>()
                    .map_or(0, |code| u32::from_be_bytes(*code));
                let what = if kind == GOAWAY {
                    "the connection"
                } else {
                    "a stream"
                };
                return Err(format!("the server ended {what} with error {code}; look at its log, and lift its limits for the load").into());
            }
            _ => {}
        }
        if !matches!(kind, DATA | HEADERS) || flags & END_STREAM == 0 {
            return Ok(false);
        }
        let place = self
            .open
            .iter()
            .position(|(id, _)| *id == stream)
            .ok_or("an answer to no request; the load cannot follow it")?;
        let (_, received) = self.open.swap_remove(place);
        if received != self.expected.len() {
            return Err(format!(
                "an answer of {received} bytes instead of {}; the site is another one",
                self.expected.len()
            )
            .into());
        }
        self.compared = true;
        if !self.once {
            self.ask(out);
        }
        Ok(true)
    }

    fn consumed(&mut self, bytes: usize, out: &mut Vec<u8>) {
        self.used = self
            .used
            .saturating_add(u32::try_from(bytes).unwrap_or(u32::MAX));
        if self.used >= USED {
            frame(out, WINDOW_UPDATE, 0, 0, &self.used.to_be_bytes());
            self.used = 0;
        }
    }
}

impl Protocol for Http2 {
    fn begin(&mut self, out: &mut Vec<u8>) -> bool {
        out.extend_from_slice(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
        let mut settings = Vec::new();
        for (name, value) in [(ENABLE_PUSH, 0), (INITIAL_WINDOW_SIZE, STREAM_WINDOW)] {
            settings.extend_from_slice(&name.to_be_bytes());
            settings.extend_from_slice(&u32::to_be_bytes(value));
        }
        frame(out, SETTINGS, 0, 0, &settings);
        frame(out, WINDOW_UPDATE, 0, 0, &WINDOW.to_be_bytes());
        false
    }

    fn take(&mut self, mut bytes: &[u8], out: &mut Vec<u8>) -> Result<u64, Failure> {
        let mut done = 0_u64;
        while !bytes.is_empty() {
            let mut frame = match self.frame.take() {
                Some(frame) => frame,
                None => {
                    let (part, rest) =
                        bytes.split_at(9_usize.saturating_sub(self.head.len()).min(bytes.len()));
                    self.head.extend_from_slice(part);
                    bytes = rest;
                    let Ok([a, b, c, kind, flags, stream @ ..]) =
                        <[u8; 9]>::try_from(self.head.as_slice())
                    else {
                        continue;
                    };
                    self.head.clear();
                    let left = u32::from_be_bytes([0, a, b, c]) as usize;
                    if kind == DATA && flags & PADDED != 0 {
                        return Err("the server pads its data; the load cannot follow it".into());
                    }
                    Frame {
                        kind,
                        flags,
                        stream: u32::from_be_bytes(stream) & 0x7fff_ffff,
                        left,
                    }
                }
            };
            let (part, rest) = bytes.split_at(frame.left.min(bytes.len()));
            bytes = rest;
            frame.left = frame.left.saturating_sub(part.len());
            if frame.kind == DATA {
                self.data(frame.stream, part)?;
                self.consumed(part.len(), out);
            } else {
                self.control.extend_from_slice(part);
            }
            if frame.left > 0 {
                self.frame = Some(frame);
            } else {
                done = done.saturating_add(u64::from(self.end(frame, out)?));
            }
        }
        Ok(done)
    }
}

/// Appends a frame (RFC 9113, section 4.1).
fn frame(out: &mut Vec<u8>, kind: u8, flags: u8, stream: u32, content: &[u8]) {
    let [_, a, b, c] = u32::try_from(content.len()).unwrap_or(0).to_be_bytes();
    out.extend_from_slice(&[a, b, c, kind, flags]);
    out.extend_from_slice(&stream.to_be_bytes());
    out.extend_from_slice(content);
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const BODY: &[u8] = b"hello";

    fn connection(streams: usize) -> (Http2, Vec<u8>) {
        let mut connection = Http2::new("localhost:1", "/a", BODY.to_vec().into(), streams, false);
        let mut out = Vec::new();
        connection.begin(&mut out);
        out.clear();
        (connection, out)
    }

    fn answer(stream: u32, fields: &[u8], body: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        frame(&mut bytes, HEADERS, END_HEADERS, stream, fields);
        frame(&mut bytes, DATA, END_STREAM, stream, body);
        bytes
    }

    /// RFC 9113, section 4.1: frames may arrive in any parts, and on any stream first (section 5).
    #[test]
    fn answers_are_counted_however_they_are_cut() {
        let mut stream = Vec::new();
        frame(&mut stream, SETTINGS, 0, 0, &[0, 3, 0, 0, 0, 100]);
        stream.extend(answer(3, &[0x20, 0x88], BODY));
        stream.extend(answer(1, &[0x88], BODY));
        frame(&mut stream, PING, 0, 0, &[7; 8]);
        stream.extend(answer(5, &[0x88], BODY));
        for size in 1..=stream.len() {
            let (mut connection, mut out) = connection(2);
            let mut done = 0;
            for part in stream.chunks(size) {
                done += connection.take(part, &mut out).unwrap();
            }
            assert_eq!(done, 3, "in parts of {size}");
            let ids: Vec<_> = connection.open.iter().map(|(id, _)| *id).collect();
            assert_eq!(ids, [7, 9]);
            assert!(out.windows(17).any(|bytes| bytes == [&[0, 0, 8, PING, ACK, 0, 0, 0, 0][..], &[7; 8]].concat()));
        }
    }

    /// RFC 7541, section 4.2: a table that the server keeps empty is not referred to.
    #[test]
    fn without_a_table_each_request_carries_its_fields() {
        let (mut connection, mut out) = connection(2);
        let mut settings = Vec::new();
        frame(&mut settings, SETTINGS, 0, 0, &[0, 1, 0, 0, 0, 0]);
        connection.take(&settings, &mut out).unwrap();
        let block = [
            &[0x82, 0x87, 0x01, 11][..],
            b"localhost:1",
            &[0x04, 2],
            b"/a",
        ]
        .concat();
        assert_eq!(
            out.windows(block.len())
                .filter(|bytes| *bytes == block)
                .count(),
            2
        );
    }

    #[test]
    fn what_is_not_the_file_is_an_error() {
        let mut end = Vec::new();
        frame(&mut end, GOAWAY, 0, 0, &[0; 8]);
        let mut reset = Vec::new();
        frame(&mut reset, RST_STREAM, 0, 1, &[0, 0, 0, 8]);
        for wrong in [
            answer(1, &[0x8d], BODY),
            answer(1, &[0x88], b"hallo"),
            answer(1, &[0x88], b"hell"),
            answer(9, &[0x88], BODY),
            end,
            reset,
        ] {
            let (mut connection, mut out) = connection(1);
            let mut settings = Vec::new();
            frame(&mut settings, SETTINGS, 0, 0, &[]);
            connection.take(&settings, &mut out).unwrap();
            assert!(connection.take(&wrong, &mut out).is_err(), "{wrong:?}");
        }
    }
}
