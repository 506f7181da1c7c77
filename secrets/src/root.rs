//! The root key: 32 bytes from which every other key is derived.

use data_encoding::{BASE64, BASE64_NOPAD, HEXLOWER};
use zeroize::{Zeroize, Zeroizing};

use crate::Error;

/// The root key. It is wiped from memory when dropped, and never printed. It lies on the heap, since a value that is moved
/// leaves its bytes where it was.
pub struct RootKey(Box<Zeroizing<[u8; 32]>>);

impl RootKey {
    /// Reads the key from its text: 64 lower-case hex digits, or base64 (RFC 4648, section 4, padding optional).
    /// White space around it, such as a final newline, is allowed.
    ///
    /// # Errors
    /// [`Error::RootKeySyntax`] if it is neither or not 32 bytes, [`Error::RootKeyZero`] if all bytes are zero.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let text = text.trim_ascii().as_bytes();
        let decoded = match text.len() {
            64 => HEXLOWER.decode(text),
            44 => BASE64.decode(text),
            43 => BASE64_NOPAD.decode(text),
            _ => return Err(Error::RootKeySyntax),
        };
        let bytes = Zeroizing::new(decoded.map_err(|_| Error::RootKeySyntax)?);
        let bytes = bytes
            .as_slice()
            .try_into()
            .map_err(|_| Error::RootKeySyntax)?;
        Self::from_bytes(bytes)
    }

    /// Takes the key from its bytes. The caller wipes its own copy.
    ///
    /// # Errors
    /// [`Error::RootKeyZero`] if all bytes are zero.
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, Error> {
        if bytes.iter().all(|byte| *byte == 0) {
            return Err(Error::RootKeyZero);
        }
        let mut key = Box::new(Zeroizing::new([0; 32]));
        key.copy_from_slice(bytes);
        Ok(Self(key))
    }

    /// Makes a new key from the kernel's random bytes.
    ///
    /// # Errors
    /// [`Error::Random`] if the kernel gives none.
    pub fn generate() -> Result<Self, Error> {
        let mut key = Box::new(Zeroizing::new([0; 32]));
        getrandom::fill(key.as_mut_slice()).map_err(Error::Random)?;
        Ok(Self(key))
    }

    pub(crate) fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl Zeroize for RootKey {
    fn zeroize(&mut self) {
        self.0.zeroize();
    }
}

impl std::fmt::Debug for RootKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RootKey(redacted)")
    }
}
