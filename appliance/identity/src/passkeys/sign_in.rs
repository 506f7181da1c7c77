//! Signing in by a passkey.

use data_encoding::BASE64URL_NOPAD;
use holdfast_audit::{Kind, Outcome};
use holdfast_store::{Batch, Snapshot};
use serde_json::{Value, json};
use webauthn_rs::prelude::{
    AuthenticationResult, DiscoverableAuthentication, DiscoverableKey, PublicKeyCredential,
    WebauthnError,
};
use zeroize::Zeroizing;

use super::binding::Browser;
use super::ceremonies::Purpose;
use super::portal::{Answer, Begun, Passkeys, ids, parse};
use super::{decoys, store};
use crate::people::{self, PersonId};
use crate::{Act, Error, Moment, Random};

/// How a sign-in begins.
#[derive(Clone, Copy, Debug)]
pub enum How<'a> {
    /// As the page is shown, for the form's autofill.
    Autofill,
    /// By a button.
    Button,
    /// By a name as it was typed.
    Name(&'a str),
    /// By a person who is signed in already.
    Person(PersonId),
}

/// What was proved by a passkey.
#[derive(Debug)]
pub struct Proven {
    /// By whom.
    pub person: PersonId,
    /// The number of the passkey.
    pub passkey: [u8; 8],
    /// The model that it says it is of; all zero if it does not. Only a claim, unless attested.
    pub aaguid: [u8; 16],
    /// Whether the maker vouches for the model.
    pub attested: bool,
    result: AuthenticationResult,
}

impl Passkeys {
    /// Begins a sign-in.
    ///
    /// # Errors
    /// [`Error::NoPerson`] for [`How::Person`] alone, [`Error::Store`], [`Error::Random`].
    pub fn begin_sign_in(
        &self,
        snapshot: &Snapshot,
        random: &impl Random,
        browser: Browser<'_>,
        now: Moment,
        how: How<'_>,
    ) -> Result<Begun, Error> {
        let (challenge, state) = self
            .webauthn
            .start_discoverable_authentication()
            .map_err(|_| Error::Random)?;
        let mut options = serde_json::to_value(&challenge).map_err(|_| Error::Refused)?;
        if !matches!(how, How::Autofill) {
            options.as_object_mut().map(|all| all.remove("mediation"));
        }
        let purpose = match how {
            How::Autofill | How::Button => Purpose::SignIn { state },
            How::Name(typed) => {
                let (name, key) = decoys::key(typed);
                let known = name.map_or(Ok(None), |name| people::by_name(snapshot, &name))?;
                let found = store::read(snapshot, known.unwrap_or(people::NOBODY))?;
                let own = if known.is_some() {
                    ids(&found.keys)
                } else {
                    Vec::new()
                };
                allow(&mut options, &decoys::list(&self.secret, &key, own));
                Purpose::SignInAs {
                    person: known,
                    typed: Some(Zeroizing::new(key)),
                    state,
                }
            }
            How::Person(person) => {
                allow(&mut options, &ids(&store::read(snapshot, person)?.keys));
                Purpose::SignInAs {
                    person: Some(person),
                    typed: None,
                    state,
                }
            }
        };
        self.begun(purpose, options, random, browser, now)
    }

    /// The name by which this sign-in has begun, for whose tries it counts; of the browser that began it alone.
    #[must_use]
    pub fn typed(&self, answer: &Answer<'_>) -> Option<Zeroizing<String>> {
        self.ceremonies.typed(answer.id, answer.binding)
    }

    /// Checks what the browser answered to a sign-in. Nothing is stored yet; a disabled person is refused by
    /// [`Sessions::begin`](crate::sessions::Sessions::begin).
    ///
    /// # Errors
    /// [`Error::Ceremony`], [`Error::Refused`]; [`Error::Recorded`] if the signature counter went back: commit the batch and
    /// refuse. [`Error::Store`]. The ceremony is used up in any case.
    pub fn prove(
        &self,
        snapshot: &Snapshot,
        batch: &mut Batch,
        act: &Act,
        answer: &Answer<'_>,
    ) -> Result<Proven, Error> {
        let purpose = self.take(answer, act.now)?;
        let response: PublicKeyCredential = parse(answer.body)?;
        let handle = response.get_user_unique_id();
        let claimed = handle.and_then(PersonId::from_handle);
        let (person, state) = match purpose {
            Purpose::SignIn { state } => (claimed, state),
            // Some authenticators send no handle for a credential that was named; one that is sent must fit.
            Purpose::SignInAs { person, state, .. } => (
                person.filter(|_| handle.is_none() || claimed == person),
                state,
            ),
            Purpose::Join { .. } | Purpose::Add { .. } => return Err(Error::Ceremony),
        };
        let found = match store::read(snapshot, person.unwrap_or(people::NOBODY)) {
            Err(Error::NoPerson) => store::read(snapshot, people::NOBODY)?,
            found => found?,
        };
        let id = response.get_credential_id();
        let known = found
            .keys
            .iter()
            .find(|key| key.credential.cred_id().as_slice() == id);
        let known = person.filter(|person| *person != people::NOBODY).zip(known);
        let decoy = decoys::credential(id)?;
        let key = known.map_or(&decoy, |(_, key)| &key.credential);
        let result = self.verify(&response, state, &DiscoverableKey::from(key));
        let (person, key) = known.ok_or(Error::Refused)?;
        match result {
            Ok(result) if result.user_verified() => Ok(Proven {
                person,
                passkey: key.id,
                aaguid: key.aaguid,
                attested: key.attested,
                result,
            }),
            Err(WebauthnError::CredentialPossibleCompromise) => {
                let who = format!("{person} {}", data_encoding::HEXLOWER.encode(&key.id));
                act.record(batch, Kind::PasskeyCounterBack, who, Outcome::Refused)?;
                Err(Error::Recorded)
            }
            _ => Err(Error::Refused),
        }
    }

    /// Notes the use of a passkey: its time and counter.
    ///
    /// # Errors
    /// [`Error::Refused`] if the passkey was removed meanwhile, [`Error::Store`], [`Error::Random`].
    pub fn record(
        &self,
        snapshot: &Snapshot,
        batch: &mut Batch,
        act: &Act,
        random: &impl Random,
        proven: &Proven,
    ) -> Result<(), Error> {
        let mut found = store::read(snapshot, proven.person)?;
        let mut keys = found.keys.iter_mut();
        let key = keys
            .find(|key| key.id == proven.passkey)
            .ok_or(Error::Refused)?;
        key.credential
            .update_credential(&proven.result)
            .ok_or(Error::Refused)?;
        key.used = act.millis();
        store::write(batch, random, proven.person, &found)
    }

    #[allow(
        deprecated,
        reason = "the newer call wants the library's inner types, behind a feature named danger"
    )]
    fn verify(
        &self,
        response: &PublicKeyCredential,
        state: DiscoverableAuthentication,
        key: &DiscoverableKey,
    ) -> Result<AuthenticationResult, WebauthnError> {
        #[cfg(test)]
        crate::work::checks();
        let keys = std::slice::from_ref(key);
        self.webauthn
            .finish_discoverable_authentication(response, state, keys)
    }
}

fn allow(options: &mut Value, ids: &[Vec<u8>]) {
    let all = ids
        .iter()
        .map(|id| json!({"type": "public-key", "id": BASE64URL_NOPAD.encode(id)}));
    if let Some(list) = options.pointer_mut("/publicKey/allowCredentials") {
        *list = all.collect();
    }
}
