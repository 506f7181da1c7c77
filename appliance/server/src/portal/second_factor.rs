//! A one-time password besides a passkey that was shown lately.

use holdfast_identity::limits::Tried;
use holdfast_identity::passkeys::FRESH;
use holdfast_identity::sessions::Method;
use holdfast_identity::totp;
use holdfast_site::pages;
use http::StatusCode;

use super::form::{self, Form};
use super::proof::Try;
use super::sign_in::next;
use super::{Answer, Call, see_other, step_up};
use crate::identity::{Kernel, actor};
use crate::rejection::Rejection;

const WRONG: &str = "This code is not the one that your generator shows now, or it was used before. Wait for the next one.";

/// The form.
pub(super) fn page(call: &Call<'_>, told: Option<&str>, form: &Form) -> Answer {
    let next = next(call, form);
    let Some(signed) = &call.signed else {
        return see_other(&form::with_next(
            &format!("{}/sign-in", call.base()),
            call.path(),
        ));
    };
    step_up::has_generator(call.shared, &signed.session)?;
    let status = if told.is_some() {
        StatusCode::FORBIDDEN
    } else {
        StatusCode::OK
    };
    let told = told.map(|text| pages::Told { good: false, text });
    call.page_with(status, told, |shell| pages::second_factor(shell, &next))
}

/// Checks the code. Wrong ones are counted for the person, from wherever they come.
pub(super) async fn answer(call: &Call<'_>, form: &Form) -> Answer {
    let shared = call.shared;
    let signed = call.signed.as_ref().ok_or(Rejection::SignedOut)?;
    signed.session.require(Method::Passkey, FRESH)?;
    let person = signed.session.person;
    let act = shared.act_of(actor(&signed.session), call.context);
    let one = Try::of(act, Some(Tried::Generator(person)), Some(person));
    let (act, token, method) = (&one.act, &signed.token, Method::PasskeyTotp);
    let pending = one.change(call, |snapshot, batch| {
        totp::check(snapshot, batch, act, &Kernel, person, form.get("code"))?;
        let sessions = &shared.identity.sessions;
        sessions.renew(snapshot, batch, act, &Kernel, token, method)
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
