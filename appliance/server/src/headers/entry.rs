//! The fields of a site's entry: ours, and what its author may add.

use holdfast_site::Entry;
use http::header::{
    ACCEPT_RANGES, ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL, CONTENT_SECURITY_POLICY,
    CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, VARY,
};

use super::{REPORTING_ENDPOINTS, RESOURCE_POLICY, endpoint, fill, policy, value};
use crate::rejection::{Rejection, Voice};
use crate::settings::PageRights;

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
        | "service-worker-allowed"
        | "last-modified"
        | "x-content-type-options" => {}
        _ => {
            headers.append(name, text);
        }
    }
}
