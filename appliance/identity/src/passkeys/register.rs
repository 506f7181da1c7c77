//! New passkeys, and those that go.

use std::time::Duration;

use holdfast_audit::Kind;
use holdfast_store::{Batch, Snapshot};
use serde_json::{Value, json};
use webauthn_rs::prelude::{PasskeyRegistration, RegisterPublicKeyCredential};

use super::binding::Browser;
use super::ceremonies::Purpose;
use super::portal::{Answer, Begun, Passkeys, ids, parse};
use super::store::{self, Found, MOST, Passkey};
use crate::code::Code;
use crate::people::{self, Name, PersonId};
use crate::sessions::{Method, Session};
use crate::{Act, Error, Moment, Random, invites, recovery};

/// How fresh a sign-in must be for adding or removing a passkey.
pub const FRESH: Duration = Duration::from_secs(5 * 60);

impl Passkeys {
    /// Begins to become a person by an invite.
    ///
    /// # Errors
    /// [`Error::Invite`], [`Error::NameTaken`], [`Error::Store`], [`Error::Random`].
    pub fn begin_join(
        &self,
        snapshot: &Snapshot,
        random: &impl Random,
        browser: Browser<'_>,
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
        self.begun(purpose, options, random, browser, now)
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
        browser: Browser<'_>,
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
        self.begun(purpose, options, random, browser, now)
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
        // A ceremony lives for minutes; the proof is asked for when the passkey comes.
        session.require(Method::Recovery, FRESH)?;
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
}

/// The model of the authenticator: bytes 37 to 52 of the authenticator data (Web Authentication, section 6.1), which the
/// library has verified and does not hand out.
pub(super) fn aaguid(attestation: &[u8]) -> Option<[u8; 16]> {
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
