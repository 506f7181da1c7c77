//! Preconditions of requests (RFC 9110, section 13).
//!
//! There is no modification date, so `If-Modified-Since` and `If-Unmodified-Since` are ignored, as sections 13.1.3 and
//! 13.1.4 demand, and a date in `If-Range` never holds (13.1.5).

use http::header::{HeaderMap, HeaderName, HeaderValue, IF_MATCH, IF_NONE_MATCH, IF_RANGE};

/// What the preconditions say of a page that is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Send it.
    Serve,
    /// 304.
    NotModified,
    /// 412.
    Failed,
}

/// Evaluates them in the order of section 13.2.2 for `GET` and `HEAD`.
pub(super) fn evaluate(headers: &HeaderMap, etag: &HeaderValue) -> Outcome {
    if headers.contains_key(IF_MATCH) && !lists(headers, IF_MATCH, etag, false) {
        Outcome::Failed
    } else if lists(headers, IF_NONE_MATCH, etag, true) {
        Outcome::NotModified
    } else {
        Outcome::Serve
    }
}

/// The validator of an `If-Range`, which is compared strongly (section 13.1.5).
pub(super) fn if_range(headers: &HeaderMap) -> Option<&[u8]> {
    headers
        .get(IF_RANGE)
        .map(|value| value.as_bytes().trim_ascii())
}

/// Whether a field lists the validator or is `*` (sections 13.1.1 and 13.1.2). It may come in several lines (5.3). Our
/// validators hold no comma, so that a list of others may be cut at every one.
fn lists(headers: &HeaderMap, name: HeaderName, etag: &HeaderValue, weak: bool) -> bool {
    headers.get_all(name).iter().any(|line| {
        line.as_bytes().split(|byte| *byte == b',').any(|item| {
            let item = item.trim_ascii();
            let item = match item.strip_prefix(b"W/") {
                Some(opaque) if weak => opaque,
                _ => item,
            };
            item == etag.as_bytes() || item == b"*"
        })
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn preconditions_are_evaluated_by_rfc_9110_section_13() {
        let etag = HeaderValue::from_static("\"a\"");
        for (fields, expected) in [
            (&[][..], Outcome::Serve),
            (&[("if-none-match", "\"a\"")], Outcome::NotModified),
            (&[("if-none-match", "W/\"a\"")], Outcome::NotModified),
            (&[("if-none-match", "*")], Outcome::NotModified),
            (&[("if-none-match", "\"b\" ,W/\"a\"")], Outcome::NotModified),
            (
                &[("if-none-match", "\"b\""), ("if-none-match", "\"a\"")],
                Outcome::NotModified,
            ),
            (&[("if-none-match", "\"b\"")], Outcome::Serve),
            (&[("if-none-match", "a")], Outcome::Serve),
            (&[("if-none-match", "W/W/\"a\"")], Outcome::Serve),
            (&[("if-none-match", "")], Outcome::Serve),
            (&[("if-match", "\"a\"")], Outcome::Serve),
            (&[("if-match", "*")], Outcome::Serve),
            (&[("if-match", "W/\"a\"")], Outcome::Failed),
            (&[("if-match", "\"b\"")], Outcome::Failed),
            (&[("if-match", "")], Outcome::Failed),
            (
                &[("if-match", "\"b\""), ("if-none-match", "\"a\"")],
                Outcome::Failed,
            ),
            (
                &[("if-match", "\"a\""), ("if-none-match", "\"a\"")],
                Outcome::NotModified,
            ),
            (
                &[("if-modified-since", "Sat, 29 Oct 2094 19:43:31 GMT")],
                Outcome::Serve,
            ),
            (
                &[("if-unmodified-since", "Sat, 29 Oct 1994 19:43:31 GMT")],
                Outcome::Serve,
            ),
        ] {
            let mut headers = HeaderMap::new();
            for (name, value) in fields {
                headers.append(*name, HeaderValue::from_static(value));
            }
            assert_eq!(evaluate(&headers, &etag), expected, "{fields:?}");
        }
    }
}
