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

mod policy;

use holdfast_site::Entry;
use http::header::{
    ACCEPT_RANGES, ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL, CONTENT_LENGTH,
    CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, REFERRER_POLICY,
    STRICT_TRANSPORT_SECURITY, VARY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use http::{Response, StatusCode};

use crate::body::Body;
use crate::connection::Connection;
use crate::host::REPORT;
use crate::rejection::{Rejection, Voice};
use crate::request::RequestContext;
use crate::server::Shared;
use crate::settings::PageRights;

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

/// All fields of an entry but for those of its encodings. `listed` is what the site's author adds: names in lower case,
/// checked when the site was pushed; what is not the author's to say is left out here once more.
pub(crate) fn of_entry(
    rights: PageRights,
    entry: &Entry,
    listed: &[(&str, &str)],
) -> Result<HeaderMap, Rejection> {
    let mut headers = HeaderMap::with_capacity(24);
    fill(&mut headers, Voice::Site);
    headers.insert(CONTENT_TYPE, value(&entry.content_type)?);
    // Kept, but asked for again each time: a new version shows at once, an unchanged page costs a 304.
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    if !entry.encodings.is_empty() {
        headers.insert(VARY, HeaderValue::from_static("Accept-Encoding"));
    }
    let policy = if rights.act {
        policy::site(&entry.scripts)
    } else {
        open_to_opaque_origins(&mut headers, &entry.content_type);
        policy::sandboxed().to_owned()
    };
    headers.insert(CONTENT_SECURITY_POLICY, value(&policy)?);
    if rights.act {
        headers.insert(REPORTING_ENDPOINTS, endpoint());
    }
    // Where the operator lets a site's own policy take the place of ours, all of the author's lines count. With one name
    // for both hosts ours stands whatever the operator allows: it keeps pages from the portal.
    let own = CONTENT_SECURITY_POLICY.as_str();
    if rights.loosen && rights.act && listed.iter().any(|(name, _)| *name == own) {
        headers.remove(CONTENT_SECURITY_POLICY);
    }
    for (name, text) in listed {
        let (Ok(name), Ok(text)) = (HeaderName::try_from(*name), HeaderValue::try_from(*text))
        else {
            continue;
        };
        list(&mut headers, name, text, rights);
    }
    Ok(headers)
}

/// In a sandbox a page has an origin that is like no other, so that its own pictures and fonts are foreign to it.
fn open_to_opaque_origins(headers: &mut HeaderMap, content_type: &str) {
    headers.insert(RESOURCE_POLICY, HeaderValue::from_static("cross-origin"));
    // Fonts are fetched by CORS (CSS Fonts level 4, section 4.9).
    if content_type.starts_with("font/") {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    }
}

/// Adds a field that the site's author lists.
fn list(headers: &mut HeaderMap, name: HeaderName, text: HeaderValue, rights: PageRights) {
    let PageRights { loosen, .. } = rights;
    match name.as_str() {
        // A second policy can only tighten the first (CSP level 3, section 8.1).
        "content-security-policy" => {
            headers.append(name, text);
        }
        "cache-control" | "content-type" | "origin-agent-cluster" => {
            headers.insert(name, text);
        }
        "referrer-policy"
        | "permissions-policy"
        | "cross-origin-opener-policy"
        | "cross-origin-resource-policy"
        | "cross-origin-embedder-policy"
        | "x-frame-options" => {
            if loosen {
                headers.insert(name, text);
            }
        }
        other if other.starts_with("access-control-") => {
            if loosen {
                headers.insert(name, text);
            }
        }
        // Ours alone, or the protocol's.
        "set-cookie"
        | "strict-transport-security"
        | "content-length"
        | "content-encoding"
        | "content-range"
        | "accept-ranges"
        | "transfer-encoding"
        | "connection"
        | "keep-alive"
        | "upgrade"
        | "trailer"
        | "location"
        | "etag"
        | "vary"
        | "date"
        | "last-modified"
        | "x-content-type-options" => {}
        _ => {
            headers.append(name, text);
        }
    }
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
mod tests {
    use super::*;
    use holdfast_site::BlobRef;
    use std::collections::BTreeMap;

    const USUAL: PageRights = PageRights {
        act: true,
        loosen: false,
    };

    fn fields(rights: PageRights, kind: &str, listed: &[(&str, &str)]) -> HeaderMap {
        let entry = Entry {
            content_type: kind.to_owned(),
            identity: BlobRef::of(b"x"),
            encodings: BTreeMap::new(),
            scripts: vec!["sha256-RFWPLDbv2BY+rCkDzsE+0fr8ylGr2R2faWMhq4lfEQc=".to_owned()],
        };
        of_entry(rights, &entry, listed).unwrap()
    }

    fn all<'a>(headers: &'a HeaderMap, name: &str) -> Vec<&'a str> {
        headers
            .get_all(name)
            .iter()
            .map(|one| one.to_str().unwrap())
            .collect()
    }

    const THEIRS: &str = "default-src *";

    #[test]
    fn a_sites_policy_can_only_tighten_unless_the_operator_lets_it() {
        let mut rights = USUAL;
        let listed = [
            ("content-security-policy", THEIRS),
            ("content-security-policy", "img-src 'none'"),
            ("referrer-policy", "unsafe-url"),
            ("access-control-allow-origin", "*"),
            ("cross-origin-embedder-policy", "require-corp"),
            ("x-robots-tag", "noindex"),
        ];
        let headers = fields(rights, "text/html", &listed);
        let policies = all(&headers, "content-security-policy");
        assert_eq!(policies.len(), 3);
        assert!(
            policies
                .first()
                .unwrap()
                .contains("script-src 'self' 'sha256-RFWP")
        );
        assert_eq!(policies.get(1), Some(&THEIRS));
        assert_eq!(
            all(&headers, "referrer-policy"),
            ["strict-origin-when-cross-origin"]
        );
        assert!(all(&headers, "access-control-allow-origin").is_empty());
        assert!(all(&headers, "cross-origin-embedder-policy").is_empty());
        assert_eq!(all(&headers, "x-robots-tag"), ["noindex"]);
        rights.loosen = true;
        let headers = fields(
            rights,
            "text/html",
            &[
                ("content-security-policy", THEIRS),
                ("content-security-policy", "img-src 'none'"),
            ],
        );
        assert_eq!(
            all(&headers, "content-security-policy"),
            [THEIRS, "img-src 'none'"]
        );
        let headers = fields(rights, "text/html", listed.get(2..).unwrap());
        assert_eq!(all(&headers, "referrer-policy"), ["unsafe-url"]);
        assert_eq!(all(&headers, "access-control-allow-origin"), ["*"]);
    }

    #[test]
    fn what_is_not_the_authors_to_say_is_left_out() {
        let rights = USUAL;
        for name in [
            "set-cookie",
            "strict-transport-security",
            "content-length",
            "vary",
            "etag",
            "location",
            "date",
            "connection",
        ] {
            let headers = fields(rights, "text/html", &[(name, "theirs")]);
            assert!(!all(&headers, name).contains(&"theirs"), "{name}");
        }
        let headers = fields(
            rights,
            "text/html",
            &[
                ("x-content-type-options", "sniff"),
                ("bad name", "x"),
                ("x-a", "a\r\nb: c"),
            ],
        );
        assert_eq!(all(&headers, "x-content-type-options"), ["nosniff"]);
        assert!(!headers.contains_key("b") && !headers.contains_key("x-a"));
    }

    #[test]
    fn pages_that_not_everybody_may_see_are_kept_out_of_shared_caches() {
        // RFC 9111, sections 3 and 5.2.2: whatever the site's author says.
        let rights = USUAL;
        let mut headers = fields(
            rights,
            "text/html",
            &[("cache-control", "public, s-maxage=600")],
        );
        assert_eq!(all(&headers, "cache-control"), ["public, s-maxage=600"]);
        keep_private(&mut headers);
        assert_eq!(all(&headers, "cache-control"), ["private, no-store"]);
    }

    #[test]
    fn with_one_name_pages_can_do_nothing_and_no_header_of_theirs_changes_that() {
        let mut rights = PageRights {
            act: false,
            loosen: true,
        };
        for kind in [
            "text/html; charset=utf-8",
            "image/svg+xml",
            "application/xml",
            "application/pdf",
            "text/javascript",
        ] {
            let headers = fields(rights, kind, &[("content-security-policy", THEIRS)]);
            let policies = all(&headers, "content-security-policy");
            assert_eq!(policies, [policy::sandboxed(), THEIRS], "{kind}");
        }
        assert_eq!(
            all(
                &fields(rights, "font/woff2", &[]),
                "access-control-allow-origin"
            ),
            ["*"]
        );
        rights.act = true;
        let headers = fields(rights, "text/html", &[]);
        assert!(
            all(&headers, "content-security-policy")
                .first()
                .unwrap()
                .contains("script-src 'self'")
        );
    }

    #[test]
    fn our_own_pages_have_a_nonce_each_and_trusted_types() {
        let page = || own_page(StatusCode::OK, str::to_owned);
        let (one, other) = (page(), page());
        let policy =
            |response: &Response<Body>| all(response.headers(), "content-security-policy").concat();
        assert_ne!(policy(&one), policy(&other));
        for part in [
            "default-src 'none'",
            "require-trusted-types-for 'script'",
            "trusted-types 'none'",
            "frame-ancestors 'none'",
            "script-src 'nonce-",
        ] {
            assert!(policy(&one).contains(part), "{part}");
        }
        assert!(!policy(&one).contains("unsafe"));
        assert_eq!(all(one.headers(), "x-frame-options"), ["DENY"]);
    }
}
