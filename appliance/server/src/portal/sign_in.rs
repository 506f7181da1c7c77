//! Signing in by a passkey: by autofill, by button or by name; once more; and out.

use holdfast_identity::limits::Tried;
use holdfast_identity::passkeys::{How, Proven};
use holdfast_identity::sessions::{Method, Pending, Which};
use holdfast_policy::{Permit, SignIn};
use holdfast_site::pages;
use holdfast_store::{Batch, Snapshot};
use serde::Deserialize;
use serde_json::json;
use zeroize::Zeroizing;

use super::ceremony::{self, Finish};
use super::form::{self, Form};
use super::guard::Sent;
use super::proof::Try;
use super::route::SignIn as Route;
use super::{Answer, Call, cookie, password, recover, second_factor, see_other};
use crate::identity::{Kernel, actor};
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
        Route::Finish => finish(call, &sent.json()?).await,
        Route::Recover if posted => recover::answer(call, sent.form()).await,
        Route::Recover => recover::page(call, None, &query(call)),
        Route::Password if posted => password::sign_in(call, sent.form()).await,
        Route::Password => password::page(call, None, &query(call)),
        Route::StepUp => step_up_page(call),
        Route::SecondFactor if posted => second_factor::answer(call, sent.form()).await,
        Route::SecondFactor => second_factor::page(call, None, &query(call)),
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
            failures.check(call.peer, Tried::Name(name), shared.clock.monotonic())?;
            How::Name(name)
        }
        Begin::StepUp => {
            let signed = call.signed.as_ref().ok_or(Rejection::SignedOut)?;
            How::Person(signed.session.person)
        }
    };
    let passkeys = call.passkeys()?;
    let begun = passkeys.begin_sign_in(&snapshot, &Kernel, call.browser(), shared.moment(), how)?;
    Ok(ceremony::begun(&begun))
}

/// The browser's proof: a new session, or a fresh proof in the one there is.
async fn finish(call: &Call<'_>, finish: &Finish) -> Answer {
    let shared = call.shared;
    let given = finish.given(&call.browser);
    let passkeys = call.passkeys()?;
    // Of the name by which it began, whatever is said of it now.
    let typed = passkeys.typed(&given);
    let tried = typed.as_ref().map(|typed| Tried::Name(typed));
    let mut one = Try::count(call, tried)?;
    // The ceremony is used up by the first look, so this is done once, whatever others do meanwhile.
    let mut batch = Batch::new();
    let proven = passkeys.prove(&shared.store.snapshot()?, &mut batch, &one.act, &given);
    let proven = match proven {
        Ok(proven) => proven,
        Err(error) => return Err(one.refuse(call, batch, error).await),
    };
    one.whose = Some(proven.person);
    // Disabled, or removed meanwhile: no other answer than to a wrong proof.
    let pending = proved(call, &one, &proven).await?;
    let own = format!("{}/account", call.base());
    let next = Some(finish.next.as_str()).filter(|next| form::is_path(next));
    let response = super::json(&json!({"next": next.unwrap_or(&own)}));
    call.admit(proven.person, pending, response)
}

/// A session by this proof: the present one renewed, if it is the same person's.
async fn proved(call: &Call<'_>, one: &Try<'_>, proven: &Proven) -> Result<Pending, Rejection> {
    let passkeys = call.passkeys()?;
    let own = call.signed.as_ref();
    let own = own.filter(|signed| signed.session.person == proven.person);
    let act = holdfast_identity::Act {
        actor: holdfast_audit::Actor::Person(proven.person.to_string()),
        ..one.act.clone()
    };
    let record = |snapshot: &Snapshot, batch: &mut Batch| {
        passkeys.record(snapshot, batch, &act, &Kernel, proven)?;
        Ok(Method::Passkey)
    };
    let Some(own) = own else {
        return one.sign_in(call, &act, record).await;
    };
    one.change(call, |snapshot, batch| {
        let method = record(snapshot, batch)?;
        let sessions = &call.shared.identity.sessions;
        sessions.renew(snapshot, batch, &act, &Kernel, &own.token, method)
    })
    .await
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
