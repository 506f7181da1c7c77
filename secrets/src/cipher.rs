//! The two ciphers behind one pair of functions, each working in place on a caller's buffer.

use aes_gcm::aead::{AeadInOut, KeyInit};
use aes_gcm::{Aes256Gcm, aead};
use chacha20poly1305::ChaCha20Poly1305;

use crate::format::{NONCE_LEN, Suite, TAG_LEN};

/// Encrypts `buffer` in place and returns the tag.
pub(crate) fn encrypt(
    suite: Suite,
    key: &[u8; 32],
    nonce: &[u8; NONCE_LEN],
    associated: &[u8],
    buffer: &mut [u8],
) -> Result<[u8; TAG_LEN], aead::Error> {
    let tag = match suite {
        Suite::Aes256Gcm => Aes256Gcm::new(key.into()).encrypt_inout_detached(
            nonce.into(),
            associated,
            buffer.into(),
        )?,
        Suite::ChaCha20Poly1305 => ChaCha20Poly1305::new(key.into()).encrypt_inout_detached(
            nonce.into(),
            associated,
            buffer.into(),
        )?,
    };
    Ok(tag.into())
}

/// Decrypts `buffer` in place, after its tag was found right.
pub(crate) fn decrypt(
    suite: Suite,
    key: &[u8; 32],
    nonce: &[u8; NONCE_LEN],
    associated: &[u8],
    buffer: &mut [u8],
    tag: &[u8; TAG_LEN],
) -> Result<(), aead::Error> {
    match suite {
        Suite::Aes256Gcm => Aes256Gcm::new(key.into()).decrypt_inout_detached(
            nonce.into(),
            associated,
            buffer.into(),
            tag.into(),
        ),
        Suite::ChaCha20Poly1305 => ChaCha20Poly1305::new(key.into()).decrypt_inout_detached(
            nonce.into(),
            associated,
            buffer.into(),
            tag.into(),
        ),
    }
}
