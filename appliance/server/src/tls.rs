//! The two TLS configurations, chosen by what the client's hello offers.
//!
//! TLS 1.3 only (RFC 8446), X25519MLKEM768 preferred. Browsers get the web certificate and are never asked for one; who
//! offers ALPN `holdfast/1` gets the identity key and must show a key of its own. They share no tickets, and the device
//! side issues none: a resumed session would bring a client's certificate back without a look at its key.

use std::sync::{Arc, PoisonError, RwLock};

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{
    ClientHello, NoServerSessionStorage, ParsedCertificate, ServerSessionMemoryCache,
};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, ServerConfig, SignatureScheme,
};

use crate::certificate::{Credential, Web, WebCertificate};
use crate::ed25519::Ed25519Only;
use crate::error::Error;
use crate::keys::Keys;

/// The device protocol's ALPN name (RFC 7301).
pub const DEVICE_ALPN: &[u8] = b"holdfast/1";

/// Both configurations. The web side can be exchanged while connections are open: each keeps the one it began with.
pub(crate) struct Tls {
    web: RwLock<WebSide>,
    device: Arc<ServerConfig>,
}

/// The web side's configuration, and what is known of its certificate.
#[derive(Clone)]
pub(crate) struct WebSide {
    config: Arc<ServerConfig>,
    certificate: Arc<WebCertificate>,
}

/// What a hello asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Chosen {
    /// Whether it is the device protocol.
    pub(crate) device: bool,
    /// Whether the certificate that is shown is one that browsers ask about.
    pub(crate) self_made: bool,
}

impl WebSide {
    /// A configuration with this certificate; it shares no tickets with any other.
    pub(crate) fn new(web: &Web) -> Result<Self, Error> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let Credential { chain, key } = &web.credential;
        let mut config = builder(&provider)?
            .with_no_client_auth()
            .with_single_cert(chain.clone(), key.clone_key())?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        config.session_storage = ServerSessionMemoryCache::new(1024);
        Ok(Self {
            config: Arc::new(config),
            certificate: Arc::clone(&web.certificate),
        })
    }
}

impl Tls {
    pub(crate) fn new(keys: &Keys, web: &Web) -> Result<Self, Error> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let Credential { chain, key } = &keys.identity;
        let mut device = builder(&provider)?
            .with_client_cert_verifier(Arc::new(AnyEd25519(Ed25519Only::new(&provider))))
            .with_single_cert(chain.clone(), key.clone_key())?;
        device.alpn_protocols = vec![DEVICE_ALPN.to_vec()];
        device.session_storage = Arc::new(NoServerSessionStorage {});
        device.send_tls13_tickets = 0;
        Ok(Self {
            web: RwLock::new(WebSide::new(web)?),
            device: Arc::new(device),
        })
    }

    /// The configuration that this hello asks for, and what it is.
    pub(crate) fn choose(&self, hello: &ClientHello<'_>) -> (Arc<ServerConfig>, Chosen) {
        let device = hello
            .alpn()
            .is_some_and(|mut offers| offers.any(|alpn| alpn == DEVICE_ALPN));
        let (config, self_made) = if device {
            (Arc::clone(&self.device), true)
        } else {
            let web = self.web();
            (web.config, web.certificate.self_made)
        };
        (config, Chosen { device, self_made })
    }

    /// Shows another certificate from the next handshake on.
    pub(crate) fn show(&self, side: WebSide) {
        *self.web.write().unwrap_or_else(PoisonError::into_inner) = side;
    }

    /// The web certificate that is shown now.
    pub(crate) fn web_certificate(&self) -> Arc<WebCertificate> {
        self.web().certificate
    }

    fn web(&self) -> WebSide {
        self.web
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
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
struct AnyEd25519(Ed25519Only);

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
        self.0.refuse_tls12()
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.verify(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.schemes()
    }
}
