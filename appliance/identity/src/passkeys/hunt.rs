//! The checks of a new passkey on any attestation object, for the hunt for bytes that they do not expect (crate
//! `holdfast-fuzz`): all else of the answer is as it should be, so that the object alone decides.

use data_encoding::BASE64URL_NOPAD;
use serde_json::json;
use webauthn_rs::prelude::{Url, Uuid, WebauthnBuilder};

use super::register::aaguid;

/// The portal of the hunt.
pub const HOST: &str = "portal.localhost";

/// Whether this attestation object (CBOR; Web Authentication, section 6.5.4) makes a passkey of [`HOST`], and of which model.
#[must_use]
pub fn registers(attestation: &[u8]) -> Option<[u8; 16]> {
    let origin = format!("https://{HOST}");
    let url = Url::parse(&origin).ok()?;
    let webauthn = WebauthnBuilder::new(HOST, &url).ok()?.build().ok()?;
    let person = Uuid::from_u128(1);
    let begun = webauthn.start_passkey_registration(person, "a", "a", None);
    let (challenge, state) = begun.ok()?;
    let options = serde_json::to_value(&challenge).ok()?;
    let client = json!({
        "type": "webauthn.create",
        "challenge": options.pointer("/publicKey/challenge")?,
        "origin": origin,
        "crossOrigin": false,
    });
    let text = |bytes: &[u8]| BASE64URL_NOPAD.encode(bytes);
    let id = text(b"credential");
    let answer = json!({
        "id": id,
        "rawId": id,
        "type": "public-key",
        "extensions": {},
        "response": {
            "attestationObject": text(attestation),
            "clientDataJSON": text(client.to_string().as_bytes()),
        },
    });
    let model = aaguid(attestation);
    let answer = serde_json::from_value(answer).ok()?;
    webauthn.finish_passkey_registration(&answer, &state).ok()?;
    model
}
