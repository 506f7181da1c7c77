//! Answers in number, and the memory of a connection.

use std::io::{Read as _, Write as _};

use super::{ask_without_window, get_from, until};
use crate::appliance::Appliance;
use crate::http2::{Http2, Outcome};
use crate::web::{Stream, browser, connect};

#[test]
fn answers_that_nobody_takes_are_bounded_in_number() {
    let appliance = Appliance::start_with("[limits]\nanswers_each = 50\n");
    let host = appliance.authority();
    let stalled = ask_without_window(&appliance, "/missing", 100);
    until("no bound on one address", || {
        get_from(&appliance, 1, &host, "/").is_some_and(|answer| answer.status == 503)
    });
    assert_eq!(get_from(&appliance, 2, &host, "/").unwrap().status, 200);
    drop(stalled);
    until("room was not given back", || {
        get_from(&appliance, 1, &host, "/").unwrap().status == 200
    });
}

#[test]
fn a_connection_holds_little_memory() {
    const COUNT: u64 = 100;
    let appliance = Appliance::start();
    let resident = || {
        let status = std::fs::read_to_string(format!("/proc/{}/status", appliance.id())).unwrap();
        let line = status
            .lines()
            .find(|line| line.starts_with("VmRSS:"))
            .unwrap();
        line.split_whitespace()
            .nth(1)
            .unwrap()
            .parse::<u64>()
            .unwrap()
    };
    let host = appliance.authority();
    type Kind<'a> = (&'static str, u64, Box<dyn Fn() -> Stream + 'a>);
    let kinds: [Kind; 3] = [
        (
            "HTTP/1.1, idle",
            96,
            Box::new(|| {
                let mut stream = connect(appliance.address(), browser(&[b"http/1.1"]));
                write!(stream, "GET / HTTP/1.1\r\nHost: {host}\r\n\r\n").unwrap();
                assert!(stream.read(&mut [0; 100]).unwrap() > 0);
                stream
            }),
        ),
        (
            "HTTP/2, idle",
            128,
            Box::new(|| {
                let mut client = Http2::open(&appliance, &[]);
                client.ask(1, "/");
                assert_eq!(client.outcome(1), Outcome::Status(200));
                client.stream
            }),
        ),
        (
            "HTTP/2, 10 answers that nobody takes",
            256,
            Box::new(|| {
                let mut client = Http2::open(&appliance, &[(4, 0)]);
                (0..10).for_each(|number| assert!(client.ask(number * 2 + 1, "/missing")));
                assert_eq!(client.outcome(1), Outcome::Status(200));
                client.stream
            }),
        ),
    ];
    // What is kept for all, such as allocator arenas, is there before.
    drop((0..20).map(|_| kinds[2].2()).collect::<Vec<_>>());
    for (what, most, open) in kinds {
        let before = resident();
        let held: Vec<_> = (0..COUNT).map(|_| open()).collect();
        let each = resident().saturating_sub(before) / COUNT;
        println!("figure: memory of a connection, {what}: {each} KiB");
        assert!(each < most, "{what}: {each} KiB");
        drop(held);
    }
}
