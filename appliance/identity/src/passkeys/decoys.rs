//! Credentials of nobody, so that a sign-in by name tells nothing about the name.
//!
//! Every list has [`MOST`] entries: a person's own, filled up with decoys, in an order by keyed hash. A decoy's length and
//! bytes come from a keyed hash of the normalised name, so that a name gives the same ones each time. What a list cannot hide is
//! that it changed, when a person adds or removes a passkey between two looks.

use serde_json::json;
use webauthn_rs::prelude::Passkey as Credential;

use super::store::MOST;
use crate::secrets::Secret;
use crate::{Error, people::Name};

/// Lengths of credential ids that authenticators make, in bytes.
const LENGTHS: [usize; 8] = [16, 20, 32, 32, 32, 48, 64, 64];
/// The base point of P-256 (NIST SP 800-186, section 3.2.1.3), whose private key is the number one.
const X: &str = "axfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5RdiYwpY";
const Y: &str = "T-NC4v4af5uO5-tKfA-eFivOM1drMV7Oy7ZAaDe_UfU";

/// The ids for a sign-in by this name: `own`, filled up with decoys.
pub(super) fn list(secret: &Secret, name: &str, own: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    let mut all = Vec::with_capacity(MOST);
    // All are made, whether they are used or not, so that the work is the same.
    let decoys: Vec<_> = (0..MOST).map(|at| decoy(secret, name, at)).collect();
    all.extend(own.into_iter().take(MOST));
    let missing = MOST.saturating_sub(all.len());
    all.extend(decoys.into_iter().take(missing));
    all.sort_by_cached_key(|id| secret.hash(&[b"order", name.as_bytes(), id]));
    all
}

/// A credential with this id that nothing the asker has can sign for, to be verified where there is none: the answer takes the
/// same work then. Its private key is public, so what verifies under it is refused all the same.
pub(super) fn credential(id: &[u8]) -> Result<Credential, Error> {
    serde_json::from_value(json!({"cred": {
        "cred_id": data_encoding::BASE64URL_NOPAD.encode(id),
        "cred": {"type_": "ES256", "key": {"EC_EC2": {"curve": "SECP256R1", "x": X, "y": Y}}},
        "counter": 0,
        "transports": null,
        "user_verified": true,
        "backup_eligible": false,
        "backup_state": false,
        "registration_policy": "required",
        "extensions": {
            "cred_protect": "NotRequested",
            "hmac_create_secret": "NotRequested",
            "appid": "NotRequested",
            "cred_props": "Ignored"
        },
        "attestation": {"data": "None", "metadata": "None"},
        "attestation_format": "none"
    }}))
    .map_err(|_| Error::Sealed)
}

/// A name of the same shape in every case: normalised if it is one, else as it was typed, up to 64 characters.
pub(super) fn key(typed: &str) -> (Option<Name>, String) {
    match Name::parse(typed) {
        Ok(name) => {
            let key = name.normalised();
            (Some(name), key)
        }
        Err(_) => (None, typed.chars().take(64).collect()),
    }
}

fn decoy(secret: &Secret, name: &str, at: usize) -> Vec<u8> {
    let part = |which: &[u8]| {
        let at = at.to_string();
        secret.hash(&[which, name.as_bytes(), at.as_bytes()])
    };
    let (first, second, third) = (part(b"first"), part(b"second"), part(b"length"));
    let pick = usize::from(third.first().copied().unwrap_or(0) & 7);
    let length = LENGTHS.get(pick).copied().unwrap_or(32);
    [first, second].concat().into_iter().take(length).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    #[test]
    fn the_decoy_is_a_credential() {
        let made = super::credential(&[7; 32]).unwrap();
        assert_eq!(made.cred_id().as_slice(), [7; 32]);
    }
}
