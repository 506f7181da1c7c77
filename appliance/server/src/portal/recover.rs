//! A recovery code in place of a passkey.

use holdfast_identity::Error;
use holdfast_identity::code::Code;
use holdfast_identity::limits::Tried;
use holdfast_identity::people::{self, Name};
use holdfast_identity::sessions::Method;
use holdfast_site::pages;
use holdfast_store::Batch;
use http::StatusCode;

use super::form::Form;
use super::proof::Try;
use super::sign_in::next;
use super::{Answer, Call, see_other};
use crate::identity::Kernel;
use crate::rejection::Rejection;

const WRONG: &str = "This name and this code do not belong together, or the code was used before. Check both and try again.";

/// The page with what `form` has typed and where it leads; never a code.
pub(super) fn page(call: &Call<'_>, told: Option<&str>, form: &Form) -> Answer {
    let (next, name) = (next(call, form), form.get("name"));
    let status = if told.is_some() {
        StatusCode::FORBIDDEN
    } else {
        StatusCode::OK
    };
    let told = told.map(|text| pages::Told { good: false, text });
    call.page_with(status, told, |shell| pages::recover(shell, &next, name))
}

/// A recovery code and a name: a session that can make a new passkey. A name that nobody has takes the same work.
pub(super) async fn answer(call: &Call<'_>, form: &Form) -> Answer {
    let shared = call.shared;
    if form.get("code").is_empty() {
        // The form of the sign-in, where scripts are off.
        return page(call, None, form);
    }
    let typed = form.get("name");
    let mut one = Try::count(call, Some(Tried::Name(typed)))?;
    let pending = match Code::parse(form.get("code")) {
        None => Err(one.refuse(call, Batch::new(), Error::Refused).await),
        Some(code) => {
            let name = Name::parse(typed).ok();
            let snapshot = shared.store.snapshot()?;
            one.whose = name.map_or(Ok(None), |name| people::by_name(&snapshot, &name))?;
            drop(snapshot);
            let (act, whose) = (&one.act, one.whose);
            one.sign_in(call, act, |snapshot, batch| {
                let recovery = &shared.identity.recovery;
                recovery.redeem(snapshot, batch, act, &Kernel, whose, &code)?;
                Ok(Method::Recovery)
            })
            .await
        }
    };
    match (pending, one.whose) {
        (Ok(pending), Some(person)) => {
            let response = see_other(&next(call, form))?;
            call.admit(person, pending, response)
        }
        (Ok(_), None) | (Err(Rejection::NotProven(_)), _) => page(call, Some(WRONG), form),
        (Err(other), _) => Err(other),
    }
}
