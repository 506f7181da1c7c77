//! HTTP/2 by the letter (RFC 9113): what is right is served, what is wrong ends the stream or the connection with the
//! error that the section names. By section 5.4.1 a stream's error may end the connection.

mod frames;
mod requests;

use crate::appliance::Appliance;
use crate::http2::{
    ACK, CONTINUATION, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, Http2, Outcome, PADDED,
    PING, PREFACE, PRIORITY, PUSH_PROMISE, RST_STREAM, SETTINGS, WINDOW_UPDATE, error, fields,
    frame, parameters,
};
use Outcome::{Closed, GoAway, Reset, Status};

/// Section, what is sent, how, and which ends of stream 1 (or of the connection) are right.
type Case = (
    &'static str,
    &'static str,
    fn(&mut Http2),
    &'static [Outcome],
);

const WHOLE: u8 = END_HEADERS | END_STREAM;
/// A malformed request (section 8.1.1): a stream error, which an answer may precede.
const MALFORMED: &[Outcome] = &[Reset(error::PROTOCOL), GoAway(error::PROTOCOL), Status(400)];
const PROTOCOL: &[Outcome] = &[GoAway(error::PROTOCOL)];
const SIZE: &[Outcome] = &[GoAway(error::FRAME_SIZE)];
const FINE: &[Outcome] = &[Status(200)];

fn run(appliance: &Appliance, open: fn(&Appliance) -> Http2, cases: &[Case]) {
    for (section, what, send, right) in cases {
        let mut client = open(appliance);
        send(&mut client);
        let outcome = client.outcome(1);
        assert!(
            right.contains(&outcome),
            "RFC 9113, section {section}: {what}: {outcome:?} is none of {right:?}"
        );
    }
    assert_eq!(appliance.get("/").status, 200);
}

fn opened(appliance: &Appliance) -> Http2 {
    Http2::open(appliance, &[])
}

/// Sends a request on stream 1 whose fields are these, each `name value`.
fn request(client: &mut Http2, lines: &[(&str, &str)]) {
    let block = fields(lines);
    client.send(HEADERS, WHOLE, 1, &block);
}

fn get_with(client: &mut Http2, more: &[(&str, &str)]) {
    let block = client.get("/", more);
    client.send(HEADERS, WHOLE, 1, &block);
}

/// The head of a POST that will have a body.
fn post(client: &mut Http2, more: &[(&str, &str)]) {
    let host = client.host.clone();
    let mut lines = vec![
        (":method", "POST"),
        (":scheme", "https"),
        (":authority", &*host),
        (":path", "/"),
    ];
    lines.extend(more);
    let block = fields(&lines);
    client.send(HEADERS, END_HEADERS, 1, &block);
}

#[test]
fn connections_begin_with_the_preface() {
    let appliance = Appliance::start();
    run(
        &appliance,
        Http2::silent,
        &[
            (
                "3.4",
                "preface and SETTINGS",
                |c| {
                    c.write(PREFACE);
                    c.send(SETTINGS, 0, 0, &[]);
                    c.ask(1, "/");
                },
                FINE,
            ),
            (
                "3.4",
                "another preface",
                |c| {
                    c.write(b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n");
                },
                &[Closed, GoAway(error::PROTOCOL)],
            ),
            (
                "3.4",
                "HTTP/1.1 after ALPN h2",
                |c| {
                    c.write(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
                },
                &[Closed, GoAway(error::PROTOCOL)],
            ),
            (
                "3.4",
                "no SETTINGS after the preface",
                |c| {
                    c.write(PREFACE);
                    c.ask(1, "/");
                },
                PROTOCOL,
            ),
            (
                "3.4",
                "an acknowledgement instead of SETTINGS",
                |c| {
                    c.write(PREFACE);
                    c.send(SETTINGS, ACK, 0, &[]);
                },
                PROTOCOL,
            ),
        ],
    );
}

#[test]
fn pings_settings_and_goaway_are_answered() {
    let appliance = Appliance::start();
    let mut client = opened(&appliance);
    // RFC 9113, section 6.5.3: the server's own SETTINGS, and its acknowledgement of ours.
    let first = client.next().unwrap();
    assert_eq!((first.kind, first.flags), (SETTINGS, 0));
    let bound = |id: u16| {
        let one = first
            .payload
            .chunks(6)
            .find(|one| one[..2] == id.to_be_bytes());
        one.map(|one| u32::from_be_bytes(one[2..].try_into().unwrap()))
    };
    // MAX_CONCURRENT_STREAMS, INITIAL_WINDOW_SIZE, MAX_HEADER_LIST_SIZE; ENABLE_CONNECT_PROTOCOL is not there (RFC 8441).
    assert_eq!(
        (bound(3), bound(4), bound(6), bound(8)),
        (Some(100), Some(65_535), Some(16_384), None)
    );
    let ack = client.next().unwrap();
    assert_eq!((ack.kind, ack.flags, ack.payload.len()), (SETTINGS, ACK, 0));
    // Section 6.7: the same eight bytes come back.
    client.send(PING, 0, 0, b"12345678");
    let pong = client.next().unwrap();
    assert_eq!(
        (pong.kind, pong.flags, &pong.payload[..]),
        (PING, ACK, &b"12345678"[..])
    );
    // Section 6.8: after the client's GOAWAY what was asked is still answered, and the connection ends.
    client.ask(1, "/");
    client.send(GOAWAY, 0, 0, &[0; 8]);
    assert_eq!(client.outcome(1), Status(200));
    assert!(matches!(client.end(), GoAway(error::NONE) | Closed));
}

#[test]
fn more_streams_than_agreed_are_refused() {
    let appliance = Appliance::start();
    let mut client = Http2::open(&appliance, &[(4, 0)]);
    for number in 0..101 {
        client.ask(number * 2 + 1, "/");
    }
    // RFC 9113, section 5.1.2.
    assert_eq!(client.outcome(201), Reset(error::REFUSED_STREAM));
    assert_eq!(appliance.get("/").status, 200);
}

#[test]
fn a_stop_tells_the_client() {
    let mut appliance = Appliance::start();
    let mut client = opened(&appliance);
    client.ask(1, "/");
    assert_eq!(client.outcome(1), Status(200));
    let took = appliance.stop();
    // RFC 9113, section 6.8.
    assert_eq!(client.outcome(3), GoAway(error::NONE));
    assert!(took.as_secs() < 7, "{took:?}");
}
