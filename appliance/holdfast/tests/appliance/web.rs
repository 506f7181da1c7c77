//! A small HTTP/1.1 client that sends exactly what it is told, over TLS as a browser would.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, SignatureScheme, StreamOwned};

use crate::appliance::Appliance;

/// An answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    /// All fields of a name, in their order.
    pub fn headers(&self, name: &str) -> Vec<&str> {
        let fields = self
            .head
            .lines()
            .skip(1)
            .filter_map(|line| line.split_once(':'));
        fields
            .filter(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim())
            .collect()
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// One that came to its end: all of its head, and of its body what the head says.
    pub fn whole(bytes: &[u8]) -> Option<Self> {
        bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
        let answer = Self::parse(bytes);
        let length = answer.header("content-length");
        let length = length.map_or(0, |length| length.parse().unwrap());
        (answer.body.len() == length).then_some(answer)
    }

    pub fn parse(bytes: &[u8]) -> Self {
        let end = bytes
            .windows(4)
            .position(|four| four == b"\r\n\r\n")
            .expect("no answer")
            + 4;
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Self {
            status,
            head,
            body: bytes[end..].to_vec(),
        }
    }
}

impl Appliance {
    /// `GET` of the site.
    pub fn get(&self, path: &str) -> Answer {
        self.get_with(path, "")
    }

    /// `GET` of the site with more header lines, each ending in CRLF.
    pub fn get_with(&self, path: &str, headers: &str) -> Answer {
        let host = self.authority();
        self.raw(&format!(
            "GET {path} HTTP/1.1\r\nHost: {host}\r\n{headers}Connection: close\r\n\r\n"
        ))
    }

    /// A request of this method, with more header lines, each ending in CRLF.
    pub fn ask(&self, method: &str, path: &str, headers: &str) -> Answer {
        let host = self.authority();
        self.raw(&format!(
            "{method} {path} HTTP/1.1\r\nHost: {host}\r\n{headers}Connection: close\r\n\r\n"
        ))
    }

    /// `GET` of the portal's host.
    pub fn get_portal(&self, path: &str) -> Answer {
        let host = self.authority();
        self.raw(&format!(
            "GET {path} HTTP/1.1\r\nHost: portal.{host}\r\nConnection: close\r\n\r\n"
        ))
    }

    /// Sends these bytes and reads to the end.
    pub fn raw(&self, request: &str) -> Answer {
        let mut stream = connect(self.address(), browser(&[b"http/1.1"]));
        stream.write_all(request.as_bytes()).unwrap();
        Answer::parse(&read_to_end(&mut stream))
    }
}

pub type Stream = StreamOwned<ClientConnection, TcpStream>;

pub fn connect(address: SocketAddr, config: ClientConfig) -> Stream {
    try_connect(address, config).unwrap()
}

pub fn try_connect(address: SocketAddr, config: ClientConfig) -> std::io::Result<Stream> {
    let tcp = TcpStream::connect(address)?;
    tcp.set_read_timeout(Some(Duration::from_secs(30)))?;
    let name = ServerName::try_from("localhost").unwrap();
    let connection = ClientConnection::new(Arc::new(config), name).unwrap();
    Ok(StreamOwned::new(connection, tcp))
}

pub fn read_to_end(stream: &mut Stream) -> Vec<u8> {
    let mut bytes = Vec::new();
    match stream.read_to_end(&mut bytes) {
        Ok(_) => {}
        // The server may close without close_notify after an error.
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {}
        Err(error) => panic!("{error}"),
    }
    bytes
}

/// One answer with a `Content-Length`, on a connection that stays open.
pub fn read_one(stream: &mut Stream) -> Answer {
    let mut bytes = Vec::new();
    let mut byte = [0];
    while !bytes.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).unwrap();
        bytes.extend(byte);
    }
    let mut answer = Answer::parse(&bytes);
    let length = answer.header("content-length").unwrap().parse().unwrap();
    answer.body = vec![0; length];
    stream.read_exact(&mut answer.body).unwrap();
    answer
}

pub fn browser(alpn: &[&[u8]]) -> ClientConfig {
    let mut config = builder().with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
    config
}

pub fn builder() -> rustls::ConfigBuilder<ClientConfig, rustls::client::WantsClientCert> {
    ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Anyone))
}

/// Takes any certificate: what these tests look at is above it.
#[derive(Debug)]
struct Anyone;

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        unreachable!()
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![
            SignatureScheme::ECDSA_NISTP256_SHA256,
            SignatureScheme::ED25519,
        ]
    }
}
