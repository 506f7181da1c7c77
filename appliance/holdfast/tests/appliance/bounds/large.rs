//! Answers of more than 1 MiB: few places, in turn, and none for those who do not take theirs.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::time::{Duration, Instant};

use super::{ask_for_parts, ask_without_window, get_from, until};
use crate::appliance::Appliance;
use crate::http2::{DATA, END_HEADERS, END_STREAM, HEADERS, Http2, RST_STREAM, WINDOW_UPDATE};
use crate::web::{Answer, browser, connect};

/// Bytes that no encoding makes smaller.
fn noise(length: u32) -> Vec<u8> {
    let bytes = (0..length).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8);
    bytes.collect()
}

#[test]
fn large_answers_that_nobody_takes_are_bounded() {
    let appliance = Appliance::start().enrolled();
    let large = noise(3_000_000);
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
    // The head of one holds no memory, and needs no place.
    assert_eq!(appliance.ask("HEAD", "/large.bin", "").status, 200);
    drop(stalled);
    until("room was not given back", || {
        appliance.get("/large.bin").body == large
    });
}

#[test]
fn large_answers_to_one_address_are_bounded() {
    let appliance = Appliance::start_with("[limits]\nlarge_each = 3\n").enrolled();
    let large = noise(3_000_000);
    appliance.push(&[("index.html", b"small"), ("large.bin", &large)]);
    let host = appliance.authority();
    // Whole, or several parts of it (RFC 9110, section 14.6).
    for ranges in ["", "bytes=0-1500000,2000000-2900000"] {
        let stalled = ask_for_parts(&appliance, "/large.bin", 10, ranges);
        until("no bound on one address", || {
            get_from(&appliance, 1, &host, "/large.bin").unwrap().status == 503
        });
        assert_eq!(get_from(&appliance, 1, &host, "/").unwrap().text(), "small");
        let other = get_from(&appliance, 2, &host, "/large.bin").unwrap();
        assert!(
            other.status == 200 && other.body == large,
            "another address has its own share"
        );
        drop(stalled);
        until("room was not given back", || {
            get_from(&appliance, 1, &host, "/large.bin").unwrap().body == large
        });
    }
}

/// A connection that has ended holds nothing, even if some of its answer is still to be sent.
#[test]
fn who_ends_its_connection_in_the_middle_gives_its_places_back_at_once() {
    let limits = "[limits]\nidle_s = 300\nlarge = 2\nlarge_each = 2\n";
    let appliance = Appliance::start_with(limits).enrolled();
    let large = noise(12_000_000);
    appliance.push(&[("index.html", b"small"), ("large.bin", &large)]);
    let host = appliance.authority();
    let stalled: Vec<_> = (0..2)
        .map(|_| {
            let mut stream = connect(appliance.address(), browser(&[b"http/1.1"]));
            let request = format!("GET /large.bin HTTP/1.1\r\nHost: {host}\r\n\r\n");
            stream.write_all(request.as_bytes()).unwrap();
            stream.flush().unwrap();
            stream
        })
        .collect();
    until("the places are free", || {
        get_from(&appliance, 2, &host, "/large.bin").unwrap().status == 503
    });
    // The end of what the client sends (RFC 8446, section 6.1), while nothing of the answer is taken.
    let ended: Vec<_> = stalled
        .into_iter()
        .map(|mut stream| {
            stream.conn.send_close_notify();
            stream.conn.write_tls(&mut stream.sock).unwrap();
            stream
        })
        .collect();
    let start = Instant::now();
    until("the places are kept", || {
        get_from(&appliance, 2, &host, "/large.bin").unwrap().body == large
    });
    assert!(start.elapsed() < Duration::from_secs(60));
    drop(ended);
}

/// SETTINGS_INITIAL_WINDOW_SIZE (RFC 9113, section 6.5.2).
const INITIAL_WINDOW: u16 = 4;

#[test]
fn an_answer_that_lies_is_cut_though_its_connection_gets_on() {
    let appliance = Appliance::start_with("[limits]\nidle_s = 2\nlarge_each = 3\n").enrolled();
    appliance.push(&[("index.html", b"small"), ("large.bin", &noise(3_000_000))]);
    let host = appliance.authority();
    // Room for a small answer, and for the beginning of a large one.
    let mut client = Http2::open(&appliance, &[(INITIAL_WINDOW, 100)]);
    let lying = [1, 3, 5];
    for stream in lying {
        assert!(client.ask(stream, "/large.bin"));
    }
    let start = Instant::now();
    let mut cut = BTreeSet::new();
    let mut small = 0;
    for stream in (7..).step_by(2) {
        assert!(start.elapsed() < Duration::from_secs(60), "cut: {cut:?}");
        if cut.len() == lying.len() {
            break;
        }
        assert!(client.ask(stream, "/"), "the connection is kept");
        loop {
            let frame = client.next().expect("the connection is kept");
            match frame.kind {
                RST_STREAM => assert!(cut.insert(frame.stream)),
                DATA if frame.stream == stream && frame.flags & END_STREAM != 0 => break,
                _ => {}
            }
        }
        small += 1;
        std::thread::sleep(Duration::from_millis(200));
    }
    assert_eq!(cut, lying.into());
    assert!(start.elapsed() >= Duration::from_secs(2) && small > 5);
    println!(
        "figure: three answers that lay were cut after {:?}, {small} others beside them",
        start.elapsed()
    );
    // Their places are free, and the connection still works.
    let answer = get_from(&appliance, 1, &host, "/large.bin").unwrap();
    assert_eq!((answer.status, answer.body.len()), (200, 3_000_000));
}

#[test]
fn the_end_of_an_answer_that_lies_ends_its_connection() {
    let appliance = Appliance::start_with("[limits]\nidle_s = 2\nlarge_each = 3\n").enrolled();
    appliance.push(&[("index.html", b"small"), ("large.bin", &noise(3_000_000))]);
    let host = appliance.authority();
    let mut client = Http2::open(&appliance, &[(INITIAL_WINDOW, 100)]);
    // So little that all of it is handed over at once, and waits for the window.
    for stream in [1, 3, 5] {
        let fields = client.get("/large.bin", &[("range", "bytes=0-9999")]);
        assert!(client.send(HEADERS, END_HEADERS | END_STREAM, stream, &fields));
    }
    let start = Instant::now();
    for stream in (7..).step_by(2) {
        assert!(start.elapsed() < Duration::from_secs(60), "was kept");
        if !client.ask(stream, "/") {
            break;
        }
        std::thread::sleep(Duration::from_millis(200));
    }
    assert!(start.elapsed() >= Duration::from_secs(1));
    let answer = get_from(&appliance, 1, &host, "/large.bin").unwrap();
    assert_eq!((answer.status, answer.body.len()), (200, 3_000_000));
}

#[test]
fn who_asks_for_many_large_answers_at_once_gets_all_of_them_in_turn() {
    let appliance = Appliance::start_with("[limits]\nlarge_each = 2\n").enrolled();
    let large = noise(1_100_000);
    appliance.push(&[("index.html", b"small"), ("large.bin", &large)]);
    // On a slow machine those before may take longer than a turn is waited for.
    until("one is refused at each try", || {
        taken(&appliance, 6)
            .values()
            .all(|bytes| *bytes == large.len())
    });
}

/// Bytes of so many large answers, by stream, asked for at once on one connection.
fn taken(appliance: &Appliance, answers: u32) -> BTreeMap<u32, usize> {
    let mut client = Http2::open(appliance, &[(INITIAL_WINDOW, 1 << 30)]);
    assert!(client.send(WINDOW_UPDATE, 0, 0, &(1_u32 << 30).to_be_bytes()));
    let streams: Vec<u32> = (0..answers).map(|number| number * 2 + 1).collect();
    for stream in &streams {
        assert!(client.ask(*stream, "/large.bin"));
    }
    let mut taken: BTreeMap<_, _> = streams.into_iter().map(|stream| (stream, 0)).collect();
    let mut left = taken.len();
    while left > 0 {
        let frame = client.next().expect("all are answered");
        assert_ne!(frame.kind, RST_STREAM);
        if frame.kind == DATA {
            *taken.get_mut(&frame.stream).unwrap() += frame.payload.len();
        }
        let ends = matches!(frame.kind, DATA | HEADERS) && frame.flags & END_STREAM != 0;
        left -= usize::from(ends);
    }
    taken
}
