use super::*;
use crate::settings::PageRights;
use holdfast_site::{BlobRef, Entry};
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
