//! Passkeys (W3C Web Authentication, level 3).
//!
//! ```text
//! begin_… → id and options for the browser → what the browser answers → finish_… / prove
//! ```
//!
//! A ceremony lives in memory alone, for five minutes, is good once, and only for the browser that began it ([`Binding`]).
//! User verification is required of each.
//!
//! | Sign-in | Options |
//! |---|---|
//! | [`How::Autofill`] | any discoverable passkey, conditional mediation |
//! | [`How::Button`] | any discoverable passkey, none |
//! | [`How::Name`] | eight credentials, the person's own and decoys; of an unknown name decoys alone |
//! | [`How::Person`] | the person's own: a step-up |
//!
//! A sign-in by name does the same reads, hashes and signature checks for a name that is known and one that is not: where there
//! is nobody, a decoy person's record is read, and a decoy's signature checked.
//!
//! After [`Passkeys::prove`] comes [`Passkeys::record`], into the batch of [`Sessions::begin`](crate::sessions::Sessions::begin)
//! or [`renew`](crate::sessions::Sessions::renew). On a conflict those two are repeated with a new snapshot; the proof stays.

mod ceremonies;
mod decoys;
mod store;

use std::time::Duration;

use data_encoding::BASE64URL_NOPAD;
use holdfast_audit::{Kind, Outcome};
use holdfast_store::{Batch, Snapshot};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use webauthn_rs::prelude::{
    AuthenticationResult, DiscoverableAuthentication, DiscoverableKey, PasskeyRegistration,
    PublicKeyCredential, RegisterPublicKeyCredential, Url, Webauthn, WebauthnBuilder,
    WebauthnError,
};

pub use ceremonies::{Binding, LIFETIME, PLACES};
pub(crate) use store::delete;
pub use store::{MOST, Passkey};

use crate::code::Code;
use crate::people::{self, Name, PersonId};
use crate::personal::PersonKey;
use crate::secrets::Secret;
use crate::sessions::{Method, Session};
use crate::{Act, Error, Moment, Random, invites, recovery};
use ceremonies::{Ceremonies, Purpose};
use store::Found;

/// The longest answer of a browser, in bytes.
pub const LONGEST_ANSWER: usize = 16 << 10;
/// How fresh a sign-in must be for adding or removing a passkey.
pub const FRESH: Duration = Duration::from_secs(5 * 60);

/// All that is about passkeys.
pub struct Passkeys {
    webauthn: Webauthn,
    secret: Secret,
    ceremonies: Ceremonies,
}

/// A ceremony for the browser.
#[derive(Clone, Debug)]
pub struct Begun {
    /// To be sent back with the browser's answer.
    pub id: String,
    /// What `navigator.credentials` takes: `{"publicKey": …}`, with `mediation` for autofill.
    pub options: Value,
}

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
    result: AuthenticationResult,
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

    /// Begins to become a person by an invite.
    ///
    /// # Errors
    /// [`Error::Invite`], [`Error::NameTaken`], [`Error::Store`], [`Error::Random`].
    pub fn begin_join(
        &self,
        snapshot: &Snapshot,
        random: &impl Random,
        binding: &Binding,
        now: Moment,
        code: &Code,
        name: &Name,
    ) -> Result<Begun, Error> {
        invites::find(snapshot, code, now.wall.unix_millis())?;
        if people::by_name(snapshot, name)?.is_some() {
            return Err(Error::NameTaken);
        }
        let person = PersonId::fresh(random)?;
        let (state, options) = self.registration(person, name, Vec::new())?;
        let purpose = Purpose::Join {
            code: code.clone(),
            person,
            name: name.clone(),
            state,
        };
        self.begun(purpose, options, random, binding, now)
    }

    /// Ends it: the person, the first passkey, and the invite used up, in one batch.
    ///
    /// # Errors
    /// [`Error::Ceremony`], [`Error::Refused`], [`Error::NotDiscoverable`], [`Error::Label`], [`Error::Invite`],
    /// [`Error::NameTaken`], [`Error::Store`], [`Error::Random`]. The ceremony is used up in any case.
    pub fn finish_join(
        &self,
        snapshot: &Snapshot,
        batch: &mut Batch,
        act: &Act,
        random: &impl Random,
        answer: &Answer<'_>,
    ) -> Result<PersonId, Error> {
        let taken = self.take(answer, act.now)?;
        let Purpose::Join {
            code,
            person,
            name,
            state,
        } = taken
        else {
            return Err(Error::Ceremony);
        };
        let passkey = self.registered(act, random, answer, &state)?;
        let key = invites::redeem(snapshot, batch, act, random, &code, person, &name)?;
        store::own(batch, person, passkey.credential.cred_id())?;
        let found = Found {
            keys: vec![passkey],
            key,
            revision: None,
        };
        store::write(batch, random, person, &found)?;
        act.done(batch, Kind::PasskeyAdded, person.to_string())?;
        Ok(person)
    }

    /// Begins to add a passkey to the session's person.
    ///
    /// # Errors
    /// [`Error::NotFresh`] if the last proof is older than [`FRESH`] or a password alone, [`Error::TooMany`],
    /// [`Error::NoPerson`], [`Error::Store`], [`Error::Random`].
    pub fn begin_add(
        &self,
        snapshot: &Snapshot,
        random: &impl Random,
        binding: &Binding,
        now: Moment,
        session: &Session,
    ) -> Result<Begun, Error> {
        session.require(Method::Recovery, FRESH)?;
        let person = people::find(snapshot, session.person)?;
        let found = store::read(snapshot, person.id)?;
        if found.keys.len() >= MOST {
            return Err(Error::TooMany(MOST));
        }
        let own = ids(&found.keys);
        let (state, options) = self.registration(person.id, &person.name, own)?;
        let purpose = Purpose::Add {
            person: person.id,
            state,
        };
        self.begun(purpose, options, random, binding, now)
    }

    /// Ends it.
    ///
    /// # Errors
    /// As [`Passkeys::finish_join`], and [`Error::TooMany`].
    pub fn finish_add(
        &self,
        snapshot: &Snapshot,
        batch: &mut Batch,
        act: &Act,
        random: &impl Random,
        session: &Session,
        answer: &Answer<'_>,
    ) -> Result<(), Error> {
        let Purpose::Add { person, state } = self.take(answer, act.now)? else {
            return Err(Error::Ceremony);
        };
        if person != session.person {
            return Err(Error::Ceremony);
        }
        let passkey = self.registered(act, random, answer, &state)?;
        let mut found = store::read(snapshot, person)?;
        if found.keys.len() >= MOST {
            return Err(Error::TooMany(MOST));
        }
        people::expect_unchanged(snapshot, batch, person)?;
        store::own(batch, person, passkey.credential.cred_id())?;
        found.keys.push(passkey);
        store::write(batch, random, person, &found)?;
        act.done(batch, Kind::PasskeyAdded, person.to_string())
    }

    /// Begins a sign-in.
    ///
    /// # Errors
    /// [`Error::NoPerson`] for [`How::Person`] alone, [`Error::Store`], [`Error::Random`].
    pub fn begin_sign_in(
        &self,
        snapshot: &Snapshot,
        random: &impl Random,
        binding: &Binding,
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
                    state,
                }
            }
            How::Person(person) => {
                allow(&mut options, &ids(&store::read(snapshot, person)?.keys));
                Purpose::SignInAs {
                    person: Some(person),
                    state,
                }
            }
        };
        self.begun(purpose, options, random, binding, now)
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
            Purpose::SignInAs { person, state } => (
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

    /// Removes one of the session's person's passkeys. End their other sessions with it if it was lost.
    ///
    /// # Errors
    /// [`Error::NotFresh`], [`Error::LastWayIn`] if it is the last and no recovery code is left, [`Error::Refused`] if there is
    /// none of this number, [`Error::Store`], [`Error::Random`].
    pub fn remove(
        &self,
        snapshot: &Snapshot,
        batch: &mut Batch,
        act: &Act,
        random: &impl Random,
        session: &Session,
        passkey: [u8; 8],
    ) -> Result<(), Error> {
        session.require(Method::Recovery, FRESH)?;
        let person = session.person;
        let mut found = store::read(snapshot, person)?;
        let at = found.keys.iter().position(|key| key.id == passkey);
        let removed = found.keys.remove(at.ok_or(Error::Refused)?);
        if found.keys.is_empty() {
            if recovery::left(snapshot, person)? == 0 {
                return Err(Error::LastWayIn);
            }
            recovery::expect_unchanged(snapshot, batch, person)?;
        }
        store::disown(batch, removed.credential.cred_id());
        store::write(batch, random, person, &found)?;
        act.done(batch, Kind::PasskeyRemoved, person.to_string())
    }

    /// Ceremonies that are under way.
    #[must_use]
    pub fn under_way(&self) -> usize {
        self.ceremonies.len()
    }

    fn registration(
        &self,
        person: PersonId,
        name: &Name,
        own: Vec<Vec<u8>>,
    ) -> Result<(PasskeyRegistration, Value), Error> {
        let (challenge, state) = self
            .webauthn
            .start_passkey_registration(person.uuid(), name.as_str(), name.as_str(), Some(own))
            .map_err(|_| Error::Random)?;
        let mut options = serde_json::to_value(&challenge).map_err(|_| Error::Refused)?;
        // The library asks for keys that need not be discoverable.
        if let Some(selection) = options.pointer_mut("/publicKey/authenticatorSelection") {
            *selection = json!({
                "residentKey": "required",
                "requireResidentKey": true,
                "userVerification": "required",
            });
        }
        Ok((state, options))
    }

    fn registered(
        &self,
        act: &Act,
        random: &impl Random,
        answer: &Answer<'_>,
        state: &PasskeyRegistration,
    ) -> Result<Passkey, Error> {
        let response: RegisterPublicKeyCredential = parse(answer.body)?;
        let label = answer.label.trim();
        if !(1..=64).contains(&label.chars().count()) || label.chars().any(char::is_control) {
            return Err(Error::Label);
        }
        let discoverable = response
            .extensions
            .cred_props
            .as_ref()
            .and_then(|props| props.rk);
        if discoverable == Some(false) {
            return Err(Error::NotDiscoverable);
        }
        let credential = self
            .webauthn
            .finish_passkey_registration(&response, state)
            .map_err(|_| Error::Refused)?;
        Ok(Passkey {
            id: random.array()?,
            label: label.to_owned(),
            made: act.millis(),
            used: act.millis(),
            aaguid: aaguid(&response.response.attestation_object).unwrap_or_default(),
            attested: false,
            discoverable,
            credential,
        })
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

    fn begun(
        &self,
        purpose: Purpose,
        options: Value,
        random: &impl Random,
        binding: &Binding,
        now: Moment,
    ) -> Result<Begun, Error> {
        let id = self
            .ceremonies
            .begin(purpose, binding, random, now.monotonic)?;
        Ok(Begun { id, options })
    }

    fn take(&self, answer: &Answer<'_>, now: Moment) -> Result<Purpose, Error> {
        self.ceremonies
            .take(answer.id, answer.binding, now.monotonic)
    }
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

/// A person's passkeys.
///
/// # Errors
/// [`Error::NoPerson`], [`Error::Sealed`], [`Error::Store`].
pub fn list(snapshot: &Snapshot, person: PersonId) -> Result<Vec<Passkey>, Error> {
    Ok(store::read(snapshot, person)?.keys)
}

fn ids(keys: &[Passkey]) -> Vec<Vec<u8>> {
    keys.iter()
        .map(|key| key.credential.cred_id().to_vec())
        .collect()
}

fn allow(options: &mut Value, ids: &[Vec<u8>]) {
    let all = ids
        .iter()
        .map(|id| json!({"type": "public-key", "id": BASE64URL_NOPAD.encode(id)}));
    if let Some(list) = options.pointer_mut("/publicKey/allowCredentials") {
        *list = all.collect();
    }
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Error> {
    if body.len() > LONGEST_ANSWER {
        return Err(Error::Refused);
    }
    serde_json::from_slice(body).map_err(|_| Error::Refused)
}

/// The model of the authenticator: bytes 37 to 52 of the authenticator data (Web Authentication, section 6.1), which the
/// library has verified and does not hand out.
fn aaguid(attestation: &[u8]) -> Option<[u8; 16]> {
    #[derive(serde::Deserialize)]
    struct Object {
        #[serde(rename = "authData")]
        data: serde_cbor_2::Value,
    }
    let object: Object = serde_cbor_2::from_slice(attestation).ok()?;
    let serde_cbor_2::Value::Bytes(data) = object.data else {
        return None;
    };
    data.get(37..53)?.try_into().ok()
}
