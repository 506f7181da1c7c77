//! Floods of HTTP/2 frames that ask for nothing: each ends its connection with the right error, memory stays bounded, and
//! another client is served meanwhile.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::appliance::Appliance;
use crate::http2::{
    ACK, CONTINUATION, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, Http2, Outcome, PING,
    PRIORITY, RST_STREAM, SETTINGS, WINDOW_UPDATE, error, fields, frame, length, parameters,
};
use crate::web::{browser, connect};
use Outcome::GoAway;

/// Most frames, or pairs of them, of a flood. Each must be ended long before.
const MOST: u32 = 20_000;
/// Frames that are sent at once.
const BATCH: u32 = 50;
/// What the process may grow by, over all floods together.
const GROWTH_KIB: u64 = 12 * 1024;

const WHOLE: u8 = END_HEADERS | END_STREAM;

type Flood = (
    &'static str,
    &'static [(u16, u32)],
    fn(&Http2, u32) -> Vec<u8>,
    &'static [Outcome],
);
const CALM: &[Outcome] = &[GoAway(error::CALM)];

/// Memory of the process in KiB, by the field of its status: as it is (`VmRSS:`), or the most that it ever was (`VmHWM:`).
fn memory(appliance: &Appliance, field: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", appliance.id())).unwrap();
    let line = status.lines().find(|line| line.starts_with(field)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Sends the frames that `make` gives for 0, 1, 2 … until the server has had enough.
fn flood(client: &mut Http2, make: fn(&Http2, u32) -> Vec<u8>) -> u32 {
    client
        .stream
        .sock
        .set_write_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    for first in (0..MOST).step_by(BATCH as usize) {
        let frames: Vec<u8> = (first..first + BATCH)
            .flat_map(|number| make(client, number))
            .collect();
        if !client.write(&frames) {
            return first;
        }
    }
    MOST
}

#[test]
fn floods_of_frames_are_ended_and_others_are_served() {
    let appliance = Appliance::start().enrolled();
    appliance.push(&[("index.html", b"here"), ("page.txt", &[b'x'; 60_000])]);
    let floods: &[Flood] = &[
        // RFC 9113, section 10.5, and the CVE that each is known by.
        (
            "rapid reset, CVE-2023-44487",
            &[],
            |client, number| {
                let stream = number * 2 + 1;
                let mut bytes = frame(HEADERS, WHOLE, stream, &client.get("/", &[]));
                bytes.extend(frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes()));
                bytes
            },
            CALM,
        ),
        (
            "resets that the server makes, CVE-2025-8671",
            &[],
            |client, number| {
                frame(
                    HEADERS,
                    WHOLE,
                    number * 2 + 1,
                    &client.get("/", &[("connection", "close")]),
                )
            },
            CALM,
        ),
        (
            "PING, CVE-2019-9512",
            &[],
            |_, _| frame(PING, 0, 0, &[7; 8]),
            CALM,
        ),
        (
            "answers to PING that nobody sent",
            &[],
            |_, _| frame(PING, ACK, 0, &[7; 8]),
            CALM,
        ),
        (
            "SETTINGS, CVE-2019-9515",
            &[],
            |_, number| frame(SETTINGS, 0, 0, &parameters(&[(4, number)])),
            CALM,
        ),
        (
            "empty SETTINGS",
            &[],
            |_, _| frame(SETTINGS, 0, 0, &[]),
            CALM,
        ),
        (
            "long SETTINGS",
            &[],
            |_, _| frame(SETTINGS, 0, 0, &parameters(&[(99, 1); 2_000])),
            CALM,
        ),
        (
            "WINDOW_UPDATE",
            &[],
            |_, _| frame(WINDOW_UPDATE, 0, 0, &1_u32.to_be_bytes()),
            CALM,
        ),
        (
            "windows of one byte, CVE-2019-9511",
            &[(4, 1)],
            |client, number| match number {
                0 => frame(HEADERS, WHOLE, 1, &client.get("/page.txt", &[])),
                _ => frame(WINDOW_UPDATE, 0, 1, &1_u32.to_be_bytes()),
            },
            CALM,
        ),
        (
            "PRIORITY, CVE-2019-9513",
            &[],
            |_, number| frame(PRIORITY, 0, number * 2 + 1, &[0, 0, 0, 0, number as u8]),
            CALM,
        ),
        (
            "empty DATA, CVE-2019-9518",
            &[],
            |client, number| match number {
                0 => frame(HEADERS, END_HEADERS, 1, &client.get("/", &[])),
                _ => frame(DATA, 0, 1, &[]),
            },
            &[GoAway(error::CALM), GoAway(error::STREAM_CLOSED)],
        ),
        (
            "CONTINUATION, VU#421644",
            &[],
            |client, number| match number {
                0 => frame(HEADERS, END_STREAM, 1, &client.get("/", &[])),
                _ => frame(CONTINUATION, 0, 1, &[]),
            },
            CALM,
        ),
        (
            "CONTINUATION with fields",
            &[],
            |client, number| match number {
                0 => frame(HEADERS, END_STREAM, 1, &client.get("/", &[])),
                _ => frame(CONTINUATION, 0, 1, &fields(&[("a", "b"); 1_000])),
            },
            CALM,
        ),
        (
            "an HPACK bomb, CVE-2016-6581",
            &[],
            |_, number| {
                // A field of 4000 bytes into the table, and then the table's first entry 10 000 times.
                let mut block = vec![0x40, 1, b'a'];
                length(&mut block, 4_000);
                block.extend([b'x'; 4_000]);
                block.extend([0xbe; 10_000]);
                frame(HEADERS, WHOLE, number * 2 + 1, &block)
            },
            CALM,
        ),
        ("unknown frames", &[], |_, _| frame(99, 0, 0, &[]), CALM),
        (
            "large unknown frames",
            &[],
            |_, _| frame(99, 0, 0, &[0; 16_000]),
            CALM,
        ),
        (
            "GOAWAY",
            &[],
            |_, _| frame(GOAWAY, 0, 0, &[0; 8]),
            &[GoAway(error::CALM), GoAway(error::NONE)],
        ),
        (
            "RST_STREAM of a closed stream",
            &[],
            |client, number| match number {
                0 => frame(HEADERS, WHOLE, 1, &client.get("/", &[])),
                _ => frame(RST_STREAM, 0, 1, &8_u32.to_be_bytes()),
            },
            CALM,
        ),
    ];
    let before = memory(&appliance, "VmRSS:");
    let over = AtomicBool::new(false);
    let (served, slowest) = std::thread::scope(|scope| {
        let other = scope.spawn(|| {
            let (mut served, mut slowest) = (0, Duration::ZERO);
            while !over.load(Ordering::Relaxed) {
                let start = Instant::now();
                assert_eq!(appliance.get("/").text(), "here");
                slowest = slowest.max(start.elapsed());
                served += 1;
                std::thread::sleep(Duration::from_millis(10));
            }
            (served, slowest)
        });
        let mut wrong = Vec::new();
        for (what, settings, make, right) in floods {
            let start = Instant::now();
            let mut client = Http2::open(&appliance, settings);
            let sent = flood(&mut client, *make);
            let end = client.end();
            println!(
                "figure: {what}: {end:?} after {:?} and at most {sent} frames",
                start.elapsed()
            );
            if !right.contains(&end) {
                wrong.push((what, end));
            }
        }
        over.store(true, Ordering::Relaxed);
        assert!(wrong.is_empty(), "{wrong:?}");
        other.join().unwrap()
    });
    let after = memory(&appliance, "VmHWM:");
    println!(
        "figure: {served} answers meanwhile, the slowest after {slowest:?}; memory {before} KiB before, {after} KiB after"
    );
    assert!(served > 0);
    assert!(
        after < before + GROWTH_KIB,
        "{before} KiB before, {after} KiB after"
    );
}

#[test]
fn an_honest_client_is_never_ended() {
    let appliance = Appliance::start().enrolled();
    let large: Vec<u8> = (0..600_000_u32)
        .map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8)
        .collect();
    let names: Vec<String> = (0..200).map(|n| format!("asset-{n}.txt")).collect();
    let mut files: Vec<(&str, &[u8])> = names
        .iter()
        .map(|name| (name.as_str(), &b"asset"[..]))
        .collect();
    files.push(("large.bin", &large));
    appliance.push(&files);
    // A page with 200 assets, 50 at a time, some of which the reader leaves before they have come.
    let mut client = Http2::open(&appliance, &[(4, 65_535)]);
    let mut stream = 1;
    for round in 0..4 {
        for number in 0..50 {
            client.ask(stream, &format!("/asset-{}.txt", round * 50 + number));
            client.send(PRIORITY, 0, stream, &[0, 0, 0, 0, 15]);
            if number % 10 == 9 {
                client.send(RST_STREAM, 0, stream, &8_u32.to_be_bytes());
            }
            stream += 2;
        }
        client.send(PING, 0, 0, &[round; 8]);
        loop {
            let frame = client.next().expect("was ended");
            assert_ne!(frame.kind, GOAWAY, "was ended");
            if frame.kind == PING && frame.payload == [round; 8] {
                break;
            }
        }
    }
    // A download whose windows are given back frame by frame.
    client.ask(stream, "/large.bin");
    let mut body: Vec<u8> = Vec::new();
    while body.len() < large.len() {
        let frame = client.next().expect("was ended");
        assert_ne!(frame.kind, GOAWAY, "was ended");
        if frame.kind == DATA && !frame.payload.is_empty() {
            let length = (frame.payload.len() as u32).to_be_bytes();
            client.send(WINDOW_UPDATE, 0, 0, &length);
            if frame.stream == stream {
                body.extend(&frame.payload);
                client.send(WINDOW_UPDATE, 0, stream, &length);
            }
        }
    }
    assert!(body == large);
}

#[test]
fn floods_of_tls_are_ended() {
    use std::io::{Read as _, Write as _};
    let appliance = Appliance::start();
    let before = memory(&appliance, "VmRSS:");
    // Garbage, and a hello that never ends: 64 KiB of a handshake message that says it has 16 MiB (RFC 8446, section 4).
    let mut endless = vec![22, 3, 1, 64, 0, 1, 255, 255, 255];
    endless.resize(5 + 16_384, 0);
    for (what, bytes) in [
        ("garbage", vec![0x55; 70_000]),
        ("an endless hello", endless.repeat(5)),
    ] {
        let mut stream = std::net::TcpStream::connect(appliance.address()).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(5)))
            .unwrap();
        let _ = stream.write_all(&bytes);
        let mut end = Vec::new();
        let read = stream.read_to_end(&mut end);
        let closed = read.map_err(|error| error.kind()) != Err(std::io::ErrorKind::WouldBlock);
        assert!(closed, "{what} keeps the connection");
    }
    // Key updates (RFC 8446, section 4.6.3) cost a derivation each.
    let mut stream = connect(appliance.address(), browser(&[b"http/1.1"]));
    stream.conn.complete_io(&mut stream.sock).unwrap();
    let ended = (0..2_000).any(|_| {
        let _ = stream.conn.refresh_traffic_keys();
        stream.conn.complete_io(&mut stream.sock).is_err()
    });
    assert!(ended, "2000 key updates passed");
    assert_eq!(appliance.get("/").status, 200);
    assert!(memory(&appliance, "VmHWM:") < before + GROWTH_KIB);
}
