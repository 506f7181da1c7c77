//! The headers that every answer carries.

use std::sync::Arc;

use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderName, HeaderValue, REFERRER_POLICY,
    STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS,
};
use http::{Response, StatusCode};

use crate::body::Body;
use crate::rejection::Voice;
use crate::request::RequestContext;
use crate::server::Shared;

/// Powerful features that no page here uses (Permissions Policy, section 5.2).
const PERMISSIONS: &str = "accelerometer=(), browsing-topics=(), camera=(), display-capture=(), geolocation=(), \
    gyroscope=(), hid=(), magnetometer=(), microphone=(), midi=(), payment=(), serial=(), usb=()";

/// Adds what every answer carries; a handler's own Content-Security-Policy and Cache-Control stand.
pub(crate) fn add(shared: &Arc<Shared>, context: &RequestContext, response: &mut Response<Body>) {
    if context.head && context.voice != Voice::Api {
        let (status, length) = (response.status(), response.body().len());
        *response.body_mut() = Body::Empty;
        let headers = response.headers_mut();
        // A 304 may tell no other length than the 200's (RFC 9110, section 8.6), and its own body has none.
        if status != StatusCode::NOT_MODIFIED {
            headers
                .entry(http::header::CONTENT_LENGTH)
                .or_insert_with(|| HeaderValue::from(length));
        }
    }
    let headers = response.headers_mut();
    let fixed = |name: &'static str| HeaderName::from_static(name);
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(
        fixed("cross-origin-opener-policy"),
        HeaderValue::from_static("same-origin"),
    );
    headers.insert(
        fixed("cross-origin-resource-policy"),
        HeaderValue::from_static("same-origin"),
    );
    headers.insert(
        fixed("origin-agent-cluster"),
        HeaderValue::from_static("?1"),
    );
    headers.insert(
        fixed("permissions-policy"),
        HeaderValue::from_static(PERMISSIONS),
    );
    headers.insert(
        REFERRER_POLICY,
        HeaderValue::from_static(match context.voice {
            Voice::Site => "strict-origin-when-cross-origin",
            Voice::Portal | Voice::Api => "no-referrer",
        }),
    );
    headers
        .entry(CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    headers.entry(CONTENT_SECURITY_POLICY).or_insert_with(|| {
        HeaderValue::try_from(holdfast_site::pages::csp())
            .unwrap_or(HeaderValue::from_static("default-src 'none'"))
    });
    // Under a self-made certificate HSTS would take away the one way that browsers leave to accept it.
    let host = match context.voice {
        Voice::Site => &shared.settings.site,
        Voice::Portal | Voice::Api => &shared.settings.portal,
    };
    if !shared.web_certificate().self_made && !host.is_loopback() && context.voice != Voice::Api {
        headers.insert(
            STRICT_TRANSPORT_SECURITY,
            HeaderValue::from_static("max-age=31536000"),
        );
    }
}
