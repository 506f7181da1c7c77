//! What all ceremonies of a portal share.

use holdfast_store::{Batch, Snapshot};
use serde::de::DeserializeOwned;
use serde_json::Value;
use webauthn_rs::prelude::{Url, Webauthn, WebauthnBuilder};

use super::binding::{Binding, Browser};
use super::ceremonies::{Ceremonies, LIFETIME, Purpose};
use super::decoys;
use super::store::{self, Found, Passkey};
use crate::people::{self, PersonId};
use crate::personal::PersonKey;
use crate::secrets::Secret;
use crate::{Error, Moment, Random};

/// The longest answer of a browser, in bytes.
pub const LONGEST_ANSWER: usize = 16 << 10;

/// All that is about passkeys.
pub struct Passkeys {
    pub(super) webauthn: Webauthn,
    pub(super) secret: Secret,
    pub(super) ceremonies: Ceremonies,
}

/// A ceremony for the browser.
#[derive(Clone, Debug)]
pub struct Begun {
    /// To be sent back with the browser's answer.
    pub id: String,
    /// What `navigator.credentials` takes: `{"publicKey": …}`, with `mediation` for autofill.
    pub options: Value,
}

/// What a browser answers to a ceremony.
#[derive(Clone, Copy, Debug)]
pub struct Answer<'a> {
    /// The ceremony's id.
    pub id: &'a str,
    /// The browser's binding, from its cookie.
    pub binding: &'a Binding,
    /// `PublicKeyCredential.toJSON()`, at most [`LONGEST_ANSWER`] bytes.
    pub body: &'a [u8],
    /// The name for a new passkey; not looked at in a sign-in.
    pub label: &'a str,
}

impl Passkeys {
    /// Passkeys of a portal. `origin` is its address, `https://HOST` with the port if it is not 443; the host is the RP id:
    /// **another host later means that all passkeys are lost.** `name` is shown by authenticators.
    ///
    /// # Errors
    /// [`Error::Origin`], [`Error::Store`], [`Error::Random`].
    pub fn open(
        snapshot: &Snapshot,
        batch: &mut Batch,
        random: &impl Random,
        origin: &str,
        name: &str,
    ) -> Result<Self, Error> {
        let wrong = || Error::Origin(origin.escape_debug().to_string());
        let url = Url::parse(origin).map_err(|_| wrong())?;
        let host = url
            .domain()
            .filter(|_| url.scheme() == "https")
            .ok_or_else(wrong)?;
        let webauthn = WebauthnBuilder::new(host, &url)
            .and_then(|builder| builder.rp_name(name).timeout(LIFETIME).build())
            .map_err(|_| wrong())?;
        let secret = Secret::load(snapshot, batch, random, "decoys")?;
        if matches!(
            PersonKey::find(snapshot, people::NOBODY),
            Err(Error::NoPerson)
        ) {
            let key = PersonKey::make(people::NOBODY, random, batch)?;
            let found = Found {
                keys: vec![Passkey {
                    id: [0; 8],
                    label: "nobody's".to_owned(),
                    made: 0,
                    used: 0,
                    aaguid: [0; 16],
                    attested: false,
                    discoverable: None,
                    credential: decoys::credential(&[0; 32])?,
                }],
                key,
                revision: None,
            };
            store::write(batch, random, people::NOBODY, &found)?;
        }
        Ok(Self {
            webauthn,
            secret,
            ceremonies: Ceremonies::default(),
        })
    }

    /// Ceremonies that are under way.
    #[must_use]
    pub fn under_way(&self) -> usize {
        self.ceremonies.len()
    }

    pub(super) fn begun(
        &self,
        purpose: Purpose,
        options: Value,
        random: &impl Random,
        browser: Browser<'_>,
        now: Moment,
    ) -> Result<Begun, Error> {
        let id = self
            .ceremonies
            .begin(purpose, browser, random, now.monotonic)?;
        Ok(Begun { id, options })
    }

    pub(super) fn take(&self, answer: &Answer<'_>, now: Moment) -> Result<Purpose, Error> {
        self.ceremonies
            .take(answer.id, answer.binding, now.monotonic)
    }
}

/// A person's passkeys.
///
/// # Errors
/// [`Error::NoPerson`], [`Error::Sealed`], [`Error::Store`].
pub fn list(snapshot: &Snapshot, person: PersonId) -> Result<Vec<Passkey>, Error> {
    Ok(store::read(snapshot, person)?.keys)
}

pub(super) fn ids(keys: &[Passkey]) -> Vec<Vec<u8>> {
    keys.iter()
        .map(|key| key.credential.cred_id().to_vec())
        .collect()
}

pub(super) fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Error> {
    if body.len() > LONGEST_ANSWER {
        return Err(Error::Refused);
    }
    serde_json::from_slice(body).map_err(|_| Error::Refused)
}
