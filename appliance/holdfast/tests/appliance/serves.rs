//! Pages, hosts, paths, encodings, conditions, ranges and headers.

use std::io::Read as _;

use crate::appliance::Appliance;

const LONG: &str = "<!doctype html><title>A</title><script>go()</script><p>the same words again and again, \
    the same words again and again, the same words again and again";

fn pushed() -> (Appliance, Vec<u8>) {
    let big: Vec<u8> = (0..2_500_000_u32)
        .map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8)
        .collect();
    let appliance = Appliance::start().enrolled();
    appliance.push(&[
        ("index.html", LONG.as_bytes()),
        ("about.html", b"about"),
        ("guide/index.html", b"guide"),
        ("caf\u{e9} menu/index.html", b"menu"),
        ("404.html", b"own 404"),
        ("big.bin", &big),
        ("empty.txt", b""),
    ]);
    (appliance, big)
}

#[test]
fn pages_are_served_byte_for_byte_with_clean_urls() {
    let (appliance, big) = pushed();
    for (path, status, body) in [
        ("/", 200, LONG.as_bytes()),
        ("/index.html", 200, LONG.as_bytes()),
        ("/?query=/../x", 200, LONG.as_bytes()),
        ("/about", 200, b"about"),
        ("/about.html", 200, b"about"),
        ("/guide/", 200, b"guide"),
        ("/caf%C3%A9%20menu/", 200, b"menu"),
        ("/big.bin", 200, &big),
        ("/empty.txt", 200, b""),
        ("/nothing/here", 404, b"own 404"),
    ] {
        let answer = appliance.get(path);
        assert_eq!(
            (answer.status, &answer.body[..] == body),
            (status, true),
            "{path}"
        );
    }
    let moved = appliance.get("/caf%c3%a9%20menu");
    assert_eq!(
        (moved.status, moved.header("location")),
        (301, Some("/caf%C3%A9%20menu/"))
    );
    let moved = appliance.get("/about/");
    assert_eq!(
        (moved.status, moved.header("location")),
        (301, Some("/about"))
    );
    let moved = appliance.get("/guide?a=1&b=/../x");
    assert_eq!(
        (moved.status, moved.header("location")),
        (301, Some("/guide/?a=1&b=/../x"))
    );
    let head = appliance.raw(&format!(
        "HEAD /big.bin HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n",
        appliance.authority()
    ));
    assert_eq!((head.status, head.body.len()), (200, 0));
    assert_eq!(head.header("content-length"), Some("2500000"));
}

#[test]
fn wrong_hosts_paths_and_methods_are_answered_clearly() {
    let (appliance, _) = pushed();
    let host = appliance.authority();
    let status = |request: String| {
        appliance
            .raw(&(request + "Connection: close\r\n\r\n"))
            .status
    };
    for path in [
        "/../x",
        "/%2e%2e/x",
        "/a%2fb",
        "/%00",
        "/%ff",
        "/%zz",
        "//x",
        "/a/./b",
        "/\\x",
    ] {
        assert_eq!(appliance.get(path).status, 400, "{path}");
    }
    for foreign in [
        "evil.example",
        "localhost",
        "127.0.0.1",
        "localhost:1",
        "portal.localhost",
    ] {
        assert_eq!(
            status(format!("GET / HTTP/1.1\r\nHost: {foreign}\r\n")),
            421,
            "{foreign}"
        );
    }
    assert_eq!(status("GET / HTTP/1.1\r\n".to_owned()), 400);
    assert_eq!(
        status(format!(
            "GET / HTTP/1.1\r\nHost: {host}\r\nHost: {host}\r\n"
        )),
        400
    );
    let absolute = format!("GET https://{host}/about HTTP/1.1\r\nHost: {host}\r\n");
    assert_eq!(status(absolute), 200);
    assert_eq!(
        status(format!("GET https://{host}/ HTTP/1.1\r\nHost: evil\r\n")),
        400
    );
    let post = appliance.raw(&format!(
        "POST / HTTP/1.1\r\nHost: {host}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    ));
    assert_eq!(
        (post.status, post.header("allow")),
        (405, Some("GET, HEAD"))
    );
    let long = format!(
        "GET / HTTP/1.1\r\nHost: {host}\r\nX: {}\r\n",
        "x".repeat(20_000)
    );
    assert_eq!(status(long), 431);
}

#[test]
fn encodings_are_negotiated_and_give_the_page_back() {
    let (appliance, _) = pushed();
    let encoded = |accept: &str| appliance.get_with("/", &format!("Accept-Encoding: {accept}\r\n"));
    let plain = appliance.get("/");
    assert_eq!(
        (plain.header("content-encoding"), plain.header("vary")),
        (None, Some("Accept-Encoding"))
    );
    let zstd = encoded("gzip;q=0.5, zstd");
    assert_eq!(zstd.header("content-encoding"), Some("zstd"));
    let gzip = encoded("gzip");
    assert_eq!(gzip.header("content-encoding"), Some("gzip"));
    let br = encoded("gzip, br, zstd");
    assert_eq!(br.header("content-encoding"), Some("br"));
    let tags = [&plain, &zstd, &gzip, &br].map(|answer| answer.header("etag").unwrap().to_owned());
    assert!(
        tags.iter()
            .enumerate()
            .all(|(at, tag)| !tags[..at].contains(tag))
    );
    assert!(
        [&zstd, &gzip, &br]
            .iter()
            .all(|answer| answer.body.len() < LONG.len())
    );
    let mut text = String::new();
    let unpacked = std::process::Command::new("gzip")
        .arg("-dc")
        .stdin(file_with(&gzip.body))
        .stdout(std::process::Stdio::piped())
        .spawn()
        .and_then(|child| child.stdout.unwrap().read_to_string(&mut text));
    assert!(unpacked.is_ok() && text == LONG);
}

fn file_with(bytes: &[u8]) -> std::fs::File {
    use std::io::{Seek as _, Write as _};
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    file.rewind().unwrap();
    file
}

#[test]
fn conditions_and_ranges_follow_rfc_9110() {
    let (appliance, big) = pushed();
    let etag = appliance.get("/big.bin").header("etag").unwrap().to_owned();
    for field in [etag.clone(), format!("\"x\", W/{etag}"), "*".to_owned()] {
        let answer = appliance.get_with("/big.bin", &format!("If-None-Match: {field}\r\n"));
        assert_eq!((answer.status, answer.body.len()), (304, 0), "{field}");
        assert_eq!(answer.header("etag"), Some(etag.as_str()));
        assert_eq!(answer.header("content-length"), None);
        let head = appliance.raw(&format!(
            "HEAD /big.bin HTTP/1.1\r\nHost: {}\r\nIf-None-Match: {field}\r\nConnection: close\r\n\r\n",
            appliance.authority()
        ));
        assert_eq!((head.status, head.header("content-length")), (304, None));
    }
    assert_eq!(
        appliance
            .get_with("/big.bin", "If-None-Match: \"x\"\r\n")
            .status,
        200
    );
    let part = appliance.get_with("/big.bin", "Range: bytes=1048570-1048590\r\n");
    assert_eq!(
        (part.status, &part.body[..]),
        (206, &big[1_048_570..=1_048_590])
    );
    assert_eq!(
        part.header("content-range"),
        Some("bytes 1048570-1048590/2500000")
    );
    let stale = appliance.get_with("/big.bin", "Range: bytes=0-1\r\nIf-Range: \"old\"\r\n");
    assert_eq!((stale.status, stale.body.len()), (200, big.len()));
    let beyond = appliance.get_with("/big.bin", "Range: bytes=2500000-\r\n");
    assert_eq!(
        (beyond.status, beyond.header("content-range")),
        (416, Some("bytes */2500000"))
    );
}

#[test]
fn every_answer_carries_the_security_headers() {
    let (appliance, _) = pushed();
    let portal = format!(
        "GET / HTTP/1.1\r\nHost: portal.{}\r\nConnection: close\r\n\r\n",
        appliance.authority()
    );
    let portal = appliance.raw(&portal);
    assert!(portal.status == 200 && portal.text().contains("Ready"));
    for answer in [
        appliance.get("/"),
        appliance.get("/%00"),
        appliance.get("/nope"),
        portal,
    ] {
        for name in [
            "content-security-policy",
            "x-content-type-options",
            "referrer-policy",
            "cross-origin-opener-policy",
            "cross-origin-resource-policy",
            "permissions-policy",
            "cache-control",
        ] {
            assert!(answer.header(name).is_some(), "{name} {}", answer.head);
        }
        assert!(answer.header("strict-transport-security").is_none());
        assert!(answer.header("server").is_none());
    }
    let policy = appliance
        .get("/")
        .header("content-security-policy")
        .unwrap()
        .to_owned();
    assert!(policy.contains("script-src 'self' 'sha256-"), "{policy}");
    assert!(!appliance.get("/about").head.contains("sha256-"));
}

#[test]
fn without_a_site_a_page_says_how_to_push() {
    let appliance = Appliance::start();
    let answer = appliance.get("/");
    assert_eq!(answer.status, 200);
    assert!(answer.text().contains("holdfast site push"));
    let health = format!(
        "GET /healthz HTTP/1.1\r\nHost: portal.{}\r\nConnection: close\r\n\r\n",
        appliance.authority()
    );
    assert_eq!(appliance.raw(&health).text(), "ok\n");
}

#[test]
fn access_records_hold_no_query_and_no_code() {
    let appliance = Appliance::start();
    let code = appliance.code();
    appliance.get("/page?token=secret");
    crate::appliance::ok(&appliance.enrol_as("state", &code));
    let log = appliance.log();
    let records: Vec<_> = log.lines().filter(|line| line.starts_with('{')).collect();
    assert!(
        records
            .iter()
            .any(|line| line.contains("\"path\":\"/page\""))
    );
    assert!(
        !records
            .iter()
            .any(|line| line.contains("secret") || line.contains(&code))
    );
}
