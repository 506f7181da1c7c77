//! HKDF-SHA-256 (RFC 5869) with inputs that cannot be confused: labels and names carry a 32-bit big-endian length.

use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::wrap::Key;

/// HKDF-Extract: a key of even strength from `input`, for the use that `salt` names.
pub(crate) fn extract(salt: &[u8], input: &[u8]) -> Key {
    let (prk, _) = Hkdf::<Sha256>::extract(Some(salt), input);
    Zeroizing::new(prk.into())
}

/// HKDF-Expand to a key.
pub(crate) fn derive(prk: &Key, info: &[&[u8]]) -> Key {
    let mut key = Zeroizing::new([0; 32]);
    expand(prk, info, key.as_mut_slice());
    key
}

/// HKDF-Expand (RFC 5869, section 2.3) to at most 64 bytes.
pub(crate) fn expand(prk: &Key, info: &[&[u8]], out: &mut [u8]) {
    // INVARIANT: the PRK has the length of a SHA-256 output and `out` is far below 255 times that, so neither step can
    // refuse. Were that ever broken, an all-zero key must not follow: stop.
    let done = Hkdf::<Sha256>::from_prk(prk.as_slice())
        .map_err(|_| ())
        .and_then(|hkdf| hkdf.expand_multi_info(info, out).map_err(|_| ()));
    assert!(done.is_ok(), "HKDF lengths are fixed by this crate");
}

/// `bytes` with their length before them.
pub(crate) fn sized(bytes: &[u8]) -> Vec<u8> {
    // Table names and keys are far below 4 GiB: redb refuses longer ones, and saturation keeps the length honest.
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    [&length.to_be_bytes(), bytes].concat()
}
