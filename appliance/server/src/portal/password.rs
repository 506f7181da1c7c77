//! Signing in by a password, and having one: only where the operator turns passwords on.

use holdfast_identity::limits::Tried;
use holdfast_identity::people::{self, Name};
use holdfast_identity::sessions::Method;
use holdfast_identity::{Error, passwords, totp};
use holdfast_site::pages;
use holdfast_store::Batch;
use http::StatusCode;
use zeroize::Zeroizing;

use super::form::Form;
use super::proof::Try;
use super::sign_in::next;
use super::{Answer, Call, Signed, see_other};
use crate::identity::{Kernel, actor};
use crate::rejection::Rejection;

const WRONG: &str = "This did not fit together. If you have a generator of one-time passwords, its code belongs to it; each is good \
    once, and after many wrong ones there is a wait of up to a quarter of an hour.";

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

/// A name, a password, and the code of the generator of who has one: all in one, so that nobody is told that a password alone
/// is right.
pub(super) async fn sign_in(call: &Call<'_>, form: &Form) -> Answer {
    let shared = call.shared;
    let passwords = shared.identity.passwords()?;
    let typed = form.get("name");
    let mut one = Try::count(call, Some(Tried::Name(typed)))?;
    let challenge = {
        let snapshot = shared.store.snapshot()?;
        let name = Name::parse(typed).ok();
        one.whose = name.map_or(Ok(None), |name| people::by_name(&snapshot, &name))?;
        passwords.challenge(&snapshot, one.whose, typed)?
    };
    let given = Zeroizing::new(form.get("password").to_owned());
    let held = challenge.clone();
    let work = move || passwords::stretch(&given, &held);
    let stretched = match shared.identity.stretching.take(call.peer, work).await {
        Err(Rejection::Busy) => {
            one.take_back(call);
            return Err(Rejection::Busy);
        }
        stretched => stretched?,
    };
    let fits = stretched.is_ok_and(|stretched| challenge.fits(&stretched));
    let Some(person) = one.whose.filter(|_| fits) else {
        return match one.refuse(call, Batch::new(), Error::Refused).await {
            Rejection::NotProven(_) => page(call, Some(WRONG), form),
            other => Err(other),
        };
    };
    let act = &one.act;
    let pending = one.sign_in(call, act, |snapshot, batch| {
        let code = form.get("code");
        let demanded = totp::demand(snapshot, batch, act, &Kernel, person, code);
        match demanded {
            Ok(true) => Ok(Method::PasswordTotp),
            Ok(false) => Ok(Method::Password),
            // That it has to wait would tell that the password is right.
            Err(Error::Wait(_)) => Err(Error::Refused),
            Err(error) => Err(error),
        }
    });
    match pending.await {
        Ok(pending) => {
            let response = see_other(&next(call, form))?;
            call.admit(person, pending, response)
        }
        Err(Rejection::NotProven(_)) => page(call, Some(WRONG), form),
        Err(other) => Err(other),
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
    let made = shared.identity.stretching.take(call.peer, move || {
        passwords::make(&typed, name.as_str(), &Kernel)
    });
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
