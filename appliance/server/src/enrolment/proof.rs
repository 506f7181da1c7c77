//! The proofs of enrolment.
//!
//! By code: HMAC-SHA256 (RFC 2104) under HKDF-SHA256(code, info "holdfast enrol 1") (RFC 5869) over
//! role ‖ exporter ‖ client key hash ‖ server key hash. By operator key: an Ed25519 signature (RFC 8032) over
//! "holdfast enrol 1\0client" ‖ the same.

use aws_lc_rs::hkdf::{self, HKDF_SHA256};
use aws_lc_rs::hmac::{self, HMAC_SHA256};
use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, UnparsedPublicKey};

use super::code::Code;
use crate::pin::Pin;

/// Label of the exporter (RFC 8446, section 7.5); the context is empty.
pub const EXPORTER_LABEL: &[u8] = b"EXPORTER-holdfast-enrol";
const INFO: &[u8] = b"holdfast enrol 1";
const SIGNED: &[u8] = b"holdfast enrol 1\0client";

/// Who makes a proof; keeps one side's proof from being sent back as the other's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The device.
    Client,
    /// The appliance.
    Server,
}

impl Role {
    fn label(self) -> &'static [u8] {
        match self {
            Self::Client => b"client",
            Self::Server => b"server",
        }
    }
}

/// What binds a proof to one connection.
#[derive(Clone, Debug)]
pub struct Binding {
    /// 32 bytes exported from the TLS connection under [`EXPORTER_LABEL`].
    pub exporter: [u8; 32],
    /// Hash of the device's key.
    pub client: Pin,
    /// Hash of the server's identity key.
    pub server: Pin,
}

impl Binding {
    fn message(&self, label: &[u8]) -> Vec<u8> {
        [
            label,
            &self.exporter,
            self.client.as_bytes(),
            self.server.as_bytes(),
        ]
        .concat()
    }
}

/// The proof that `role` knows `code`; 32 bytes.
#[must_use]
pub fn by_code(code: &Code, role: Role, binding: &Binding) -> Vec<u8> {
    hmac::sign(&key(code), &binding.message(role.label()))
        .as_ref()
        .to_vec()
}

/// Checks a proof of [`by_code`] in constant time.
#[must_use]
pub fn is_by_code(code: &Code, role: Role, binding: &Binding, proof: &[u8]) -> bool {
    hmac::verify(&key(code), &binding.message(role.label()), proof).is_ok()
}

/// The operator's proof; 64 bytes.
#[must_use]
pub fn by_operator(key: &Ed25519KeyPair, binding: &Binding) -> Vec<u8> {
    key.sign(&binding.message(SIGNED)).as_ref().to_vec()
}

/// Checks a proof of [`by_operator`] under the operator's raw public key.
#[must_use]
pub fn is_by_operator(public: &[u8; 32], binding: &Binding, proof: &[u8]) -> bool {
    UnparsedPublicKey::new(&ED25519, public)
        .verify(&binding.message(SIGNED), proof)
        .is_ok()
}

fn key(code: &Code) -> hmac::Key {
    let prk = hkdf::Salt::new(HKDF_SHA256, &[]).extract(code.as_bytes());
    let mut key = zeroize::Zeroizing::new([0_u8; 32]);
    // INVARIANT: 32 bytes are one block of HKDF-SHA256, which neither `expand` nor `fill` refuses; were they to, the
    // key would stay all zeros on this side alone, and no proof would match.
    if let Ok(okm) = prk.expand(&[INFO], HMAC_SHA256) {
        let _ = okm.fill(&mut *key);
    }
    hmac::Key::new(HMAC_SHA256, &*key)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use aws_lc_rs::signature::KeyPair as _;

    fn binding(seed: u8) -> Binding {
        Binding {
            exporter: [seed; 32],
            client: Pin::of_spki(b"c"),
            server: Pin::of_spki(b"s"),
        }
    }

    #[test]
    fn a_proof_holds_for_one_connection_role_and_code() {
        let code = Code::from_random(&[7; 17]);
        let other = Code::from_random(&[8; 17]);
        let proof = by_code(&code, Role::Client, &binding(1));
        assert!(is_by_code(&code, Role::Client, &binding(1), &proof));
        assert!(!is_by_code(&code, Role::Server, &binding(1), &proof));
        assert!(!is_by_code(&code, Role::Client, &binding(2), &proof));
        assert!(!is_by_code(&other, Role::Client, &binding(1), &proof));
        assert!(!is_by_code(&code, Role::Client, &binding(1), &[]));
    }

    #[test]
    fn the_operators_signature_holds_for_one_connection() {
        let key = Ed25519KeyPair::from_seed_unchecked(&[3; 32]).unwrap();
        let public: [u8; 32] = key.public_key().as_ref().try_into().unwrap();
        let proof = by_operator(&key, &binding(1));
        assert!(is_by_operator(&public, &binding(1), &proof));
        assert!(!is_by_operator(&public, &binding(2), &proof));
        assert!(!is_by_operator(&[9; 32], &binding(1), &proof));
    }
}
