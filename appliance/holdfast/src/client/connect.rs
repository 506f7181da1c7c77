//! One TLS connection to an appliance, and requests over it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use holdfast_server::enrolment::proof::{Binding, EXPORTER_LABEL};
use holdfast_server::protocol::Problem;
use holdfast_server::{DEVICE_ALPN, Pin, device_certificate};
use http::header::{CONTENT_TYPE, HOST};
use http::{Method, Request, StatusCode};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, Empty};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use rcgen::KeyPair;
use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{WebPkiSupportedAlgorithms, aws_lc_rs, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, SignatureScheme};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::address::Address;
use super::text::plain;
use super::watch::{Pieces, Progressing, Watched};
use crate::Failure;

/// What requests carry.
pub type Body = BoxBody<Bytes, BodyFailure>;
/// A failure that may cross threads.
pub type BodyFailure = Box<dyn std::error::Error + Send + Sync>;

/// Time to reach the appliance and finish the handshake.
const CONNECT: Duration = Duration::from_secs(20);

/// Time without a byte in either direction after which an answer is given up. Uploads have longer: the appliance writes
/// to its disk before it answers.
const STALLED: Duration = Duration::from_secs(60);
const UPLOAD_STALLED: Duration = Duration::from_secs(300);
/// To check a version, the appliance decodes every encoding that is new to it.
const COMMIT_STALLED: Duration = Duration::from_secs(1200);
/// Most bytes of an answer: some 60 000 versions, far more than any other needs.
const MAX_ANSWER: usize = 16 * 1024 * 1024;

/// An appliance's refusal.
#[derive(Debug, thiserror::Error)]
#[error("{text}")]
pub struct Refused {
    /// What it answered.
    pub status: StatusCode,
    text: String,
}

impl Refused {
    pub(super) fn new(status: StatusCode, text: String) -> Self {
        Self { status, text }
    }
}

/// An open connection to an appliance whose key is known.
pub struct Connection {
    sender: SendRequest<Body>,
    /// What binds a proof of enrolment to this connection.
    pub binding: Binding,
}

impl Connection {
    /// Connects and shows this device's key. With `identity` only that appliance is talked to; without, its key is
    /// taken as it comes and must be proven otherwise.
    pub async fn open(
        address: &Address,
        key: &KeyPair,
        identity: Option<Pin>,
    ) -> Result<Self, Failure> {
        let seen = Arc::new(Mutex::new(None));
        let opened =
            tokio::time::timeout(CONNECT, Self::try_open(address, key, identity, &seen)).await;
        let opened = opened.unwrap_or_else(|_| Err("nothing answered in 20 seconds".into()));
        opened.map_err(|error| {
            let seen = *seen.lock().unwrap_or_else(PoisonError::into_inner);
            match (identity, seen) {
                (Some(wanted), Some(seen)) if wanted != seen => format!(
                    "{address} shows the identity {seen}, not {wanted}: this is another appliance, or someone is in \
                     between; check the address, and compare with the appliance's console"
                )
                .into(),
                _ => format!(
                    "cannot talk to {address}: {error}; check that the appliance runs and is reachable there"
                )
                .into(),
            }
        })
    }

    async fn try_open(
        address: &Address,
        key: &KeyPair,
        identity: Option<Pin>,
        seen: &Arc<Mutex<Option<Pin>>>,
    ) -> Result<Self, Failure> {
        let certificate = device_certificate(key)?;
        let client = Pin::of_certificate(&certificate).ok_or("the device key cannot be read")?;
        let provider = Arc::new(aws_lc_rs::default_provider());
        let verifier = Pinned {
            identity,
            seen: Arc::clone(seen),
            algorithms: provider.signature_verification_algorithms,
        };
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_client_auth_cert(
                vec![certificate],
                PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
            )?;
        config.alpn_protocols = vec![DEVICE_ALPN.to_vec()];
        config.resumption = Resumption::disabled();
        config.enable_sni = false;

        let stream = TcpStream::connect(address.resolve()?.as_slice()).await?;
        stream.set_nodelay(true)?;
        let name = ServerName::try_from("holdfast.invalid")?;
        let tls = TlsConnector::from(Arc::new(config))
            .connect(name, stream)
            .await?;
        if tls.get_ref().1.alpn_protocol() != Some(DEVICE_ALPN) {
            return Err("what answers there does not speak the device protocol".into());
        }
        let exporter =
            tls.get_ref()
                .1
                .export_keying_material([0; 32], EXPORTER_LABEL, Some(&[]))?;
        let server =
            (*seen.lock().unwrap_or_else(PoisonError::into_inner)).ok_or("it showed no key")?;
        let (sender, connection) = handshake(TokioIo::new(tls)).await?;
        // Its failures come back from the requests.
        tokio::spawn(connection);
        Ok(Self {
            sender,
            binding: Binding {
                exporter,
                client,
                server,
            },
        })
    }

    /// `GET`
    pub async fn get<T: DeserializeOwned>(&mut self, path: &str) -> Result<T, Failure> {
        let empty = Empty::new().map_err(|never| match never {}).boxed();
        self.send(Method::GET, path, empty, STALLED).await
    }

    /// `POST` of JSON.
    pub async fn post<T: DeserializeOwned>(
        &mut self,
        path: &str,
        message: &impl Serialize,
    ) -> Result<T, Failure> {
        self.post_encoded(path, serde_json::to_vec(message)?.into())
            .await
    }

    /// `POST` of what is JSON already.
    pub async fn post_encoded<T: DeserializeOwned>(
        &mut self,
        path: &str,
        message: Bytes,
    ) -> Result<T, Failure> {
        let body = Pieces::new(message).boxed();
        self.send(Method::POST, path, body, STALLED).await
    }

    /// `GET` of what is no JSON, of at most `most` bytes.
    pub async fn get_bytes(&mut self, path: &str, most: usize) -> Result<Vec<u8>, Failure> {
        let empty = Empty::new().map_err(|never| match never {}).boxed();
        self.bytes(Method::GET, path, empty, STALLED, most).await
    }

    /// `POST` of a manifest, whose encodings the appliance checks before it answers.
    pub async fn commit<T: DeserializeOwned>(
        &mut self,
        path: &str,
        message: Bytes,
    ) -> Result<T, Failure> {
        let body = Pieces::new(message).boxed();
        self.send(Method::POST, path, body, COMMIT_STALLED).await
    }

    /// `POST` of blobs.
    pub async fn upload<T: DeserializeOwned>(
        &mut self,
        path: &str,
        body: Body,
    ) -> Result<T, Failure> {
        self.send(Method::POST, path, body, UPLOAD_STALLED).await
    }

    /// Sends a request for a JSON answer.
    async fn send<T: DeserializeOwned>(
        &mut self,
        method: Method,
        path: &str,
        body: Body,
        patience: Duration,
    ) -> Result<T, Failure> {
        let answer = self.bytes(method, path, body, patience, MAX_ANSWER).await?;
        serde_json::from_slice(&answer).map_err(|error| {
            let error = plain(&error.to_string());
            format!("the appliance answered in another form ({error}); use the `holdfast` of its version").into()
        })
    }

    /// Sends a request; an answer that is no success becomes a [`Refused`] with its problem's text.
    async fn bytes(
        &mut self,
        method: Method,
        path: &str,
        body: Body,
        patience: Duration,
        most: usize,
    ) -> Result<Vec<u8>, Failure> {
        let progress = Progressing::default();
        let body = Watched::new(body, progress.clone()).boxed();
        let (status, answer) = tokio::select! {
            answer = self.exchange(method, path, body, &progress, most) => answer?,
            () = progress.stalled(patience) => {
                return Err(format!(
                    "the appliance has not answered for {} seconds; see its console, then try again",
                    patience.as_secs()
                )
                .into());
            }
        };
        if status.is_success() {
            return Ok(answer);
        }
        let text = match serde_json::from_slice::<Problem>(&answer) {
            Ok(problem) => format!("{}: {}", plain(&problem.title), plain(&problem.detail)),
            Err(_) => {
                format!("the appliance answered {status}; use the `holdfast` of its version")
            }
        };
        Err(Refused::new(status, text).into())
    }

    async fn exchange(
        &mut self,
        method: Method,
        path: &str,
        body: Body,
        progress: &Progressing,
        most: usize,
    ) -> Result<(StatusCode, Vec<u8>), Failure> {
        self.sender.ready().await.map_err(|error| cut(&error))?;
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(HOST, "holdfast.invalid")
            .header(CONTENT_TYPE, "application/json")
            .body(body)?;
        let response = self
            .sender
            .send_request(request)
            .await
            .map_err(|error| cut(&error))?;
        let status = response.status();
        Ok((status, read(response.into_body(), progress, most).await?))
    }
}

/// Reads an answer of at most `most` bytes.
async fn read<B>(mut body: B, progress: &Progressing, most: usize) -> Result<Vec<u8>, Failure>
where
    B: hyper::body::Body<Data = Bytes, Error: std::error::Error + 'static> + Unpin,
{
    let mut answer = Vec::new();
    while let Some(frame) = body.frame().await {
        progress.made();
        let frame = frame.map_err(|error| cut(&error))?;
        let Ok(data) = frame.into_data() else {
            continue;
        };
        if answer.len().saturating_add(data.len()) > most {
            return Err(format!(
                "the appliance's answer is longer than {} MiB; use the `holdfast` of its version",
                most >> 20
            )
            .into());
        }
        answer.extend_from_slice(&data);
    }
    Ok(answer)
}

fn cut(error: &(dyn std::error::Error + 'static)) -> Failure {
    let mut cause = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    format!("the connection to the appliance broke: {cause}; try again").into()
}

/// Accepts the one pinned key, or any Ed25519 key where none is pinned yet; remembers which it saw.
#[derive(Debug)]
struct Pinned {
    identity: Option<Pin>,
    seen: Arc<Mutex<Option<Pin>>>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let pin = Pin::of_certificate(certificate).ok_or(CertificateError::BadEncoding)?;
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = Some(pin);
        if self.identity.is_some_and(|identity| identity != pin) {
            return Err(CertificateError::ApplicationVerificationFailure.into());
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(rustls::Error::General("TLS 1.3 only".to_owned()))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        if signature.scheme != SignatureScheme::ED25519 {
            return Err(CertificateError::BadSignature.into());
        }
        verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use http_body_util::Full;

    use super::*;

    #[test]
    fn answer_without_end_is_cut_off() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        let read_so_many = |length| {
            let body = Full::new(Bytes::from(vec![0; length]));
            runtime.block_on(async { read(body, &Progressing::default(), MAX_ANSWER).await })
        };
        assert_eq!(read_so_many(MAX_ANSWER).unwrap().len(), MAX_ANSWER);
        let why = read_so_many(MAX_ANSWER.saturating_add(1)).unwrap_err();
        assert!(why.to_string().contains("longer than 16 MiB"), "{why}");
    }
}
