//! The headers that every answer carries.
//!
//! | | pages of the site | our own pages |
//! |---|---|---|
//! | Content-Security-Policy | own files, and the inline scripts that were pushed | one nonce for each answer, Trusted Types |
//! | Cross-Origin-Embedder-Policy | none: it would break the videos and maps that a site embeds where its operator lets it, and the policy above keeps all else of foreign origins out already | `require-corp` |
//! | X-Frame-Options | none: `frame-ancestors` says it | `DENY` |
//!
//! Fields of pages are made once for each entry ([`of_entry`]) and kept; [`add`] sees every answer, and fills in what the
//! others lack.

mod entry;
mod policy;

use http::header::{
    ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_SECURITY_POLICY,
    CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use http::{Response, StatusCode};

use crate::body::Body;
use crate::connection::Connection;
use crate::host::REPORT;
use crate::rejection::{Rejection, Voice};
use crate::request::RequestContext;
use crate::server::Shared;
pub(crate) use entry::of_entry;

/// Powerful features that no page here uses (Permissions Policy, section 5.2).
const PERMISSIONS: &str = "accelerometer=(), browsing-topics=(), camera=(), display-capture=(), geolocation=(), \
    gyroscope=(), hid=(), magnetometer=(), microphone=(), midi=(), payment=(), serial=(), usb=()";
const OPENER_POLICY: HeaderName = HeaderName::from_static("cross-origin-opener-policy");
const EMBEDDER_POLICY: HeaderName = HeaderName::from_static("cross-origin-embedder-policy");
const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");
const AGENT_CLUSTER: HeaderName = HeaderName::from_static("origin-agent-cluster");
const PERMISSIONS_POLICY: HeaderName = HeaderName::from_static("permissions-policy");
const REPORTING_ENDPOINTS: HeaderName = HeaderName::from_static("reporting-endpoints");

/// A header's value from text that may be wrong by our own fault only.
pub(crate) fn value(text: &str) -> Result<HeaderValue, Rejection> {
    HeaderValue::try_from(text).map_err(|error| Rejection::Internal(error.to_string()))
}

/// A page of our own. `render` is given the nonce under which its style sheet is let in.
pub(crate) fn own_page(status: StatusCode, render: impl FnOnce(&str) -> String) -> Response<Body> {
    // Without a nonce the page is plain, and its policy still lets nothing in.
    let nonce = policy::nonce().unwrap_or_default();
    let mut response = Response::new(Body::from(render(&nonce)));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    let kind = HeaderValue::from_static("text/html; charset=utf-8");
    headers.insert(CONTENT_TYPE, kind);
    if let Ok(policy) = HeaderValue::try_from(policy::own(&nonce)) {
        headers.insert(CONTENT_SECURITY_POLICY, policy);
        headers.insert(REPORTING_ENDPOINTS, endpoint());
    }
    headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.insert(EMBEDDER_POLICY, HeaderValue::from_static("require-corp"));
    headers.insert(OPENER_POLICY, HeaderValue::from_static("same-origin"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}

/// A page of our own with forms, or with the script. `leads` is where the answer to a form may lead besides this host.
pub(crate) fn form_page(
    status: StatusCode,
    leads: Option<String>,
    render: impl FnOnce(&str) -> String,
) -> Response<Body> {
    let mut nonce = String::new();
    let mut response = own_page(status, |given| {
        given.clone_into(&mut nonce);
        render(given)
    });
    let policy = policy::forms(&nonce, leads.as_deref());
    if let Ok(policy) = HeaderValue::try_from(policy) {
        response
            .headers_mut()
            .insert(CONTENT_SECURITY_POLICY, policy);
    }
    // Under `no-referrer` a browser says that a form's origin is `null` (Fetch, section 3.2), which the guard refuses.
    let within = HeaderValue::from_static("same-origin");
    response.headers_mut().insert(REFERRER_POLICY, within);
    response
}

/// Keeps an answer out of every cache but the client's own, and out of pages of other origins.
pub(crate) fn keep_private(headers: &mut HeaderMap) {
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
    headers.insert(RESOURCE_POLICY, HeaderValue::from_static("same-origin"));
    headers.remove(ACCESS_CONTROL_ALLOW_ORIGIN);
}

/// Adds what every answer carries; what a handler said before stands.
pub(crate) fn add(
    shared: &Shared,
    connection: &Connection,
    context: &RequestContext,
    response: &mut Response<Body>,
) {
    if context.head && context.voice != Voice::Api {
        let (status, length) = (response.status(), response.body().len());
        *response.body_mut() = Body::Empty;
        let headers = response.headers_mut();
        // A 304 may tell no other length than the 200's (RFC 9110, section 8.6), and its own body has none.
        if !matches!(status, StatusCode::NOT_MODIFIED | StatusCode::NO_CONTENT) {
            headers
                .entry(CONTENT_LENGTH)
                .or_insert_with(|| HeaderValue::from(length));
        }
    }
    let status = response.status();
    let headers = response.headers_mut();
    // Fields of entries are complete already, and carry this one.
    if !headers.contains_key(X_CONTENT_TYPE_OPTIONS) {
        fill(headers, context.voice);
    }
    // Nothing is promised for a host that is none of ours.
    let ours = status != StatusCode::MISDIRECTED_REQUEST;
    if ours && context.voice != Voice::Api && is_strict(shared, connection, context.voice) {
        headers.insert(
            STRICT_TRANSPORT_SECURITY,
            HeaderValue::from_static("max-age=31536000"),
        );
    }
}

/// Whether browsers are told to come by TLS alone (RFC 6797). Never on names that always mean the client's own machine, and
/// never under a self-made certificate, where it would take away the one way that browsers leave to accept it: neither on
/// a connection that began with one, nor on one that began with another that is not shown any more.
fn is_strict(shared: &Shared, connection: &Connection, voice: Voice) -> bool {
    let host = match voice {
        Voice::Site => &shared.settings.site,
        Voice::Portal | Voice::Api => &shared.settings.portal,
    };
    !host.is_loopback() && !connection.self_made && !shared.web_certificate().self_made
}

fn fill(headers: &mut HeaderMap, voice: Voice) {
    let mut put = |name: HeaderName, text: &'static str| {
        headers
            .entry(name)
            .or_insert(HeaderValue::from_static(text));
    };
    put(X_CONTENT_TYPE_OPTIONS, "nosniff");
    put(OPENER_POLICY, "same-origin");
    put(RESOURCE_POLICY, "same-origin");
    put(AGENT_CLUSTER, "?1");
    put(PERMISSIONS_POLICY, PERMISSIONS);
    put(
        REFERRER_POLICY,
        match voice {
            Voice::Site => "strict-origin-when-cross-origin",
            Voice::Portal | Voice::Api => "no-referrer",
        },
    );
    put(CACHE_CONTROL, "no-store");
    put(CONTENT_SECURITY_POLICY, policy::NOTHING);
}

/// Where reports of violations go (Reporting API, section 3.3).
fn endpoint() -> HeaderValue {
    debug_assert_eq!(REPORT, "/.holdfast/report");
    HeaderValue::from_static("holdfast=\"/.holdfast/report\"")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
