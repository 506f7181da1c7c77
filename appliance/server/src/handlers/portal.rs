//! What the portal shows to everybody: a status page, a health check, and the style sheet and script of our own pages.

use std::sync::Arc;

use bytes::Bytes;
use holdfast_policy::{Permit, PortalAsset, StatusPage};
use holdfast_site::pages;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use http::{Response, StatusCode};

use crate::body::Body;
use crate::headers;
use crate::request::RequestContext;
use crate::server::Shared;

/// Serves the status page.
pub(crate) fn status(
    permit: Permit<StatusPage>,
    shared: &Arc<Shared>,
    context: &RequestContext,
) -> Response<Body> {
    let holdfast_policy::Portal = permit.into_resource();
    let live = shared.site.live();
    let status = pages::Status {
        version: shared.settings.version.clone(),
        root_hash: shared.settings.root_hash.clone(),
        site: shared.settings.site.url(),
        live: live.map(|live| (live.version, live.manifest.len())),
    };
    headers::own_page(StatusCode::OK, |nonce| {
        let frame = pages::Frame {
            nonce,
            home: context.home,
        };
        pages::status(&frame, &status)
    })
}

/// Says that requests are answered.
pub(crate) fn health(permit: Permit<StatusPage>) -> Response<Body> {
    let holdfast_policy::Portal = permit.into_resource();
    plain("text/plain; charset=utf-8", b"ok\n")
}

/// Serves the style sheet of our own pages. Its path names its content, so that it may be kept for ever (RFC 8246).
pub(crate) fn style(permit: Permit<PortalAsset>) -> Response<Body> {
    let holdfast_policy::Portal = permit.into_resource();
    let mut response = plain("text/css; charset=utf-8", pages::STYLE.as_bytes());
    let kept = HeaderValue::from_static("public, max-age=31536000, immutable");
    response.headers_mut().insert(CACHE_CONTROL, kept);
    response
}

/// Serves the script of our own pages, under a path that names its content.
pub(crate) fn script(permit: Permit<PortalAsset>) -> Response<Body> {
    let holdfast_policy::Portal = permit.into_resource();
    let mut response = plain("text/javascript; charset=utf-8", pages::SCRIPT.as_bytes());
    let kept = HeaderValue::from_static("public, max-age=31536000, immutable");
    response.headers_mut().insert(CACHE_CONTROL, kept);
    response
}

fn plain(kind: &'static str, text: &'static [u8]) -> Response<Body> {
    let mut response = Response::new(Body::Bytes(Bytes::from_static(text)));
    let kind = HeaderValue::from_static(kind);
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}
