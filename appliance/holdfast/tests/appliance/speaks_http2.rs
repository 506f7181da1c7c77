//! HTTP/2 by the letter (RFC 9113): what is right is served, what is wrong ends the stream or the connection with the
//! error that the section names. By section 5.4.1 a stream's error may end the connection.

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
fn requests_are_validated() {
    let appliance = Appliance::start();
    run(
        &appliance,
        opened,
        &[
            ("8.3.1", "a request", |c| get_with(c, &[]), FINE),
            (
                "8.3.1",
                "HEAD",
                |c| {
                    let host = c.host.clone();
                    request(
                        c,
                        &[
                            (":method", "HEAD"),
                            (":scheme", "https"),
                            (":authority", &host),
                            (":path", "/"),
                        ],
                    );
                },
                FINE,
            ),
            (
                "8.3.1",
                "pseudo-header fields in another order",
                |c| {
                    let host = c.host.clone();
                    request(
                        c,
                        &[
                            (":path", "/"),
                            (":authority", &host),
                            (":scheme", "https"),
                            (":method", "GET"),
                        ],
                    );
                },
                FINE,
            ),
            (
                "8.3.1",
                "Host instead of :authority",
                |c| {
                    let host = c.host.clone();
                    request(
                        c,
                        &[
                            (":method", "GET"),
                            (":scheme", "https"),
                            (":path", "/"),
                            ("host", &host),
                        ],
                    );
                },
                FINE,
            ),
            (
                "8.3.1",
                "Host beside an equal :authority",
                |c| {
                    let host = c.host.clone();
                    get_with(c, &[("host", &host)]);
                },
                FINE,
            ),
            (
                "8.3.1",
                "Host against :authority",
                |c| get_with(c, &[("host", "evil.example")]),
                MALFORMED,
            ),
            (
                "8.3.1",
                "neither Host nor :authority",
                |c| {
                    request(
                        c,
                        &[(":method", "GET"), (":scheme", "https"), (":path", "/")],
                    );
                },
                MALFORMED,
            ),
            (
                "8.3.1",
                "userinfo in :authority",
                |c| {
                    let host = format!("user@{}", c.host);
                    request(
                        c,
                        &[
                            (":method", "GET"),
                            (":scheme", "https"),
                            (":authority", &host),
                            (":path", "/"),
                        ],
                    );
                },
                &[Status(400), Status(421), Reset(error::PROTOCOL)],
            ),
            (
                "8.3",
                "pseudo-header field after a regular one",
                |c| {
                    let host = c.host.clone();
                    request(
                        c,
                        &[
                            (":method", "GET"),
                            (":scheme", "https"),
                            (":authority", &host),
                            ("a", "b"),
                            (":path", "/"),
                        ],
                    );
                },
                MALFORMED,
            ),
            (
                "8.3",
                "unknown pseudo-header field",
                |c| get_with_first(c, (":foo", "bar")),
                MALFORMED,
            ),
            (
                "8.3",
                "pseudo-header field of answers",
                |c| get_with_first(c, (":status", "200")),
                MALFORMED,
            ),
            (
                "8.3",
                ":method twice",
                |c| get_with_first(c, (":method", "GET")),
                MALFORMED,
            ),
            (
                "8.3",
                ":path twice",
                |c| get_with_first(c, (":path", "/")),
                MALFORMED,
            ),
            (
                "8.3",
                ":scheme twice",
                |c| get_with_first(c, (":scheme", "https")),
                MALFORMED,
            ),
            (
                "8.3",
                ":authority twice",
                |c| {
                    let host = c.host.clone();
                    get_with_first(c, (":authority", &host));
                },
                MALFORMED,
            ),
            (
                "8.3.1",
                "no :method",
                |c| get_without(c, ":method"),
                MALFORMED,
            ),
            (
                "8.3.1",
                "no :scheme",
                |c| get_without(c, ":scheme"),
                MALFORMED,
            ),
            ("8.3.1", "no :path", |c| get_without(c, ":path"), MALFORMED),
            (
                "8.3.1",
                "empty :path",
                |c| get_but(c, ":path", ""),
                MALFORMED,
            ),
            (
                "8.3.1",
                "a :path that does not begin with /",
                |c| get_but(c, ":path", "x"),
                MALFORMED,
            ),
            (
                "8.3.1",
                "a :path with a blank",
                |c| get_but(c, ":path", "/a b"),
                MALFORMED,
            ),
            (
                "8.3.1",
                "a :scheme that is not ours (RFC 9110, 7.4)",
                |c| get_but(c, ":scheme", "http"),
                &[Status(421)],
            ),
            (
                "8.3.1",
                "an :authority that is not ours",
                |c| get_but(c, ":authority", "evil.example"),
                &[Status(421)],
            ),
            (
                "8.5",
                "CONNECT",
                |c| {
                    request(
                        c,
                        &[(":method", "CONNECT"), (":authority", "evil.example:443")],
                    )
                },
                &[Status(405), Status(421), Reset(error::PROTOCOL)],
            ),
            (
                "8.5",
                "CONNECT with a :path",
                |c| get_but(c, ":method", "CONNECT"),
                MALFORMED,
            ),
            (
                "8.2.1",
                "an upper-case name",
                |c| get_with(c, &[("X-Upper", "b")]),
                MALFORMED,
            ),
            (
                "8.2.1",
                "a name with a blank",
                |c| get_with(c, &[("a b", "c")]),
                MALFORMED,
            ),
            (
                "8.2.1",
                "a name with a colon",
                |c| get_with(c, &[("a:b", "c")]),
                MALFORMED,
            ),
            (
                "8.2.1",
                "an empty name",
                |c| get_with(c, &[("", "c")]),
                MALFORMED,
            ),
            (
                "8.2.1",
                "a value with NUL",
                |c| get_with(c, &[("a", "b\0c")]),
                MALFORMED,
            ),
            (
                "8.2.1",
                "a value with LF",
                |c| get_with(c, &[("a", "b\nc: d")]),
                MALFORMED,
            ),
            (
                "8.2.1",
                "a value with CR",
                |c| get_with(c, &[("a", "b\rc")]),
                MALFORMED,
            ),
            (
                "8.2.1",
                "a value that begins with a blank",
                |c| get_with(c, &[("a", " b")]),
                MALFORMED,
            ),
            (
                "8.2.1",
                "a value that ends with a tab",
                |c| get_with(c, &[("a", "b\t")]),
                MALFORMED,
            ),
            (
                "8.2.2",
                "Connection",
                |c| get_with(c, &[("connection", "close")]),
                MALFORMED,
            ),
            (
                "8.2.2",
                "Keep-Alive",
                |c| get_with(c, &[("keep-alive", "1")]),
                MALFORMED,
            ),
            (
                "8.2.2",
                "Proxy-Connection",
                |c| get_with(c, &[("proxy-connection", "close")]),
                MALFORMED,
            ),
            (
                "8.2.2",
                "Transfer-Encoding",
                |c| get_with(c, &[("transfer-encoding", "chunked")]),
                MALFORMED,
            ),
            (
                "8.2.2",
                "Upgrade",
                |c| get_with(c, &[("upgrade", "h2c")]),
                MALFORMED,
            ),
            (
                "8.2.2",
                "TE: trailers",
                |c| get_with(c, &[("te", "trailers")]),
                FINE,
            ),
            (
                "8.2.2",
                "TE: gzip",
                |c| get_with(c, &[("te", "gzip")]),
                MALFORMED,
            ),
            (
                "8.2.3",
                "cookies in many fields",
                |c| get_with(c, &[("cookie", "a=b"), ("cookie", "c=d")]),
                FINE,
            ),
            (
                "8.1.1",
                "a length and no content",
                |c| get_with(c, &[("content-length", "5")]),
                MALFORMED,
            ),
            (
                "8.1.1",
                "two lengths",
                |c| {
                    get_with(c, &[("content-length", "0"), ("content-length", "1")]);
                },
                MALFORMED,
            ),
            (
                "8.1.1",
                "a length that is none",
                |c| get_with(c, &[("content-length", "+0")]),
                MALFORMED,
            ),
            (
                "8.1.1",
                "less content than its length",
                |c| {
                    post(c, &[("content-length", "5")]);
                    c.send(DATA, END_STREAM, 1, b"abc");
                },
                &[Reset(error::PROTOCOL), GoAway(error::PROTOCOL), Status(405)],
            ),
            (
                "8.1.1",
                "more content than its length",
                |c| {
                    post(c, &[("content-length", "1")]);
                    c.send(DATA, END_STREAM, 1, b"abc");
                },
                &[Reset(error::PROTOCOL), GoAway(error::PROTOCOL), Status(405)],
            ),
            (
                "8.1",
                "trailers",
                |c| {
                    let block = c.get("/", &[]);
                    c.send(HEADERS, END_HEADERS, 1, &block);
                    c.send(HEADERS, WHOLE, 1, &fields(&[("a", "b")]));
                },
                FINE,
            ),
            (
                "8.1",
                "trailers with a pseudo-header field",
                |c| {
                    let mut bytes = frame(HEADERS, END_HEADERS, 1, &c.get("/", &[]));
                    bytes.extend(frame(HEADERS, WHOLE, 1, &fields(&[(":path", "/")])));
                    c.write(&bytes);
                },
                &[Reset(error::PROTOCOL), GoAway(error::PROTOCOL), Status(200)],
            ),
            (
                "8.1",
                "trailers that do not end the stream",
                |c| {
                    let mut bytes = frame(HEADERS, END_HEADERS, 1, &c.get("/", &[]));
                    bytes.extend(frame(HEADERS, END_HEADERS, 1, &fields(&[("a", "b")])));
                    c.write(&bytes);
                },
                MALFORMED,
            ),
            (
                "8.4",
                "PUSH_PROMISE from a client",
                |c| {
                    let mut payload = vec![0, 0, 0, 2];
                    payload.extend(c.get("/", &[]));
                    c.send(PUSH_PROMISE, END_HEADERS, 1, &payload);
                },
                PROTOCOL,
            ),
            (
                "10.5.1",
                "a header of 16 447 bytes as section 6.5.2 counts them",
                |c| {
                    get_with(c, &[("a", &*"x".repeat(8_100)); 2]);
                },
                &[Status(431)],
            ),
            (
                "10.5.1",
                "65 fields (RFC 6585, 5)",
                |c| get_with(c, &[("a", "b"); 65]),
                &[Status(431)],
            ),
            (
                "10.5.1",
                "a path of 9 000 bytes (RFC 9110, 15.5.15)",
                |c| {
                    get_but(c, ":path", &format!("/{}", "x".repeat(9_000)));
                },
                &[Status(414)],
            ),
        ],
    );
}

/// A `GET` with this pseudo-header field before all others.
fn get_with_first(client: &mut Http2, first: (&str, &str)) {
    let mut block = fields(&[first]);
    block.extend(client.get("/", &[]));
    client.send(HEADERS, WHOLE, 1, &block);
}

fn get_without(client: &mut Http2, name: &str) {
    change(client, |field| field.0 != name, |value| value);
}

fn get_but(client: &mut Http2, name: &str, value: &str) {
    change(
        client,
        |_| true,
        |field| {
            if field.0 == name {
                (field.0, value)
            } else {
                field
            }
        },
    );
}

fn change<'a>(
    client: &mut Http2,
    keep: impl Fn(&(&'static str, &str)) -> bool,
    become_: impl Fn((&'static str, &'a str)) -> (&'static str, &'a str),
) {
    let host: &'a str = String::leak(client.host.clone());
    let all = [
        (":method", "GET"),
        (":scheme", "https"),
        (":authority", host),
        (":path", "/"),
    ];
    let lines: Vec<_> = all
        .into_iter()
        .filter(|field| keep(field))
        .map(become_)
        .collect();
    request(client, &lines);
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
fn frames_are_validated() {
    let appliance = Appliance::start();
    run(
        &appliance,
        opened,
        &[
            (
                "4.1",
                "a frame of unknown type",
                |c| {
                    c.send(99, 0xff, 0, b"whatever");
                    c.ask(1, "/");
                },
                FINE,
            ),
            (
                "4.1",
                "unknown flags and the reserved bit",
                |c| {
                    let mut ping = frame(PING, 0x10, 0, &[0; 8]);
                    ping[5] |= 0x80;
                    c.write(&ping);
                    c.ask(1, "/");
                },
                FINE,
            ),
            (
                "4.2",
                "a frame above SETTINGS_MAX_FRAME_SIZE",
                |c| {
                    let block = c.get("/", &[]);
                    c.send(HEADERS, END_HEADERS, 1, &block);
                    c.write(&frame(DATA, 0, 1, &[0; 16_385])[..100]);
                },
                &[GoAway(error::FRAME_SIZE), Status(200)],
            ),
            (
                "4.2",
                "a large frame of unknown type",
                |c| {
                    c.write(&frame(99, 0, 0, &[0; 16_385])[..100]);
                },
                SIZE,
            ),
            (
                "4.3",
                "a header block that cannot be decoded",
                |c| {
                    c.send(HEADERS, WHOLE, 1, &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff]);
                },
                &[GoAway(error::COMPRESSION), GoAway(error::PROTOCOL)],
            ),
            (
                "4.3",
                "an index beyond the table (RFC 7541, 2.3.3)",
                |c| {
                    c.send(HEADERS, WHOLE, 1, &[0xff, 0x20]);
                },
                &[GoAway(error::COMPRESSION), GoAway(error::PROTOCOL)],
            ),
            (
                "4.3",
                "a table above its bound (RFC 7541, 6.3)",
                |c| {
                    let mut block = vec![0x3f, 0xe1, 0xff, 0x03];
                    block.extend(c.get("/", &[]));
                    c.send(HEADERS, WHOLE, 1, &block);
                },
                &[GoAway(error::COMPRESSION), GoAway(error::PROTOCOL)],
            ),
            (
                "5.1.1",
                "an even stream",
                |c| {
                    c.ask(2, "/");
                },
                PROTOCOL,
            ),
            (
                "5.1.1",
                "HEADERS on stream 0",
                |c| {
                    c.ask(0, "/");
                },
                PROTOCOL,
            ),
            (
                "5.1.1",
                "a lower stream than before",
                |c| {
                    let mut bytes = frame(HEADERS, WHOLE, 5, &c.get("/", &[]));
                    bytes.extend(frame(HEADERS, WHOLE, 3, &c.get("/", &[])));
                    c.write(&bytes);
                },
                &[GoAway(error::PROTOCOL), GoAway(error::STREAM_CLOSED)],
            ),
            (
                "5.1",
                "DATA on an idle stream",
                |c| {
                    c.send(DATA, 0, 1, b"a");
                },
                PROTOCOL,
            ),
            (
                "5.1",
                "RST_STREAM on an idle stream",
                |c| {
                    c.send(RST_STREAM, 0, 1, &[0, 0, 0, 8]);
                },
                PROTOCOL,
            ),
            (
                "5.1",
                "WINDOW_UPDATE on an idle stream",
                |c| {
                    c.send(WINDOW_UPDATE, 0, 1, &[0, 0, 0, 8]);
                },
                PROTOCOL,
            ),
            (
                "5.1",
                "DATA after the end of the stream",
                |c| {
                    let mut bytes = frame(HEADERS, WHOLE, 1, &c.get("/", &[]));
                    bytes.extend(frame(DATA, END_STREAM, 1, b"a"));
                    c.write(&bytes);
                },
                &[Reset(error::STREAM_CLOSED), GoAway(error::STREAM_CLOSED)],
            ),
            (
                "5.1",
                "HEADERS after the end of the stream",
                |c| {
                    let mut bytes = frame(HEADERS, WHOLE, 1, &c.get("/", &[]));
                    bytes.extend(frame(HEADERS, WHOLE, 1, &c.get("/", &[])));
                    c.write(&bytes);
                },
                &[Reset(error::STREAM_CLOSED), GoAway(error::STREAM_CLOSED)],
            ),
            (
                "5.1",
                "DATA after RST_STREAM",
                |c| {
                    let mut bytes = frame(HEADERS, END_HEADERS, 1, &c.get("/", &[]));
                    bytes.extend(frame(RST_STREAM, 0, 1, &[0, 0, 0, 8]));
                    bytes.extend(frame(DATA, END_STREAM, 1, b"a"));
                    c.write(&bytes);
                },
                &[Reset(error::STREAM_CLOSED), GoAway(error::STREAM_CLOSED)],
            ),
            (
                "5.3.2",
                "PRIORITY on an idle stream",
                |c| {
                    c.send(PRIORITY, 0, 1, &[0, 0, 0, 3, 15]);
                    c.ask(1, "/");
                },
                FINE,
            ),
            (
                "6.1",
                "DATA on stream 0",
                |c| {
                    c.send(DATA, 0, 0, b"a");
                },
                PROTOCOL,
            ),
            (
                "6.1",
                "more padding than DATA",
                |c| {
                    let mut bytes = frame(HEADERS, END_HEADERS, 1, &c.get("/", &[]));
                    bytes.extend(frame(DATA, PADDED, 1, &[200, 1, 2]));
                    c.write(&bytes);
                },
                PROTOCOL,
            ),
            (
                "6.2",
                "more padding than HEADERS",
                |c| {
                    c.send(HEADERS, WHOLE | PADDED, 1, &[200, 1, 2]);
                },
                PROTOCOL,
            ),
            (
                "6.3",
                "PRIORITY of four bytes",
                |c| {
                    c.send(PRIORITY, 0, 1, &[0; 4]);
                },
                SIZE,
            ),
            (
                "6.3",
                "PRIORITY on stream 0",
                |c| {
                    c.send(PRIORITY, 0, 0, &[0, 0, 0, 3, 15]);
                },
                PROTOCOL,
            ),
            (
                "6.4",
                "RST_STREAM of three bytes",
                |c| {
                    let mut bytes = frame(HEADERS, END_HEADERS, 1, &c.get("/", &[]));
                    bytes.extend(frame(RST_STREAM, 0, 1, &[0; 3]));
                    c.write(&bytes);
                },
                SIZE,
            ),
            (
                "6.4",
                "RST_STREAM on stream 0",
                |c| {
                    c.send(RST_STREAM, 0, 0, &[0; 4]);
                },
                PROTOCOL,
            ),
            (
                "6.5",
                "SETTINGS of five bytes",
                |c| {
                    c.send(SETTINGS, 0, 0, &[0; 5]);
                },
                SIZE,
            ),
            (
                "6.5",
                "an acknowledgement with parameters",
                |c| {
                    c.send(SETTINGS, ACK, 0, &parameters(&[(3, 1)]));
                },
                SIZE,
            ),
            (
                "6.5",
                "SETTINGS on a stream",
                |c| {
                    c.send(SETTINGS, 0, 1, &[]);
                },
                PROTOCOL,
            ),
            (
                "6.5.2",
                "an unknown parameter",
                |c| {
                    c.send(SETTINGS, 0, 0, &parameters(&[(0xff, 1)]));
                    c.ask(1, "/");
                },
                FINE,
            ),
            (
                "6.5.2",
                "ENABLE_PUSH of 2",
                |c| {
                    c.send(SETTINGS, 0, 0, &parameters(&[(2, 2)]));
                },
                PROTOCOL,
            ),
            (
                "6.5.2",
                "INITIAL_WINDOW_SIZE above 2^31-1",
                |c| {
                    c.send(SETTINGS, 0, 0, &parameters(&[(4, 1 << 31)]));
                },
                &[GoAway(error::FLOW_CONTROL)],
            ),
            (
                "6.5.2",
                "MAX_FRAME_SIZE below 16 384",
                |c| {
                    c.send(SETTINGS, 0, 0, &parameters(&[(5, 16_383)]));
                },
                PROTOCOL,
            ),
            (
                "6.5.2",
                "MAX_FRAME_SIZE above 2^24-1",
                |c| {
                    c.send(SETTINGS, 0, 0, &parameters(&[(5, 1 << 24)]));
                },
                PROTOCOL,
            ),
            (
                "6.7",
                "PING of seven bytes",
                |c| {
                    c.send(PING, 0, 0, &[0; 7]);
                },
                SIZE,
            ),
            (
                "6.7",
                "PING on a stream",
                |c| {
                    c.send(PING, 0, 1, &[0; 8]);
                },
                PROTOCOL,
            ),
            (
                "6.8",
                "GOAWAY on a stream",
                |c| {
                    c.send(GOAWAY, 0, 1, &[0; 8]);
                },
                PROTOCOL,
            ),
            (
                "6.9",
                "WINDOW_UPDATE of three bytes",
                |c| {
                    c.send(WINDOW_UPDATE, 0, 0, &[0; 3]);
                },
                SIZE,
            ),
            (
                "6.9",
                "a window that grows by nothing",
                |c| {
                    c.send(WINDOW_UPDATE, 0, 0, &[0; 4]);
                },
                PROTOCOL,
            ),
            (
                "6.9.1",
                "a window above 2^31-1",
                |c| {
                    c.send(WINDOW_UPDATE, 0, 0, &[0x7f, 0xff, 0xff, 0xff]);
                },
                &[GoAway(error::FLOW_CONTROL)],
            ),
            (
                "6.9.1",
                "more DATA than the window",
                |c| {
                    let mut bytes = frame(HEADERS, END_HEADERS, 1, &c.get("/", &[]));
                    for _ in 0..5 {
                        bytes.extend(frame(DATA, 0, 1, &[0; 16_384]));
                    }
                    c.write(&bytes);
                },
                &[
                    GoAway(error::FLOW_CONTROL),
                    Reset(error::FLOW_CONTROL),
                    Status(200),
                ],
            ),
            (
                "6.10",
                "CONTINUATION without HEADERS",
                |c| {
                    c.send(CONTINUATION, END_HEADERS, 1, &[]);
                },
                PROTOCOL,
            ),
            (
                "6.10",
                "a header in two frames",
                |c| {
                    let block = c.get("/", &[]);
                    c.send(HEADERS, END_STREAM, 1, &block[..10]);
                    c.send(CONTINUATION, END_HEADERS, 1, &block[10..]);
                },
                FINE,
            ),
            (
                "6.10",
                "another frame in the middle of a header",
                |c| {
                    let block = c.get("/", &[]);
                    c.send(HEADERS, END_STREAM, 1, &block[..10]);
                    c.send(PING, 0, 0, &[0; 8]);
                },
                PROTOCOL,
            ),
            (
                "6.10",
                "CONTINUATION of another stream",
                |c| {
                    let block = c.get("/", &[]);
                    c.send(HEADERS, END_STREAM, 1, &block[..10]);
                    c.send(CONTINUATION, END_HEADERS, 3, &block[10..]);
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
