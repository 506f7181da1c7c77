//! Bounds: what one client can take from the others, and what a client that goes away leaves behind.

mod answers;
mod connections;
mod large;
mod rates;
mod slow;
mod uploads;

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::net::{AddressFamily, SocketType, bind, socket};
use rustls::ClientConnection;
use rustls::pki_types::ServerName;

use crate::appliance::Appliance;
use crate::web::{Answer, Stream, browser, connect};

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

/// How many files and sockets the process has open.
fn descriptors(appliance: &Appliance) -> usize {
    let open = std::fs::read_dir(format!("/proc/{}/fd", appliance.id()));
    open.unwrap().count()
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
