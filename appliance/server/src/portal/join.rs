//! Becoming a person by an invite: the code, a name, and the first passkey.

use holdfast_identity::code::Code;
use holdfast_identity::people::Name;
use holdfast_identity::sessions::Method;
use holdfast_policy::{Permit, SignIn};
use holdfast_site::pages;
use serde::Deserialize;
use serde_json::json;
use zeroize::Zeroizing;

use super::ceremony::{self, Finish};
use super::guard::Sent;
use super::proof::Try;
use super::route::Join as Route;
use super::{Answer, Call};
use crate::identity::Kernel;
use crate::rejection::Rejection;

/// What our script asks at the beginning.
#[derive(Deserialize)]
struct Begin {
    code: Zeroizing<String>,
    name: String,
}

pub(super) async fn answer(
    permit: Permit<SignIn>,
    call: &Call<'_>,
    route: Route,
    sent: &Sent,
) -> Answer {
    let holdfast_policy::Portal = permit.into_resource();
    match route {
        Route::Page => {
            let why = call.shared.identity.passkeys.as_ref().err();
            call.page(|shell| pages::join(shell, why.map(String::as_str)))
        }
        Route::Begin => begin(call, &sent.json()?).await,
        Route::Finish => finish(call, &sent.json()?).await,
    }
}

async fn begin(call: &Call<'_>, begin: &Begin) -> Answer {
    let shared = call.shared;
    let now = shared.moment();
    let code = Code::parse(&begin.code).ok_or_else(|| {
        let why = "This is no invite code, or a character of it is wrong. Compare it with the one that you were given.";
        Rejection::Refused(why.to_owned())
    })?;
    let name = Name::parse(&begin.name)?;
    let snapshot = shared.store.snapshot()?;
    let passkeys = call.passkeys()?;
    let begun = passkeys.begin_join(&snapshot, &Kernel, call.browser(), now, &code, &name)?;
    Ok(ceremony::begun(&begun))
}

async fn finish(call: &Call<'_>, finish: &Finish) -> Answer {
    let shared = call.shared;
    let given = finish.given(&call.browser);
    let mut one = Try::count(call, None)?;
    let mut batch = holdfast_store::Batch::new();
    let passkeys = call.passkeys()?;
    let snapshot = shared.store.snapshot()?;
    // The ceremony is used up by this, so that it is not tried again on a conflict.
    let person = passkeys.finish_join(&snapshot, &mut batch, &one.act, &Kernel, &given)?;
    drop(snapshot);
    if let Err(error) = shared.store.commit(batch).await {
        if error.is_conflict() {
            let why = "The invite was used, or the name taken, at this moment. Start again.";
            return Err(Rejection::Conflict(why.to_owned()));
        }
        return Err(error.into());
    }
    shared.identity.forget();
    one.whose = Some(person);
    let pending = one.sign_in(call, &one.act, |_, _| Ok(Method::Passkey));
    let pending = pending.await?;
    let next = format!("{}/account?welcome", call.base());
    let response = super::json(&json!({"next": next}));
    call.admit(person, pending, response)
}
