//! The two TLS configurations, chosen by what the client's hello offers.
//!
//! TLS 1.3 only (RFC 8446), X25519MLKEM768 preferred. Browsers get the web certificate and are never asked for one; who
//! offers ALPN `holdfast/1` gets the identity key and must show a key of its own. They share no tickets, and the device
//! side issues none: a resumed session would bring a client's certificate back without a look at its key.

use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, aws_lc_rs, verify_tls13_signature,
};
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{
    ClientHello, NoServerSessionStorage, ParsedCertificate, ServerSessionMemoryCache,
};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, ServerConfig, SignatureScheme,
};

use crate::error::Error;
use crate::keys::{Credential, Keys};

/// The device protocol's ALPN name (RFC 7301).
pub const DEVICE_ALPN: &[u8] = b"holdfast/1";

/// Both configurations.
pub(crate) struct Tls {
    pub(crate) web: Arc<ServerConfig>,
    pub(crate) device: Arc<ServerConfig>,
}

impl Tls {
    pub(crate) fn new(keys: &Keys) -> Result<Self, Error> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let mut web = builder(&provider)?
            .with_no_client_auth()
            .with_single_cert(keys.web.chain.clone(), keys.web.key.clone_key())?;
        web.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        web.session_storage = ServerSessionMemoryCache::new(1024);
        let Credential { chain, key } = &keys.identity;
        let mut device = builder(&provider)?
            .with_client_cert_verifier(Arc::new(AnyEd25519::new(&provider)))
            .with_single_cert(chain.clone(), key.clone_key())?;
        device.alpn_protocols = vec![DEVICE_ALPN.to_vec()];
        device.session_storage = Arc::new(NoServerSessionStorage {});
        device.send_tls13_tickets = 0;
        Ok(Self {
            web: Arc::new(web),
            device: Arc::new(device),
        })
    }

    /// The configuration that this hello asks for, and whether it is the device's.
    pub(crate) fn choose(&self, hello: &ClientHello<'_>) -> (Arc<ServerConfig>, bool) {
        let device = hello
            .alpn()
            .is_some_and(|mut offers| offers.any(|alpn| alpn == DEVICE_ALPN));
        (
            Arc::clone(if device { &self.device } else { &self.web }),
            device,
        )
    }
}

type Builder = rustls::ConfigBuilder<ServerConfig, rustls::WantsVerifier>;

fn builder(provider: &Arc<CryptoProvider>) -> Result<Builder, Error> {
    Ok(ServerConfig::builder_with_provider(Arc::clone(provider))
        .with_protocol_versions(&[&rustls::version::TLS13])?)
}

/// Accepts any certificate of an Ed25519 key whose possession is proven: who the key belongs to, and what it may do, is
/// looked up at every request. Names and times in the certificate mean nothing.
#[derive(Debug)]
struct AnyEd25519 {
    algorithms: WebPkiSupportedAlgorithms,
}

impl AnyEd25519 {
    fn new(provider: &CryptoProvider) -> Self {
        Self {
            algorithms: provider.signature_verification_algorithms,
        }
    }
}

impl ClientCertVerifier for AnyEd25519 {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        ParsedCertificate::try_from(certificate)?;
        if !intermediates.is_empty() {
            return Err(CertificateError::ApplicationVerificationFailure.into());
        }
        Ok(ClientCertVerified::assertion())
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
