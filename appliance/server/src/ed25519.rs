//! What both sides of the device protocol ask of a TLS signature: TLS 1.3 (RFC 8446) and Ed25519 (RFC 8032), nothing else.

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms, verify_tls13_signature};
use rustls::pki_types::CertificateDer;
use rustls::{CertificateError, DigitallySignedStruct, SignatureScheme};

/// Checks that the other side holds the Ed25519 key of its certificate.
#[derive(Clone, Copy, Debug)]
pub struct Ed25519Only {
    algorithms: WebPkiSupportedAlgorithms,
}

impl Ed25519Only {
    /// With the algorithms of this provider.
    #[must_use]
    pub fn new(provider: &CryptoProvider) -> Self {
        Self {
            algorithms: provider.signature_verification_algorithms,
        }
    }

    /// The only scheme.
    #[must_use]
    pub fn schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }

    /// There is no TLS 1.2 here.
    ///
    /// # Errors
    /// Always.
    pub fn refuse_tls12(&self) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(rustls::Error::General("TLS 1.3 only".to_owned()))
    }

    /// Checks the signature of a TLS 1.3 handshake.
    ///
    /// # Errors
    /// Another scheme, or a signature that is not the key's.
    pub fn verify(
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
}
