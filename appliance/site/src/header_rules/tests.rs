#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::names::NAMES;
use super::*;

fn build(text: &str) -> Result<HeaderRules, String> {
    let parsed = parse(text).map_err(|error| error.to_string())?;
    let rules = parsed.rules.into_iter().map(|(_, rule)| rule);
    HeaderRules::build(rules.collect()).map_err(|(_, fault)| fault.to_string())
}

fn at(rules: &HeaderRules, path: &str) -> String {
    let fields = rules.fields(path);
    let texts: Vec<_> = fields.iter().map(|(n, v)| format!("{n}: {v}")).collect();
    texts.join("\n")
}

#[test]
fn fields_are_those_of_all_rules_that_match() {
    let rules = build(
        "# comment\n/*\n  X-Robots-Tag: noindex\n  Cache-Control: max-age=60\n\n\
         /assets/*\n\tCache-Control: public, max-age=31536000, immutable\n  ! X-Robots-Tag\n\
         /a.html\n  Link: </x.css>; rel=preload\n  Link: </y.css>; rel=preload\n\
         /b/\n  Content-Language: de\n\
         /:x/c/*.js\n  Sourcemap: /m\n",
    )
    .unwrap();
    assert_eq!(
        at(&rules, "/x.html"),
        "x-robots-tag: noindex\ncache-control: max-age=60"
    );
    assert_eq!(
        at(&rules, "/assets/x.css"),
        "cache-control: public, max-age=31536000, immutable"
    );
    let a = at(&rules, "/a.html");
    assert!(
        a.ends_with("link: </x.css>; rel=preload\nlink: </y.css>; rel=preload"),
        "{a}"
    );
    assert!(at(&rules, "/b/index.html").contains("content-language: de"));
    assert!(at(&rules, "/q/c/d/e.js").contains("sourcemap"));
    assert!(!at(&rules, "/q/c/d/e.css").contains("sourcemap"));
    assert!(!at(&rules, "/q/r/c/e.js").contains("sourcemap"));
}

#[test]
fn no_spelling_of_a_page_evades_its_rule() {
    for (pattern, path) in [
        ("/a", "/a.html"),
        ("/a.html", "/a.html"),
        ("/b/", "/b/index.html"),
        ("/b/index.html", "/b/index.html"),
        ("/b/*", "/b/index.html"),
        ("/", "/index.html"),
    ] {
        let rules = build(&format!("{pattern}\n X-Frame-Options: DENY\n")).unwrap();
        assert_eq!(
            at(&rules, path),
            "x-frame-options: DENY",
            "{pattern} {path}"
        );
    }
}

#[test]
fn what_a_site_may_not_set_is_refused_with_its_line_and_a_way_out() {
    for (text, line, reason) in [
        ("/*\n  Set-Cookie: a=b", 2, "set no cookies"),
        (
            "/*\n\n  Strict-Transport-Security: max-age=1",
            3,
            "sends its own",
        ),
        ("/*\n  Content-Encoding: br", 2, "knows what it sends"),
        ("/*\n  Content-Length: 1", 2, "knows what it sends"),
        ("/*\n  Transfer-Encoding: chunked", 2, "knows what it sends"),
        ("/*\n  Connection: close", 2, "knows what it sends"),
        ("/*\n  ETag: x", 2, "knows what it sends"),
        ("/*\n  Vary: *", 2, "knows what it sends"),
        ("/*\n  Date: x", 2, "knows what it sends"),
        ("/*\n  Location: /x", 2, "`_redirects`"),
        ("/*\n  Basic-Auth: a:b", 2, "protects nothing"),
        ("/*\n  Access-Control-Allow-Credentials: true", 2, "session"),
        ("/*\n  X-My-Own: a", 2, "guide lists"),
        ("/*\n  X-Content-Type-Options: sniff", 2, "`nosniff`"),
        ("/*\n  Link: é", 2, "plain ASCII"),
        ("/*\n  Link:", 2, "plain ASCII"),
        ("/*\n  nothing", 2, "Name: value"),
        ("  Link: x", 1, "before any path"),
        ("Link: x", 1, "begin the line with `/`"),
        ("https://x.example/*\n  Link: x", 1, "without host name"),
        ("/*/a/*\n  Link: x", 1, "one `*`"),
        ("/*\n  ! Set-Cookie", 2, "set no cookies"),
    ] {
        let why = build(text).unwrap_err();
        assert!(why.contains(&format!("line {line}")), "{text}: {why}");
        assert!(why.contains(reason), "{text}: {why}");
    }
}

#[test]
fn foreign_rules_are_checked_as_those_of_the_file() {
    let rule = |name: &str, value: &str| HeaderRule {
        path: "/*".to_owned(),
        set: vec![(name.to_owned(), value.to_owned())],
        remove: Vec::new(),
    };
    assert!(HeaderRules::build(vec![rule("link", "x")]).is_ok());
    for (name, value) in [
        ("set-cookie", "a=b"),
        ("Link", "x"),
        ("link", "x\r\nset-cookie: a=b"),
        ("link", "x\u{0}"),
        ("link", " x"),
        ("content-type", "text/html"),
        ("", "x"),
    ] {
        assert!(
            HeaderRules::build(vec![rule(name, value)]).is_err(),
            "{name}"
        );
    }
    let many = vec![rule("link", "x"); 201];
    assert!(HeaderRules::build(many).is_err());
    let large = vec![rule("link", &"x".repeat(2000)); 17];
    assert!(HeaderRules::build(large).is_err());
}

#[test]
fn content_types_become_part_of_the_files() {
    let parsed =
        parse("/.well-known/apple-app-site-association\n  Content-Type: application/json\n")
            .unwrap();
    assert!(parsed.rules.is_empty());
    let found = parsed.types.find("/.well-known/apple-app-site-association");
    assert_eq!(found, Some("application/json"));
    assert_eq!(parsed.types.find("/x"), None);
    assert!(parse("/x\n  Content-Type: json\n").is_err());
}

#[test]
fn names_are_sorted_for_the_search() {
    assert!(NAMES.is_sorted_by_key(|(name, ..)| *name));
    for (name, ..) in NAMES {
        assert!(header_class(name).is_some());
    }
    assert_eq!(header_class("set-cookie"), None);
}

proptest! {
    #[test]
    fn parsing_never_panics(text in "(/[a-b:*/]{0,8}\n( [a-zA-Z!:-]{0,12}: ?[ -~]{0,9}\n){0,3}){0,4}|\\PC{0,60}", path in "/[a-b/]{0,6}(index.html)?") {
        if let Ok(rules) = build(&text) {
            let _ = rules.fields(&path);
        }
    }
}
