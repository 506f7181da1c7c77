//! TLS versions, key exchange, and the two sides of the ALPN.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use holdfast_server::DEVICE_ALPN;
use rustls::client::ResolvesClientCert;
use rustls::sign::CertifiedKey;
use rustls::{NamedGroup, SignatureScheme};

use crate::appliance::Appliance;
use crate::web::{Answer, browser, builder, connect, read_to_end};

#[derive(Debug, Default)]
struct Asked(AtomicBool);

impl ResolvesClientCert for Asked {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.0.store(true, Ordering::Relaxed);
        None
    }

    fn has_certs(&self) -> bool {
        true
    }
}

#[test]
fn browsers_are_never_asked_for_a_certificate() {
    let appliance = Appliance::start();
    for (alpn, expected) in [
        (&b"http/1.1"[..], false),
        (b"h2", false),
        (b"", false),
        (DEVICE_ALPN, true),
    ] {
        let asked = Arc::new(Asked::default());
        let mut config = builder().with_client_cert_resolver(asked.clone());
        if !alpn.is_empty() {
            config.alpn_protocols = vec![alpn.to_vec()];
        }
        let mut stream = connect(appliance.address(), config);
        let _ = stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        let mut some = [0; 1];
        let answered = stream.read(&mut some).is_ok_and(|length| length > 0);
        assert_eq!(asked.0.load(Ordering::Relaxed), expected, "{alpn:?}");
        assert_eq!(answered, !expected, "a device without a key gets no answer");
    }
}

#[test]
fn the_key_exchange_is_hybrid_post_quantum() {
    let appliance = Appliance::start();
    let mut stream = connect(appliance.address(), browser(&[b"http/1.1"]));
    stream
        .write_all(b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n")
        .unwrap();
    let answer = Answer::parse(&read_to_end(&mut stream));
    assert_eq!(answer.status, 400);
    let group = stream.conn.negotiated_key_exchange_group().unwrap().name();
    assert_eq!(group, NamedGroup::X25519MLKEM768);
    assert_eq!(
        stream.conn.protocol_version(),
        Some(rustls::ProtocolVersion::TLSv1_3)
    );
}

#[test]
fn tls_1_2_is_refused() {
    let appliance = Appliance::start();
    let mut body = vec![3, 3];
    body.extend([7; 32]);
    body.push(0);
    body.extend([0, 2, 0xc0, 0x2b, 1, 0]);
    // Extensions: supported_groups, ec_point_formats, signature_algorithms; no supported_versions.
    body.extend([
        0, 22, 0, 10, 0, 4, 0, 2, 0, 23, 0, 11, 0, 2, 1, 0, 0, 13, 0, 4, 0, 2, 4, 3,
    ]);
    let length = body.len() as u8;
    let mut hello = vec![22, 3, 1, 0, length + 4, 1, 0, 0, length];
    hello.extend(body);
    let mut stream = TcpStream::connect(appliance.address()).unwrap();
    stream.write_all(&hello).unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    // A fatal alert `protocol_version`.
    assert_eq!(answer.get(5..7), Some(&[2, 70][..]), "{answer:?}");
}

#[test]
fn http_2_is_spoken() {
    let appliance = Appliance::start();
    let mut stream = connect(appliance.address(), browser(&[b"h2", b"http/1.1"]));
    // Preface and an empty SETTINGS frame (RFC 9113, section 3.4).
    stream
        .write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0")
        .unwrap();
    let mut head = [0; 9];
    stream.read_exact(&mut head).unwrap();
    assert_eq!(stream.conn.alpn_protocol(), Some(&b"h2"[..]));
    assert_eq!(head[3], 4, "the server's first frame is SETTINGS");
}

#[test]
fn the_web_certificate_is_kept_over_a_restart() {
    let mut appliance = Appliance::start();
    let certificate = |appliance: &Appliance| {
        let mut stream = connect(appliance.address(), browser(&[b"http/1.1"]));
        stream
            .write_all(b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n")
            .unwrap();
        read_to_end(&mut stream);
        stream.conn.peer_certificates().unwrap()[0].to_vec()
    };
    let before = certificate(&appliance);
    let took = appliance.stop();
    assert!(took.as_secs() < 6, "{took:?}");
    appliance.boot();
    assert_eq!(certificate(&appliance), before);
}
