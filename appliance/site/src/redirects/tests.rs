#![allow(clippy::unwrap_used, clippy::panic)]

use proptest::prelude::*;

use super::*;
use crate::path::RequestPath;

const PAGES: [&str; 5] = [
    "/404.html",
    "/index.html",
    "/en/about.html",
    "/page.html",
    "/app/index.html",
];

fn is_page(stem: &str) -> bool {
    [
        stem.to_owned(),
        format!("{stem}.html"),
        format!("{stem}/index.html"),
    ]
    .iter()
    .any(|path| PAGES.contains(&path.as_str()))
}

/// What the workstation does with a file, with the line in front of a fault.
fn build(text: &str) -> Result<Redirects, String> {
    let rules = parse(text).map_err(|error| error.to_string())?;
    let (lines, rules): (Vec<_>, Vec<_>) = rules.into_iter().unzip();
    let told = |(number, fault)| format!("line {}: {fault}", lines.get::<usize>(number).unwrap());
    let built = Redirects::build(rules).map_err(told)?;
    built.check(&is_page).map_err(told)?;
    Ok(built)
}

fn at(rules: &Redirects, url: &str) -> String {
    let (path, query) = match url.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (url, None),
    };
    match rules.find(&RequestPath::decode(path).unwrap(), query, false) {
        Some(Outcome::Redirect {
            status, location, ..
        }) => format!("{status} {location}"),
        Some(Outcome::Page { status, path }) => format!("{status} page {path}"),
        None => "none".to_owned(),
    }
}

#[test]
fn rules_are_read_as_netlify_and_cloudflare_write_them() {
    let rules = build(
        "\u{feff}# comment\r\n\
         /home              /\r\n\
         /blog/:year/:slug  /news/:slug/:year   302 # behind\n\
         \n\
         /docs/*  https://docs.example.org/:splat?from=old#top  308\n\
         /store id=:id tag=new  /item/:id  301\n\
         /store /page\n\
         /caf%C3%A9 /page 303\n\
         /app/*  /app/index.html  200\n\
         /secret/* /404.html 404!\n\
         /wiki/* /w/Help:Contents 307\n",
    )
    .unwrap();
    assert_eq!(rules.rules().len(), 9);
    assert_eq!(at(&rules, "/home"), "301 /");
    assert_eq!(at(&rules, "/home/"), "301 /");
    assert_eq!(at(&rules, "/blog/2024/a"), "302 /news/a/2024");
    assert_eq!(at(&rules, "/blog/2024"), "none");
    assert_eq!(at(&rules, "/blog/2024/a/b"), "none");
    let docs = "308 https://docs.example.org/";
    assert_eq!(at(&rules, "/docs/a/b/"), format!("{docs}a/b/?from=old#top"));
    assert_eq!(at(&rules, "/docs"), format!("{docs}?from=old#top"));
    assert_eq!(at(&rules, "/store?tag=new&id=7&x=y"), "301 /item/7");
    assert_eq!(at(&rules, "/store?id=7"), "301 /page?id=7");
    assert_eq!(at(&rules, "/store?id=&tag=new"), "301 /page?id=&tag=new");
    assert_eq!(at(&rules, "/caf%c3%a9"), "303 /page");
    assert_eq!(at(&rules, "/app/x"), "200 page /app/index.html");
    assert_eq!(at(&rules, "/secret/x"), "404 page /404.html");
    assert_eq!(at(&rules, "/wiki/x"), "307 /w/Help:Contents");
}

#[test]
fn first_rule_that_matches_wins_whether_exact_or_not() {
    let rules = build("/a/x /1\n/a/* /2\n/a/y /3\n/b/* /4\n/b/x /5\n").unwrap();
    assert_eq!(at(&rules, "/a/x"), "301 /1");
    assert_eq!(at(&rules, "/a/y"), "301 /2");
    assert_eq!(at(&rules, "/b/x"), "301 /4");
}

#[test]
fn what_is_not_supported_is_refused_with_its_line_and_a_way_out() {
    for (line, reason, way_out) in [
        ("/a /b 302 Country=de", "Country=", "take the rule out"),
        ("/a /b Language=en", "Language=", "take the rule out"),
        (
            "/a https://x.example/:splat 200",
            "is captured nowhere",
            "`%3A`",
        ),
        (
            "/a/* https://x.example/:splat 200",
            "on another host",
            "use 301 or 302",
        ),
        ("/a http://x.example/", "neither a path", "`https://`"),
        ("/a //x.example/", "neither a path", "`https://`"),
        (
            "/a https://u@x.example/",
            "does not name one host",
            "in full",
        ),
        ("/:h https://:h/", "does not name one host", "in full"),
        ("/a /b 418", "the status 418", "use 301"),
        ("/a /b 3o1", "no status", "three digits"),
        ("/a", "leads nowhere", "/old /new"),
        ("a /b", "does not begin", "from the site's root"),
        ("https://x.example/a /b", "names a host", "only the path"),
        ("/a/*/b /c", "not its last segment", "end the path"),
        ("/a* /c", "not its last segment", "end the path"),
        ("/:a/:a /c", "comes twice", "name of its own"),
        ("/a x=:1 /c", "no name for a placeholder", "use a letter"),
        ("/a /missing.html 200", "is no page", "name a file"),
        ("/a /page?x=y 200", "holds a query", "name a page"),
        ("/../a /b", "`.` or `..`", "address line"),
        ("/a /../b", "`.` or `..`", "that is meant"),
        ("/.holdfast/x /b", "keeps for itself", "another path"),
    ] {
        let why = build(&format!("# first\n{line}\n")).unwrap_err();
        assert!(why.contains("line 2"), "{line}: {why}");
        assert!(
            why.contains(reason) && why.contains(way_out),
            "{line}: {why}"
        );
    }
    let long = format!("/a /{}", "b".repeat(2000));
    assert!(build(&long).unwrap_err().contains("2000 bytes"));
}

#[test]
fn loops_and_endless_chains_are_refused() {
    for text in [
        "/a /a",
        "/a/ /a",
        "/a /b\n/b /a",
        "/a /b\n/b /c\n/c /d\n/d /b",
        "/* /en/:splat",
        "/:x /:x/y\n/:x/y /:x",
        "/blog/* /news/:splat\n/news/* /blog/:splat",
        "/go/* /:splat/:splat",
        "/go/* /:splat/x",
        "/go/* /:splat\n/:x/* /go/:x/:splat",
        "/page /page 301!",
        "/a/:x /b/:x\n/b/1 /a/1",
        "/a x=:x /b?x=:x\n/b x=:x /a?x=:x",
    ] {
        let why = build(text).unwrap_err();
        assert!(why.contains("without end"), "{text}: {why}");
    }
    for text in [
        // A page ends the way.
        "/page/ /page",
        "/page /a\n/a /page",
        // So does a rule that stands before.
        "/en/* /404.html 404\n/* /en/:splat",
        // The second rule's target is not matched by the first.
        "/old/:a /new/:a\n/new/x /old2/y",
        "/old/:a /new/:a\n/new/x /old/y",
        // The path gets shorter each time.
        "/go/* /:splat",
        "/a/:x/* /:x/:splat\n/b/* /a/:splat",
        // Nothing is captured twice.
        "/a x=:x /a",
        "/* https://other.example/:splat",
        "/* /index.html 200",
    ] {
        build(text).unwrap_or_else(|why| panic!("{text}: {why}"));
    }
}

#[test]
fn numbers_of_rules_are_bounded() {
    use std::fmt::Write as _;
    let lines = |count: usize, star: &str| {
        let mut text = String::new();
        for n in 0..count {
            writeln!(text, "/{n}{star} https://x.example/{n}").unwrap();
        }
        text
    };
    assert!(build(&lines(10_000, "")).is_ok());
    assert!(
        build(&lines(10_001, ""))
            .unwrap_err()
            .contains("line 10001: there are more than 10000")
    );
    assert!(build(&lines(500, "/*")).is_ok());
    assert!(
        build(&lines(501, "/*"))
            .unwrap_err()
            .contains("more than 500")
    );
}

#[test]
fn many_rules_of_one_folder_are_no_tangle() {
    use std::fmt::Write as _;
    let mut text = String::new();
    for n in 0..3_000 {
        writeln!(text, "/blog/old-{n} /blog/new-{n}").unwrap();
    }
    for n in 0..50 {
        writeln!(text, "/blog/{n}/* /posts/{n}/:splat").unwrap();
    }
    let rules = build(&text).unwrap();
    assert_eq!(at(&rules, "/blog/old-2999"), "301 /blog/new-2999");
    assert_eq!(at(&rules, "/blog/49/x"), "301 /posts/49/x");
}

#[test]
fn following_the_rules_is_bounded() {
    use std::fmt::Write as _;
    // Three ways from each of 18 places, all of which end: 3^18 ways.
    let mut text = String::new();
    for n in 0..18 {
        let next = n + 1;
        writeln!(text, "/{n}/* q=:q /{next}/a/:splat?q=:q&r=1").unwrap();
        writeln!(text, "/{n}/* r=:r /{next}/b/:splat?q=1&r=:r").unwrap();
        writeln!(text, "/{n}/* /{next}/c/:splat?q=1&r=1").unwrap();
    }
    let start = std::time::Instant::now();
    let why = build(&text).unwrap_err();
    assert!(why.contains("too many ways"), "{why}");
    println!(
        "figure: tangled rules refused in {} ms",
        start.elapsed().as_millis()
    );
}

#[test]
fn no_capture_leads_to_another_host_or_splits_a_field() {
    let rules = build("/r a=:a b=:b /:a/:b\n/go/* /:splat 302\n/p/:x /q?v=:x\n").unwrap();
    // RFC 3986, section 4.2: `//` would begin an authority.
    assert_eq!(at(&rules, "/r?a=&b=evil.example"), "none");
    assert_eq!(
        at(&rules, "/r?a=/evil.example&b=x"),
        "301 /%2Fevil.example/x"
    );
    assert_eq!(
        at(&rules, "/r?a=%5Cevil&b=%0d%0aSet-Cookie:1"),
        "301 /%5Cevil/%0D%0ASet-Cookie:1"
    );
    assert_eq!(at(&rules, "/go"), "302 /");
    assert_eq!(at(&rules, "/p/a%26b%3Dc%23"), "301 /q?v=a%26b%3Dc%23");
    assert_eq!(at(&rules, "/go/x?a=%0d%0a\"<>"), "302 /x?a=%0d%0a%22%3C%3E");
}

proptest! {
    #[test]
    fn parsing_and_following_never_panic(text in "(/[a-c:*]{0,3}(/[a-c:*]{0,3}){0,2} [/a-c:]{0,6}( (200|301|404)!?)?\n){0,6}|\\PC{0,60}") {
        let _ = build(&text);
    }

    #[test]
    fn location_is_plain_ascii_and_stays_on_this_site(
        path in "(/[a-z%é .;:@&=+$,~-]{1,8}){1,4}/?",
        query in "[ -~é]{0,30}",
    ) {
        let rules = Redirects::build(vec![RedirectRule {
            from: "/:a/*".to_owned(),
            query: Vec::new(),
            to: "/:splat/:a".to_owned(),
            status: 302,
            force: false,
        }]).unwrap();
        if let Ok(request) = RequestPath::decode(&path)
            && let Some(Outcome::Redirect { location, .. }) = rules.find(&request, Some(&query), false) {
            prop_assert!(location.bytes().all(|b| (0x21..0x7f).contains(&b)), "{location}");
            prop_assert!(location.starts_with('/') && !location.starts_with("//"), "{location}");
        }
    }
}
