//! Signing in by a password, and having one: only where the operator turns passwords on.

use holdfast_identity::people::{self, Name};
use holdfast_identity::sessions::{Method, New};
use holdfast_identity::{Error, passwords, totp};
use holdfast_site::pages;
use http::StatusCode;
use zeroize::Zeroizing;

use super::form::Form;
use super::sign_in::{admitted, next, refused};
use super::{Answer, Call, Signed, see_other};
use crate::identity::{Kernel, actor, stranger};
use crate::rejection::Rejection;

/// The form; nothing is there unless passwords are on.
pub(super) fn page(call: &Call<'_>, told: Option<&str>, form: &Form) -> Answer {
    call.shared.identity.passwords()?;
    let next = next(call, form);
    let status = if told.is_some() {
        StatusCode::FORBIDDEN
    } else {
        StatusCode::OK
    };
    let told = told.map(|text| pages::Told { good: false, text });
    call.page_with(status, told, |shell| {
        pages::password(shell, &next, form.get("name"))
    })
}

/// A name, a password, and the code of the generator of who has one.
pub(super) async fn sign_in(call: &Call<'_>, form: &Form) -> Answer {
    const WRONG: &str = "This did not fit together. If you have a generator of one-time passwords, its code belongs to it; each is \
        good once.";
    let shared = call.shared;
    let passwords = shared.identity.passwords()?;
    let typed = form.get("name");
    shared
        .identity
        .failures
        .check(call.peer, typed, shared.clock.monotonic())?;
    let (person, challenge) = {
        let snapshot = shared.store.snapshot()?;
        let name = Name::parse(typed).ok();
        let person = name.map_or(Ok(None), |name| people::by_name(&snapshot, &name))?;
        (person, passwords.challenge(&snapshot, person, typed)?)
    };
    let given = Zeroizing::new(form.get("password").to_owned());
    let held = challenge.clone();
    let stretched = shared
        .identity
        .stretch(move || passwords::stretch(&given, &held))
        .await?;
    let fits = stretched.is_ok_and(|stretched| challenge.fits(&stretched));
    let Some(person) = person.filter(|_| fits) else {
        return wrong(call, form, WRONG).await;
    };
    let act = shared.act_of(stranger(call.peer), call.context);
    let device = call.device();
    let pending = shared
        .change(|snapshot, batch| {
            let mut method = Method::Password;
            if totp::is_set_up(snapshot, person)? {
                totp::check(snapshot, batch, &act, &Kernel, person, form.get("code"))?;
                method = Method::PasswordTotp;
            }
            let new = New {
                person,
                portal: None,
                method,
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
            shared.identity.failures.succeeded(call.peer, typed);
            let mut response = see_other(&next(call, form))?;
            Signed::set(&mut response, &admitted(call, pending)?)?;
            Ok(response)
        }
        Err(Rejection::NotProven(_)) => wrong(call, form, WRONG).await,
        Err(other) => Err(other),
    }
}

async fn wrong(call: &Call<'_>, form: &Form, told: &str) -> Answer {
    match refused(call, form.get("name"), Error::Refused).await {
        Rejection::NotProven(_) => page(call, Some(told), form),
        other => Err(other),
    }
}

/// Sets a password that was typed twice.
pub(super) async fn set_by_form(
    call: &Call<'_>,
    signed: &Signed,
    form: &Form,
) -> Result<&'static str, Rejection> {
    call.shared.identity.passwords()?;
    super::account::fresh(signed)?;
    if form.get("password") != form.get("again") {
        return Err(Rejection::Refused(
            "The two fields are not the same. Type the password twice.".to_owned(),
        ));
    }
    set(call, signed, form.get("password")).await?;
    Ok("The password is set.")
}

/// Sets a password in place of the one before.
pub(super) async fn set(call: &Call<'_>, signed: &Signed, typed: &str) -> Result<(), Rejection> {
    let shared = call.shared;
    shared.identity.passwords()?;
    super::account::fresh(signed)?;
    let person = signed.session.person;
    let name = people::find(&shared.store.snapshot()?, person)?.name;
    let typed = Zeroizing::new(typed.to_owned());
    let made = shared
        .identity
        .stretch(move || passwords::make(&typed, name.as_str(), &Kernel));
    let challenge = made.await??;
    let act = shared.act_of(actor(&signed.session), call.context);
    shared
        .change(|snapshot, batch| {
            passwords::set(snapshot, batch, &act, &Kernel, person, &challenge)
        })
        .await
}

/// Takes the password away. Also where passwords are off: it could be turned on again.
pub(super) async fn remove(call: &Call<'_>, signed: &Signed) -> Result<&'static str, Rejection> {
    super::account::fresh(signed)?;
    let shared = call.shared;
    let act = shared.act_of(actor(&signed.session), call.context);
    shared
        .change(|_, batch| passwords::remove(batch, &act, signed.session.person))
        .await?;
    Ok("The password was removed.")
}
