//! Answers of several ranges: `multipart/byteranges` (RFC 9110, section 14.6).

use std::collections::VecDeque;

use bytes::Bytes;
use data_encoding::HEXLOWER;

use super::range::Part;
use crate::body::Segment;
use crate::rejection::Rejection;

/// An answer's parts, ready to send.
pub(super) struct Multipart {
    /// The answer's own type, with the boundary.
    pub(super) content_type: String,
    /// Heads and ranges by turns.
    pub(super) segments: VecDeque<Segment>,
    /// Bytes of all of it.
    pub(super) length: u64,
}

/// Frames `parts` of content of `whole` bytes. The boundary is random, so that no content can hold it.
pub(super) fn frame(
    parts: &[Part],
    whole: u64,
    content_type: &str,
) -> Result<Multipart, Rejection> {
    let mut random = [0; 16];
    aws_lc_rs::rand::fill(&mut random)
        .map_err(|_| Rejection::Internal("the kernel gave no random bytes".to_owned()))?;
    let boundary = HEXLOWER.encode(&random);
    let mut segments = VecDeque::with_capacity(parts.len().saturating_mul(2).saturating_add(1));
    let mut before = "";
    for Part { start, end } in parts {
        let last = end.saturating_sub(1);
        let head = format!(
            "{before}--{boundary}\r\nContent-Type: {content_type}\r\nContent-Range: bytes {start}-{last}/{whole}\r\n\r\n"
        );
        before = "\r\n";
        segments.push_back(Segment::Bytes(Bytes::from(head)));
        segments.push_back(Segment::Range(*start, *end));
    }
    let end = format!("{before}--{boundary}--\r\n");
    segments.push_back(Segment::Bytes(Bytes::from(end)));
    Ok(Multipart {
        content_type: format!("multipart/byteranges; boundary={boundary}"),
        length: segments
            .iter()
            .map(Segment::len)
            .fold(0, u64::saturating_add),
        segments,
    })
}
