//! Versions: listed, made live, taken back, compared, and removed by rule.

use serde_json::Value;

use crate::appliance::{Appliance, ok, refused};
use crate::device::Device;

fn json(appliance: &Appliance, arguments: &[&str]) -> Value {
    let arguments = [arguments, &["--json"]].concat();
    serde_json::from_str(&ok(&appliance.holdfast(&arguments))).unwrap()
}

fn numbers(appliance: &Appliance) -> Vec<u64> {
    let versions = json(appliance, &["site", "versions"]);
    let items = versions.as_array().unwrap().iter();
    items
        .map(|item| item["version"].as_u64().unwrap())
        .collect()
}

#[test]
fn rollback_goes_back_to_what_was_live_before_also_after_a_restart() {
    let mut appliance = Appliance::start().enrolled();
    let none = refused(&appliance.holdfast(&["site", "rollback"]));
    assert!(none.contains("no version was live before"), "{none}");
    for text in ["one", "two", "three"] {
        appliance.push(&[("index.html", text.as_bytes()), ("kept.txt", b"kept")]);
    }
    appliance.stop();
    appliance.boot();
    let back = ok(&appliance.holdfast(&["site", "rollback"]));
    assert!(back.contains("Version 2 is live"), "{back}");
    assert_eq!(appliance.get("/").text(), "two");
    appliance.kill();
    appliance.boot();
    assert_eq!(appliance.get("/").text(), "two");
    let again = json(&appliance, &["site", "rollback"]);
    assert_eq!(
        (&again["version"], &again["before"]),
        (&3.into(), &2.into())
    );
    assert_eq!(appliance.get("/").text(), "three");
    let first = ok(&appliance.holdfast(&["site", "activate", "1"]));
    assert!(first.contains("Version 1 is live"), "{first}");
    assert_eq!(appliance.get("/").text(), "one");
    let missing = refused(&appliance.holdfast(&["site", "activate", "9"]));
    assert!(
        missing.contains("no version 9") && missing.contains("site versions"),
        "{missing}"
    );
    assert_eq!(appliance.get("/").text(), "one");
    assert!(ok(&appliance.holdfast(&["site", "versions"])).contains("     3  before"));
}

#[test]
fn rollback_that_is_asked_twice_goes_back_once() {
    let appliance = Appliance::start().enrolled();
    appliance.push(&[("index.html", b"one")]);
    appliance.push(&[("index.html", b"two")]);
    let device = Device::enrolled(&appliance);
    let back = br#"{"version":1,"instead_of":2}"#;
    for _ in 0..2 {
        let answer = device.post("/v1/site/active", back);
        assert_eq!(answer.text(), r#"{"version":1,"before":2}"#);
    }
    // Someone else was quicker.
    appliance.push(&[("index.html", b"three")]);
    let late = device.post("/v1/site/active", back);
    assert_eq!(late.status, 409, "{}", late.text());
    assert_eq!(appliance.get("/").text(), "three");
    for body in [&b"{}"[..], b"{\"version\":-1}", b"{\"version\":1,\"x\":1}"] {
        assert_eq!(device.post("/v1/site/active", body).status, 400);
    }
    assert_eq!(device.get("/v1/site/active").status, 405);
    assert_eq!(device.get("/v1/site/versions/+1").status, 404);
    assert_eq!(device.get("/v1/site/versions/9").status, 422);
    let stranger = Device::unknown(&appliance);
    assert_eq!(stranger.post("/v1/site/active", back).status, 403);
    assert_eq!(stranger.get("/v1/site/versions/1").status, 403);
}

#[test]
fn push_that_does_not_activate_leaves_the_live_version_live() {
    let appliance = Appliance::start().enrolled();
    appliance.push(&[("index.html", b"old")]);
    let site = appliance.path("site");
    crate::appliance::write_site(&site, &[("index.html", b"new")]);
    let push = ["site", "push", "--no-activate", site.to_str().unwrap()];
    let text = ok(&appliance.holdfast(&push));
    assert!(text.contains("holdfast site activate 2"), "{text}");
    assert_eq!(appliance.get("/").text(), "old");
    ok(&appliance.holdfast(&["site", "activate", "2"]));
    assert_eq!(appliance.get("/").text(), "new");
}

#[test]
fn diff_tells_files_and_rules_of_versions_and_folders() {
    let appliance = Appliance::start().enrolled();
    appliance.push(&[
        ("index.html", b"one"),
        ("gone.txt", b"1"),
        ("same.txt", b"1"),
        ("_redirects", b"/a /index.html\n/b /index.html\n"),
    ]);
    appliance.push(&[
        ("index.html", b"two"),
        ("new.txt", b"1"),
        ("same.txt", b"1"),
        ("_redirects", b"/b /index.html\n/c /index.html 302!\n"),
        ("_headers", b"/*\n  X-Robots-Tag: noindex\n"),
    ]);
    let diff = json(&appliance, &["site", "diff"]);
    assert_eq!(
        (&diff["from"], &diff["to"]),
        (&"version 1".into(), &"version 2".into())
    );
    assert_eq!(diff["added"], serde_json::json!(["/new.txt"]));
    assert_eq!(diff["removed"], serde_json::json!(["/gone.txt"]));
    assert_eq!(diff["changed"], serde_json::json!(["/index.html"]));
    assert_eq!(
        diff["redirects"]["added"],
        serde_json::json!(["/c /index.html 302!"])
    );
    assert_eq!(
        diff["redirects"]["removed"],
        serde_json::json!(["/a /index.html 301"])
    );
    assert_eq!(
        diff["headers"]["added"],
        serde_json::json!(["/* [x-robots-tag: noindex]"])
    );
    let back = json(&appliance, &["site", "diff", "2", "1"]);
    assert_eq!(back["added"], serde_json::json!(["/gone.txt"]));

    let site = appliance.path("site");
    std::fs::write(site.join("index.html"), "three").unwrap();
    let text = ok(&appliance.holdfast(&["site", "diff", site.to_str().unwrap()]));
    assert!(
        text.contains("~ /index.html\n") && text.contains("0 added, 0 removed, 1 changed"),
        "{text}"
    );
    let why = refused(&appliance.holdfast(&["site", "diff", "7"]));
    assert!(why.contains("no version 7"), "{why}");
}

#[test]
fn the_newest_versions_are_kept_and_the_live_and_the_one_before() {
    let mut appliance = Appliance::start().enrolled();
    // As an operator would: the default is 10.
    let config = appliance.path("secrets/holdfast.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, format!("{text}\n[site]\nkeep_versions = 2\n")).unwrap();
    appliance.stop();
    appliance.boot();
    for text in ["1", "2", "3"] {
        appliance.push(&[("index.html", text.as_bytes())]);
    }
    ok(&appliance.holdfast(&["site", "activate", "2"]));
    for _ in 0..3 {
        appliance.push(&[("index.html", b"again")]);
        ok(&appliance.holdfast(&["site", "activate", "2"]));
    }
    // Versions go in the background, after the answer.
    let start = std::time::Instant::now();
    while numbers(&appliance) != [2, 5, 6] {
        assert!(start.elapsed().as_secs() < 30, "{:?}", numbers(&appliance));
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    appliance.kill();
    appliance.boot();
    assert_eq!(numbers(&appliance), [2, 5, 6]);
    assert_eq!(appliance.get("/").text(), "2");
    assert!(
        appliance
            .push(&[("index.html", b"7")])
            .contains("Version 7")
    );
}
