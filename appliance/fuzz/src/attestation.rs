//! What an authenticator says of a new passkey.

use holdfast_identity::passkeys::hunt;

/// SHA-256 of the portal's host.
const PORTAL: [u8; 32] = [
    0x18, 0xb3, 0x09, 0x44, 0x12, 0x08, 0xc6, 0xf3, 0x22, 0x7a, 0x68, 0x86, 0x8f, 0x3b, 0x72, 0x2c,
    0xe5, 0x7a, 0x25, 0xa0, 0xb1, 0xdd, 0x2e, 0xc1, 0x88, 0x03, 0xe7, 0x81, 0xb1, 0x85, 0x4d, 0x84,
];
/// User present, user verified, credential there (Web Authentication, section 6.1).
const FLAGS: u8 = 0x45;

/// What is taken as a passkey is one of this portal, with its user verified, and has a model.
pub(crate) fn attestation(bytes: &[u8]) {
    if hunt::registers(bytes).is_none() {
        return;
    }
    let at = bytes.windows(32).position(|part| part == PORTAL);
    let flags = at.and_then(|at| bytes.get(at.checked_add(32)?));
    assert!(
        flags.is_some_and(|flags| flags & FLAGS == FLAGS),
        "{flags:?}"
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_corpus_begins_with_an_object_that_is_taken_and_one_without_its_user_verified() {
        let good: &[u8] = include_bytes!("../corpus/attestation/00");
        let model: [u8; 16] = std::array::from_fn(|at| u8::try_from(at).unwrap_or(0));
        assert_eq!(hunt::registers(good), Some(model));
        let unverified: &[u8] = include_bytes!("../corpus/attestation/01");
        assert_eq!(hunt::registers(unverified), None);
        let elsewhere: &[u8] = include_bytes!("../corpus/attestation/02");
        assert_eq!(hunt::registers(elsewhere), None);
    }
}
