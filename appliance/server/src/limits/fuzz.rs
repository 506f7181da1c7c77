//! What the fuzz targets (`appliance/fuzz`) reach into; nothing else may use it.

use std::sync::Arc;
use std::time::Instant;

use super::frames::{Frames, Seen};
use super::lines::Lines;
use super::rules::Rules;

/// What becomes of a stream of HTTP/1.1 requests that comes in pieces of this size.
#[must_use]
pub fn http1(stream: &[u8], piece: usize) -> Vec<u8> {
    let mut stream = stream.to_vec();
    let mut lines = Lines::default();
    for part in stream.chunks_mut(piece.max(1)) {
        lines.read(part);
    }
    stream
}

/// A frame: its type, flags and stream, its length as announced, and the payload as far as it came.
pub type Frame = (u8, u8, u32, u32, Vec<u8>);

/// The frames of a stream that comes in pieces of this size, and whether it ends where another may begin.
#[must_use]
pub fn http2_frames(stream: &[u8], piece: usize) -> (Vec<Frame>, bool) {
    let mut frames = Frames::default();
    let mut found: Vec<Frame> = Vec::new();
    for part in stream.chunks(piece.max(1)) {
        let told = frames.follow(part, |seen| {
            match seen {
                Seen::Head(head) => {
                    found.push((head.kind, head.flags, head.stream, head.length, Vec::new()));
                }
                Seen::Payload(_, bytes) => {
                    if let Some((.., payload)) = found.last_mut() {
                        payload.extend_from_slice(bytes);
                    }
                }
            }
            Ok::<_, std::convert::Infallible>(())
        });
        let Ok(()) = told;
    }
    (found, frames.between())
}

/// The GOAWAY (RFC 9113, section 6.8) with which a connection ends whose bytes, the preface among them, come in pieces of
/// this size; `None`: it goes on.
#[must_use]
pub fn http2_verdict(stream: &[u8], piece: usize) -> Option<[u8; 17]> {
    let mut rules = Rules::new(Arc::default(), Instant::now());
    let mut parts = stream.chunks(piece.max(1));
    let reason = parts.find_map(|part| rules.read(part, Instant::now).err())?;
    rules.goaway(reason)
}
