//! Clients that are slow, or silent.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use super::{appliance_address, ask_without_window, descriptors, ends, get_from, tls_to, until};
use crate::appliance::Appliance;
use crate::http2::{HEADERS, Http2, PING, PREFACE, SETTINGS, frame};
use crate::web::{browser, connect};

#[test]
fn slow_and_silent_clients_are_shed() {
    let appliance =
        Appliance::start_with("[limits]\nhandshake_s = 4\nheader_s = 2\nidle_s = 2\n").enrolled();
    let large: Vec<u8> = (0..3_000_000_u32)
        .map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8)
        .collect();
    appliance.push(&[("index.html", b"small"), ("large.bin", &large)]);
    let host = &appliance.authority();
    // Below the defaults, so that these do not end them.
    let patience = Duration::from_secs(50);
    // Without the connections of the command line, which end when it does.
    let before = (0..30).map(|_| {
        std::thread::sleep(Duration::from_millis(50));
        descriptors(&appliance)
    });
    let before = before.min().unwrap();
    let tls = |alpn: &[u8]| {
        let mut stream = connect(appliance.address(), browser(&[alpn]));
        stream.conn.complete_io(&mut stream.sock).unwrap();
        stream
    };
    let says = |alpn: &[u8], bytes: &[u8]| {
        let mut stream = tls(alpn);
        stream.write_all(bytes).unwrap();
        stream.flush().unwrap();
        stream.sock
    };
    let preface = [PREFACE, &frame(SETTINGS, 0, 0, &[])].concat();
    let half = [&preface[..], &frame(HEADERS, 1, 1, &[0, 1, b'a'])].concat();
    let whole = format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n");
    let ask = format!("GET /large.bin HTTP/1.1\r\nHost: {host}\r\n\r\n");
    let silent = [
        ("nothing", TcpStream::connect(appliance.address()).unwrap()),
        ("a handshake and nothing", says(b"http/1.1", b"")),
        ("half a header", says(b"http/1.1", &whole.as_bytes()[..20])),
        (
            "a request and nothing more",
            says(b"http/1.1", whole.as_bytes()),
        ),
        (
            "a body that does not come",
            says(
                b"http/1.1",
                b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n",
            ),
        ),
        ("a preface and nothing", says(b"h2", &preface)),
        ("half a header on HTTP/2", says(b"h2", &half)),
    ];
    // Answers that nobody reads: the socket's buffers fill, or the window is shut.
    let mut unread = tls(b"http/1.1");
    unread.write_all(ask.repeat(8).as_bytes()).unwrap();
    let shut = ask_without_window(&appliance, "/large.bin", 4);
    std::thread::scope(|scope| {
        for (what, mut stream) in silent {
            scope.spawn(move || assert!(ends(&mut stream, patience), "{what}"));
        }
        // Headers byte by byte (slowloris), on both protocols, and a hello likewise.
        for alpn in [&b"http/1.1"[..], b"h2", b""] {
            let bytes = if alpn == b"h2" {
                &half
            } else {
                whole.as_bytes()
            };
            scope.spawn(move || {
                let start = Instant::now();
                let hello = [22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3];
                let mut raw = alpn
                    .is_empty()
                    .then(|| TcpStream::connect(appliance_address(host)).unwrap());
                let mut stream = (!alpn.is_empty()).then(|| tls_to(host, alpn));
                let all = bytes.iter().chain(std::iter::repeat(&b'x'));
                for (byte, of_hello) in all.zip(hello.iter().chain(std::iter::repeat(&0))) {
                    let sent = match &mut raw {
                        Some(raw) => raw.write_all(&[*of_hello]),
                        None => {
                            let stream = stream.as_mut().unwrap();
                            stream.write_all(&[*byte]).and_then(|()| stream.flush())
                        }
                    };
                    if sent.is_err() {
                        return;
                    }
                    assert!(
                        start.elapsed() < patience,
                        "byte by byte, {}",
                        String::from_utf8_lossy(alpn)
                    );
                    std::thread::sleep(Duration::from_millis(50));
                }
            });
        }
        // PINGs are no progress.
        let mut pinging = Http2::open(&appliance, &[]);
        scope.spawn(move || {
            let start = Instant::now();
            while pinging.send(PING, 0, 0, &[1; 8]) {
                assert!(start.elapsed() < patience, "kept by PINGs");
                std::thread::sleep(Duration::from_millis(200));
            }
        });
        for _ in 0..20 {
            assert_eq!(get_from(&appliance, 9, host, "/").unwrap().text(), "small");
            std::thread::sleep(Duration::from_millis(100));
        }
    });
    until("connections were kept", || {
        descriptors(&appliance) <= before
    });
    drop((unread, shut));
}

/// What the server has in its hands when it is done with a connection still goes to a client that is slow to take it.
#[test]
fn slow_clients_get_the_end_of_their_answer() {
    let limits = "[limits]\nheader_s = 2\nidle_s = 300\nlarge = 500\nlarge_each = 500\n";
    let appliance = Appliance::start_with(limits).enrolled();
    let large: Vec<u8> = (0..96 * 48 * 1024_u32)
        .map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8)
        .collect();
    appliance.push(&[("index.html", b"small"), ("large.bin", &large)]);
    let host = &appliance.authority();
    // What the kernel takes before it makes the server wait, nobody knows: of answers of all lengths, some end in between.
    let lengths = (1..=96).map(|part| part * 48 * 1024);
    let asked = |length: usize, fields: &str| {
        let mut stream = connect(appliance.address(), browser(&[b"http/1.1"]));
        let range = format!("Range: bytes=0-{}\r\n", length - 1);
        let request = format!("GET /large.bin HTTP/1.1\r\nHost: {host}\r\n{range}{fields}\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        stream.flush().unwrap();
        (stream, length)
    };
    for fields in ["Connection: close\r\n", ""] {
        let before = descriptors(&appliance);
        let streams: Vec<_> = lengths
            .clone()
            .map(|length| asked(length, fields))
            .collect();
        // On a connection that could stay, the server waits for the next request no longer than this.
        std::thread::sleep(Duration::from_secs(5));
        let waiting = descriptors(&appliance).saturating_sub(before);
        assert!(
            (1..streams.len()).contains(&waiting),
            "{waiting} of them fill what the kernel takes"
        );
        for (mut stream, length) in streams {
            let mut got = Vec::new();
            let mut piece = vec![0; 64 * 1024];
            while let Ok(more @ 1..) = stream.read(&mut piece) {
                got.extend_from_slice(&piece[..more]);
                if got.len() > length && got.ends_with(&large[length - 100..length]) {
                    break;
                }
            }
            let head = got.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
            let body = &got[head + 4..];
            assert_eq!(body.len(), length, "{fields:?}");
            assert!(body == &large[..length], "{fields:?}");
        }
    }
}
