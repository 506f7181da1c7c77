//! Secure Boot keys, made afresh in every test, and the firmware's variable store that holds them.

use crate::{inputs, program::call};
use std::path::{Path, PathBuf};

/// The owner GUID written beside each enrolled key; it names the test suite and has no other meaning.
const OWNER: &str = "1d3f9a52-6b0e-4c57-9a4e-7d1c0f3a8b26";

/// A private key and its self-signed certificate, RSA-2048, PEM: what UEFI firmware of every age accepts.
#[derive(Debug, Clone)]
pub struct KeyPair {
    /// The private key.
    pub key: PathBuf,
    /// The certificate.
    pub certificate: PathBuf,
}

impl KeyPair {
    /// Makes `NAME.key` and `NAME.crt` in `folder`.
    pub fn make(folder: &Path, name: &str) -> Self {
        let key = folder.join(format!("{name}.key"));
        let certificate = folder.join(format!("{name}.crt"));
        let subject = format!("/CN=TEST ONLY {name}");
        let (key_text, certificate_text) = (text(&key), text(&certificate));
        call(
            "openssl",
            [
                "req",
                "-x509",
                "-newkey",
                "rsa:2048",
                "-nodes",
                "-sha256",
                "-days",
                "3650",
                "-subj",
                &subject,
                "-keyout",
                &key_text,
                "-out",
                &certificate_text,
            ],
        );
        Self { key, certificate }
    }
}

/// Writes a variable store to `output` with `keys` as platform key, key exchange key and only entry of `db`, and Secure
/// Boot switched on. Microsoft's keys are not in it.
pub fn enrol(keys: &KeyPair, output: &Path) {
    let empty = text(&inputs().ovmf.join("OVMF_VARS_4M.fd"));
    let (certificate, output) = (text(&keys.certificate), text(output));
    call(
        "virt-fw-vars",
        [
            "--input",
            &empty,
            "--output",
            &output,
            "--set-pk",
            OWNER,
            &certificate,
            "--add-kek",
            OWNER,
            &certificate,
            "--add-db",
            OWNER,
            &certificate,
            "--secure-boot",
        ],
    );
}

/// Writes a copy of an enrolled variable store to `output`, with Secure Boot switched off as in the firmware's own menu: the
/// keys stay.
pub fn switch_off(enrolled: &Path, output: &Path) {
    call(
        "virt-fw-vars",
        [
            "--input",
            &text(enrolled),
            "--output",
            &text(output),
            "--set-false",
            "SecureBootEnable",
        ],
    );
}

fn text(path: &Path) -> String {
    path.to_str()
        .expect("temporary folders have UTF-8 names")
        .to_owned()
}
