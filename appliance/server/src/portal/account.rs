//! What is one's own: passkeys, the second factor, recovery codes, sessions. What could take the account over asks for a
//! sign-in of the last five minutes.

use std::sync::Arc;

use holdfast_audit::Timestamp;
use holdfast_identity::code::Code;
use holdfast_identity::passkeys::{self, Begun, FRESH};
use holdfast_identity::sessions::{Ended, Method, Session, SessionId, Which};
use holdfast_identity::totp::{self, Algorithm, SetUp, Standing};
use holdfast_identity::{Error, passwords, recovery};
use holdfast_policy::{Permit, UseAccount};
use holdfast_site::pages;
use http::StatusCode;
use serde_json::json;
use zeroize::Zeroizing;

use super::ceremony::{self, Finish};
use super::guard::Sent;
use super::route::Account as Route;
use super::{Answer, Call, Signed, form, password, see_other};
use crate::api;
use crate::identity::{Kernel, actor};
use crate::rejection::Rejection;

pub(super) async fn answer(
    permit: Permit<UseAccount>,
    call: &Call<'_>,
    signed: &Signed,
    route: Route,
    sent: &Sent,
) -> Answer {
    let holdfast_policy::Portal = permit.into_resource();
    let form = sent.form();
    let done = match route {
        Route::Page => return page(call, signed, None),
        Route::BeginPasskey => return Ok(ceremony::begun(&begin_passkey(call, signed)?)),
        Route::FinishPasskey => {
            finish_passkey(call, signed, &sent.json()?).await?;
            let next = format!("{}/account", call.base());
            return Ok(super::json(&json!({"next": next})));
        }
        Route::SetUpTotp => return set_up_totp(call, signed, form.get("algorithm")).await,
        Route::ConfirmTotp => return confirm_totp(call, signed, form.get("code")).await,
        Route::MakeCodes => return codes_page(call, signed).await,
        Route::RemovePasskey => remove_passkey(call, signed, form.get("passkey")).await,
        Route::RemoveTotp => remove_totp(call, signed).await,
        Route::SetPassword => password::set_by_form(call, signed, form).await,
        Route::RemovePassword => password::remove(call, signed).await,
        Route::EndSessions => end_listed(call, signed, form.get("session")).await,
    };
    match done {
        Ok(text) => page(call, signed, Some(pages::Told { good: true, text })),
        Err(Rejection::NotFresh) => step_up(call),
        Err(Rejection::Conflict(why) | Rejection::Refused(why)) => page(
            call,
            signed,
            Some(pages::Told {
                good: false,
                text: &why,
            }),
        ),
        Err(other) => Err(other),
    }
}

/// Off to a fresh proof, and back to the account: what was wanted is done by pressing once more, which the page says.
fn step_up(call: &Call<'_>) -> Answer {
    let own = format!("{}/account", call.base());
    see_other(&form::with_next(&format!("{}/step-up", call.base()), &own))
}

/// A time in milliseconds since 1970, by RFC 3339.
pub(super) fn stamp(millis: i64) -> String {
    Timestamp::from_unix_millis(millis)
        .map(|time| time.to_string())
        .unwrap_or_default()
}

fn page(call: &Call<'_>, signed: &Signed, told: Option<pages::Told<'_>>) -> Answer {
    let shared = call.shared;
    let person = signed.session.person;
    let snapshot = shared.store.snapshot()?;
    let passkeys = passkeys::list(&snapshot, person)?;
    let passkeys = passkeys.into_iter().map(|key| pages::PasskeyRow {
        id: data_encoding::HEXLOWER.encode(&key.id),
        label: key.label.clone(),
        made: stamp(key.made),
        used: stamp(key.used),
    });
    let sessions = session_rows(call, &snapshot, person, Some(signed.session.as_ref()))?;
    let account = pages::Account {
        passkeys: passkeys.collect(),
        most_passkeys: passkeys::MOST,
        totp: match totp::standing(&snapshot, person)? {
            Standing::None => pages::Generator::None,
            Standing::Good => pages::Generator::Good,
            Standing::Locked => pages::Generator::Locked,
        },
        password: passwords::is_set(&snapshot, person)?,
        passwords: shared.identity.passwords().is_ok(),
        codes: recovery::left(&snapshot, person)?,
        sessions,
        welcome: call.parts.uri.query() == Some("welcome"),
    };
    let refused = told.is_some_and(|told| !told.good);
    let status = if refused {
        StatusCode::CONFLICT
    } else {
        StatusCode::OK
    };
    call.page_with(status, told, |shell| pages::account(shell, &account))
}

/// A person's sessions as they are listed; `own` is the one that asks.
pub(super) fn session_rows(
    call: &Call<'_>,
    snapshot: &holdfast_store::Snapshot,
    person: holdfast_identity::PersonId,
    own: Option<&Session>,
) -> Result<Vec<pages::SessionRow>, Rejection> {
    let now = call.shared.moment();
    let wall = now.wall.unix_millis();
    let listed = call.shared.identity.sessions.list(snapshot, person, now)?;
    let ago = |age: std::time::Duration| {
        let age = i64::try_from(age.as_millis()).unwrap_or(i64::MAX);
        stamp(wall.saturating_sub(age))
    };
    let rows = listed
        .into_iter()
        .map(|(session, device)| pages::SessionRow {
            id: session.id.to_string(),
            device,
            made: ago(session.age_at(call.shared.identity.sessions.millis_of(now))),
            used: ago(session.idle_at(call.shared.identity.sessions.millis_of(now))),
            site: session.portal.is_some(),
            method: method(session.method()),
            own: own.is_some_and(|own| own.id == session.id),
        });
    Ok(rows.collect())
}

/// How a person signed in, in words.
pub(crate) fn method(method: Method) -> &'static str {
    match method {
        Method::Password => "password",
        Method::Recovery => "recovery code",
        Method::PasswordTotp => "password and one-time password",
        Method::Passkey => "passkey",
        Method::PasskeyTotp => "passkey and one-time password",
    }
}

pub(super) fn begin_passkey(call: &Call<'_>, signed: &Signed) -> Result<Begun, Rejection> {
    let snapshot = call.shared.store.snapshot()?;
    let now = call.shared.moment();
    let passkeys = call.passkeys()?;
    Ok(passkeys.begin_add(&snapshot, &Kernel, call.browser(), now, &signed.session)?)
}

pub(super) async fn finish_passkey(
    call: &Call<'_>,
    signed: &Signed,
    finish: &Finish,
) -> Result<(), Rejection> {
    let shared = call.shared;
    let given = finish.given(&call.browser);
    let act = shared.act_of(actor(&signed.session), call.context);
    let mut batch = holdfast_store::Batch::new();
    let passkeys = call.passkeys()?;
    let snapshot = shared.store.snapshot()?;
    // The ceremony is used up by this, so that it is not tried again on a conflict.
    passkeys.finish_add(
        &snapshot,
        &mut batch,
        &act,
        &Kernel,
        &signed.session,
        &given,
    )?;
    drop(snapshot);
    if let Err(error) = shared.store.commit(batch).await {
        if error.is_conflict() {
            let why = "Your account was changed at this moment, or another person has this passkey. Start again.";
            return Err(Rejection::Conflict(why.to_owned()));
        }
        return Err(error.into());
    }
    Ok(())
}

pub(super) async fn remove_passkey(
    call: &Call<'_>,
    signed: &Signed,
    id: &str,
) -> Result<&'static str, Rejection> {
    let shared = Arc::clone(call.shared);
    call.passkeys()?;
    let id = data_encoding::HEXLOWER.decode(id.as_bytes()).ok();
    let id: [u8; 8] = id.and_then(|id| id.try_into().ok()).ok_or_else(gone)?;
    let act = shared.act_of(actor(&signed.session), call.context);
    let session = Arc::clone(&signed.session);
    // Whoever holds the removed one may be signed in by it: both or neither, also when the client has gone.
    let which = Which::Others(session.person, session.id);
    let removed = api::detached(async move {
        let identity = &shared.identity;
        let passkeys = identity.passkeys.as_ref();
        let passkeys = passkeys.map_err(|why| Rejection::Conflict(why.clone()))?;
        let mut ended = Ended::default();
        let removed = shared.change(|snapshot, batch| {
            let removed = passkeys.remove(snapshot, batch, &act, &Kernel, &session, id);
            removed.map_err(|error| match error {
                Error::Refused => Error::NoPerson,
                error => error,
            })?;
            identity.sessions.end(batch, &act, which, &mut ended)
        });
        removed.await
    });
    match removed.await {
        Ok(()) => {}
        Err(Rejection::Refused(_)) => return Err(gone()),
        Err(other) => return Err(other),
    }
    Ok("The passkey was removed, and your other sessions have ended.")
}

fn gone() -> Rejection {
    Rejection::Conflict(
        "This passkey is not there any more. The list below is the one of now.".to_owned(),
    )
}

pub(super) fn fresh(signed: &Signed) -> Result<(), Error> {
    signed.session.require(Method::Recovery, FRESH)
}

async fn set_up_totp(call: &Call<'_>, signed: &Signed, algorithm: &str) -> Answer {
    match make_totp(call, signed, algorithm).await {
        Err(Rejection::NotFresh) => step_up(call),
        Ok(shown) => totp_page(call, Some(&shown), None),
        Err(Rejection::Conflict(_)) => {
            let text = "There is a generator already. Remove it first.";
            page(call, signed, Some(pages::Told { good: false, text }))
        }
        Err(other) => Err(other),
    }
}

/// A generator of one's own, which is good once a code of it was given.
pub(super) async fn make_totp(
    call: &Call<'_>,
    signed: &Signed,
    algorithm: &str,
) -> Result<SetUp, Rejection> {
    fresh(signed)?;
    let algorithm = match algorithm {
        "" => Algorithm::default(),
        "SHA1" => Algorithm::Sha1,
        "SHA256" => Algorithm::Sha256,
        "SHA512" => Algorithm::Sha512,
        _ => {
            let why = "A generator counts by SHA1, SHA256 or SHA512. Choose one of them.";
            return Err(Rejection::Refused(why.to_owned()));
        }
    };
    let shared = call.shared;
    let (person, issuer) = (signed.session.person, &shared.settings.portal.host);
    shared
        .change(|snapshot, batch| totp::set_up(snapshot, batch, &Kernel, person, issuer, algorithm))
        .await
}

fn totp_page(call: &Call<'_>, shown: Option<&SetUp>, told: Option<&str>) -> Answer {
    let told = told.map(|text| pages::Told { good: false, text });
    let status = if told.is_some() {
        StatusCode::FORBIDDEN
    } else {
        StatusCode::OK
    };
    let shown = shown.map(|shown| (shown.svg.as_str(), shown.secret.as_str()));
    call.page_with(status, told, |shell| pages::totp(shell, shown))
}

async fn confirm_totp(call: &Call<'_>, signed: &Signed, code: &str) -> Answer {
    match check_totp(call, signed, code).await {
        Err(Rejection::NotFresh) => step_up(call),
        Ok(()) => {
            let text = "The generator is set up.";
            page(call, signed, Some(pages::Told { good: true, text }))
        }
        Err(Rejection::NotProven(_)) => {
            let why = "This code is not the one that the generator shows now. Wait for the next one, and look at the clock of \
                the device.";
            totp_page(call, None, Some(why))
        }
        Err(other) => Err(other),
    }
}

/// Takes up the generator, if this is its code.
pub(super) async fn check_totp(
    call: &Call<'_>,
    signed: &Signed,
    code: &str,
) -> Result<(), Rejection> {
    fresh(signed)?;
    let shared = call.shared;
    let act = shared.act_of(actor(&signed.session), call.context);
    let person = signed.session.person;
    shared
        .change(|snapshot, batch| totp::confirm(snapshot, batch, &act, &Kernel, person, code))
        .await
}

pub(super) async fn remove_totp(
    call: &Call<'_>,
    signed: &Signed,
) -> Result<&'static str, Rejection> {
    fresh(signed)?;
    let shared = call.shared;
    let act = shared.act_of(actor(&signed.session), call.context);
    shared
        .change(|_, batch| totp::remove(batch, &act, signed.session.person))
        .await?;
    Ok("The generator was removed.")
}

async fn codes_page(call: &Call<'_>, signed: &Signed) -> Answer {
    match make_codes(call, signed).await {
        Ok(codes) => call.page(|shell| pages::codes(shell, codes.iter().map(|code| code.as_str()))),
        Err(Rejection::NotFresh) => step_up(call),
        Err(other) => Err(other),
    }
}

/// New recovery codes as people read them.
pub(super) async fn make_codes(
    call: &Call<'_>,
    signed: &Signed,
) -> Result<Vec<Zeroizing<String>>, Rejection> {
    fresh(signed)?;
    let shared = call.shared;
    let act = shared.act_of(actor(&signed.session), call.context);
    let person = signed.session.person;
    let codes = shared
        .change(|snapshot, batch| {
            let recovery = &shared.identity.recovery;
            recovery.make(snapshot, batch, &act, &Kernel, person)
        })
        .await?;
    Ok(codes.iter().map(Code::to_groups).collect())
}

/// One of one's own, or all others.
async fn end_listed(
    call: &Call<'_>,
    signed: &Signed,
    which: &str,
) -> Result<&'static str, Rejection> {
    let (person, own) = (signed.session.person, signed.session.id);
    let (which, text) = match which {
        "others" => (Which::Others(person, own), "All other sessions have ended."),
        one => {
            let one = SessionId::parse(one).ok_or_else(|| {
                Rejection::Conflict("This session is not there any more.".to_owned())
            })?;
            (Which::One(person, one), "The session has ended.")
        }
    };
    end_sessions(call, signed, which).await?;
    Ok(text)
}

/// Ends sessions of one's own.
pub(super) async fn end_sessions(
    call: &Call<'_>,
    signed: &Signed,
    which: Which,
) -> Result<usize, Rejection> {
    let shared = call.shared;
    let act = shared.act_of(actor(&signed.session), call.context);
    shared.end_sessions(&act, which).await
}
