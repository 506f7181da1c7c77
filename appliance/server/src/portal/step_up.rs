//! A page that asks for more than its visitor has proven: the way through exactly that, and back.
//!
//! ```text
//! site    GET /page                                       policy names the proof that would do
//!         303 /.holdfast/sign-in?next=/page&max_age=300   as to a sign-in
//! portal  GET /hand-over?…&max_age=300                    what is missing is shown: /step-up, /second-factor, and back here
//! site    GET /.holdfast/redeem?…                         a session with the newer proof, leads to /page
//! ```
//!
//! With one name for both hosts the page leads to /step-up or /second-factor itself.

use holdfast_identity::passkeys::FRESH;
use holdfast_identity::sessions::{Method, Session};
use holdfast_identity::totp::{self, Standing};
use holdfast_policy::{Channel, Context, Proof, StepUp};
use http::request::Parts;

use super::form::{self, Form};
use super::{Answer, Signed, goes_there, see_other};
use crate::host::{Host, SET_OUT};
use crate::rejection::Rejection;
use crate::request::RequestContext;
use crate::server::Shared;

/// What is left of a proof's life when it is handed on, in seconds, so that it is not too old at the next look.
const MARGIN: u32 = 30;

/// The circumstances of a request by the web, with what its session has proven.
pub(crate) fn circumstances(signed: Option<&Signed>) -> Context {
    Context {
        channel: Channel::Web,
        proof: signed.map_or(Proof::NONE, |signed| proof(&signed.session)),
    }
}

fn proof(session: &Session) -> Proof {
    let methods: &[&str] = match session.method() {
        Method::Password => &["password"],
        Method::Recovery => &["recovery"],
        Method::PasswordTotp => &["password", "totp"],
        Method::Passkey => &["passkey"],
        Method::PasskeyTotp => &["passkey", "totp"],
    };
    Proof::new(methods, session.proof_age())
}

/// Answers someone who is signed in and would see a page with this proof: a browser that goes there is led through it and
/// back, anything else is told.
pub(crate) fn lead(
    shared: &Shared,
    host: Host,
    context: &RequestContext,
    parts: &Parts,
    signed: &Signed,
    step: StepUp,
) -> Answer {
    let next = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    if !goes_there(parts) || context.head || !form::is_path(next) {
        return Err(Rejection::StepUp(step));
    }
    if host == Host::Both {
        let way = missing(shared, &signed.session, &step)?.unwrap_or("/step-up");
        return see_other(&form::with_next(&format!("/.holdfast{way}"), next));
    }
    let mut to = form::with_next(SET_OUT, next);
    for (name, value) in pairs(&step) {
        to.push_str(&format!("&{name}={value}"));
    }
    see_other(&to)
}

/// How it stands in a query.
pub(super) fn pairs(step: &StepUp) -> impl Iterator<Item = (&'static str, String)> {
    let totp = step.totp.then(|| ("method", "totp".to_owned()));
    [("max_age", step.max_age.to_string())]
        .into_iter()
        .chain(totp)
}

/// What a query asks for, if it asks for a proof.
pub(super) fn asked(form: &Form) -> Option<StepUp> {
    Some(StepUp {
        totp: form.get("method") == "totp",
        max_age: form.get("max_age").parse().ok()?,
    })
}

/// The portal's page by which this session comes nearer to the proof; `None` if it has it.
///
/// # Errors
/// [`Rejection::Conflict`] if it asks for a generator that the person has not.
pub(super) fn missing(
    shared: &Shared,
    session: &Session,
    step: &StepUp,
) -> Result<Option<&'static str>, Rejection> {
    if step.totp {
        has_generator(shared, session)?;
    }
    let sooner = |age: u32| age.saturating_sub(MARGIN.min(age.div_euclid(2)));
    let proof = proof(session);
    let within = StepUp {
        max_age: sooner(step.max_age),
        ..*step
    };
    if proof.meets(&within) {
        return Ok(None);
    }
    // A code counts beside a passkey that was shown lately.
    let lately = sooner(u32::try_from(FRESH.as_secs()).unwrap_or(0)).min(within.max_age);
    let passkey = proof.methods() == ["passkey"] && proof.age() <= lately;
    Ok(Some(if step.totp && passkey {
        "/second-factor"
    } else {
        "/step-up"
    }))
}

/// Refuses who has no generator of one-time passwords, with the way to one.
///
/// # Errors
/// [`Rejection::Conflict`].
pub(super) fn has_generator(shared: &Shared, session: &Session) -> Result<(), Rejection> {
    let standing = totp::standing(&shared.store.snapshot()?, session.person)?;
    let why = match standing {
        Standing::Good => return Ok(()),
        Standing::None => {
            "This page asks for a one-time password besides your passkey, and you have no generator of them. Set one up in your \
             account at the portal, then go to the page again."
        }
        Standing::Locked => {
            "This page asks for a one-time password besides your passkey, and your generator is locked after too many wrong \
             codes. Remove it in your account at the portal and set up a new one, then go to the page again."
        }
    };
    Err(Rejection::Conflict(why.to_owned()))
}
