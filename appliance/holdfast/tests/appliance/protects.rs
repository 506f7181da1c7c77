//! The security headers.

use crate::appliance::Appliance;
use crate::serves::pushed;
use crate::web::Answer;

/// The value of a directive of the first policy.
fn directive<'a>(answer: &'a Answer, name: &str) -> Option<&'a str> {
    let policy = answer.headers("content-security-policy");
    let mut directives = policy.first()?.split(';').map(str::trim);
    directives.find_map(|one| {
        let (found, value) = one.split_once(' ').unwrap_or((one, ""));
        (found == name).then_some(value)
    })
}

#[test]
fn every_answer_carries_the_security_headers() {
    let (appliance, _) = pushed();
    let portal = appliance.get_portal("/");
    assert!(portal.status == 200 && portal.text().contains("Ready"));
    let etag = appliance.get("/").header("etag").unwrap().to_owned();
    for answer in [
        appliance.get("/"),
        appliance.get("/"),
        appliance.get("/%00"),
        appliance.get("/nope"),
        appliance.get("/guide"),
        appliance.get("/big.bin"),
        appliance.get_with("/big.bin", "Range: bytes=0-1\r\n"),
        appliance.get_with("/big.bin", "Range: bytes=9999999-\r\n"),
        appliance.get_with("/", &format!("If-None-Match: {etag}\r\n")),
        appliance.get_with("/", "Accept-Encoding: identity;q=0\r\n"),
        appliance.ask("OPTIONS", "/", ""),
        appliance.ask("BREW", "/", ""),
        appliance.ask("HEAD", "/", ""),
        appliance.get_portal("/healthz"),
        appliance.get_portal("/nope"),
        portal,
    ] {
        for name in [
            "content-security-policy",
            "x-content-type-options",
            "referrer-policy",
            "cross-origin-opener-policy",
            "cross-origin-resource-policy",
            "origin-agent-cluster",
            "permissions-policy",
            "cache-control",
        ] {
            assert_eq!(answer.headers(name).len(), 1, "{name} {}", answer.head);
        }
        // Neither on a loopback name, nor under a self-made certificate (RFC 6797, sections 8.4 and 14.3).
        assert!(answer.header("strict-transport-security").is_none());
        assert!(answer.header("server").is_none());
        assert!(answer.header("set-cookie").is_none());
    }
}

#[test]
fn pages_run_their_own_scripts_and_those_that_were_pushed() {
    let (appliance, _) = pushed();
    let page = appliance.get("/");
    let scripts = directive(&page, "script-src").unwrap();
    assert!(
        scripts.starts_with("'self' 'sha256-") && !scripts.contains("unsafe"),
        "{scripts}"
    );
    assert_eq!(
        directive(&page, "style-src"),
        Some("'self' 'unsafe-inline'")
    );
    assert_eq!(directive(&page, "object-src"), Some("'none'"));
    assert_eq!(directive(&page, "report-to"), Some("holdfast"));
    assert_eq!(
        page.header("reporting-endpoints"),
        Some("holdfast=\"/.holdfast/report\"")
    );
    assert_eq!(page.header("cross-origin-embedder-policy"), None);
    let other = appliance.get("/about");
    assert_eq!(directive(&other, "script-src"), Some("'self'"));
}

#[test]
fn our_own_pages_have_a_nonce_for_each_answer_and_no_inline_style() {
    let (appliance, _) = pushed();
    let answers = [
        appliance.get_portal("/"),
        appliance.get_portal("/"),
        appliance.get_portal("/nope"),
        appliance.get("/%00"),
        appliance.ask("BREW", "/", ""),
    ];
    let mut nonces = Vec::new();
    for answer in &answers {
        let text = answer.text();
        let source = directive(answer, "style-src").unwrap();
        let nonce = source
            .strip_prefix("'nonce-")
            .unwrap()
            .trim_end_matches('\'')
            .to_owned();
        assert!(text.contains(&format!("nonce=\"{nonce}\"")), "{text}");
        assert!(!nonces.contains(&nonce));
        nonces.push(nonce);
        assert!(
            !text.contains("<style") && !text.contains("style=\"") && !text.contains("<script")
        );
        assert_eq!(directive(answer, "default-src"), Some("'none'"));
        assert_eq!(
            directive(answer, "require-trusted-types-for"),
            Some("'script'")
        );
        assert_eq!(directive(answer, "trusted-types"), Some("'none'"));
        assert_eq!(directive(answer, "frame-ancestors"), Some("'none'"));
        assert_eq!(answer.header("x-frame-options"), Some("DENY"));
        assert_eq!(
            answer.header("cross-origin-embedder-policy"),
            Some("require-corp")
        );
        // The style sheet is there, on the same host, and may be kept for ever.
        let at = text.find("/.holdfast/style-").unwrap();
        let path = text[at..].split('"').next().unwrap();
        for style in [appliance.get(path), appliance.get_portal(path)] {
            assert_eq!(
                style.header("content-type"),
                Some("text/css; charset=utf-8")
            );
            assert_eq!(
                style.header("cache-control"),
                Some("public, max-age=31536000, immutable")
            );
            assert!(style.status == 200 && style.text().contains("prefers-color-scheme"));
        }
    }
    assert_eq!(
        appliance
            .get("/.holdfast/style-0000000000000000.css")
            .status,
        404
    );
}

#[test]
fn error_pages_name_the_request_and_a_way_on() {
    let appliance = Appliance::start().enrolled();
    appliance.push(&[("index.html", b"a page")]);
    let answer = appliance.get("/no-such-page");
    assert_eq!(answer.status, 404);
    let text = answer.text();
    assert!(text.contains("href=\"/\""), "{text}");
    let id = text
        .split("Request <code>")
        .nth(1)
        .unwrap()
        .split('<')
        .next()
        .unwrap()
        .to_owned();
    let log = appliance.log_with("/no-such-page");
    let line = log
        .lines()
        .find(|line| line.contains("/no-such-page"))
        .unwrap();
    assert!(
        line.contains(&format!("\"request\":\"{id}\"")),
        "{line} {id}"
    );
}

#[test]
fn headers_of_the_site_are_sent_and_can_only_tighten() {
    let appliance = Appliance::start().enrolled();
    let rules = b"/*\n  X-Robots-Tag: noarchive\n  Referrer-Policy: unsafe-url\n\
        /trusted.html\n  Content-Security-Policy: require-trusted-types-for 'script'\n\
        /kept.css\n  Cache-Control: public, max-age=600\n";
    appliance.push(&[
        ("_headers", rules),
        ("index.html", b"index"),
        ("trusted.html", b"trusted"),
        ("kept.css", b"a{}"),
        ("404.html", b"own 404"),
    ]);
    // Every spelling of a page's address has its headers, on the first and on later requests.
    for path in ["/trusted", "/trusted.html", "/trusted?a", "/trusted"] {
        let answer = appliance.get(path);
        let policies = answer.headers("content-security-policy");
        // Trusted Types are the author's to ask for; ours stands before it (CSP level 3, section 8.1).
        assert_eq!(policies.len(), 2, "{path} {}", answer.head);
        assert!(policies[0].contains("script-src 'self'"));
        assert_eq!(policies[1], "require-trusted-types-for 'script'");
        assert_eq!(answer.headers("x-robots-tag"), ["noarchive"]);
        assert_eq!(
            answer.headers("referrer-policy"),
            ["strict-origin-when-cross-origin"]
        );
    }
    assert_eq!(
        appliance.get("/kept.css").headers("cache-control"),
        ["public, max-age=600"]
    );
    assert_eq!(appliance.get("/").headers("cache-control"), ["no-cache"]);
    let missing = appliance.get("/nothing");
    assert_eq!((missing.status, missing.text().as_str()), (404, "own 404"));
    assert_eq!(missing.headers("x-robots-tag"), ["noarchive"]);
    // Another version, other headers, at once.
    appliance.push(&[("index.html", b"other"), ("trusted.html", b"trusted")]);
    assert_eq!(appliance.get("/").text(), "other");
    let answer = appliance.get("/trusted");
    assert_eq!(answer.headers("content-security-policy").len(), 1);
    assert!(answer.headers("x-robots-tag").is_empty());
    assert_eq!(appliance.get("/kept.css").status, 404);
}
