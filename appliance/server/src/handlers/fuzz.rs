//! What the fuzz targets (`appliance/fuzz`) reach into; nothing else may use it.

use holdfast_site::{Encoding, negotiate};

use super::range::{Range, parse};

/// The encoding that an `Accept-Encoding` field gets of those that are there; `None`: none of them.
#[must_use]
pub fn encoding(field: &str, available: &[Encoding]) -> Option<Encoding> {
    negotiate(Some(field), available)
}

/// The parts of content of `length` bytes that a `Range` field asks for, as start and end; `None`: the whole; empty:
/// nothing that exists (RFC 9110, section 14.1.2).
#[must_use]
pub fn range(field: &str, length: u64) -> Option<Vec<(u64, u64)>> {
    match parse(field, length) {
        Range::Whole => None,
        Range::Part { start, end } => Some(vec![(start, end)]),
        Range::Unsatisfiable => Some(Vec::new()),
    }
}
