//! HTTP/1.1 by the letter (RFC 9112), and beyond it where lenience lets requests be smuggled.

use std::io::{Read as _, Write as _};

use crate::appliance::Appliance;
use crate::web::{Answer, browser, connect, read_to_end};

/// Sends bytes on one connection and reads all answers to its end.
fn answers(appliance: &Appliance, request: &str) -> Vec<Answer> {
    let mut stream = connect(appliance.address(), browser(&[b"http/1.1"]));
    // A refusal may come before everything was sent.
    let _ = stream.write_all(request.as_bytes());
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes);
    let mut all = Vec::new();
    let mut rest = &bytes[..];
    while !rest.is_empty() {
        let mut answer = Answer::parse(rest);
        let length = answer
            .header("content-length")
            .map_or(0, |length| length.parse().unwrap());
        let length = if answer.status == 304 { 0 } else { length };
        answer.body.truncate(length);
        rest = &rest[answer.head.len() + length..];
        all.push(answer);
    }
    all
}

/// One request that must not be taken, and behind it another one that must not be answered.
fn refused(appliance: &Appliance, section: &str, what: &str, status: u16, request: &str) {
    let host = appliance.authority();
    let request = request.replace("HOST", &host);
    let smuggled =
        format!("{request}GET /smuggled HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    let all = answers(appliance, &smuggled);
    let statuses: Vec<_> = all.iter().map(|answer| answer.status).collect();
    assert_eq!(statuses, [status], "RFC 9112, section {section}: {what}");
}

/// Requests and their statuses on one connection, which `Connection: close` in the last one ends.
fn taken(appliance: &Appliance, section: &str, what: &str, expected: &[u16], request: &str) {
    let all = answers(appliance, &request.replace("HOST", &appliance.authority()));
    let statuses: Vec<_> = all.iter().map(|answer| answer.status).collect();
    assert_eq!(statuses, expected, "RFC 9112, section {section}: {what}");
}

const LAST: &str = "GET / HTTP/1.1\r\nHost: HOST\r\nConnection: close\r\n\r\n";

#[test]
fn requests_that_two_readers_may_read_differently_are_refused() {
    let appliance = Appliance::start();
    for (section, what, status, request) in [
        (
            "2.2",
            "a bare LF after the request line",
            400,
            "GET / HTTP/1.1\nHost: HOST\r\n\r\n",
        ),
        (
            "2.2",
            "a bare LF after a field",
            400,
            "GET / HTTP/1.1\r\nHost: HOST\n\r\n",
        ),
        (
            "2.2",
            "a bare LF as the empty line",
            400,
            "GET / HTTP/1.1\r\nHost: HOST\r\n\n",
        ),
        (
            "2.2",
            "a bare CR in a field",
            400,
            "GET / HTTP/1.1\r\nHost: HOST\r\nA: b\rc\r\n\r\n",
        ),
        (
            "2.2",
            "a blank before the first field",
            400,
            "GET / HTTP/1.1\r\n Host: HOST\r\n\r\n",
        ),
        (
            "2.2",
            "many empty lines before a request",
            400,
            "\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: HOST\r\n\r\n",
        ),
        (
            "3",
            "two blanks in the request line",
            400,
            "GET  / HTTP/1.1\r\nHost: HOST\r\n\r\n",
        ),
        (
            "3",
            "a blank in the target",
            400,
            "GET /a b HTTP/1.1\r\nHost: HOST\r\n\r\n",
        ),
        ("3", "HTTP/0.9", 400, "GET /\r\n\r\n"),
        (
            "2.3",
            "HTTP/2.0",
            400,
            "GET / HTTP/2.0\r\nHost: HOST\r\n\r\n",
        ),
        (
            "2.3",
            "a version in lower case",
            400,
            "GET / http/1.1\r\nHost: HOST\r\n\r\n",
        ),
        (
            "3.1",
            "a method that is no token",
            400,
            "G@T / HTTP/1.1\r\nHost: HOST\r\n\r\n",
        ),
        (
            "5.1",
            "a blank before the colon",
            400,
            "GET / HTTP/1.1\r\nHost : HOST\r\n\r\n",
        ),
        (
            "5.1",
            "a blank before the colon of a length",
            400,
            "POST / HTTP/1.1\r\nHost: HOST\r\nContent-Length : 5\r\n\r\n",
        ),
        (
            "5",
            "a line without a colon",
            400,
            "GET / HTTP/1.1\r\nHost: HOST\r\nnothing\r\n\r\n",
        ),
        (
            "5",
            "an empty name",
            400,
            "GET / HTTP/1.1\r\nHost: HOST\r\n: x\r\n\r\n",
        ),
        (
            "5.2",
            "a folded line",
            400,
            "GET / HTTP/1.1\r\nHost: HOST\r\nA: b\r\n c\r\n\r\n",
        ),
        (
            "5.2",
            "a folded coding",
            400,
            "POST / HTTP/1.1\r\nHost: HOST\r\nTransfer-Encoding:\r\n chunked\r\n\r\n",
        ),
        (
            "5",
            "NUL in a value (RFC 9110, 5.5)",
            400,
            "GET / HTTP/1.1\r\nHost: HOST\r\nA: b\0c\r\n\r\n",
        ),
        (
            "5",
            "NUL in a name",
            400,
            "GET / HTTP/1.1\r\nHost: HOST\r\nA\0: b\r\n\r\n",
        ),
        (
            "3.2",
            "no Host",
            400,
            "GET / HTTP/1.1\r\nConnection: close\r\n\r\n",
        ),
        (
            "3.2",
            "two Hosts",
            400,
            "GET / HTTP/1.1\r\nHost: HOST\r\nHost: HOST\r\nConnection: close\r\n\r\n",
        ),
        (
            "6.1",
            "a length and a coding",
            400,
            "POST / HTTP/1.1\r\nHost: HOST\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        ),
        (
            "6.1",
            "a coding and a length",
            400,
            "POST / HTTP/1.1\r\nHost: HOST\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
        ),
        (
            "6.1",
            "a coding that is not chunked",
            400,
            "POST / HTTP/1.1\r\nHost: HOST\r\nTransfer-Encoding: identity\r\n\r\n",
        ),
        (
            "6.1",
            "chunked twice",
            411,
            "POST / HTTP/1.1\r\nHost: HOST\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        ),
        (
            "6.1",
            "chunked, but not last",
            400,
            "POST / HTTP/1.1\r\nHost: HOST\r\nTransfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
        ),
        (
            "6.1",
            "a coding on HTTP/1.0",
            400,
            "POST / HTTP/1.0\r\nHost: HOST\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        ),
        (
            "6.3",
            "chunked, for a target of another scheme",
            411,
            "POST http://HOST/ HTTP/1.1\r\nHost: HOST\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        ),
        (
            "6.3",
            "chunked, for another host than ours",
            411,
            "POST / HTTP/1.1\r\nHost: elsewhere.example\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        ),
        (
            "6.3",
            "chunked",
            411,
            "POST / HTTP/1.1\r\nHost: HOST\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        ),
        (
            "6.3",
            "two lengths",
            400,
            "POST / HTTP/1.1\r\nHost: HOST\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx",
        ),
        (
            "6.3",
            "one length twice",
            400,
            "POST / HTTP/1.1\r\nHost: HOST\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\n",
        ),
        (
            "6.3",
            "a list of lengths",
            400,
            "POST / HTTP/1.1\r\nHost: HOST\r\nContent-Length: 0, 0\r\n\r\n",
        ),
        (
            "6.3",
            "a length with a sign",
            400,
            "POST / HTTP/1.1\r\nHost: HOST\r\nContent-Length: +0\r\n\r\n",
        ),
        (
            "6.3",
            "a length beyond 2^64",
            400,
            "POST / HTTP/1.1\r\nHost: HOST\r\nContent-Length: 18446744073709551616\r\n\r\n",
        ),
        (
            "6.3",
            "content in a GET (RFC 9110, 9.3.1)",
            400,
            "GET / HTTP/1.1\r\nHost: HOST\r\nContent-Length: 5\r\n\r\nGET /",
        ),
        (
            "7.1",
            "a chunk of a size that is none",
            411,
            "POST / HTTP/1.1\r\nHost: HOST\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n\r\n",
        ),
        (
            "7.1.1",
            "a chunk's extension",
            411,
            "POST / HTTP/1.1\r\nHost: HOST\r\nTransfer-Encoding: chunked\r\n\r\n1;a=b\r\nx\r\n0\r\n\r\n",
        ),
    ] {
        refused(&appliance, section, what, status, request);
    }
}

#[test]
fn requests_by_the_letter_are_taken() {
    let appliance = Appliance::start();
    for (section, what, expected, request) in [
        ("3", "a request", &[200][..], LAST.to_owned()),
        ("9.3.2", "three requests at once", &[200, 404, 200], format!(
            "GET / HTTP/1.1\r\nHost: HOST\r\n\r\nGET /x HTTP/1.1\r\nHost: portal.HOST\r\n\r\n{LAST}"
        )),
        ("2.2", "one empty line before a request", &[200, 200], format!(
            "\r\nGET / HTTP/1.1\r\nHost: HOST\r\n\r\n\r\n{LAST}"
        )),
        ("3.2.2", "absolute form", &[200], LAST.replace("GET /", "GET https://HOST/")),
        ("3.2.2", "absolute form of http (RFC 9110, 7.4)", &[421], LAST.replace("GET /", "GET http://HOST/")),
        ("3.2.3", "authority form", &[405], LAST.replace("GET /", "CONNECT HOST")),
        ("3.2.4", "asterisk form", &[204], LAST.replace("GET /", "OPTIONS *")),
        ("6.3", "a length of nothing in a GET", &[200, 200], format!(
            "GET / HTTP/1.1\r\nHost: HOST\r\nContent-Length: 0\r\n\r\n{LAST}"
        )),
        ("6.3", "content that looks like a request", &[405, 200], format!(
            "POST / HTTP/1.1\r\nHost: HOST\r\nContent-Length: 18\r\n\r\nGET / HTTP/1.1\r\n\r\n{LAST}"
        )),
        ("9.3", "HTTP/1.0, which closes", &[200], format!("GET / HTTP/1.0\r\nHost: HOST\r\n\r\n{LAST}")),
        ("9.6", "close, and one more", &[200], format!("{LAST}{LAST}")),
        ("5.1", "blanks around a value", &[200], LAST.replace("Host: HOST", "Host: \t HOST \t")),
        ("5", "names in any case (RFC 9110, 5.1)", &[200], LAST.replace("Host", "hOsT")),
        ("7.8", "Upgrade: h2c (RFC 9110, 7.8)", &[200, 200], format!(
            "GET / HTTP/1.1\r\nHost: HOST\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n{LAST}"
        )),
        ("7.8", "Upgrade: websocket", &[200, 200], format!(
            "GET / HTTP/1.1\r\nHost: HOST\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n{LAST}"
        )),
        ("9.2", "Expect without content (RFC 9110, 10.1.1)", &[200, 200], format!(
            "GET / HTTP/1.1\r\nHost: HOST\r\nExpect: 100-continue\r\n\r\n{LAST}"
        )),
        ("9.2", "a body that is not wanted: no 100", &[405], 
            "POST / HTTP/1.1\r\nHost: HOST\r\nExpect: 100-continue\r\nContent-Length: 5\r\nConnection: close\r\n\r\n".to_owned()
        ),
        ("3", "a target of 9 000 bytes (RFC 9110, 15.5.15)", &[414], LAST.replace("GET /", &format!("GET /{}", "x".repeat(9_000)))),
        ("5.4", "a header of 20 000 bytes (RFC 6585, 5)", &[431], LAST.replace("Host", &format!("A: {}\r\nHost", "x".repeat(20_000)))),
        ("5.4", "a header of 200 000 bytes", &[431], LAST.replace("Host", &format!("A: {}\r\nHost", "x".repeat(200_000)))),
        ("5.4", "65 fields (RFC 6585, 5)", &[431], LAST.replace("Host", &format!("{}Host", "A: b\r\n".repeat(65)))),
    ] {
        taken(&appliance, section, what, expected, &request);
    }
}

#[test]
fn http_2_without_alpn_is_not_spoken() {
    let appliance = Appliance::start();
    // RFC 9113, section 3.2: over TLS, HTTP/2 is agreed upon by ALPN alone.
    let mut stream = connect(appliance.address(), browser(&[]));
    stream
        .write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0")
        .unwrap();
    let end = read_to_end(&mut stream);
    assert!(
        end.is_empty(),
        "an answer: {}",
        String::from_utf8_lossy(&end)
    );
}
