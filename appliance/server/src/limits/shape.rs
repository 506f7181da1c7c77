//! Requests that no rule of ours is about, yet that cannot be taken as they are.

use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http::request::Parts;
use http::{Method, Version};

use super::settings::Limits;
use crate::rejection::Rejection;

/// Refuses by the lengths of a request's header alone; for both protocols.
pub(crate) fn bounded(limits: &Limits, request: &Parts) -> Result<(), Rejection> {
    let uri = &request.uri;
    let path = uri.path_and_query().map_or(0, |path| path.as_str().len());
    let authority = uri.authority().map_or(0, |host| host.as_str().len());
    // RFC 9110, section 15.5.15.
    if path.saturating_add(authority) > limits.uri_bytes {
        return Err(Rejection::UriTooLong(limits.uri_bytes));
    }
    // RFC 6585, section 5; h2 bounds their size alone.
    if request.headers.len() > limits.header_fields {
        return Err(Rejection::TooManyFields(limits.header_fields));
    }
    Ok(())
}

/// Refuses requests whose end is in doubt; the connection ends with them. For the web.
pub(crate) fn framing(request: &Parts) -> Result<(), Rejection> {
    let headers = &request.headers;
    // RFC 9112, section 6.3: a length may be asked for. Browsers always give one, and where the body ends is beyond doubt.
    if headers.contains_key(TRANSFER_ENCODING) {
        return Err(Rejection::LengthRequired);
    }
    // RFC 9110, section 9.3.1: content in a GET means nothing, and may be an attack by smuggling.
    let asks = matches!(request.method, Method::GET | Method::HEAD);
    let length = headers.get(CONTENT_LENGTH);
    if asks && length.is_some_and(|length| length != "0") {
        return Err(Rejection::Malformed("A GET or HEAD carries no content."));
    }
    Ok(())
}

/// Refuses what else RFC 9110, 9112 or 9113 forbid and hyper lets through; for the web.
pub(crate) fn web(request: &Parts) -> Result<(), Rejection> {
    // Nobody gets through us to elsewhere (RFC 9110, section 9.3.6), and what is not https was not meant for here
    // (RFC 9110, section 7.4).
    if request.method == Method::CONNECT {
        return Err(Rejection::Method("GET, HEAD"));
    }
    if request
        .uri
        .scheme_str()
        .is_some_and(|scheme| scheme != "https")
    {
        return Err(Rejection::Misdirected);
    }
    // RFC 9113, section 8.2.1. On HTTP/1.1 such blanks belong to the syntax, and the parser takes them off.
    let blank = |byte: Option<&u8>| byte.is_some_and(|byte| matches!(byte, b' ' | b'\t'));
    let mut values = request.headers.values().map(http::HeaderValue::as_bytes);
    if request.version == Version::HTTP_2
        && values.any(|value| blank(value.first()) || blank(value.last()))
    {
        return Err(Rejection::Malformed(
            "A field's value begins or ends with a blank.",
        ));
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use http::{HeaderValue, Request};

    use super::*;

    fn status(request: &Request<()>) -> u16 {
        let (request, ()) = &request.clone().into_parts();
        let refused = framing(request)
            .and_then(|()| bounded(&Limits::default(), request))
            .and_then(|()| web(request));
        refused.map_or_else(|rejection| rejection.status().as_u16(), |()| 200)
    }

    #[test]
    fn what_cannot_be_taken_is_refused_by_its_shape() {
        let get = |uri: &str| Request::get(uri).body(()).unwrap();
        assert_eq!(status(&get("/")), 200);
        assert_eq!(status(&get("https://x/")), 200);
        assert_eq!(status(&get("http://x/")), 421);
        assert_eq!(status(&get(&format!("/{}", "a".repeat(8191)))), 200);
        assert_eq!(status(&get(&format!("/{}", "a".repeat(8192)))), 414);
        assert_eq!(status(&get(&format!("/?{}", "a".repeat(8192)))), 414);
        let connect = Request::builder().method("CONNECT").uri("x:443");
        assert_eq!(status(&connect.body(()).unwrap()), 405);
        // Where the end is in doubt, no other refusal comes first: it would leave the connection open.
        for (method, uri) in [("CONNECT", "x:443"), ("POST", "http://x/")] {
            let request = Request::builder().method(method).uri(uri);
            let request = request.header("transfer-encoding", "chunked");
            assert_eq!(status(&request.body(()).unwrap()), 411, "{method}");
        }
        for (name, value, expected) in [
            ("content-length", "0", 200),
            ("content-length", "1", 400),
            ("transfer-encoding", "chunked", 411),
            ("transfer-encoding", "identity", 411),
        ] {
            let mut request = get("/");
            let value = HeaderValue::from_static(value);
            request.headers_mut().insert(name, value);
            assert_eq!(status(&request), expected, "{name}");
        }
        let mut blank = get("https://x/");
        *blank.version_mut() = Version::HTTP_2;
        blank
            .headers_mut()
            .insert("a", HeaderValue::from_static(" b"));
        assert_eq!(status(&blank), 400);
        let mut many = get("/");
        for _ in 0..65 {
            many.headers_mut()
                .append("a", HeaderValue::from_static("b"));
        }
        assert_eq!(status(&many), 431);
    }
}
