//! `_redirects`, `_headers` and the checks of what comes with a push, through the real process.

use holdfast_site::{BlobRef, Encoding};
use serde_json::json;

use crate::appliance::{Appliance, ok, refused, write_site};
use crate::device::{Device, blob};

#[test]
fn redirects_answer_as_their_authors_know_them() {
    let appliance = Appliance::start().enrolled();
    appliance.push(&[
        ("index.html", b"index"),
        ("app/index.html", b"app"),
        ("page.html", b"page"),
        ("404.html", b"missing"),
        ("gone.html", b"gone"),
        (
            "_redirects",
            b"/old /page\n/blog/:year/* /news/:year/:splat 302\n/store id=:id /item/:id 307\n\
              /app/* /app/ 200\n/was /gone 410\n/page/x /page 303!\n/away/* https://example.org/:splat 308\n",
        ),
    ]);
    for (path, status, location) in [
        ("/old", 301, "/page"),
        ("/old?a=b", 301, "/page?a=b"),
        ("/blog/2024/a/b", 302, "/news/2024/a/b"),
        ("/store?id=7", 307, "/item/7"),
        ("/page/x", 303, "/page"),
        ("/away/a%20b", 308, "https://example.org/a%20b"),
    ] {
        let answer = appliance.get(path);
        assert_eq!(
            (answer.status, answer.header("location")),
            (status, Some(location)),
            "{path}"
        );
    }
    for (path, status, text) in [
        ("/app/deep/link", 200, "app"),
        ("/was", 410, "gone"),
        ("/page", 200, "page"),
        ("/store", 404, "missing"),
        ("/nothing", 404, "missing"),
    ] {
        let answer = appliance.get(path);
        assert_eq!(
            (answer.status, answer.text().as_str()),
            (status, text),
            "{path}"
        );
    }
    // The files themselves are never pages.
    assert_eq!(appliance.get("/_redirects").status, 404);
    assert_eq!(appliance.get("/_headers").status, 404);
}

#[test]
fn wrong_rules_are_refused_at_push_with_file_line_and_way_out() {
    let appliance = Appliance::start().enrolled();
    let site = appliance.path("site");
    let push = |name: &str, text: &[u8]| {
        write_site(&site, &[("index.html", b"1"), (name, text)]);
        refused(&appliance.holdfast(&["site", "push", site.to_str().unwrap()]))
    };
    let text = push("_redirects", b"# rules\n/a /b 302 Country=de\n");
    assert!(
        text.contains("`_redirects`, line 2") && text.contains("take the rule out"),
        "{text}"
    );
    let text = push("_redirects", b"/x /y\n/a /b\n/b /a\n");
    assert!(
        text.contains("`_redirects`, line 2") && text.contains("without end"),
        "{text}"
    );
    let text = push("_redirects", b"/a /nothing 200\n");
    assert!(
        text.contains("line 1") && text.contains("no page of the site"),
        "{text}"
    );
    let text = push("_headers", b"/*\n  Set-Cookie: a=b\n");
    assert!(
        text.contains("`_headers`, line 2") && text.contains("no cookies"),
        "{text}"
    );
    let text = push("_headers", b"\xff");
    assert!(text.contains("UTF-8"), "{text}");
    write_site(&site, &[("index.html", b"1")]);
    std::os::unix::fs::symlink("/etc/passwd", site.join("_headers")).unwrap();
    let text = refused(&appliance.holdfast(&["site", "push", site.to_str().unwrap()]));
    assert!(text.contains("no plain file"), "{text}");
    assert!(ok(&appliance.holdfast(&["site", "versions"])).contains("no version yet"));
}

#[test]
fn the_appliance_believes_no_manifest() {
    let appliance = Appliance::start().enrolled();
    let device = Device::enrolled(&appliance);
    let text = b"the same words again ".repeat(50);
    let other = b"some other words here ".repeat(50);
    let identity = BlobRef::of(&text);
    let right = Encoding::Gzip.compress(&text).unwrap();
    let wrong = Encoding::Gzip.compress(&other).unwrap();
    // A bomb: 64 MiB of zeros.
    let bomb = Encoding::Gzip.compress(&vec![0; 64 << 20]).unwrap();
    let short: Vec<_> = bomb.iter().copied().take(100).collect();
    let all = [&text[..], &right, &wrong, &short, b"not gzip"];
    for bytes in all {
        let sent = device.post("/v1/site/blobs", &blob(BlobRef::of(bytes).sha256, bytes));
        assert_eq!(sent.status, 200, "{}", sent.text());
    }
    let commit = |encodings: serde_json::Value,
                  redirects: serde_json::Value,
                  headers: serde_json::Value| {
        let entry =
            json!({ "content_type": "text/plain", "identity": identity, "encodings": encodings });
        let request = json!({
            "entries": [{ "path": "/a.txt", "entry": entry }],
            "redirects": redirects, "headers": headers, "activate": true,
        });
        device.post("/v1/site/versions", &serde_json::to_vec(&request).unwrap())
    };
    for bytes in [&wrong[..], &short, b"not gzip"] {
        let encoded = BlobRef::of(bytes);
        let answer = commit(json!({ "gzip": encoded }), json!([]), json!([]));
        assert_eq!(answer.status, 422);
        let why = answer.text();
        assert!(
            why.contains("/a.txt") && why.contains(&encoded.sha256.to_string()),
            "{why}"
        );
    }
    let as_brotli = commit(json!({ "br": BlobRef::of(&right) }), json!([]), json!([]));
    assert_eq!(as_brotli.status, 422);

    let rule =
        |from: &str, to: &str, status: u16| json!([{ "from": from, "to": to, "status": status }]);
    for redirects in [
        rule("/a", "/a", 301),
        rule("/a", "javascript:alert(1)", 301),
        rule("/a", "https://x.example/", 200),
        rule("/a", "/missing", 200),
        rule("/a", "/b\r\nset-cookie: a=b", 418),
        rule("/.holdfast/x", "/b", 302),
    ] {
        let answer = commit(json!({}), redirects.clone(), json!([]));
        assert_eq!(answer.status, 422, "{redirects}");
        assert!(
            answer.text().contains("redirect rule 1"),
            "{}",
            answer.text()
        );
    }
    for (name, value) in [
        ("set-cookie", "a=b"),
        ("link", "x\r\nset-cookie: a=b"),
        ("x-mine", "a"),
    ] {
        let headers = json!([{ "path": "/*", "set": [[name, value]] }]);
        let answer = commit(json!({}), json!([]), headers);
        assert_eq!(answer.status, 422, "{name}");
        assert!(answer.text().contains("header rule 1"), "{}", answer.text());
    }
    let fine = commit(
        json!({ "gzip": BlobRef::of(&right) }),
        rule("/b", "/a.txt", 302),
        json!([]),
    );
    assert_eq!(fine.status, 200, "{}", fine.text());
    assert_eq!(appliance.get("/a.txt").body, text);
    assert_eq!(
        appliance
            .get_with("/a.txt", "Accept-Encoding: gzip\r\n")
            .body,
        right
    );
    assert_eq!(appliance.get("/b").header("location"), Some("/a.txt"));
}

#[test]
fn push_warns_of_what_the_policy_stops_and_says_what_to_do() {
    let appliance = Appliance::start().enrolled();
    let site = appliance.path("site");
    write_site(
        &site,
        &[
            (
                "index.html",
                b"<a onclick=\"go()\">x</a><script src='https://cdn.example/x.js'></script>",
            ),
            ("_headers", b"/*\n  X-Frame-Options: SAMEORIGIN\n"),
        ],
    );
    let pushed = appliance.holdfast(&["site", "push", site.to_str().unwrap()]);
    let warnings = String::from_utf8(pushed.stderr.clone()).unwrap();
    ok(&pushed);
    assert!(
        warnings.contains("/index.html: inline event handlers"),
        "{warnings}"
    );
    assert!(warnings.contains("addEventListener"), "{warnings}");
    assert!(
        warnings.contains("/index.html: scripts or style sheets from other hosts"),
        "{warnings}"
    );
    assert!(warnings.contains("headers_may_loosen"), "{warnings}");
    let dry = [
        "site",
        "push",
        "--dry-run",
        "--json",
        site.to_str().unwrap(),
    ];
    let told: serde_json::Value = serde_json::from_str(&ok(&appliance.holdfast(&dry))).unwrap();
    assert_eq!(told["warnings"].as_array().unwrap().len(), 3);
}
