//! Signing in: by autofill, by button or by name; by a recovery code; once more; and out.

use holdfast_audit::Kind;
use holdfast_identity::code::Code;
use holdfast_identity::passkeys::{Answer as Given, How, Proven};
use holdfast_identity::people::{self, Name};
use holdfast_identity::sessions::{Method, New, Pending, Which};
use holdfast_identity::{Error, totp};
use holdfast_policy::{Permit, SignIn};
use holdfast_site::pages;
use http::StatusCode;
use serde::Deserialize;
use serde_json::json;
use zeroize::Zeroizing;

use super::form::{self, Form};
use super::guard::Sent;
use super::route::SignIn as Route;
use super::{Answer, Call, Signed, cookie, password, see_other};
use crate::identity::{Kernel, actor, stranger};
use crate::rejection::Rejection;

/// What our script asks at the beginning.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", tag = "how")]
enum Begin {
    Autofill,
    Button,
    Name { name: Zeroizing<String> },
    StepUp,
}

/// What our script brings at the end.
#[derive(Deserialize)]
struct Finish {
    id: String,
    /// `PublicKeyCredential.toJSON()`.
    answer: serde_json::Value,
    /// The name that was typed, if one was.
    #[serde(default)]
    name: Zeroizing<String>,
    #[serde(default)]
    next: String,
}

pub(super) async fn answer(
    permit: Permit<SignIn>,
    call: &Call<'_>,
    route: Route,
    sent: &Sent,
) -> Answer {
    let holdfast_policy::Portal = permit.into_resource();
    let posted = call.parts.method == http::Method::POST;
    match route {
        Route::Begin => begin(call, &sent.json()?),
        Route::Finish => finish(call, sent.json()?).await,
        Route::Recover if posted => recover(call, sent.form()).await,
        Route::Recover => recover_page(call, None, &query(call)),
        Route::Password if posted => password::sign_in(call, sent.form()).await,
        Route::Password => password::page(call, None, &query(call)),
        Route::StepUp => step_up_page(call),
        Route::SecondFactor if posted => second_factor(call, sent.form()).await,
        Route::SecondFactor => second_factor_page(call, None, &query(call)),
        Route::SignOut => sign_out(call).await,
        _ => page(call),
    }
}

/// The query of the request.
pub(super) fn query(call: &Call<'_>) -> Form {
    Form::parse(call.parts.uri.query().unwrap_or_default().as_bytes())
}

/// Where to go after a sign-in.
pub(super) fn next(call: &Call<'_>, form: &Form) -> String {
    let own = || format!("{}/account", call.base());
    form.next().map_or_else(own, str::to_owned)
}

fn page(call: &Call<'_>) -> Answer {
    let next = next(call, &query(call));
    let why = call.shared.identity.passkeys.as_ref().err();
    let passwords = call.shared.identity.passwords().is_ok();
    call.page(|shell| pages::sign_in(shell, &next, why.map(String::as_str), passwords))
}

fn step_up_page(call: &Call<'_>) -> Answer {
    let next = next(call, &query(call));
    if call.signed.is_none() {
        return see_other(&form::with_next(&format!("{}/sign-in", call.base()), &next));
    }
    call.page(|shell| pages::step_up(shell, &next))
}

/// Options for the browser.
fn begin(call: &Call<'_>, begin: &Begin) -> Answer {
    let shared = call.shared;
    let snapshot = shared.store.snapshot()?;
    let how = match begin {
        Begin::Autofill => How::Autofill,
        Begin::Button => How::Button,
        Begin::Name { name } => {
            let failures = &shared.identity.failures;
            failures.check(call.peer, name, shared.clock.monotonic())?;
            How::Name(name)
        }
        Begin::StepUp => {
            let signed = call.signed.as_ref().ok_or(Rejection::SignedOut)?;
            How::Person(signed.session.person)
        }
    };
    let passkeys = call.passkeys()?;
    let begun = passkeys.begin_sign_in(&snapshot, &Kernel, &call.browser, shared.moment(), how)?;
    Ok(super::json(
        &json!({"id": begun.id, "options": begun.options}),
    ))
}

/// The browser's proof: a new session, or a fresh proof in the one there is.
async fn finish(call: &Call<'_>, finish: Finish) -> Answer {
    let shared = call.shared;
    let body = finish.answer.to_string();
    let given = Given {
        id: &finish.id,
        binding: &call.browser,
        body: body.as_bytes(),
        label: "",
    };
    let name = finish.name.as_str();
    if !name.is_empty() {
        shared
            .identity
            .failures
            .check(call.peer, name, shared.clock.monotonic())?;
    }
    let passkeys = call.passkeys()?;
    let act = shared.act_of(stranger(call.peer), call.context);
    // The ceremony is used up by the first look, so this is done once, whatever others do meanwhile.
    let mut batch = holdfast_store::Batch::new();
    let proven = passkeys.prove(&shared.store.snapshot()?, &mut batch, &act, &given);
    if !batch.is_empty() {
        shared.store.commit(batch).await?;
    }
    let proven = match proven {
        Ok(proven) => proven,
        Err(error) => return Err(refused(call, name, error).await),
    };
    let token = proved(call, &proven).await;
    let token = match token {
        Ok(token) => token,
        // Disabled, or removed meanwhile: no other answer than to a wrong proof.
        Err(Rejection::NotProven(_)) => return Err(refused(call, name, Error::Refused).await),
        Err(other) => return Err(other),
    };
    if !name.is_empty() {
        shared.identity.failures.succeeded(call.peer, name);
    }
    let own = format!("{}/account", call.base());
    let next = Some(finish.next)
        .filter(|next| form::is_path(next))
        .unwrap_or(own);
    let mut response = super::json(&json!({"next": next}));
    Signed::set(&mut response, &token)?;
    Ok(response)
}

/// A session by this proof: the present one renewed, if it is the same person's.
async fn proved(
    call: &Call<'_>,
    proven: &Proven,
) -> Result<holdfast_identity::sessions::Token, Rejection> {
    let shared = call.shared;
    let sessions = &shared.identity.sessions;
    let own = call
        .signed
        .as_ref()
        .filter(|signed| signed.session.person == proven.person);
    let passkeys = call.passkeys()?;
    let device = call.device();
    let pending = shared
        .change(|snapshot, batch| {
            let who = holdfast_audit::Actor::Person(proven.person.to_string());
            let act = shared.act_of(who, call.context);
            passkeys.record(snapshot, batch, &act, &Kernel, proven)?;
            match own {
                Some(own) => {
                    sessions.renew(snapshot, batch, &act, &Kernel, &own.token, Method::Passkey)
                }
                None => {
                    let new = New {
                        person: proven.person,
                        portal: None,
                        method: Method::Passkey,
                        device: &device,
                    };
                    sessions.begin(snapshot, batch, &act, &Kernel, new)
                }
            }
        })
        .await?;
    admitted(call, pending)
}

pub(super) fn admitted(
    call: &Call<'_>,
    pending: Pending,
) -> Result<holdfast_identity::sessions::Token, Rejection> {
    let token = call.shared.identity.sessions.admit(pending);
    token.ok_or_else(|| {
        Rejection::Conflict("Your sessions were ended at this moment. Sign in again.".to_owned())
    })
}

/// Counts and records what was refused.
pub(super) async fn refused(call: &Call<'_>, name: &str, error: Error) -> Rejection {
    if !matches!(error, Error::Refused | Error::Recorded | Error::Ceremony) {
        return error.into();
    }
    let shared = call.shared;
    let act = shared.act_of(stranger(call.peer), call.context);
    let counted = shared.change(|_, batch| {
        if !name.is_empty() {
            shared
                .identity
                .failures
                .failed(batch, &act, call.peer, name)?;
        }
        Ok(())
    });
    match counted.await {
        Ok(()) => {
            let _ = shared.refused_sign_in(call).await;
            error.into()
        }
        Err(other) => other,
    }
}

/// The page with what `form` has typed and where it leads; never a code.
fn recover_page(call: &Call<'_>, told: Option<&str>, form: &Form) -> Answer {
    let (next, name) = (next(call, form), form.get("name"));
    let status = if told.is_some() {
        StatusCode::FORBIDDEN
    } else {
        StatusCode::OK
    };
    let told = told.map(|text| pages::Told { good: false, text });
    call.page_with(status, told, |shell| pages::recover(shell, &next, name))
}

/// A recovery code and a name: a session that can make a new passkey.
async fn recover(call: &Call<'_>, form: &Form) -> Answer {
    const WRONG: &str = "This name and this code do not belong together, or the code was used before. Check both and try again.";
    let shared = call.shared;
    let typed = form.get("name");
    if form.get("code").is_empty() {
        // The form of the sign-in, where scripts are off.
        return recover_page(call, None, form);
    }
    shared
        .identity
        .failures
        .check(call.peer, typed, shared.clock.monotonic())?;
    let name = Name::parse(typed).ok();
    let code = Code::parse(form.get("code"));
    let act = shared.act_of(stranger(call.peer), call.context);
    let person = {
        let snapshot = shared.store.snapshot()?;
        name.map_or(Ok(None), |name| people::by_name(&snapshot, &name))?
    };
    let Some((person, code)) = person.zip(code) else {
        refused(call, typed, Error::Refused).await;
        return recover_page(call, Some(WRONG), form);
    };
    let device = call.device();
    let pending = shared
        .change(|snapshot, batch| {
            let recovery = &shared.identity.recovery;
            recovery.redeem(snapshot, batch, &act, &Kernel, person, &code)?;
            let new = New {
                person,
                portal: None,
                method: Method::Recovery,
                device: &device,
            };
            shared
                .identity
                .sessions
                .begin(snapshot, batch, &act, &Kernel, new)
        })
        .await;
    match pending {
        Ok(pending) => {
            let token = admitted(call, pending)?;
            shared.identity.failures.succeeded(call.peer, typed);
            let mut response = see_other(&next(call, form))?;
            Signed::set(&mut response, &token)?;
            Ok(response)
        }
        Err(Rejection::NotProven(_)) => {
            refused(call, typed, Error::Refused).await;
            recover_page(call, Some(WRONG), form)
        }
        Err(other) => Err(other),
    }
}

fn second_factor_page(call: &Call<'_>, told: Option<&str>, form: &Form) -> Answer {
    let next = next(call, form);
    if call.signed.is_none() {
        return see_other(&form::with_next(
            &format!("{}/sign-in", call.base()),
            call.path(),
        ));
    }
    let status = if told.is_some() {
        StatusCode::FORBIDDEN
    } else {
        StatusCode::OK
    };
    let told = told.map(|text| pages::Told { good: false, text });
    call.page_with(status, told, |shell| pages::second_factor(shell, &next))
}

/// A one-time password besides a passkey that was shown lately.
async fn second_factor(call: &Call<'_>, form: &Form) -> Answer {
    const WRONG: &str = "This code is not the one that your generator shows now, or it was used before. Wait for the next one.";
    let shared = call.shared;
    let signed = call.signed.as_ref().ok_or(Rejection::SignedOut)?;
    signed
        .session
        .require(Method::Passkey, holdfast_identity::passkeys::FRESH)?;
    let person = signed.session.person;
    // Six digits could be guessed: the back-off is the person's own, as tried from this network.
    let key = person.to_string();
    shared
        .identity
        .failures
        .check(call.peer, &key, shared.clock.monotonic())?;
    let act = shared.act_of(actor(&signed.session), call.context);
    let sessions = &shared.identity.sessions;
    let pending = shared
        .change(|snapshot, batch| {
            totp::check(snapshot, batch, &act, &Kernel, person, form.get("code"))?;
            sessions.renew(
                snapshot,
                batch,
                &act,
                &Kernel,
                &signed.token,
                Method::PasskeyTotp,
            )
        })
        .await;
    match pending {
        Ok(pending) => {
            shared.identity.failures.succeeded(call.peer, &key);
            let mut response = see_other(&next(call, form))?;
            Signed::set(&mut response, &admitted(call, pending)?)?;
            Ok(response)
        }
        Err(Rejection::NotProven(_)) => {
            refused(call, &key, Error::Recorded).await;
            second_factor_page(call, Some(WRONG), form)
        }
        Err(other) => Err(other),
    }
}

/// Ends the present session, and the site's with it.
async fn sign_out(call: &Call<'_>) -> Answer {
    if let Some(signed) = &call.signed {
        let shared = call.shared;
        let act = shared.act_of(actor(&signed.session), call.context);
        let which = Which::One(signed.session.person, signed.session.id);
        shared.end_sessions(&act, which).await?;
    }
    let mut response = see_other(call.context.home)?;
    cookie::clear(&mut response, cookie::PORTAL)?;
    Ok(response)
}

impl Call<'_> {
    /// The passkeys, if the portal's address can have any.
    pub(crate) fn passkeys(&self) -> Result<&holdfast_identity::passkeys::Passkeys, Rejection> {
        let passkeys = self.shared.identity.passkeys.as_ref();
        passkeys.map_err(|why| Rejection::Conflict(why.clone()))
    }
}

impl crate::server::Shared {
    /// Records that a proof was refused, of whomever: only the address is told.
    async fn refused_sign_in(&self, call: &Call<'_>) -> Result<(), Rejection> {
        let mut event = self.event(
            Kind::SignInRefused,
            stranger(call.peer),
            "",
            holdfast_audit::Outcome::Refused,
        );
        event.request = Some(call.context.id.to_string());
        self.keep(&event)
            .await
            .map_err(|error| Rejection::Internal(error.to_string()))
    }
}
