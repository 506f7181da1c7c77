//! Where a server answers, and how a client speaks TLS with it.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::aws_lc_rs::{cipher_suite, default_provider, kx_group};
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, SignatureScheme};
use serde::{Deserialize, Serialize};

use crate::Failure;

/// A key exchange (RFC 8446, section 4.2.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Group {
    /// The hybrid of X25519 and ML-KEM-768.
    X25519MLKEM768,
    /// X25519 alone.
    X25519,
}

impl Group {
    /// The name that OpenSSL gives it.
    pub fn name(self) -> &'static str {
        match self {
            Self::X25519MLKEM768 => "X25519MLKEM768",
            Self::X25519 => "X25519",
        }
    }
}

/// A server that answers for localhost.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Target {
    /// Where it listens.
    pub address: SocketAddr,
    /// The file with its certificate, DER.
    pub certificate: PathBuf,
    /// Its processes.
    pub processes: Vec<u32>,
}

/// Whether a client looks at the server's signature, which costs it more than the server spent on making it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signature {
    /// As any client does.
    Checked,
    /// Load only: the certificate must still be the expected one.
    Ignored,
}

impl Target {
    /// What a client writes into `Host` and `:authority`.
    pub fn authority(&self) -> String {
        format!("localhost:{}", self.address.port())
    }

    /// TLS 1.3 with AES-128-GCM, this one group, this one ALPN name, no resumption. The certificate must be the target's.
    pub fn client(
        &self,
        group: Group,
        alpn: &[u8],
        signature: Signature,
    ) -> Result<Arc<ClientConfig>, Failure> {
        let mut provider = default_provider();
        provider.cipher_suites = vec![cipher_suite::TLS13_AES_128_GCM_SHA256];
        provider.kx_groups = vec![match group {
            Group::X25519MLKEM768 => kx_group::X25519MLKEM768,
            Group::X25519 => kx_group::X25519,
        }];
        let expected = Expected {
            certificate: std::fs::read(&self.certificate)?.into(),
            algorithms: provider.signature_verification_algorithms,
            signature,
        };
        let mut config = ClientConfig::builder_with_provider(Arc::new(provider))
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(expected))
            .with_no_client_auth();
        config.alpn_protocols = vec![alpn.to_vec()];
        config.resumption = Resumption::disabled();
        Ok(Arc::new(config))
    }
}

/// Accepts one certificate alone.
#[derive(Debug)]
struct Expected {
    certificate: CertificateDer<'static>,
    algorithms: WebPkiSupportedAlgorithms,
    signature: Signature,
}

impl ServerCertVerifier for Expected {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if *certificate == self.certificate {
            Ok(ServerCertVerified::assertion())
        } else {
            Err(CertificateError::ApplicationVerificationFailure.into())
        }
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
        match self.signature {
            Signature::Ignored => Ok(HandshakeSignatureValid::assertion()),
            Signature::Checked => {
                verify_tls13_signature(message, certificate, signature, &self.algorithms)
            }
        }
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ECDSA_NISTP256_SHA256]
    }
}
