//! Root-key providers: where the key comes from that opens the key file.
//!
//! A provider answers for the slots of its kind ([`Slot`](crate::keyfile::Slot)): it gives the key-encryption key of a slot,
//! or says that the slot is not its own. What it needs to know it finds in the slot's parameters, which only it reads. So a
//! TPM (sealed blob), a PKCS#11 token (key label) or a key service (key name, wrapped key) is one more kind and one more
//! provider; no caller changes.

use argon2::{Algorithm, Argon2, Block, Params, Version};
use data_encoding::BASE32_NOPAD;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::derive::{derive, extract, sized};
use crate::wrap::{Key, fresh};
use crate::{Error, RootKey};

/// Length of a check value in bytes.
pub const CHECK_LEN: usize = 16;

/// What opens a slot. The numbers stand in key files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// A root key of 32 random bytes, handed over as a credential.
    Credential = 1,
    /// A passphrase, stretched by Argon2id (RFC 9106).
    Passphrase = 2,
    /// The printed recovery key.
    Recovery = 3,
}

impl Kind {
    /// The kind with this number.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        match number {
            1 => Some(Self::Credential),
            2 => Some(Self::Passphrase),
            3 => Some(Self::Recovery),
            _ => None,
        }
    }

    /// Its name, for people.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Credential => "root key",
            Self::Passphrase => "passphrase",
            Self::Recovery => "recovery key",
        }
    }
}

/// The secret that a provider has made of its own for one slot. From it come the check value, which stands in the clear,
/// and the key that wraps the master key.
pub struct SlotSecret(Key);

impl SlotSecret {
    /// Tells this secret from others and reveals nothing of it.
    pub(crate) fn check(&self) -> [u8; CHECK_LEN] {
        let mut check = [0; CHECK_LEN];
        crate::derive::expand(&self.0, &[&sized(b"slot check")], &mut check);
        check
    }

    pub(crate) fn matches(&self, check: &[u8]) -> bool {
        self.check().as_slice().ct_eq(check).into()
    }

    pub(crate) fn wrapping_key(&self) -> Key {
        derive(&self.0, &[&sized(b"wrap master key")])
    }
}

/// Where a root key comes from.
pub trait RootKeyProvider: Send + Sync {
    /// The slots that it answers for.
    fn kind(&self) -> Kind;

    /// Its secret for a slot with these parameters.
    ///
    /// # Errors
    /// [`Error::SlotParameters`] if they are not of this kind, or what the source of the key says.
    fn secret(&self, parameters: &[u8]) -> Result<SlotSecret, Error>;

    /// The parameters of a new slot.
    ///
    /// # Errors
    /// [`Error::Random`] if the kernel gives no random bytes, or what the source of the key says.
    fn new_parameters(&self) -> Result<Vec<u8>, Error>;
}

impl RootKeyProvider for RootKey {
    fn kind(&self) -> Kind {
        Kind::Credential
    }

    fn secret(&self, parameters: &[u8]) -> Result<SlotSecret, Error> {
        if !parameters.is_empty() {
            return Err(Error::SlotParameters);
        }
        Ok(SlotSecret(extract(
            b"holdfast root key slot 1",
            self.as_bytes(),
        )))
    }

    fn new_parameters(&self) -> Result<Vec<u8>, Error> {
        Ok(Vec::new())
    }
}

/// A passphrase. It is wiped from memory when dropped, and never printed.
pub struct Passphrase {
    text: Zeroizing<String>,
    cost: Cost,
}

/// What one try of a passphrase costs (RFC 9106, section 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    /// Memory in KiB.
    pub memory: u32,
    /// Passes over it.
    pub passes: u32,
}

impl Cost {
    /// For slots that are made now: 64 MiB and three passes, the second recommended option of RFC 9106, with one lane.
    pub const NEW: Self = Self {
        memory: 64 << 10,
        passes: 3,
    };
    /// Neither a typing error on the disk nor an attacker may ask for more.
    const MOST: Self = Self {
        memory: 256 << 10,
        passes: 16,
    };
}

/// Fewest characters of a passphrase.
const SHORTEST: usize = 12;
const SALT: usize = 16;

impl Passphrase {
    /// Takes a passphrase: at least 12 characters, white space at its ends left out. `cost` is that of a new slot.
    ///
    /// # Errors
    /// [`Error::PassphraseShort`].
    pub fn new(text: &str, cost: Cost) -> Result<Self, Error> {
        let text = Zeroizing::new(text.trim().to_owned());
        if text.chars().count() < SHORTEST {
            return Err(Error::PassphraseShort(SHORTEST));
        }
        Ok(Self { text, cost })
    }
}

impl RootKeyProvider for Passphrase {
    fn kind(&self) -> Kind {
        Kind::Passphrase
    }

    /// Parameters: salt (16 bytes), memory in KiB and passes (`u32` each, big endian).
    fn secret(&self, parameters: &[u8]) -> Result<SlotSecret, Error> {
        let (salt, rest) = parameters
            .split_first_chunk::<SALT>()
            .ok_or(Error::SlotParameters)?;
        let &[m0, m1, m2, m3, p0, p1, p2, p3] = rest else {
            return Err(Error::SlotParameters);
        };
        let memory = u32::from_be_bytes([m0, m1, m2, m3]);
        let passes = u32::from_be_bytes([p0, p1, p2, p3]);
        if memory > Cost::MOST.memory || passes > Cost::MOST.passes {
            return Err(Error::SlotParameters);
        }
        let params = Params::new(memory, passes, 1, Some(32)).map_err(|_| Error::SlotParameters)?;
        let mut stretched: Key = Zeroizing::new([0; 32]);
        let mut memory = Zeroizing::new(vec![Block::new(); params.block_count()]);
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into_with_memory(
                self.text.as_bytes(),
                salt,
                stretched.as_mut_slice(),
                memory.as_mut_slice(),
            )
            .map_err(|_| Error::SlotParameters)?;
        Ok(SlotSecret(extract(
            b"holdfast passphrase slot 1",
            stretched.as_slice(),
        )))
    }

    fn new_parameters(&self) -> Result<Vec<u8>, Error> {
        let salt = fresh::<SALT>()?;
        let Cost { memory, passes } = self.cost;
        Ok([
            salt.as_slice(),
            &memory.to_be_bytes(),
            &passes.to_be_bytes(),
        ]
        .concat())
    }
}

impl std::fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Passphrase(redacted)")
    }
}

/// The recovery key: 160 random bits, printed once, in groups of four characters of base32 (RFC 4648, section 6).
pub struct RecoveryKey(Zeroizing<[u8; RECOVERY]>);

const RECOVERY: usize = 20;

impl RecoveryKey {
    /// Makes a new one from the kernel's random bytes.
    ///
    /// # Errors
    /// [`Error::Random`] if the kernel gives none.
    pub fn generate() -> Result<Self, Error> {
        fresh().map(Self)
    }

    /// Reads what [`RecoveryKey::text`] printed; case, white space and hyphens do not matter, and the digits 0, 1 and 8,
    /// which base32 does not have, are read as the letters O, I and B.
    ///
    /// # Errors
    /// [`Error::RecoverySyntax`].
    pub fn parse(text: &str) -> Result<Self, Error> {
        let letters = text.chars().filter(|c| !c.is_whitespace() && *c != '-');
        let letters: Zeroizing<String> = Zeroizing::new(
            letters
                .map(|c| match c.to_ascii_uppercase() {
                    '0' => 'O',
                    '1' => 'I',
                    '8' => 'B',
                    other => other,
                })
                .collect(),
        );
        let bytes = BASE32_NOPAD.decode(letters.as_bytes());
        let bytes = Zeroizing::new(bytes.map_err(|_| Error::RecoverySyntax)?);
        let bytes = bytes.as_slice().try_into();
        Ok(Self(Zeroizing::new(
            bytes.map_err(|_| Error::RecoverySyntax)?,
        )))
    }

    /// The key as it is printed: `XXXX-XXXX-…`, 32 characters in eight groups.
    #[must_use]
    pub fn text(&self) -> Zeroizing<String> {
        let letters = Zeroizing::new(BASE32_NOPAD.encode(self.0.as_slice()));
        let mut text = Zeroizing::new(String::with_capacity(39));
        for (at, letter) in letters.chars().enumerate() {
            if at > 0 && at.is_multiple_of(4) {
                text.push('-');
            }
            text.push(letter);
        }
        text
    }
}

impl RootKeyProvider for RecoveryKey {
    fn kind(&self) -> Kind {
        Kind::Recovery
    }

    fn secret(&self, parameters: &[u8]) -> Result<SlotSecret, Error> {
        if !parameters.is_empty() {
            return Err(Error::SlotParameters);
        }
        Ok(SlotSecret(extract(
            b"holdfast recovery key slot 1",
            self.0.as_slice(),
        )))
    }

    fn new_parameters(&self) -> Result<Vec<u8>, Error> {
        Ok(Vec::new())
    }
}

impl std::fmt::Debug for RecoveryKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RecoveryKey(redacted)")
    }
}
