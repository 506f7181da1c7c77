//! Names and values that a site may set.

use super::MAX_LINE;
use crate::error::Fault;

/// What a field can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeaderClass {
    /// It changes nothing that keeps visitors safe, and is sent as written.
    Plain,
    /// It belongs to what the server sends for safety. `content-security-policy` is sent beside the server's own, so that
    /// it can only tighten; the others replace the server's only where the operator allows it.
    Security,
}

/// How several values of a name go together.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Many {
    /// All are sent.
    List,
    /// The last one counts.
    Last,
}

/// Names that a site may set, in lower case.
pub(super) const NAMES: &[(&str, HeaderClass, Many)] = {
    use HeaderClass::{Plain, Security};
    use Many::{Last, List};
    &[
        ("access-control-allow-headers", Security, Last),
        ("access-control-allow-methods", Security, Last),
        ("access-control-allow-origin", Security, Last),
        ("access-control-expose-headers", Security, Last),
        ("access-control-max-age", Security, Last),
        ("cache-control", Plain, Last),
        ("content-disposition", Plain, Last),
        ("content-language", Plain, Last),
        ("content-security-policy", Security, List),
        ("content-security-policy-report-only", Security, List),
        ("cross-origin-embedder-policy", Security, Last),
        ("cross-origin-opener-policy", Security, Last),
        ("cross-origin-resource-policy", Security, Last),
        ("link", Plain, List),
        ("origin-agent-cluster", Plain, Last),
        ("permissions-policy", Security, Last),
        ("referrer-policy", Security, Last),
        ("server-timing", Plain, List),
        ("service-worker-allowed", Plain, Last),
        ("sourcemap", Plain, Last),
        ("speculation-rules", Plain, Last),
        ("timing-allow-origin", Plain, List),
        ("x-content-type-options", Security, Last),
        ("x-dns-prefetch-control", Plain, Last),
        ("x-frame-options", Security, Last),
        ("x-permitted-cross-domain-policies", Plain, Last),
        ("x-robots-tag", Plain, List),
        ("x-ua-compatible", Plain, Last),
    ]
};

/// What a field of this name (in lower case) can do; `None` for names that no site may set.
#[must_use]
pub fn header_class(name: &str) -> Option<HeaderClass> {
    known(name).map(|(class, _)| class)
}

pub(super) fn known(name: &str) -> Option<(HeaderClass, Many)> {
    let at = NAMES
        .binary_search_by_key(&name, |(known, ..)| known)
        .ok()?;
    NAMES.get(at).map(|(_, class, many)| (*class, *many))
}

pub(super) fn check_name(name: &str) -> Result<(), Fault> {
    if known(name).is_some() {
        return Ok(());
    }
    let way_out = match name {
        "set-cookie" => "take the line out: pages of a site set no cookies",
        "strict-transport-security" => {
            "take the line out: Holdfast sends its own, for exactly its host name"
        }
        "location" | "refresh" => "write a rule in `_redirects`",
        "content-type" => {
            "a type is set for single files: write the line under a path that matches them"
        }
        "content-encoding" | "content-length" | "transfer-encoding" | "accept-ranges" | "etag"
        | "last-modified" | "vary" | "date" | "age" | "connection" | "keep-alive" | "upgrade"
        | "trailer" | "server" | "alt-svc" | "te" => {
            "take the line out: the server knows what it sends"
        }
        "basic-auth" | "www-authenticate" | "authorization" => {
            "take the line out: a password in a pushed file protects nothing"
        }
        "expires" | "pragma" => "use `Cache-Control`, which says the same",
        "x-xss-protection" | "feature-policy" | "public-key-pins" | "expect-ct" => {
            "take the line out: browsers no longer obey it"
        }
        "report-to" | "reporting-endpoints" | "nel" => {
            "take the line out: reports of visitors' browsers go to the appliance alone"
        }
        "access-control-allow-credentials" => {
            "take the line out: no other site may use a visitor's session here"
        }
        _ => "take the line out, or use one of the names that the site author's guide lists",
    };
    Err(Fault::new(
        format!("`{name}` is no field that a site may set"),
        way_out,
    ))
}

/// Visible ASCII, blanks between (RFC 9110, section 5.5), and no value that undoes what the server promises.
pub(super) fn check_field(name: &str, value: &str) -> Result<(), Fault> {
    check_name(name)?;
    let printable = value.bytes().all(|byte| (0x20..0x7f).contains(&byte));
    if value.is_empty() || value.trim() != value || !printable || value.len() > MAX_LINE {
        return Err(Fault::new(
            format!("the value of `{name}` is empty, too long, or not plain ASCII"),
            "write at most 2000 printable ASCII characters",
        ));
    }
    if name == "x-content-type-options" && !value.eq_ignore_ascii_case("nosniff") {
        return Err(Fault::new(
            format!("`{name}` has one value"),
            "write `nosniff`, or take the line out: it is always sent",
        ));
    }
    Ok(())
}
