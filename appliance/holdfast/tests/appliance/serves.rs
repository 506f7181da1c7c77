//! Pages, hosts, paths, encodings, conditions, ranges and headers.

use std::io::Read as _;

use crate::appliance::Appliance;

const LONG: &str = "<!doctype html><title>A</title><script>go()</script><p>the same words again and again, \
    the same words again and again, the same words again and again";

pub fn pushed() -> (Appliance, Vec<u8>) {
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
    // Another scheme is another origin (RFC 9110, sections 4.2.1 and 7.4).
    let cleartext = format!("GET http://{host}/about HTTP/1.1\r\nHost: {host}\r\n");
    assert_eq!(status(cleartext), 421);
    let post = appliance.raw(&format!(
        "POST / HTTP/1.1\r\nHost: {host}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    ));
    assert_eq!(
        (post.status, post.header("allow")),
        (405, Some("GET, HEAD, OPTIONS"))
    );
    let long = format!(
        "GET / HTTP/1.1\r\nHost: {host}\r\nX: {}\r\n",
        "x".repeat(20_000)
    );
    assert_eq!(status(long), 431);
}

#[test]
fn methods_are_answered_by_rfc_9110_section_9() {
    let (appliance, _) = pushed();
    // Known and not allowed: 405 with Allow (15.5.6). TRACE never echoes (9.3.8).
    for method in ["POST", "PUT", "DELETE", "PATCH", "TRACE"] {
        let answer = appliance.ask(method, "/", "X-Secret: echo\r\nContent-Length: 0\r\n");
        assert_eq!(answer.status, 405, "{method}");
        assert_eq!(answer.header("allow"), Some("GET, HEAD, OPTIONS"));
        assert!(!answer.text().contains("echo"));
    }
    // Unknown: 501 (9.1, 15.6.2).
    for method in ["BREW", "get", "PROPFIND"] {
        assert_eq!(appliance.ask(method, "/", "").status, 501, "{method}");
    }
    // OPTIONS tells them, of one resource and of the whole server (9.3.7), and has no content (15.3.5).
    for path in ["/", "/nothing", "*"] {
        let answer = appliance.ask("OPTIONS", path, "");
        assert_eq!((answer.status, answer.body.len()), (204, 0), "{path}");
        assert!(answer.header("allow").unwrap().contains("GET, HEAD"));
        assert_eq!(answer.header("content-length"), None);
        assert_eq!(answer.header("access-control-allow-origin"), None);
    }
    assert_eq!(appliance.ask("GET", "*", "").status, 400);
    // HEAD is GET without its content (9.3.2).
    for path in ["/", "/about", "/nothing", "/guide", "/%00"] {
        let (head, get) = (appliance.ask("HEAD", path, ""), appliance.get(path));
        assert_eq!((head.status, head.body.len()), (get.status, 0), "{path}");
        for name in [
            "content-type",
            "content-length",
            "etag",
            "location",
            "cache-control",
        ] {
            // An error page tells the request's own number, which may have one digit more.
            if name != "content-length" || get.status == 200 {
                assert_eq!(head.header(name), get.header(name), "{path} {name}");
            }
        }
    }
}

#[test]
fn no_redirect_leads_away() {
    let (appliance, _) = pushed();
    for path in [
        "//evil.example",
        "//evil.example/guide",
        "/%2fevil.example/",
        "/\\evil.example/",
        "/%5cevil.example/",
    ] {
        let answer = appliance.get(path);
        assert_eq!(
            (answer.status, answer.header("location")),
            (400, None),
            "{path}"
        );
    }
    let moved = appliance.get("/guide?to=//evil.example");
    assert_eq!(moved.header("location"), Some("/guide/?to=//evil.example"));
    assert_eq!(moved.header("cache-control"), Some("no-cache"));
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
    // Nothing that exists is accepted: 406 (RFC 9110, sections 12.5.3 and 15.5.7).
    for refused in ["identity;q=0", "*;q=0", "identity;q=0, deflate"] {
        let answer = encoded(refused);
        assert_eq!(
            (answer.status, answer.header("vary")),
            (406, Some("Accept-Encoding"))
        );
    }
    assert_eq!(
        encoded("identity;q=0, gzip;q=0.1").header("content-encoding"),
        Some("gzip")
    );
    assert_eq!(
        encoded("identity;q=1, *;q=0").header("content-encoding"),
        None
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
