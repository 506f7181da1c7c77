//! The web certificate: installed by a device, given by the configuration, or self-made; in this order.
//!
//! [`check`] is the one gate for what comes from outside; [`Installed`] is how it is kept. Exchanging it while
//! connections are open is `tls.rs`'s part.

mod check;
mod installed;
mod x509;

use std::sync::Arc;

use rustls::pki_types::{CertificateDer, PrivateKeyDer};

pub(crate) use check::{check, credential};
pub(crate) use installed::{Installed, load};

use crate::error::Error;
use crate::pin::certificate_fingerprint;
use crate::protocol::{CertificateAnswer, CertificateSource};

/// A certificate chain with its key.
pub struct Credential {
    /// Leaf first.
    pub chain: Vec<CertificateDer<'static>>,
    /// The key of the leaf.
    pub key: PrivateKeyDer<'static>,
}

/// What may be told of the web certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct WebCertificate {
    /// Hash of the leaf, as browsers show it.
    pub(crate) fingerprint: String,
    /// Whether this machine made it, so that browsers ask about it.
    pub(crate) self_made: bool,
    /// Where it comes from.
    pub(crate) source: CertificateSource,
    /// From when on it is good, seconds since 1970.
    pub(crate) not_before: i64,
    /// Until when it is good, seconds since 1970.
    pub(crate) not_after: i64,
}

/// A web certificate with its key.
pub(crate) struct Web {
    pub(crate) credential: Credential,
    pub(crate) certificate: Arc<WebCertificate>,
}

impl Web {
    pub(crate) fn new(credential: Credential, source: CertificateSource) -> Result<Self, Error> {
        let unusable = |why: &str| Error::Key {
            what: "web certificate",
            why: why.to_owned(),
        };
        let leaf = credential
            .chain
            .first()
            .ok_or_else(|| unusable("the chain is empty"))?;
        let parts = x509::Parts::of(leaf).ok_or_else(|| unusable("it cannot be read"))?;
        let certificate = Arc::new(WebCertificate {
            fingerprint: certificate_fingerprint(leaf),
            self_made: source == CertificateSource::SelfMade,
            source,
            not_before: parts.not_before,
            not_after: parts.not_after,
        });
        Ok(Self {
            credential,
            certificate,
        })
    }
}

impl WebCertificate {
    /// As it travels.
    pub(crate) fn answer(&self) -> CertificateAnswer {
        CertificateAnswer {
            fingerprint: self.fingerprint.clone(),
            source: self.source,
            not_before: self.not_before,
            not_after: self.not_after,
        }
    }
}
