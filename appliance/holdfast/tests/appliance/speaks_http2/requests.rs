//! Requests: fields, pseudo-header fields, bodies (RFC 9113, section 8).

use super::*;

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
