//! Wrapping: a key sealed under another one, for the key file.
//!
//! AES-256-GCM (NIST SP 800-38D) with a random 96-bit nonce. A wrapping key wraps some thousands of keys in its life, far
//! below the 2^32 that random nonces allow (SP 800-38D, 8.3). Associated data: what the key is for.
//!
//! | offset | length | field |
//! |---|---|---|
//! | 0 | 12 | nonce |
//! | 12 | n | encrypted key |
//! | 12 + n | 16 | tag |

use zeroize::Zeroizing;

use crate::Error;
use crate::cipher::Cipher;
use crate::format::{NONCE_LEN, Suite, TAG_LEN};

/// A key of 32 bytes, wiped from memory when dropped.
pub(crate) type Key = Zeroizing<[u8; 32]>;

/// Fresh random bytes from the kernel.
pub(crate) fn fresh<const N: usize>() -> Result<Zeroizing<[u8; N]>, Error> {
    let mut key = Zeroizing::new([0; N]);
    getrandom::fill(key.as_mut_slice()).map_err(Error::Random)?;
    Ok(key)
}

/// Wraps `key` under `by`, for `purpose` alone.
pub(crate) fn wrap(by: &Key, purpose: &[u8], key: &[u8]) -> Result<Vec<u8>, Error> {
    let nonce = fresh::<NONCE_LEN>()?;
    let mut body = Zeroizing::new(key.to_vec());
    let tag = Cipher::new(Suite::Aes256Gcm, by)
        .encrypt(&nonce, &associated(purpose), &mut body)
        .map_err(|_| Error::TooLong(key.len()))?;
    Ok([nonce.as_slice(), &body, &tag].concat())
}

/// Unwraps what [`wrap`] made under the same key for the same purpose.
pub(crate) fn unwrap<const N: usize>(
    by: &Key,
    purpose: &[u8],
    wrapped: &[u8],
) -> Result<Zeroizing<[u8; N]>, Error> {
    let short = || Error::TooShort(wrapped.len());
    let (nonce, rest) = wrapped.split_first_chunk::<NONCE_LEN>().ok_or_else(short)?;
    let (body, tag) = rest.split_last_chunk::<TAG_LEN>().ok_or_else(short)?;
    let mut key: Zeroizing<[u8; N]> = Zeroizing::new(body.try_into().map_err(|_| short())?);
    Cipher::new(Suite::Aes256Gcm, by)
        .decrypt(nonce, &associated(purpose), key.as_mut_slice(), tag)
        .map_err(|_| Error::NotAuthentic)?;
    Ok(key)
}

fn associated(purpose: &[u8]) -> Vec<u8> {
    [b"holdfast wrapped key\0".as_slice(), purpose].concat()
}
