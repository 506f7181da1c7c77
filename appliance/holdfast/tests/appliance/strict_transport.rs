//! `Strict-Transport-Security` (RFC 6797), which no browser forgets: sent where a certificate was installed, for the very
//! name that was asked and no other, and never on names that always mean the client's own machine.

use std::io::Write as _;

use rcgen::{CertificateParams, KeyPair};

use crate::appliance::{Appliance, ok};
use crate::device::Device;
use crate::web::{Answer, Stream, browser, connect, read_one};

/// Whether an answer tells browsers to come by TLS alone; then for this host alone, and on no list of a browser's maker.
fn is_strict(answer: &Answer) -> bool {
    match answer.headers("strict-transport-security")[..] {
        [] => false,
        ["max-age=31536000"] => true,
        ref other => panic!("{other:?}"),
    }
}

/// An answer for this host on a connection of its own.
fn ask(appliance: &Appliance, host: &str, method: &str, path: &str) -> Answer {
    let port = appliance.port;
    appliance.raw(&format!(
        "{method} {path} HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n"
    ))
}

fn ask_on(open: &mut Stream, appliance: &Appliance, host: &str) -> Answer {
    let request = format!("GET / HTTP/1.1\r\nHost: {host}:{}\r\n\r\n", appliance.port);
    open.write_all(request.as_bytes()).unwrap();
    read_one(open)
}

/// Installs a certificate for these names and for loopback by every name that it has.
fn install(appliance: &Appliance, names: [&str; 2]) {
    let loopback = ["localhost", "*.localhost", "127.0.0.1", "::1"];
    let names = names.into_iter().chain(loopback).map(str::to_owned);
    let key = KeyPair::generate().unwrap();
    let parameters = CertificateParams::new(names.collect::<Vec<_>>()).unwrap();
    let certificate = parameters.self_signed(&key).unwrap();
    let files = [appliance.path("chain.pem"), appliance.path("key.pem")];
    std::fs::write(&files[0], certificate.pem()).unwrap();
    std::fs::write(&files[1], key.serialize_pem()).unwrap();
    let [chain, key] = files.each_ref().map(|file| file.to_str().unwrap());
    let told = ok(&appliance.holdfast(&["tls", "install", chain, key, "--json"]));
    assert!(told.contains("\"installed\""), "{told}");
}

const PAGES: [(&str, &[u8]); 4] = [
    ("index.html", b"here"),
    ("folder/index.html", b"folder"),
    ("_redirects", b"/old /folder/ 301\n"),
    ("_headers", b"/*\n  X-Robots-Tag: noindex\n"),
];

#[test]
fn browsers_are_held_to_tls_by_an_installed_certificate_alone() {
    let (site, portal) = ("pages.example", "portal.example");
    let mut appliance = Appliance::start_as(site, portal, "").enrolled();
    appliance.push(&PAGES);
    let mut early = connect(appliance.address(), browser(&[b"http/1.1"]));
    let of_both = || [site, portal].map(|host| is_strict(&ask(&appliance, host, "GET", "/")));
    assert_eq!(of_both(), [false, false], "self-made");
    assert!(!is_strict(&ask_on(&mut early, &appliance, site)));

    install(&appliance, [site, portal]);
    assert_eq!(of_both(), [true, true]);
    for (method, path, status) in [
        ("HEAD", "/", 200),
        ("GET", "/folder", 301),
        ("GET", "/old", 301),
        ("GET", "/missing", 404),
        ("GET", "/..%2f", 400),
        ("DELETE", "/", 405),
        ("GET", "/.holdfast/report", 405),
    ] {
        let answer = ask(&appliance, site, method, path);
        assert_eq!(answer.status, status, "{path}");
        assert!(is_strict(&answer), "{path}");
    }
    // Who asks here for a host that is none of ours is promised nothing for it.
    for host in ["localhost", "127.0.0.1", "[::1]", "x.localhost", "example"] {
        let answer = ask(&appliance, host, "GET", "/");
        assert_eq!(answer.status, 421, "{host}");
        assert!(!is_strict(&answer), "{host}");
    }
    assert!(!is_strict(&Device::enrolled(&appliance).get("/v1/status")));
    // A connection keeps the certificate that it began with, and what was said of that one.
    assert!(!is_strict(&ask_on(&mut early, &appliance, site)));

    appliance.stop();
    appliance.boot();
    let of_both = || [site, portal].map(|host| is_strict(&ask(&appliance, host, "GET", "/")));
    assert_eq!(of_both(), [true, true], "it is kept");
    let mut late = connect(appliance.address(), browser(&[b"http/1.1"]));
    assert!(is_strict(&ask_on(&mut late, &appliance, site)));
    ok(&appliance.holdfast(&["tls", "remove"]));
    assert_eq!(of_both(), [false, false], "self-made once more");
    assert!(!is_strict(&ask_on(&mut late, &appliance, site)));
}

#[test]
fn loopback_names_are_never_held_to_tls_whatever_the_certificate_covers() {
    for (site, portal, expected) in [
        ("localhost", "portal.localhost", [false, false]),
        ("deep.site.localhost", "portal.example", [false, true]),
        ("localhost.example", "localhost", [true, false]),
        // One name for both.
        ("localhost", "localhost", [false, false]),
        ("notlocalhost", "notlocalhost", [true, true]),
    ] {
        let appliance = Appliance::start_as(site, portal, "").enrolled();
        appliance.push(&PAGES);
        install(&appliance, [site, portal]);
        let home = if site == portal { "/.holdfast/" } else { "/" };
        let (page, own) = (
            ask(&appliance, site, "GET", "/"),
            ask(&appliance, portal, "GET", home),
        );
        assert_eq!((page.status, own.status), (200, 200), "{site} {portal}");
        assert_eq!(
            [is_strict(&page), is_strict(&own)],
            expected,
            "{site} {portal}"
        );
    }
    // An address is no name, and cannot be told to be one.
    let dir = tempfile::tempdir().unwrap();
    let refused = std::process::Command::new(&*crate::appliance::HOLDFAST)
        .args(["config", "new", "--site", "https://127.0.0.1"])
        .args(["--portal", "https://portal.example"])
        .arg(dir.path().join("secrets"))
        .output()
        .unwrap();
    assert!(crate::appliance::refused(&refused).contains("not an IP address"));
}
