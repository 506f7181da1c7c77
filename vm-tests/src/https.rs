//! A browser's part, small: TLS 1.3 with a pinned certificate, one HTTP/1.1 request a connection (RFC 9112).

use data_encoding::BASE64_NOPAD;
use rustls::{
    CertificateError, ClientConfig, ClientConnection, DigitallySignedStruct, Error,
    ProtocolVersion, SignatureScheme, StreamOwned,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{CryptoProvider, aws_lc_rs, verify_tls13_signature},
};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use sha2::{Digest, Sha256};
use std::{
    io::{self, Read, Write},
    net::TcpStream,
    sync::Arc,
    time::{Duration, Instant},
};

/// An answer.
#[derive(Debug)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// Names (lower case) and values of the headers.
    pub headers: Vec<(String, String)>,
    /// The content.
    pub body: Vec<u8>,
}

impl Answer {
    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(have, _)| have == name)
            .map(|(_, value)| value.as_str())
    }
}

/// `GET path` at `https://authority` through 127.0.0.1, `authority` being a host name with the port. `pin` is the certificate's
/// fingerprint, `SHA256:` and unpadded base64, as the console shows it.
///
/// # Errors
/// When no connection, no TLS 1.3 session with this certificate, or no whole answer comes about.
pub fn get(authority: &str, path: &str, pin: &str) -> io::Result<Answer> {
    let (host, port) = authority.split_once(':').unwrap_or((authority, "443"));
    let port = port.parse::<u16>().map_err(io::Error::other)?;
    let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
    let session = ClientConnection::new(Arc::new(settings(pin)), name).map_err(io::Error::other)?;
    let socket = TcpStream::connect(("127.0.0.1", port))?;
    socket.set_read_timeout(Some(Duration::from_secs(60)))?;
    let mut stream = StreamOwned::new(session, socket);
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\n\r\n"
    )?;
    stream.flush()?;
    let mut bytes = Vec::new();
    // The end of the answer is known by its length, so an end without TLS's own closing is no cut answer.
    match stream.read_to_end(&mut bytes) {
        Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => return Err(error),
        _ => {}
    }
    if stream.conn.protocol_version() != Some(ProtocolVersion::TLSv1_3) {
        return Err(io::Error::other("not TLS 1.3"));
    }
    parse(&bytes).ok_or_else(|| {
        io::Error::other(format!(
            "no whole answer: {:?}",
            String::from_utf8_lossy(&bytes)
        ))
    })
}

/// A connection that stays open between requests.
#[derive(Debug)]
pub struct Open {
    stream: StreamOwned<ClientConnection, TcpStream>,
    authority: String,
}

impl Open {
    /// Connects as [`get`] does.
    ///
    /// # Errors
    /// As those of [`get`].
    pub fn connect(authority: &str, pin: &str) -> io::Result<Self> {
        let (host, port) = authority.split_once(':').unwrap_or((authority, "443"));
        let port = port.parse::<u16>().map_err(io::Error::other)?;
        let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
        let session =
            ClientConnection::new(Arc::new(settings(pin)), name).map_err(io::Error::other)?;
        let socket = TcpStream::connect(("127.0.0.1", port))?;
        socket.set_read_timeout(Some(Duration::from_secs(60)))?;
        Ok(Self {
            stream: StreamOwned::new(session, socket),
            authority: authority.to_owned(),
        })
    }

    /// `GET path`; the answer must tell its length.
    ///
    /// # Errors
    /// When no whole answer comes.
    pub fn get(&mut self, path: &str) -> io::Result<Answer> {
        let authority = &self.authority;
        write!(
            self.stream,
            "GET {path} HTTP/1.1\r\nHost: {authority}\r\n\r\n"
        )?;
        self.stream.flush()?;
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") {
            self.stream.read_exact(&mut byte)?;
            head.extend(byte);
        }
        let text = String::from_utf8_lossy(&head).to_ascii_lowercase();
        let length = text
            .lines()
            .find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok());
        let length: usize = length.ok_or_else(|| io::Error::other("no length"))?;
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body)?;
        parse(&[head, body].concat()).ok_or_else(|| io::Error::other("no whole answer"))
    }
}

/// As [`get`], again until an answer comes or the limit passes: a port can be open before the service behind it is.
///
/// # Panics
/// When none comes.
pub fn get_within(authority: &str, path: &str, pin: &str, limit: Duration) -> Answer {
    let end = Instant::now() + limit;
    loop {
        match get(authority, path, pin) {
            Ok(answer) => return answer,
            Err(error) if Instant::now() > end => panic!("https://{authority}{path}: {error}"),
            Err(_) => std::thread::sleep(Duration::from_millis(250)),
        }
    }
}

fn parse(bytes: &[u8]) -> Option<Answer> {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&bytes[..end]).ok()?;
    let mut lines = head.split("\r\n");
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let fields = lines.filter_map(|line| line.split_once(':'));
    let headers = fields
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let mut answer = Answer {
        status,
        headers,
        body: bytes[end + 4..].to_vec(),
    };
    if answer.header("transfer-encoding").is_some() {
        answer.body = unchunk(&answer.body)?;
    } else if let Some(length) = answer.header("content-length") {
        let length: usize = length.parse().ok()?;
        if answer.body.len() != length {
            return None;
        }
    }
    Some(answer)
}

/// RFC 9112, section 7.1.
fn unchunk(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let end = rest.windows(2).position(|window| window == b"\r\n")?;
        let size = std::str::from_utf8(&rest[..end])
            .ok()?
            .split(';')
            .next()?
            .trim();
        let size = usize::from_str_radix(size, 16).ok()?;
        if size == 0 {
            return Some(body);
        }
        body.extend_from_slice(rest.get(end + 2..end + 2 + size)?);
        rest = rest.get(end + 2 + size + 2..)?;
    }
}

fn settings(pin: &str) -> ClientConfig {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let pinned = Arc::new(Pinned {
        pin: pin.to_owned(),
        provider: provider.clone(),
    });
    ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .expect("the provider has TLS 1.3")
        .dangerous()
        .with_custom_certificate_verifier(pinned)
        .with_no_client_auth()
}

/// Accepts exactly one certificate.
#[derive(Debug)]
struct Pinned {
    pin: String,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let found = format!(
            "SHA256:{}",
            BASE64_NOPAD.encode(&Sha256::digest(certificate))
        );
        if found == self.pin {
            return Ok(ServerCertVerified::assertion());
        }
        let text = format!("the server shows {found}, the console {}", self.pin);
        Err(CertificateError::Other(rustls::OtherError(Arc::new(io::Error::other(text)))).into())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(Error::General("only TLS 1.3 is spoken".into()))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}
