//! The two ciphers behind one pair of functions, each working in place on a caller's buffer.

use aes_gcm::aead::{AeadInOut, KeyInit};
use aes_gcm::{Aes256Gcm, aead};
use chacha20poly1305::ChaCha20Poly1305;

use crate::format::{NONCE_LEN, Suite, TAG_LEN};

/// A cipher that has taken its key in. Both overwrite it when they are dropped.
#[allow(
    clippy::large_enum_variant,
    reason = "on the heap, or for the moment of one wrapped key"
)]
pub(crate) enum Cipher {
    /// Round keys and the powers of the hash key.
    Aes256Gcm(Aes256Gcm),
    ChaCha20Poly1305(ChaCha20Poly1305),
}

impl Cipher {
    pub(crate) fn new(suite: Suite, key: &[u8; 32]) -> Self {
        match suite {
            Suite::Aes256Gcm => Self::Aes256Gcm(Aes256Gcm::new(key.into())),
            Suite::ChaCha20Poly1305 => Self::ChaCha20Poly1305(ChaCha20Poly1305::new(key.into())),
        }
    }

    /// Encrypts `buffer` in place and returns the tag.
    pub(crate) fn encrypt(
        &self,
        nonce: &[u8; NONCE_LEN],
        associated: &[u8],
        buffer: &mut [u8],
    ) -> Result<[u8; TAG_LEN], aead::Error> {
        let (nonce, buffer) = (nonce.into(), buffer.into());
        let tag = match self {
            Self::Aes256Gcm(cipher) => cipher.encrypt_inout_detached(nonce, associated, buffer)?,
            Self::ChaCha20Poly1305(cipher) => {
                cipher.encrypt_inout_detached(nonce, associated, buffer)?
            }
        };
        Ok(tag.into())
    }

    /// Decrypts `buffer` in place, after its tag was found right.
    pub(crate) fn decrypt(
        &self,
        nonce: &[u8; NONCE_LEN],
        associated: &[u8],
        buffer: &mut [u8],
        tag: &[u8; TAG_LEN],
    ) -> Result<(), aead::Error> {
        let (nonce, buffer, tag) = (nonce.into(), buffer.into(), tag.into());
        match self {
            Self::Aes256Gcm(cipher) => {
                cipher.decrypt_inout_detached(nonce, associated, buffer, tag)
            }
            Self::ChaCha20Poly1305(cipher) => {
                cipher.decrypt_inout_detached(nonce, associated, buffer, tag)
            }
        }
    }
}
