//! The frames of HTTP/2 (RFC 9113, section 4.1), as they pass between TLS and the parser.

use holdfast_server::fuzz::{Frame, http2_frames, http2_verdict};

/// Bytes of the client's preface (RFC 9113, section 3.4).
const PREFACE: usize = 24;
const HEAD: usize = 9;
/// Frame types and error codes (RFC 9113, sections 6 and 7).
const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;
const PROTOCOL_ERROR: u8 = 1;
const FLOW_CONTROL_ERROR: u8 = 3;
const STREAM_CLOSED: u8 = 5;
const FRAME_SIZE_ERROR: u8 = 6;
const ENHANCE_YOUR_CALM: u8 = 11;

/// However the stream is cut, the same frames are found; and a connection that ends, ends for a fault that is there.
pub(crate) fn frames(bytes: &[u8]) {
    let stream = bytes.get(PREFACE..).unwrap_or_default();
    let expected = walk(stream);
    for piece in [1, 2, 8, 9, 64, stream.len()] {
        assert!(
            http2_frames(stream, piece) == expected,
            "in pieces of {piece}"
        );
    }
    let whole = http2_verdict(bytes, bytes.len());
    let (found, _) = &expected;
    match whole {
        None => {
            assert!(found.first().is_none_or(begins), "{found:?}");
            assert!(found.iter().all(fits), "{found:?}");
            assert!(!found.iter().any(floods), "{found:?}");
        }
        Some(goaway) => ended(&goaway, found),
    }
    // Reads of few bytes cost: cut small enough, a stream may end sooner, and for no other reason.
    for piece in [1, 5, 9, 64] {
        let cut = http2_verdict(bytes, piece).map(|goaway| goaway[16]);
        let calm = Some(ENHANCE_YOUR_CALM);
        let whole = whole.map(|goaway| goaway[16]);
        assert!(
            cut == whole || cut == calm || whole == calm,
            "{cut:?} {whole:?}"
        );
    }
}

/// The GOAWAY is well formed, names a stream that was begun, and a fault that is there.
fn ended(goaway: &[u8; 17], found: &[Frame]) {
    let (head, rest) = goaway.split_at(HEAD);
    assert_eq!(head, [0, 0, 8, GOAWAY, 0, 0, 0, 0, 0]);
    let last = rest
        .first_chunk::<4>()
        .map_or(0, |last| u32::from_be_bytes(*last));
    let begun = |(kind, _, stream, ..): &Frame| *kind == HEADERS && *stream == last;
    assert!(last == 0 || found.iter().any(begun), "{last} of {found:?}");
    let reason = goaway[16];
    let right = match reason {
        PROTOCOL_ERROR => !found.first().is_some_and(begins),
        FRAME_SIZE_ERROR => !found.iter().all(fits),
        FLOW_CONTROL_ERROR => found.iter().any(floods),
        // A frame for a stream that was begun before, or is none of the client's newest.
        STREAM_CLOSED => found.iter().any(|(kind, ..)| *kind <= HEADERS),
        ENHANCE_YOUR_CALM => true,
        _ => false,
    };
    assert!(
        right && goaway[13..16] == [0; 3],
        "{goaway:?} for {found:?}"
    );
}

/// RFC 9113, section 3.4.
fn begins((kind, flags, ..): &Frame) -> bool {
    *kind == SETTINGS && flags & 1 == 0
}

/// RFC 9113, sections 6.3 to 6.9.
fn fits((kind, flags, _, length, _): &Frame) -> bool {
    match kind {
        2 => *length == 5,
        3 | 8 => *length == 4,
        4 if flags & 1 == 1 => *length == 0,
        4 => length.is_multiple_of(6),
        6 => *length == 8,
        7 => *length >= 8,
        _ => true,
    }
}

/// RFC 9113, section 6.5.2: a first window above the largest.
fn floods((kind, _, _, _, payload): &Frame) -> bool {
    let mut parameters = payload.chunks_exact(6);
    *kind == SETTINGS && parameters.any(|one| matches!(one, [0, 4, 0x80..=0xff, ..]))
}

/// The frames of a stream that is there as a whole, and whether it ends with one.
fn walk(mut stream: &[u8]) -> (Vec<Frame>, bool) {
    let mut found = Vec::new();
    while let Some((head, rest)) = stream.split_first_chunk::<HEAD>() {
        let [a, b, c, kind, flags, s, t, u, v] = *head;
        let length = u32::from_be_bytes([0, a, b, c]);
        let wanted = usize::try_from(length).unwrap_or(usize::MAX);
        let (payload, rest) = rest.split_at(wanted.min(rest.len()));
        let id = u32::from_be_bytes([s, t, u, v]) & 0x7fff_ffff;
        found.push((kind, flags, id, length, payload.to_vec()));
        if payload.len() < wanted {
            return (found, false);
        }
        stream = rest;
    }
    (found, stream.is_empty())
}
