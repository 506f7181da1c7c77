//! A software authenticator for tests: ES256, self-made attestation objects, and every way of getting it wrong.

use std::collections::BTreeMap;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair};
use data_encoding::BASE64URL_NOPAD;
use serde_cbor_2::Value as Cbor;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// The model that it says it is.
pub(crate) const AAGUID: [u8; 16] = *b"holdfast test au";

/// What a hostile browser or authenticator does differently.
#[derive(Clone)]
pub(crate) struct Wrong {
    pub(crate) origin: &'static str,
    pub(crate) rp_id: &'static str,
    pub(crate) kind: Option<&'static str>,
    pub(crate) challenge: Option<String>,
    /// User present 1, user verified 4.
    pub(crate) flags: u8,
    pub(crate) algorithm: i128,
    pub(crate) discoverable: Option<bool>,
    pub(crate) handle: Option<Vec<u8>>,
    pub(crate) alter_signature: bool,
    /// Bytes in place of the attestation object.
    pub(crate) object: Option<Vec<u8>>,
}

impl Default for Wrong {
    fn default() -> Self {
        Self {
            origin: "https://portal.example",
            rp_id: "portal.example",
            kind: None,
            challenge: None,
            flags: 5,
            algorithm: -7,
            discoverable: Some(true),
            handle: None,
            alter_signature: false,
            object: None,
        }
    }
}

/// One credential in one authenticator.
pub(crate) struct Authenticator {
    pub(crate) pair: EcdsaKeyPair,
    pub(crate) id: Vec<u8>,
    pub(crate) handle: Vec<u8>,
    pub(crate) counter: u32,
}

impl Authenticator {
    pub(crate) fn new(id: &[u8]) -> Self {
        let random = SystemRandom::new();
        let document =
            EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random).unwrap();
        Self {
            pair: EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, document.as_ref())
                .unwrap(),
            id: id.to_vec(),
            handle: Vec::new(),
            counter: 0,
        }
    }

    /// Answers `navigator.credentials.create`.
    pub(crate) fn create(&mut self, options: &Value, wrong: &Wrong) -> Vec<u8> {
        let user = options["publicKey"]["user"]["id"].as_str().unwrap();
        self.handle = BASE64URL_NOPAD.decode(user.as_bytes()).unwrap();
        let client = client_data(options, "webauthn.create", wrong);
        let mut data = self.data(wrong, 0x40);
        data.extend(AAGUID);
        data.extend(u16::try_from(self.id.len()).unwrap().to_be_bytes());
        data.extend(&self.id);
        let point = self.pair.public_key().as_ref();
        let key = BTreeMap::from([
            (Cbor::Integer(1), Cbor::Integer(2)),
            (Cbor::Integer(3), Cbor::Integer(wrong.algorithm)),
            (Cbor::Integer(-1), Cbor::Integer(1)),
            (Cbor::Integer(-2), Cbor::Bytes(point[1..33].to_vec())),
            (Cbor::Integer(-3), Cbor::Bytes(point[33..65].to_vec())),
        ]);
        data.extend(serde_cbor_2::to_vec(&Cbor::Map(key)).unwrap());
        let text = |text: &str| Cbor::Text(text.to_owned());
        let object = BTreeMap::from([
            (text("fmt"), text("none")),
            (text("attStmt"), Cbor::Map(BTreeMap::new())),
            (text("authData"), Cbor::Bytes(data)),
        ]);
        let object = serde_cbor_2::to_vec(&Cbor::Map(object)).unwrap();
        let object = wrong.object.clone().unwrap_or(object);
        let extensions = match wrong.discoverable {
            Some(rk) => json!({"credProps": {"rk": rk}}),
            None => json!({}),
        };
        let body = json!({
            "id": BASE64URL_NOPAD.encode(&self.id),
            "rawId": BASE64URL_NOPAD.encode(&self.id),
            "type": "public-key",
            "clientExtensionResults": extensions,
            "response": {
                "attestationObject": BASE64URL_NOPAD.encode(&object),
                "clientDataJSON": BASE64URL_NOPAD.encode(client.as_bytes()),
            },
        });
        serde_json::to_vec(&body).unwrap()
    }

    /// Answers `navigator.credentials.get`.
    pub(crate) fn get(&mut self, options: &Value, wrong: &Wrong) -> Vec<u8> {
        self.counter += 1;
        let client = client_data(options, "webauthn.get", wrong);
        let data = self.data(wrong, 0);
        let signed = [data.as_slice(), &Sha256::digest(client.as_bytes())].concat();
        let signature = self.pair.sign(&SystemRandom::new(), &signed).unwrap();
        let mut signature = signature.as_ref().to_vec();
        if wrong.alter_signature {
            *signature.last_mut().unwrap() ^= 1;
        }
        let handle = wrong.handle.as_ref().unwrap_or(&self.handle);
        let body = json!({
            "id": BASE64URL_NOPAD.encode(&self.id),
            "rawId": BASE64URL_NOPAD.encode(&self.id),
            "type": "public-key",
            "clientExtensionResults": {},
            "response": {
                "authenticatorData": BASE64URL_NOPAD.encode(&data),
                "clientDataJSON": BASE64URL_NOPAD.encode(client.as_bytes()),
                "signature": BASE64URL_NOPAD.encode(&signature),
                "userHandle": BASE64URL_NOPAD.encode(handle),
            },
        });
        serde_json::to_vec(&body).unwrap()
    }

    fn data(&self, wrong: &Wrong, attested: u8) -> Vec<u8> {
        let mut data = Sha256::digest(wrong.rp_id.as_bytes()).to_vec();
        data.push(wrong.flags | attested);
        data.extend(self.counter.to_be_bytes());
        data
    }
}

fn client_data(options: &Value, kind: &str, wrong: &Wrong) -> String {
    let challenge = options["publicKey"]["challenge"].as_str().unwrap();
    json!({
        "type": wrong.kind.unwrap_or(kind),
        "challenge": wrong.challenge.as_deref().unwrap_or(challenge),
        "origin": wrong.origin,
        "crossOrigin": false,
    })
    .to_string()
}
