//! The certificate that both servers show: ECDSA P-256, self-made.

use std::fs;
use std::path::{Path, PathBuf};

use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256};

use crate::Failure;

/// A certificate for localhost and its key, as text and as files.
pub struct Certificate {
    /// PEM.
    pub chain: String,
    /// PKCS#8 in PEM.
    pub key: String,
    /// The file with `chain`.
    pub chain_file: PathBuf,
    /// The file with `key`.
    pub key_file: PathBuf,
    /// The file with the certificate alone, DER.
    pub der_file: PathBuf,
}

impl Certificate {
    /// Makes one and writes it into a folder.
    pub fn make(dir: &Path) -> Result<Self, Failure> {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let names = vec!["localhost".to_owned()];
        let certificate = CertificateParams::new(names)?.self_signed(&key)?;
        let made = Self {
            chain: certificate.pem(),
            key: key.serialize_pem(),
            chain_file: dir.join("certificate.pem"),
            key_file: dir.join("key.pem"),
            der_file: dir.join("certificate.der"),
        };
        fs::write(&made.chain_file, &made.chain)?;
        fs::write(&made.key_file, &made.key)?;
        fs::write(&made.der_file, certificate.der())?;
        Ok(made)
    }
}
