//! The credentials: the configuration and its secrets, each a file of its own.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, read_dir};
use std::io::Read;
use std::path::Path;

use aws_lc_rs::signature::Ed25519KeyPair;
use data_encoding::{BASE64, BASE64_NOPAD, HEXLOWER};
use holdfast_server::Limits;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use zeroize::Zeroizing;

use super::error::ConfigError;
use super::file::{Config, Unlock};
use super::roots::Roots;

/// Largest credential that is read, in bytes.
pub const MAX_CREDENTIAL_BYTES: usize = 64 * 1024;

/// What every name of ours begins with; other names are none of our business.
const PREFIX: &str = "holdfast.";

/// The names that mean something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Name {
    /// `holdfast.toml`: the configuration. Required.
    Toml,
    /// `holdfast.root-key`: opens everything stored. Required, unless a passphrase or the recovery key is passed, or typed on
    /// the console.
    RootKey,
    /// `holdfast.root-key.next`: the root key that is to take its place.
    NextRootKey,
    /// `holdfast.passphrase`: opens everything stored, on machines where a person knows it.
    Passphrase,
    /// `holdfast.recovery-key`: what `holdfast key recovery` printed.
    RecoveryKey,
    /// `holdfast.identity-key`: the server's long-lived key, which devices pin.
    IdentityKey,
    /// `holdfast.tls-cert`: the web certificate and its chain.
    TlsCert,
    /// `holdfast.tls-key`: the key of the web certificate.
    TlsKey,
    /// `holdfast.recover`: a random value that opens the console's enrolment once more.
    Recover,
}

impl Name {
    /// Those that open everything stored, each by itself.
    pub const WAYS: [Self; 3] = [Self::RootKey, Self::Passphrase, Self::RecoveryKey];

    /// Every name.
    pub const ALL: [Self; 9] = [
        Self::Toml,
        Self::RootKey,
        Self::NextRootKey,
        Self::Passphrase,
        Self::RecoveryKey,
        Self::IdentityKey,
        Self::TlsCert,
        Self::TlsKey,
        Self::Recover,
    ];

    /// The name as it is written.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Toml => "holdfast.toml",
            Self::RootKey => "holdfast.root-key",
            Self::NextRootKey => "holdfast.root-key.next",
            Self::Passphrase => "holdfast.passphrase",
            Self::RecoveryKey => "holdfast.recovery-key",
            Self::IdentityKey => "holdfast.identity-key",
            Self::TlsCert => "holdfast.tls-cert",
            Self::TlsKey => "holdfast.tls-key",
            Self::Recover => "holdfast.recover",
        }
    }

    /// Reads a name: `None` when it is not of ours (no `holdfast.` before it).
    ///
    /// # Errors
    /// A name of ours that means nothing.
    pub fn parse(name: &str) -> Result<Option<Self>, ConfigError> {
        if !name.starts_with(PREFIX) {
            return Ok(None);
        }
        if let Some(known) = Self::ALL.into_iter().find(|n| n.as_str() == name) {
            return Ok(Some(known));
        }
        Err(ConfigError::credential(
            name,
            "no credential of this name exists",
            &format!(
                "take it out, or correct it to one of: {}",
                Self::ALL.map(Self::as_str).join(", ")
            ),
        ))
    }
}

/// Configuration and secrets, all checked. Secrets are wiped when dropped.
pub struct Credentials {
    /// The configuration.
    pub config: Config,
    /// The server's identity key: PKCS#8 in PEM, Ed25519.
    pub identity_key: Option<Zeroizing<String>>,
    /// The web certificate (PEM chain, leaf first) and its key (PKCS#8 in PEM).
    pub tls: Option<(String, Zeroizing<String>)>,
    /// The value of `holdfast.recover`: 32 bytes, good once.
    pub recover: Option<Zeroizing<[u8; 32]>>,
    /// Every key that the configuration sets, such as `origin.site`, with its value as TOML. It holds no secret: those
    /// are credentials of their own.
    pub settings: BTreeMap<String, String>,
    /// The names that were passed.
    pub passed: BTreeSet<Name>,
}

impl Credentials {
    /// Reads every `holdfast.*` file of a directory; other files are not looked at. What opens the store may be missing where
    /// the configuration says that it is typed on the console ([`Credentials::is_locked`]).
    ///
    /// # Errors
    /// Missing, surplus or unreadable credentials, bad content, a certificate that is not the key's.
    pub fn read(dir: &Path) -> Result<Self, ConfigError> {
        let credentials = Self::read_others(dir, &Limits::default())?;
        if !credentials.is_locked() {
            Roots::read(dir)?;
        } else if credentials.passed.contains(&Name::NextRootKey) {
            return Err(Roots::next_alone());
        }
        Ok(credentials)
    }

    /// Whether somebody must type on the console what opens the store.
    #[must_use]
    pub fn is_locked(&self) -> bool {
        let passed = |name| self.passed.contains(name);
        self.config.unlock == Unlock::Console && !Name::WAYS.iter().any(passed)
    }

    /// The same, where limits that the configuration leaves out are as in `defaults`; and what opens the store, which must be
    /// there: the server asks nobody.
    ///
    /// # Errors
    /// As [`Credentials::read`].
    pub fn read_with(dir: &Path, defaults: &Limits) -> Result<(Self, Roots), ConfigError> {
        // Who has passed nothing at all is told of the configuration first.
        let credentials = Self::read_others(dir, defaults)?;
        Ok((credentials, Roots::read(dir)?))
    }

    fn read_others(dir: &Path, defaults: &Limits) -> Result<Self, ConfigError> {
        let passed = listed(dir)?;
        let text = required(dir, Name::Toml, "pass the configuration under this name")?;
        let config = Config::parse_with(&text, defaults)?;
        let identity_key = read(dir, Name::IdentityKey)?;
        if let Some(pem) = &identity_key {
            check_identity_key(pem)?;
        }
        let tls = match (read(dir, Name::TlsCert)?, read(dir, Name::TlsKey)?) {
            (None, None) => None,
            (Some(cert), Some(key)) => {
                check_tls(&cert, &key)?;
                Some((String::clone(&cert), key))
            }
            (cert, _) => {
                let absent = if cert.is_some() {
                    Name::TlsKey
                } else {
                    Name::TlsCert
                };
                return Err(ConfigError::credential(
                    absent.as_str(),
                    "missing, while its counterpart is there",
                    "pass holdfast.tls-cert and holdfast.tls-key together, or neither",
                ));
            }
        };
        let recover = read(dir, Name::Recover)?;
        let recover = recover.map(|text| parse_random(Name::Recover, &text));
        Ok(Self {
            config,
            identity_key,
            tls,
            recover: recover.transpose()?,
            settings: flat(&text),
            passed,
        })
    }
}

/// The keys of a text that was checked before.
fn flat(text: &str) -> BTreeMap<String, String> {
    let mut flat = BTreeMap::new();
    let tables: toml::Table = toml::from_str(text).unwrap_or_default();
    for (table, value) in tables {
        match value {
            toml::Value::Table(keys) => {
                let keys = keys.into_iter();
                flat.extend(keys.map(|(key, value)| (format!("{table}.{key}"), value.to_string())));
            }
            value => drop(flat.insert(table, value.to_string())),
        }
    }
    flat
}

/// The names of ours in the folder; a surplus one is refused.
fn listed(dir: &Path) -> Result<BTreeSet<Name>, ConfigError> {
    let unreadable = |e: std::io::Error| {
        ConfigError::credential(
            "holdfast.*",
            format!("cannot list {}: {e}", dir.display()),
            "name a directory that holds the credential files",
        )
    };
    let mut passed = BTreeSet::new();
    for entry in read_dir(dir).map_err(unreadable)? {
        let name = entry.map_err(unreadable)?.file_name();
        passed.extend(Name::parse(&name.to_string_lossy())?);
    }
    Ok(passed)
}

fn required(dir: &Path, name: Name, fix: &str) -> Result<Zeroizing<String>, ConfigError> {
    read(dir, name)?.ok_or_else(|| ConfigError::credential(name.as_str(), "missing", fix))
}

pub(super) fn read(dir: &Path, name: Name) -> Result<Option<Zeroizing<String>>, ConfigError> {
    let refuse = |problem: String, fix: &str| ConfigError::credential(name.as_str(), problem, fix);
    let file = match File::open(dir.join(name.as_str())) {
        Ok(file) => file,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(e) => {
            return Err(refuse(
                format!("cannot be read: {e}"),
                "check its permissions",
            ));
        }
    };
    let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_CREDENTIAL_BYTES.saturating_add(1)));
    let limit = u64::try_from(MAX_CREDENTIAL_BYTES)
        .unwrap_or(u64::MAX)
        .saturating_add(1);
    file.take(limit)
        .read_to_end(&mut bytes)
        .map_err(|e| refuse(format!("cannot be read: {e}"), "check the file"))?;
    if bytes.len() > MAX_CREDENTIAL_BYTES {
        return Err(refuse("longer than 64 KiB".into(), "pass the right file"));
    }
    match std::str::from_utf8(&bytes) {
        Ok(text) => Ok(Some(Zeroizing::new(text.to_owned()))),
        Err(_) => Err(refuse("not UTF-8 text".into(), "pass it as text")),
    }
}

/// 32 random bytes, as the root key and the value of a recovery are.
pub(super) fn parse_random(name: Name, text: &str) -> Result<Zeroizing<[u8; 32]>, ConfigError> {
    let refuse = |problem: &str| {
        let fix = match name {
            Name::Recover => {
                "pass 32 fresh random bytes as 64 lower-case hexadecimal digits; `openssl rand -hex 32` makes them"
            }
            _ => {
                "pass 32 random bytes as 64 lower-case hexadecimal digits or in base64; `holdfast config new` makes them"
            }
        };
        ConfigError::credential(name.as_str(), problem, fix)
    };
    let text = text.strip_suffix('\n').unwrap_or(text);
    let text = text.strip_suffix('\r').unwrap_or(text).as_bytes();
    let decoded = match text.len() {
        64 => HEXLOWER.decode(text),
        43 => BASE64_NOPAD.decode(text),
        _ => BASE64.decode(text),
    };
    let bytes =
        Zeroizing::new(decoded.map_err(|_| refuse("not 32 bytes in hexadecimal or base64"))?);
    let mut key = Zeroizing::new([0; 32]);
    if bytes.len() != key.len() {
        return Err(refuse("not 32 bytes long"));
    }
    key.copy_from_slice(&bytes);
    // A key of one repeated byte is a placeholder that somebody forgot to replace.
    if key.iter().all(|b| Some(b) == key.first()) {
        return Err(refuse("a placeholder, not a random key"));
    }
    Ok(key)
}

fn check_identity_key(pem: &str) -> Result<(), ConfigError> {
    let key = PrivatePkcs8KeyDer::from_pem_slice(pem.as_bytes()).ok();
    // Keys made by other tools come as PKCS#8 version 1, without the public half: nothing to check it against.
    let usable = key
        .is_some_and(|k| Ed25519KeyPair::from_pkcs8_maybe_unchecked(k.secret_pkcs8_der()).is_ok());
    usable.then_some(()).ok_or_else(|| {
        ConfigError::credential(
            Name::IdentityKey.as_str(),
            "not an Ed25519 private key as PKCS#8 in PEM",
            "pass the key that `holdfast config new` made, or take the credential out to let the server keep its own",
        )
    })
}

fn check_tls(cert: &str, key: &str) -> Result<(), ConfigError> {
    let refuse = |name: Name, problem: &str, fix: &str| {
        Err(ConfigError::credential(name.as_str(), problem, fix))
    };
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(cert.as_bytes()).collect();
    let Some(chain) = chain.ok().filter(|c| !c.is_empty()) else {
        return refuse(
            Name::TlsCert,
            "not a certificate chain in PEM",
            "pass the certificate first, then its intermediates",
        );
    };
    let Ok(key) = PrivatePkcs8KeyDer::from_pem_slice(key.as_bytes()) else {
        return refuse(
            Name::TlsKey,
            "not a private key as PKCS#8 in PEM",
            "convert it with `openssl pkcs8 -topk8 -nocrypt`",
        );
    };
    match CertifiedKey::from_der(chain, PrivateKeyDer::Pkcs8(key), &default_provider()) {
        Ok(_) => Ok(()),
        Err(rustls::Error::InconsistentKeys(_)) => refuse(
            Name::TlsKey,
            "not the key of holdfast.tls-cert",
            "pass the key that the certificate was made for",
        ),
        Err(_) => refuse(
            Name::TlsCert,
            "the certificate or its key cannot be used",
            "pass an X.509 certificate with an ECDSA, Ed25519 or RSA key",
        ),
    }
}
