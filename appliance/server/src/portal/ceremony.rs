//! What our script and the portal say to each other about a passkey ceremony.

use holdfast_identity::passkeys::{Answer as Given, Begun, Binding, Browser};
use http::Response;
use serde::{Deserialize, Deserializer};
use serde_json::json;

use super::Call;
use crate::body::Body;
use crate::rejection::Rejection;

/// What our script brings at the end.
#[derive(Deserialize)]
pub(super) struct Finish {
    id: String,
    /// `PublicKeyCredential.toJSON()`.
    #[serde(deserialize_with = "text")]
    answer: String,
    /// The name for a new passkey.
    #[serde(default)]
    label: String,
    /// Where to go after a sign-in.
    #[serde(default)]
    pub(super) next: String,
}

impl Finish {
    /// The end of a further passkey's making.
    pub(super) fn of(id: String, answer: &serde_json::Value, label: String) -> Self {
        Self {
            id,
            answer: answer.to_string(),
            label,
            next: String::new(),
        }
    }

    /// For the ceremonies of this browser.
    pub(super) fn given<'a>(&'a self, binding: &'a Binding) -> Given<'a> {
        Given {
            id: &self.id,
            binding,
            body: self.answer.as_bytes(),
            label: &self.label,
        }
    }
}

/// What our script is told at the beginning.
pub(super) fn begun(begun: &Begun) -> Response<Body> {
    super::json(&json!({"id": begun.id, "options": begun.options}))
}

impl Call<'_> {
    /// Who begins a ceremony.
    pub(super) fn browser(&self) -> Browser<'_> {
        Browser {
            binding: &self.browser,
            from: self.peer,
        }
    }

    /// The passkeys, if the portal's address can have any.
    pub(crate) fn passkeys(&self) -> Result<&holdfast_identity::passkeys::Passkeys, Rejection> {
        let passkeys = self.shared.identity.passkeys.as_ref();
        passkeys.map_err(|why| Rejection::Conflict(why.clone()))
    }
}

fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let value = serde_json::Value::deserialize(deserializer)?;
    Ok(value.to_string())
}
