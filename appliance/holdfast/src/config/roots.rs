//! What opens the key file: root keys, a passphrase, the recovery key.

use std::path::Path;

use holdfast_secrets::{Cost, KeyRing, Passphrase, RecoveryKey, RootKey, RootKeyProvider, Suite};
use zeroize::Zeroizing;

use super::credentials::{Name, parse_random, read};
use super::error::ConfigError;

/// The secrets that open the store, all checked; at least one of them is there. They are wiped when dropped.
#[derive(Debug)]
pub struct Roots {
    root_key: Option<RootKey>,
    next: Option<RootKey>,
    passphrase: Option<Passphrase>,
    recovery_key: Option<RecoveryKey>,
}

impl Roots {
    /// Reads them from the folder of credentials.
    ///
    /// # Errors
    /// None of them, a next root key without the one that it follows, and what each says of its content.
    pub fn read(dir: &Path) -> Result<Self, ConfigError> {
        let text = |name| read(dir, name);
        let roots = Self {
            root_key: root_key(Name::RootKey, text(Name::RootKey)?)?,
            next: root_key(Name::NextRootKey, text(Name::NextRootKey)?)?,
            passphrase: text(Name::Passphrase)?
                .map(|text| Passphrase::new(&text, Cost::NEW))
                .transpose()
                .map_err(|error| refused(Name::Passphrase, &error))?,
            recovery_key: text(Name::RecoveryKey)?
                .map(|text| RecoveryKey::parse(&text))
                .transpose()
                .map_err(|error| refused(Name::RecoveryKey, &error))?,
        };
        let none = roots.root_key.is_none() && roots.passphrase.is_none();
        if none && roots.recovery_key.is_none() {
            return Err(ConfigError::credential(
                Name::RootKey.as_str(),
                "missing",
                "pass 32 random bytes as 64 hexadecimal digits; `holdfast config new` makes them. Keep a copy: without it \
                 the stored data cannot be read. On metal, holdfast.passphrase can take its place, or `unlock = \"console\"` \
                 under [data], and somebody at the console",
            ));
        }
        if none && roots.next.is_some() {
            return Err(Self::next_alone());
        }
        Ok(roots)
    }

    /// The refusal of a next root key that follows none.
    pub(super) fn next_alone() -> ConfigError {
        ConfigError::credential(
            Name::NextRootKey.as_str(),
            "passed without the root key that it is to follow",
            "pass holdfast.root-key as well; where it is lost, pass the new key as holdfast.root-key, beside \
             holdfast.recovery-key",
        )
    }

    /// The ring that they open.
    #[must_use]
    pub fn ring(self) -> KeyRing {
        let mut others: Vec<Box<dyn RootKeyProvider>> = Vec::new();
        others.extend(
            self.passphrase
                .map(|it| Box::new(it) as Box<dyn RootKeyProvider>),
        );
        others.extend(
            self.recovery_key
                .map(|it| Box::new(it) as Box<dyn RootKeyProvider>),
        );
        KeyRing::with(self.root_key, self.next, others, Suite::Aes256Gcm)
    }
}

fn root_key(name: Name, text: Option<Zeroizing<String>>) -> Result<Option<RootKey>, ConfigError> {
    let Some(text) = text else { return Ok(None) };
    let bytes = parse_random(name, &text)?;
    RootKey::from_bytes(&bytes)
        .map(Some)
        .map_err(|error| refused(name, &error))
}

fn refused(name: Name, error: &holdfast_secrets::Error) -> ConfigError {
    let text = error.to_string();
    let (problem, fix) = text.split_once("; ").unwrap_or((&text, "pass another one"));
    ConfigError::credential(name.as_str(), problem, fix)
}
