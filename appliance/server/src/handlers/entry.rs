//! Serving an entry: which representation (RFC 9110, section 12), whether it is wanted (13), and which part of it (14).

use http::header::{
    ACCEPT_RANGES, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, HeaderMap,
    HeaderValue, RANGE,
};
use http::request::Parts;
use http::{Method, Response, StatusCode};

use super::condition::{self, Outcome};
use super::encoding::Accepted;
use super::multipart::{self, Multipart};
use super::prepared::{Ready, Variant};
use super::range::{self, Part, Range};
use crate::body::Body;
use crate::headers::value;
use crate::rejection::Rejection;
use crate::server::Shared;

/// Answers with the entry.
pub(super) fn serve(
    ready: &Ready,
    shared: &Shared,
    parts: &Parts,
) -> Result<Response<Body>, Rejection> {
    let asked = &parts.headers;
    let (variant, range) = select(ready, parts)?;
    let head = ready.head(variant);
    if ready.status == StatusCode::OK {
        // Only where the answer would be 200 are preconditions looked at (section 13.2.1).
        match condition::evaluate(asked, &variant.etag) {
            Outcome::Serve => {}
            Outcome::NotModified => return Ok(not_modified(head)),
            Outcome::Failed => return Err(Rejection::Precondition),
        }
    }
    let whole = variant.blob.length;
    let range = range.map_or(Range::Whole, |field| range::parse(field, whole));
    match range {
        Range::Whole => {
            let mut response = answer(ready.status, head);
            // A HEAD needs no bytes (section 9.3.2).
            if parts.method != Method::HEAD {
                let admitted = shared.room.admit(&shared.site, variant.blob)?;
                *response.body_mut() = Body::blob(admitted, 0, whole);
            }
            Ok(response)
        }
        Range::Part(part) => partial(shared, variant, head, part),
        Range::Parts(list) => {
            let kind = ready
                .content_type
                .to_str()
                .unwrap_or("application/octet-stream");
            let multipart = multipart::frame(&list, whole, kind)?;
            partial_many(shared, variant, head, multipart)
        }
        Range::Unsatisfiable => Ok(unsatisfiable(head, whole)),
    }
}

/// The representation, and the range of it that is asked for.
///
/// A range is of the file as written, which is what clients that fetch parts put together again; one that holds an encoded
/// representation already says so by its validator in `If-Range` (section 13.1.5). With another validator, or where the
/// client refuses the file as written, the whole page is sent (section 14.2).
fn select<'a>(
    ready: &'a Ready,
    parts: &'a Parts,
) -> Result<(&'a Variant, Option<&'a str>), Rejection> {
    let accepted = Accepted::read(&parts.headers);
    let field = parts.headers.get(RANGE);
    // Other methods than GET ignore it, and so do answers other than 200 (section 14.2).
    let field = field.filter(|_| ready.status == StatusCode::OK && parts.method == Method::GET);
    if let Some(field) = field.and_then(|value| value.to_str().ok()) {
        let held = match condition::if_range(&parts.headers) {
            Some(etag) => ready.validated(etag),
            None => Some(&ready.identity).filter(|_| accepted.takes_identity()),
        };
        if let Some(variant) = held {
            return Ok((variant, Some(field)));
        }
    }
    Ok((ready.negotiate(&accepted)?, None))
}

fn answer(status: StatusCode, head: HeaderMap) -> Response<Body> {
    let mut response = Response::new(Body::Empty);
    *response.status_mut() = status;
    *response.headers_mut() = head;
    response
}

/// 304 (section 15.4.5): what guides caches, and no other description of the content.
fn not_modified(mut head: HeaderMap) -> Response<Body> {
    for name in [
        CONTENT_TYPE,
        CONTENT_ENCODING,
        CONTENT_LENGTH,
        ACCEPT_RANGES,
    ] {
        head.remove(name);
    }
    answer(StatusCode::NOT_MODIFIED, head)
}

/// 206 of one part (section 15.3.7.1).
fn partial(
    shared: &Shared,
    variant: &Variant,
    mut head: HeaderMap,
    part: Part,
) -> Result<Response<Body>, Rejection> {
    let Part { start, end } = part;
    let (last, whole) = (end.saturating_sub(1), variant.blob.length);
    head.insert(
        CONTENT_RANGE,
        value(&format!("bytes {start}-{last}/{whole}"))?,
    );
    head.insert(CONTENT_LENGTH, HeaderValue::from(end.saturating_sub(start)));
    let admitted = shared.room.admit(&shared.site, variant.blob)?;
    let mut response = answer(StatusCode::PARTIAL_CONTENT, head);
    *response.body_mut() = Body::blob(admitted, start, end);
    Ok(response)
}

/// 206 of several parts (section 15.3.7.2); all of it, where the parts would take more.
fn partial_many(
    shared: &Shared,
    variant: &Variant,
    mut head: HeaderMap,
    multipart: Multipart,
) -> Result<Response<Body>, Rejection> {
    let admitted = shared.room.admit(&shared.site, variant.blob)?;
    let whole = variant.blob.length;
    if multipart.length >= whole {
        let mut response = answer(StatusCode::OK, head);
        *response.body_mut() = Body::blob(admitted, 0, whole);
        return Ok(response);
    }
    // Each part tells its own range and type; the answer as a whole has no Content-Range.
    head.insert(CONTENT_TYPE, value(&multipart.content_type)?);
    head.insert(CONTENT_LENGTH, HeaderValue::from(multipart.length));
    let mut response = answer(StatusCode::PARTIAL_CONTENT, head);
    *response.body_mut() = Body::segments(admitted, multipart.segments);
    Ok(response)
}

/// 416 (section 15.5.17), which tells the length.
fn unsatisfiable(mut head: HeaderMap, whole: u64) -> Response<Body> {
    for name in [CONTENT_TYPE, CONTENT_ENCODING, CONTENT_LENGTH] {
        head.remove(name);
    }
    if let Ok(range) = value(&format!("bytes */{whole}")) {
        head.insert(CONTENT_RANGE, range);
    }
    answer(StatusCode::RANGE_NOT_SATISFIABLE, head)
}
