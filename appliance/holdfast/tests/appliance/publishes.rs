//! Pushing a site: only what is missing travels, and it goes live as a whole or not at all.

use holdfast_site::{BlobRef, Digest};

use crate::appliance::{Appliance, ok, refused, write_site};
use crate::device::{Device, blob};

pub fn manifest(path: &str, of: BlobRef, activate: bool) -> Vec<u8> {
    let entry = serde_json::json!({ "content_type": "text/html; charset=utf-8", "identity": of });
    let entries = [serde_json::json!({ "path": path, "entry": entry })];
    serde_json::to_vec(&serde_json::json!({ "entries": entries, "activate": activate })).unwrap()
}

#[test]
fn a_second_push_sends_only_what_is_missing() {
    let appliance = Appliance::start().enrolled();
    assert!(
        appliance
            .push(&[("index.html", b"one"), ("a.txt", b"kept")])
            .contains("Sent 2 of 2")
    );
    assert!(
        appliance
            .push(&[("index.html", b"two"), ("a.txt", b"kept")])
            .contains("Sent 1 of 2")
    );
    assert_eq!(appliance.get("/").text(), "two");
    let site = appliance.path("site");
    let dry = ["site", "push", "--dry-run", site.to_str().unwrap()];
    assert!(ok(&appliance.holdfast(&dry)).contains("Would send 0 of 2"));
    let versions = ok(&appliance.holdfast(&["site", "versions", "--json"]));
    let versions: serde_json::Value = serde_json::from_str(&versions).unwrap();
    assert_eq!(versions.as_array().unwrap().len(), 2);
    assert_eq!(
        (&versions[0]["live"], &versions[1]["live"]),
        (&false.into(), &true.into())
    );
}

#[test]
fn a_kill_before_activation_leaves_the_old_version_live() {
    let mut appliance = Appliance::start().enrolled();
    appliance.push(&[("index.html", b"old")]);
    let device = Device::enrolled(&appliance);
    let new = BlobRef::of(b"new");
    let stored = device.post("/v1/site/blobs", &blob(new.sha256, b"new"));
    assert_eq!(stored.text(), "{\"stored\":1}");
    appliance.kill();
    appliance.boot();
    assert_eq!(appliance.get("/").text(), "old");
    // What was answered is durable: the blob is there and the version can be committed.
    let missing = device.post(
        "/v1/site/missing",
        &serde_json::to_vec(&[new.sha256]).unwrap(),
    );
    assert_eq!(missing.text(), "[]");
    assert_eq!(
        device
            .post("/v1/site/versions", &manifest("/index.html", new, false))
            .status,
        200
    );
    appliance.kill();
    appliance.boot();
    assert_eq!(appliance.get("/").text(), "old");
    assert_eq!(
        device
            .post("/v1/site/versions", &manifest("/index.html", new, true))
            .status,
        200
    );
    appliance.kill();
    appliance.boot();
    assert_eq!(appliance.get("/").text(), "new");
}

#[test]
fn wrong_uploads_and_manifests_are_refused() {
    let appliance = Appliance::start().enrolled();
    let device = Device::enrolled(&appliance);
    let page = BlobRef::of(b"page");
    let lie = device.post("/v1/site/blobs", &blob(page.sha256, b"other"));
    assert_eq!(lie.status, 422, "{}", lie.text());
    let long = vec![7; 9 << 20];
    assert_eq!(
        device
            .post("/v1/site/blobs", &blob(page.sha256, &long))
            .status,
        422
    );
    let cut = blob(page.sha256, b"page");
    assert_eq!(
        device.post("/v1/site/blobs", &cut[..cut.len() - 1]).status,
        400
    );
    let endless = [&page.sha256.as_bytes()[..], &u64::MAX.to_le_bytes()].concat();
    assert_eq!(device.post("/v1/site/blobs", &endless).status, 422);
    let missing = device.post(
        "/v1/site/missing",
        &serde_json::to_vec(&[page.sha256]).unwrap(),
    );
    assert_eq!(missing.text(), format!("[\"{}\"]", page.sha256));

    assert_eq!(
        device
            .post("/v1/site/versions", &manifest("/a", page, true))
            .status,
        // RFC 9110, section 15.5.10: it can be resolved, and sent again.
        409
    );
    assert_eq!(
        device
            .post("/v1/site/blobs", &blob(page.sha256, b"page"))
            .status,
        200
    );
    for path in ["/../a", "a", "/a//b", "/.holdfast/x", "/_headers"] {
        assert_eq!(
            device
                .post("/v1/site/versions", &manifest(path, page, true))
                .status,
            422,
            "{path}"
        );
    }
    let wrong_length = BlobRef { length: 5, ..page };
    assert_eq!(
        device
            .post("/v1/site/versions", &manifest("/a", wrong_length, true))
            .status,
        422
    );
    for body in [
        &b"{"[..],
        b"[]",
        b"{\"entries\":[],\"activate\":true,\"more\":1}",
    ] {
        assert_eq!(device.post("/v1/site/versions", body).status, 400);
    }
    assert_eq!(
        device
            .post("/v1/site/versions", &manifest("/a", page, true))
            .status,
        200
    );
    assert_eq!(appliance.get("/a").text(), "page");
}

#[test]
fn folders_that_cannot_be_a_site_are_refused_by_name() {
    let appliance = Appliance::start().enrolled();
    let site = appliance.path("site");
    let push = || refused(&appliance.holdfast(&["site", "push", site.to_str().unwrap()]));
    write_site(&site, &[("a.html", b"1"), ("A.html", b"2")]);
    assert!(push().contains("only in case"));
    write_site(&site, &[("a.html", b"1"), (".holdfast/x", b"2")]);
    assert!(push().contains(".holdfast"));
    write_site(&site, &[("a.html", b"1"), ("back\\slash", b"2")]);
    assert!(push().contains("back\\slash"));
    write_site(&site, &[("a.html", b"1")]);
    std::os::unix::fs::symlink("/etc/passwd", site.join("passwd")).unwrap();
    let text = push();
    assert!(
        text.contains("passwd") && text.contains("symbolic link"),
        "{text}"
    );
    write_site(&site, &[("_headers", b"1")]);
    assert!(push().contains("no file to serve"));
    use std::os::unix::ffi::OsStrExt as _;
    write_site(&site, &[("a.html", b"1")]);
    std::fs::write(site.join(std::ffi::OsStr::from_bytes(b"\xff.html")), b"2").unwrap();
    assert!(push().contains("not UTF-8"));
    write_site(&site, &[("a.html", b"1"), (&long_path(), b"2")]);
    assert!(push().contains("longer than 1024 bytes"));
    write_site(&site, &[("a.html", b"1")]);
    let large = std::fs::File::create(site.join("large.bin")).unwrap();
    large.set_len(holdfast_site::MAX_FILE + 1).unwrap();
    let text = push();
    assert!(
        text.contains("large.bin") && text.contains("512 MiB"),
        "{text}"
    );
    write_site(&site, &[("a.html", b"1")]);
    rustix::fs::mknodat(
        rustix::fs::CWD,
        site.join("pipe"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RUSR,
        0,
    )
    .unwrap();
    assert!(push().contains("neither a file nor a folder"));
    // Nothing of all that became a version.
    assert!(ok(&appliance.holdfast(&["site", "versions"])).contains("no version yet"));
}

/// Every segment is short enough, and the whole is not.
fn long_path() -> String {
    let folders = vec!["f".repeat(200); 5].join("/");
    format!("{folders}/{}", "x".repeat(60))
}

#[test]
fn hidden_files_are_never_published_and_are_listed() {
    let appliance = Appliance::start().enrolled();
    let text = appliance.push(&[
        ("index.html", b"1"),
        (".env", b"PASSWORD=1"),
        (".git/config", b"2"),
        (".well-known/security.txt", b"Contact: a"),
    ]);
    assert!(text.contains("2 left out"), "{text}");
    assert!(
        text.contains("  /.env\n") && text.contains("  /.git\n"),
        "{text}"
    );
    assert_eq!(appliance.get("/.env").status, 404);
    assert_eq!(appliance.get("/.git/config").status, 404);
    assert_eq!(
        appliance.get("/.well-known/security.txt").text(),
        "Contact: a"
    );
}

#[test]
fn a_large_file_survives_upload_and_restart() {
    let mut appliance = Appliance::start().enrolled();
    let large: Vec<u8> = (0..9_000_000_u32)
        .map(|n| (n.wrapping_mul(2_654_435_761) >> 11) as u8)
        .collect();
    appliance.push(&[("large.bin", &large)]);
    appliance.stop();
    appliance.boot();
    assert_eq!(
        Digest::of(&appliance.get("/large.bin").body),
        Digest::of(&large)
    );
}
