//! Bounds: what one client can take from the others, and what a client that goes away leaves behind.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use holdfast_site::BlobRef;
use rustix::net::{AddressFamily, SocketType, bind, socket};
use rustix::process::{Pid, Resource, Rlimit, prlimit};
use rustls::ClientConnection;
use rustls::pki_types::ServerName;

use crate::appliance::Appliance;
use crate::device::{Device, blob};
use crate::http2::{HEADERS, Http2, Outcome, PING, PREFACE, SETTINGS, frame};
use crate::publishes::manifest;
use crate::web::{Answer, Stream, browser, connect, read_to_end};

/// Repeats until the answer is as it should be.
fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed().as_secs() < 100, "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Asks for `path` on that many HTTP/2 streams, and lets none of them send (RFC 9113, section 6.9.2).
fn ask_without_window(appliance: &Appliance, path: &str, streams: u32) -> Stream {
    ask_for_parts(appliance, path, streams, "")
}

/// The same for these ranges, if there are any.
fn ask_for_parts(appliance: &Appliance, path: &str, streams: u32, ranges: &str) -> Stream {
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
        if !ranges.is_empty() {
            // A literal with a new name, not indexed.
            fields.extend(b"\x00\x05range");
            fields.push(ranges.len() as u8);
            fields.extend(ranges.as_bytes());
        }
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
    let appliance = Appliance::start_with("[limits]\nhandshakes_each = 1000\n");
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

/// Connects from another address of this machine: all of 127.0.0.0/8 is loopback (RFC 6890, section 2.2.2).
fn connect_from(appliance: &Appliance, last: u8) -> TcpStream {
    let socket = socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
    bind(&socket, &SocketAddr::from(([127, 0, 0, last], 0))).unwrap();
    rustix::net::connect(&socket, &appliance.address()).unwrap();
    let stream = TcpStream::from(socket);
    stream
        .set_read_timeout(Some(Duration::from_secs(30)))
        .unwrap();
    stream
}

/// `GET` from another address; `None` if the connection is not taken.
fn get_from(appliance: &Appliance, last: u8, host: &str, path: &str) -> Option<Answer> {
    let name = ServerName::try_from("localhost").unwrap();
    let client = ClientConnection::new(Arc::new(browser(&[b"http/1.1"])), name).unwrap();
    let mut stream = Stream::new(client, connect_from(appliance, last));
    let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).ok()?;
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes);
    (!bytes.is_empty()).then(|| Answer::parse(&bytes))
}

/// Whether the server ends the connection within this time; what it sends before that is thrown away.
fn ends(stream: &mut TcpStream, within: Duration) -> bool {
    let start = Instant::now();
    stream
        .set_read_timeout(Some(Duration::from_millis(100)))
        .unwrap();
    while start.elapsed() < within {
        match stream.read(&mut [0; 4096]) {
            Ok(1..) => {}
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Ok(0) | Err(_) => return true,
        }
    }
    false
}

#[test]
fn requests_come_at_a_rate_by_address_and_route() {
    let appliance = Appliance::start_with(
        "[limits]\npage = { per_minute = 20, burst = 20 }\nportal = { per_minute = 1, burst = 3 }\n\
         enrol = { per_minute = 1, burst = 2 }\n",
    );
    let host = appliance.authority();
    let portal = format!("portal.{host}");
    // RFC 6585, section 4. One connection for all, as a client that does not listen would.
    let mut stream = connect(appliance.address(), browser(&[b"http/1.1"]));
    let request = format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n");
    stream.write_all(request.repeat(40).as_bytes()).unwrap();
    stream
        .write_all(
            request
                .replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n")
                .as_bytes(),
        )
        .unwrap();
    let text = String::from_utf8(read_to_end(&mut stream)).unwrap();
    let count = |status| text.matches(&format!("HTTP/1.1 {status}")).count();
    assert!(
        (20..41).contains(&count("200 OK")),
        "{} of 41 were answered",
        count("200 OK")
    );
    assert_eq!(count("200 OK") + count("429 Too Many Requests"), 41);
    let lower = text.to_ascii_lowercase();
    let wait = lower.split("retry-after: ").nth(1).unwrap();
    let wait: u64 = wait.split("\r\n").next().unwrap().parse().unwrap();
    assert!(
        (1..=3).contains(&wait),
        "three seconds for one more: {wait}"
    );
    assert!(
        text.contains("the operator can raise"),
        "a refusal names the way out"
    );
    // A request whose end is in doubt ends the connection even then (RFC 9112, section 6.3).
    let chunked = "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    let chunked = request.replace("\r\n\r\n", &format!("\r\n{chunked}"));
    let mut stream = connect(appliance.address(), browser(&[b"http/1.1"]));
    stream.write_all((chunked + &request).as_bytes()).unwrap();
    let text = String::from_utf8(read_to_end(&mut stream)).unwrap();
    assert!(text.starts_with("HTTP/1.1 411"), "{text}");
    assert_eq!(text.matches("HTTP/1.1 ").count(), 1, "{text}");
    // Another route and another address have shares of their own.
    assert_eq!(get_from(&appliance, 1, &portal, "/").unwrap().status, 200);
    assert_eq!(get_from(&appliance, 2, &host, "/").unwrap().status, 200);
    let statuses: Vec<_> = (0..4)
        .map(|_| get_from(&appliance, 2, &portal, "/").unwrap().status)
        .collect();
    assert_eq!(statuses, [200, 200, 200, 429]);
    // The device protocol says it as a problem (RFC 9457).
    let device = Device::unknown(&appliance);
    let tries: Vec<_> = (0..3).map(|_| device.post("/v1/enroll", b"{}")).collect();
    assert!(tries[..2].iter().all(|answer| answer.status != 429));
    assert_eq!(tries[2].status, 429);
    assert_eq!(
        tries[2].header("content-type"),
        Some("application/problem+json")
    );
    assert!(tries[2].header("retry-after").is_some());
    // Whoever goes on is sent away, and gets an answer again after a while.
    let mut deaf = connect(appliance.address(), browser(&[b"http/1.1"]));
    let _ = deaf.write_all(request.repeat(400).as_bytes());
    let text = String::from_utf8_lossy(&read_to_end(&mut deaf)).into_owned();
    assert!(
        text.matches("HTTP/1.1 ").count() < 400,
        "400 refusals on one connection"
    );
    until("no answer after a while", || {
        appliance.get("/").status == 200
    });
}

#[test]
fn one_address_does_not_get_all_handshakes() {
    let appliance = Appliance::start_with(
        "[limits]\nhandshakes_each = 8\nhandshake = { per_minute = 1, burst = 30 }\n",
    );
    let mut held: Vec<_> = (0..8).map(|_| connect_from(&appliance, 2)).collect();
    // The ninth at once is closed before a byte of TLS; another address is not concerned.
    assert!(ends(
        &mut connect_from(&appliance, 2),
        Duration::from_secs(5)
    ));
    assert!(
        held.iter_mut()
            .all(|stream| !ends(stream, Duration::from_millis(100)))
    );
    let host = appliance.authority();
    assert_eq!(get_from(&appliance, 3, &host, "/").unwrap().status, 200);
    drop(held);
    // And over time: a burst of 30, 8 of which are spent.
    until("no handshake was given back", || {
        get_from(&appliance, 2, &host, "/").is_some()
    });
    let taken = (0..40)
        .filter(|_| get_from(&appliance, 2, &host, "/").is_some())
        .count();
    assert!((10..=30).contains(&taken), "{taken} of 40 handshakes");
    assert_eq!(get_from(&appliance, 3, &host, "/").unwrap().status, 200);
}

#[test]
fn the_connection_that_is_idle_longest_gives_way() {
    let appliance = Appliance::start_with("[limits]\nconnections = 16\n");
    let host = appliance.authority();
    let mut held: Vec<_> = (0..16).map(|_| connect_from(&appliance, 2)).collect();
    std::thread::sleep(Duration::from_millis(1200));
    let start = Instant::now();
    assert_eq!(get_from(&appliance, 3, &host, "/").unwrap().status, 200);
    println!(
        "figure: a place after {:?} with all places taken",
        start.elapsed()
    );
    let ended = held
        .iter_mut()
        .filter_map(|stream| ends(stream, Duration::from_millis(20)).then_some(()));
    let ended = ended.count();
    assert!((1..16).contains(&ended), "{ended} of 16 gave way");
}

/// How many files and sockets the process has open.
fn descriptors(appliance: &Appliance) -> usize {
    let open = std::fs::read_dir(format!("/proc/{}/fd", appliance.id()));
    open.unwrap().count()
}

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

fn appliance_address(host: &str) -> SocketAddr {
    let (_, port) = host.rsplit_once(':').unwrap();
    SocketAddr::from(([127, 0, 0, 1], port.parse().unwrap()))
}

fn tls_to(host: &str, alpn: &[u8]) -> Stream {
    let mut stream = connect(appliance_address(host), browser(&[alpn]));
    stream.conn.complete_io(&mut stream.sock).unwrap();
    stream
}

#[test]
fn large_answers_to_one_address_are_bounded() {
    let appliance = Appliance::start_with("[limits]\nlarge_each = 3\n").enrolled();
    let large: Vec<u8> = (0..3_000_000_u32)
        .map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8)
        .collect();
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
fn without_descriptors_idle_connections_give_way() {
    let appliance = Appliance::start();
    let host = appliance.authority();
    assert_eq!(appliance.get("/").status, 200);
    let id = Pid::from_raw(i32::try_from(appliance.id()).unwrap());
    // As many as it has open now, and a few: accept(2) fails with EMFILE above that.
    let open = descriptors(&appliance) as u64;
    let limit = Rlimit {
        current: Some(open + 8),
        maximum: Some(open + 8),
    };
    prlimit(id, Resource::Nofile, limit).unwrap();
    let held: Vec<_> = (0..30).map(|_| connect_from(&appliance, 2)).collect();
    let start = Instant::now();
    assert_eq!(get_from(&appliance, 3, &host, "/").unwrap().status, 200);
    println!(
        "figure: an answer after {:?} with all descriptors taken",
        start.elapsed()
    );
    drop(held);
    assert_eq!(appliance.get("/").status, 200);
}

#[test]
fn one_that_keeps_all_places_busy_does_not_shut_others_out() {
    let appliance = Appliance::start_with("[limits]\nconnections = 16\n");
    let host = appliance.authority();
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..24 {
            scope.spawn(|| {
                // Asks on and on, so that no connection is ever idle; comes again when it is ended.
                while !over.load(Ordering::Relaxed) {
                    let name = ServerName::try_from("localhost").unwrap();
                    let client =
                        ClientConnection::new(Arc::new(browser(&[b"http/1.1"])), name).unwrap();
                    let mut stream = Stream::new(client, connect_from(&appliance, 2));
                    let request = format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n");
                    while !over.load(Ordering::Relaxed)
                        && stream.write_all(request.as_bytes()).is_ok()
                    {
                        if !matches!(stream.read(&mut [0; 16_384]), Ok(1..)) {
                            break;
                        }
                        std::thread::sleep(Duration::from_millis(300));
                    }
                }
            });
        }
        std::thread::sleep(Duration::from_secs(1));
        let slowest = (0..5).map(|_| {
            let start = Instant::now();
            let answer = get_from(&appliance, 3, &host, "/");
            (start.elapsed(), answer.map(|answer| answer.status))
        });
        let slowest: Vec<_> = slowest.collect();
        over.store(true, Ordering::Relaxed);
        println!("figure: answers with all places busy: {slowest:?}");
        assert!(slowest.iter().all(|(_, status)| *status == Some(200)));
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
