//! Changing the web certificate while the appliance runs, and what the two sides of TLS do not share.

use std::io::Write as _;
use std::path::Path;

use holdfast_audit::Kind;
use holdfast_server::{DEVICE_ALPN, device_certificate};
use rcgen::{CertificateParams, KeyPair, PKCS_ED25519};
use rustls::HandshakeKind;
use rustls::pki_types::PrivatePkcs8KeyDer;
use serde_json::Value;
use time::{Duration, OffsetDateTime};

use crate::appliance::{Appliance, ok, refused};
use crate::machine::events;
use crate::web::{Answer, Stream, browser, builder, connect, read_one, read_to_end};

pub const NAMES: [&str; 2] = ["localhost", "portal.localhost"];

/// Writes a certificate for these names that ends in so many days, and its key.
pub fn write(folder: &Path, names: &[&str], days: i64) {
    let key = KeyPair::generate().unwrap();
    let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut parameters = CertificateParams::new(names).unwrap();
    let now = OffsetDateTime::now_utc();
    parameters.not_before = now - Duration::days(100);
    parameters.not_after = now + Duration::days(days);
    let certificate = parameters.self_signed(&key).unwrap();
    std::fs::write(folder.join("chain.pem"), certificate.pem()).unwrap();
    std::fs::write(folder.join("key.pem"), key.serialize_pem()).unwrap();
}

pub fn install(appliance: &Appliance) -> std::process::Output {
    let (chain, key) = (appliance.path("chain.pem"), appliance.path("key.pem"));
    let files = [chain.to_str().unwrap(), key.to_str().unwrap()];
    appliance.holdfast(&["tls", "install", files[0], files[1], "--json"])
}

fn shown(appliance: &Appliance) -> Value {
    let text = ok(&appliance.holdfast(&["tls", "show", "--json"]));
    serde_json::from_str(&text).unwrap()
}

fn ask(stream: &mut Stream, appliance: &Appliance) -> Answer {
    let host = appliance.authority();
    let request = format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    read_one(stream)
}

fn certificate(appliance: &Appliance) -> Vec<u8> {
    let mut stream = connect(appliance.address(), browser(&[b"http/1.1"]));
    ask(&mut stream, appliance);
    stream.conn.peer_certificates().unwrap()[0].to_vec()
}

#[test]
fn a_certificate_is_changed_without_dropping_a_connection() {
    let mut appliance = Appliance::start().enrolled();
    appliance.push(&[("index.html", b"here")]);
    let before = certificate(&appliance);
    let mut open = connect(appliance.address(), browser(&[b"http/1.1"]));
    assert_eq!(ask(&mut open, &appliance).body, b"here");

    write(appliance.dir.path(), &NAMES, 90);
    let answer: Value = serde_json::from_str(&ok(&install(&appliance))).unwrap();
    assert_eq!(answer["source"], "installed");
    assert_eq!(ask(&mut open, &appliance).body, b"here", "it goes on");
    assert_eq!(open.conn.peer_certificates().unwrap()[0].to_vec(), before);
    let after = certificate(&appliance);
    assert_ne!(after, before);
    assert_eq!(shown(&appliance), answer);
    let status = ok(&appliance.holdfast(&["status"]));
    assert!(status.contains("installed, good from"), "{status}");

    // It is kept, sealed.
    appliance.stop();
    let store = std::fs::read(appliance.path("data/store.redb")).unwrap();
    let plain = b"PRIVATE KEY";
    assert!(!store.windows(plain.len()).any(|part| part == plain));
    appliance.boot();
    assert_eq!(certificate(&appliance), after);

    ok(&appliance.holdfast(&["tls", "remove"]));
    assert_eq!(
        certificate(&appliance),
        before,
        "the self-made one was kept"
    );
    assert_eq!(shown(&appliance)["source"], "self-made");
    assert!(refused(&appliance.holdfast(&["tls", "remove"])).contains("nothing to remove"));
    appliance.stop();
    let kinds: Vec<_> = events(&appliance).iter().map(|event| event.kind).collect();
    assert!(kinds.contains(&Kind::CertificateInstalled));
    assert!(kinds.contains(&Kind::CertificateRemoved));
}

#[test]
fn what_browsers_would_refuse_is_refused_and_changes_nothing() {
    let appliance = Appliance::start().enrolled();
    let before = shown(&appliance);
    let dir = appliance.dir.path();
    write(dir, &NAMES[..1], 90);
    assert!(refused(&install(&appliance)).contains("does not name `portal.localhost`"));
    write(dir, &NAMES, -1);
    assert!(refused(&install(&appliance)).contains("has expired"));
    write(dir, &NAMES, 90);
    let chain = std::fs::read(appliance.path("chain.pem")).unwrap();
    write(dir, &NAMES, 90);
    std::fs::write(appliance.path("chain.pem"), chain).unwrap();
    let output = install(&appliance);
    assert_eq!(output.status.code(), Some(4));
    assert!(refused(&output).contains("not the certificate's"));
    std::fs::remove_file(appliance.path("key.pem")).unwrap();
    assert!(refused(&install(&appliance)).contains("cannot read"));
    assert_eq!(shown(&appliance), before);
}

#[test]
fn an_installed_certificate_for_other_names_is_not_shown() {
    let mut appliance = Appliance::start().enrolled();
    write(appliance.dir.path(), &NAMES, 90);
    ok(&install(&appliance));
    appliance.stop();
    let path = appliance.path("secrets/holdfast.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("portal.localhost", "other.localhost")).unwrap();
    appliance.boot();
    assert_eq!(shown(&appliance)["source"], "self-made");
    assert!(appliance.log().contains("certificate-not-used"));
}

/// RFC 8446, section 4.6.1: a ticket resumes what it was issued for. The two sides issue nothing for each other, and the
/// device side nothing at all.
#[test]
fn tickets_of_one_side_are_worth_nothing_on_the_other() {
    let appliance = Appliance::start().enrolled();
    let key = KeyPair::generate_for(&PKCS_ED25519).unwrap();
    let der = PrivatePkcs8KeyDer::from(key.serialize_der());
    // One configuration, so that the client offers whatever ticket it has.
    let web = {
        let mut config = builder()
            .with_client_auth_cert(vec![device_certificate(&key).unwrap()], der.into())
            .unwrap();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        config
    };
    let mut device = web.clone();
    device.alpn_protocols = vec![DEVICE_ALPN.to_vec()];
    let handshake = |config: &rustls::ClientConfig| {
        let mut stream = connect(appliance.address(), config.clone());
        let request = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
        stream.write_all(request).unwrap();
        read_to_end(&mut stream);
        stream.conn.handshake_kind().unwrap()
    };
    assert_eq!(handshake(&web), HandshakeKind::Full);
    assert_eq!(handshake(&web), HandshakeKind::Resumed, "browsers resume");
    assert_eq!(
        handshake(&device),
        HandshakeKind::Full,
        "not by the web's ticket"
    );
    assert_eq!(
        handshake(&device),
        HandshakeKind::Full,
        "nor by one of its own"
    );
    assert_eq!(handshake(&web), HandshakeKind::Resumed);
    write(appliance.dir.path(), &NAMES, 90);
    ok(&install(&appliance));
    assert_eq!(
        handshake(&web),
        HandshakeKind::Full,
        "the new certificate is seen"
    );
}
