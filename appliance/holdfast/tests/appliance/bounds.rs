//! Bounds: what one client can take from the others, and what a client that goes away leaves behind.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use holdfast_site::BlobRef;

use crate::appliance::Appliance;
use crate::device::{Device, blob};
use crate::publishes::manifest;
use crate::web::{Answer, Stream, browser, connect};

/// Repeats until the answer is as it should be.
fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed().as_secs() < 30, "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Asks for `path` on that many HTTP/2 streams, and lets none of them send (RFC 9113, section 6.9.2).
fn ask_without_window(appliance: &Appliance, path: &str, streams: u32) -> Stream {
    let mut stream = connect(appliance.address(), browser(&[b"h2"]));
    let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    bytes.extend([0, 0, 6, 4, 0, 0, 0, 0, 0]);
    // SETTINGS_INITIAL_WINDOW_SIZE = 0
    bytes.extend([0, 4, 0, 0, 0, 0]);
    let host = appliance.authority();
    for number in 0..streams {
        // Fields by RFC 7541: GET and https indexed, path and authority as literals.
        let mut fields = vec![0x82, 0x87, 0x04, path.len() as u8];
        fields.extend(path.as_bytes());
        fields.extend([0x01, host.len() as u8]);
        fields.extend(host.as_bytes());
        // HEADERS with END_STREAM and END_HEADERS
        bytes.extend([0, 0, fields.len() as u8, 1, 5]);
        bytes.extend((number * 2 + 1).to_be_bytes());
        bytes.extend(fields);
    }
    stream.write_all(&bytes).unwrap();
    stream
}

#[test]
fn large_answers_that_nobody_takes_are_bounded() {
    let appliance = Appliance::start().enrolled();
    let large: Vec<u8> = (0..3_000_000_u32)
        .map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8)
        .collect();
    appliance.push(&[("index.html", b"small"), ("large.bin", &large)]);
    let stalled = ask_without_window(&appliance, "/large.bin", 40);
    let mut refused: Option<Answer> = None;
    until("room for everything", || {
        let answer = appliance.get("/large.bin");
        let busy = answer.status == 503;
        refused = Some(answer).filter(|_| busy);
        busy
    });
    assert_eq!(refused.unwrap().header("retry-after"), Some("5"));
    assert_eq!(appliance.get("/").text(), "small");
    drop(stalled);
    until("room was not given back", || {
        appliance.get("/large.bin").body == large
    });
}

#[test]
fn one_address_does_not_get_all_connections() {
    let appliance = Appliance::start();
    let mut held = Vec::new();
    for _ in 0..256 {
        held.push(TcpStream::connect(appliance.address()).unwrap());
    }
    let mut more = TcpStream::connect(appliance.address()).unwrap();
    more.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    assert!(!matches!(more.read(&mut [0]), Ok(1..)));
    assert_eq!(held.len(), 256);
    drop(held);
    until("no connection was given back", || {
        TcpStream::connect(appliance.address()).is_ok_and(|mut stream| {
            stream
                .set_read_timeout(Some(Duration::from_millis(200)))
                .unwrap();
            // An open connection waits for the hello.
            stream.read(&mut [0]).is_err_and(|error| {
                matches!(
                    error.kind(),
                    std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut
                )
            })
        })
    });
    assert_eq!(appliance.get("/").status, 200);
}

#[test]
fn a_push_whose_client_goes_away_leaves_store_and_memory_agreed() {
    let mut appliance = Appliance::start().enrolled();
    appliance.push(&[("index.html", b"old")]);
    for wait in [0, 3, 8, 20] {
        let device = Device::enrolled(&appliance);
        let text = format!("gone after {wait} ms");
        let page = BlobRef::of(text.as_bytes());
        let bytes = blob(page.sha256, text.as_bytes());
        assert_eq!(device.post("/v1/site/blobs", &bytes).status, 200);
        let manifest = manifest("/index.html", page, true);
        device.post_and_leave("/v1/site/versions", &manifest, Duration::from_millis(wait));
        std::thread::sleep(Duration::from_secs(1));
        let served = appliance.get("/").text();
        appliance.kill();
        appliance.boot();
        assert_eq!(appliance.get("/").text(), served);
    }
}
