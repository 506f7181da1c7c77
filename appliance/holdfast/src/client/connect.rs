//! One TLS connection to an appliance, and requests over it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use holdfast_server::enrolment::proof::{Binding, EXPORTER_LABEL};
use holdfast_server::protocol::Problem;
use holdfast_server::{DEVICE_ALPN, Pin, device_certificate};
use http::header::{CONTENT_TYPE, HOST};
use http::{Method, Request};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, Empty, Full};
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
use crate::Failure;

/// What requests carry.
pub type Body = BoxBody<Bytes, BodyFailure>;
/// A failure that may cross threads.
pub type BodyFailure = Box<dyn std::error::Error + Send + Sync>;

/// Time to reach the appliance and finish the handshake.
const CONNECT: Duration = Duration::from_secs(20);

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
        self.send(Method::GET, path, empty).await
    }

    /// `POST` of JSON.
    pub async fn post<T: DeserializeOwned>(
        &mut self,
        path: &str,
        message: &impl Serialize,
    ) -> Result<T, Failure> {
        let body = Full::from(serde_json::to_vec(message)?)
            .map_err(|never| match never {})
            .boxed();
        self.send(Method::POST, path, body).await
    }

    /// Sends a request; an answer that is no success becomes its problem's text.
    pub async fn send<T: DeserializeOwned>(
        &mut self,
        method: Method,
        path: &str,
        body: Body,
    ) -> Result<T, Failure> {
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
        let answer = response
            .into_body()
            .collect()
            .await
            .map_err(|error| cut(&error))?
            .to_bytes();
        if status.is_success() {
            return serde_json::from_slice(&answer).map_err(|error| {
                format!("the appliance answered in another form ({error}); use the `holdfast` of its version").into()
            });
        }
        match serde_json::from_slice::<Problem>(&answer) {
            Ok(problem) => Err(format!("{}: {}", problem.title, problem.detail).into()),
            Err(_) => Err(format!(
                "the appliance answered {status}; use the `holdfast` of its version"
            )
            .into()),
        }
    }
}

fn cut(error: &hyper::Error) -> Failure {
    let mut cause: &dyn std::error::Error = error;
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
