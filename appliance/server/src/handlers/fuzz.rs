//! What the fuzz targets (`appliance/fuzz`) reach into; nothing else may use it.

use holdfast_site::Encoding;
use http::HeaderMap;
use http::header::{ACCEPT_ENCODING, HeaderValue};

use super::encoding::{Accepted, Choice};
use super::range::{Range, parse};

/// The encoding that an `Accept-Encoding` field gets of those that are there; `None`: none of them.
#[must_use]
pub fn encoding(field: &str, available: &[Encoding]) -> Option<Encoding> {
    let mut headers = HeaderMap::new();
    headers.insert(ACCEPT_ENCODING, HeaderValue::try_from(field).ok()?);
    match Accepted::read(&headers).choose(|encoding| available.contains(&encoding)) {
        Choice::Encoded(encoding) => Some(encoding),
        Choice::Identity | Choice::Nothing => None,
    }
}

/// The parts of content of `length` bytes that a `Range` field asks for, as start and end; `None`: the whole; empty:
/// nothing that exists (RFC 9110, section 14.1.2).
#[must_use]
pub fn range(field: &str, length: u64) -> Option<Vec<(u64, u64)>> {
    match parse(field, length) {
        Range::Whole => None,
        Range::Part(part) => Some(vec![(part.start, part.end)]),
        Range::Parts(parts) => Some(parts.iter().map(|part| (part.start, part.end)).collect()),
        Range::Unsatisfiable => Some(Vec::new()),
    }
}
