//! Pins: keys known by the hash of their public half.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::digest::{SHA256, digest};
use data_encoding::BASE64_NOPAD;
use rustls::pki_types::CertificateDer;
use rustls::server::ParsedCertificate;
use serde::{Deserialize, Serialize};

/// SHA-256 of a SubjectPublicKeyInfo (RFC 7469, section 2.4), written `SHA256:` and unpadded base64 as OpenSSH does.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Pin([u8; 32]);

/// A text that is not a pin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "not a fingerprint of the form `SHA256:` and 43 characters of base64; copy it from the console or from `holdfast config new`"
)]
pub struct NotAPin;

impl Pin {
    /// The pin of a DER SubjectPublicKeyInfo.
    #[must_use]
    pub fn of_spki(spki: &[u8]) -> Self {
        Self::from_digest(digest(&SHA256, spki).as_ref())
    }

    /// The pin of a certificate's key; `None` if it is no X.509 certificate.
    #[must_use]
    pub fn of_certificate(certificate: &CertificateDer<'_>) -> Option<Self> {
        let parsed = ParsedCertificate::try_from(certificate).ok()?;
        Some(Self::of_spki(&parsed.subject_public_key_info()))
    }

    /// The 32 bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    fn from_digest(bytes: &[u8]) -> Self {
        let mut pin = [0; 32];
        for (to, from) in pin.iter_mut().zip(bytes) {
            *to = *from;
        }
        Self(pin)
    }
}

/// The fingerprint of a whole certificate, as browsers show it, in the writing of a [`Pin`].
#[must_use]
pub fn certificate_fingerprint(certificate: &CertificateDer<'_>) -> String {
    Pin::from_digest(digest(&SHA256, certificate).as_ref()).to_string()
}

impl fmt::Display for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SHA256:{}", BASE64_NOPAD.encode(&self.0))
    }
}

impl fmt::Debug for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Pin {
    type Err = NotAPin;

    fn from_str(text: &str) -> Result<Self, NotAPin> {
        let encoded = text.trim().strip_prefix("SHA256:").ok_or(NotAPin)?;
        let bytes = BASE64_NOPAD
            .decode(encoded.trim_end_matches('=').as_bytes())
            .map_err(|_| NotAPin)?;
        Ok(Self(bytes.try_into().map_err(|_| NotAPin)?))
    }
}

impl TryFrom<String> for Pin {
    type Error = NotAPin;

    fn try_from(text: String) -> Result<Self, NotAPin> {
        text.parse()
    }
}

impl From<Pin> for String {
    fn from(pin: Pin) -> Self {
        pin.to_string()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_pin_reads_back_as_written() {
        let pin = Pin::of_spki(b"key");
        assert_eq!(pin.to_string().parse::<Pin>().unwrap(), pin);
        assert!("SHA256:short".parse::<Pin>().is_err());
        assert!(
            pin.to_string()
                .replace("SHA256:", "MD5:")
                .parse::<Pin>()
                .is_err()
        );
    }
}
