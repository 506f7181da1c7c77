//! The hand-over of a sign-in between the portal's host and the site's (law 11).
//!
//! ```text
//! site    GET /.holdfast/sign-in?next=/page      sets the binding, leads to
//! portal  GET /hand-over?challenge=…&next=/page  signed in (else through the sign-in): a code, leads to
//! site    GET /.holdfast/redeem?code=…&next=…    the site's session, leads to /page
//! ```
//!
//! The code is the one secret that travels in an address: for 30 seconds, once, good for nothing without the binding, which
//! stays in the cookie of the browser that set out. No record holds a query. Only a window's own navigation takes these
//! steps, and no service worker may stand in the way of one ([`crate::worker`]): a hostile page could have the code made
//! for somebody else's challenge, and must not get to see it.

use holdfast_identity::handover::Challenge;
use holdfast_identity::passkeys::Binding;
use holdfast_identity::sessions::{New, Token};
use holdfast_policy::{Permit, Portal, SignIn};
use http::header::{HeaderValue, REFERRER_POLICY};
use http::request::Parts;
use url::form_urlencoded;

use super::form::{self, Form};
use super::{Answer, Call, cookie, see_other, step_up, view};
use crate::connection::Connection;
use crate::identity::{Kernel, actor};
use crate::rejection::Rejection;
use crate::request::RequestContext;
use crate::server::Shared;

fn query(parts: &Parts) -> Form {
    Form::parse(parts.uri.query().unwrap_or_default().as_bytes())
}

fn address(url: &str, path: &str, pairs: &[(&str, &str)]) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(pairs);
    format!("{url}{path}?{}", query.finish())
}

/// At the site: off to the portal.
pub(crate) fn set_out(permit: Permit<SignIn>, shared: &Shared, parts: &Parts) -> Answer {
    let Portal = permit.into_resource();
    navigates(parts)?;
    let form = query(parts);
    let next = form.next().unwrap_or("/");
    // One that is there already stays, so that two tabs do not spoil each other's way.
    let known = cookie::find(parts, cookie::BINDING).and_then(Binding::parse);
    let binding = match &known {
        Some(binding) => binding.clone(),
        None => Binding::fresh(&Kernel)?,
    };
    let challenge = Challenge::of(&binding).to_text();
    let mut to = vec![("challenge", challenge.as_str()), ("next", next)];
    let step = step_up::asked(&form);
    let step: Vec<_> = step.iter().flat_map(step_up::pairs).collect();
    to.extend(step.iter().map(|(name, value)| (*name, value.as_str())));
    let to = address(&shared.settings.portal.url(), "/hand-over", &to);
    let mut response = see_other(&to)?;
    if known.is_none() {
        cookie::set(&mut response, cookie::BINDING, &binding.to_text())?;
    }
    Ok(response)
}

/// At the portal: back to the site with a code, after a sign-in if there was none.
pub(super) fn answer(permit: Permit<SignIn>, call: &Call<'_>) -> Answer {
    let Portal = permit.into_resource();
    navigates(call.parts)?;
    let form = query(call.parts);
    let challenge = Challenge::parse(form.get("challenge")).ok_or_else(|| {
        Rejection::Refused(
            "This way to the site is broken. Go to the page that you want, and sign in from there."
                .to_owned(),
        )
    })?;
    let Some(signed) = &call.signed else {
        return see_other(&form::with_next(
            &format!("{}/sign-in", call.base()),
            call.path(),
        ));
    };
    let shared = call.shared;
    if let Some(step) = step_up::asked(&form)
        && let Some(way) = step_up::missing(shared, &signed.session, &step)?
    {
        let way = format!("{}{way}", call.base());
        return see_other(&form::with_next(&way, call.path()));
    }
    let now = shared.clock.monotonic();
    let code = shared
        .identity
        .handover
        .issue(&Kernel, &signed.session, challenge, now)?;
    let text = code.to_text();
    let pairs = [
        ("code", text.as_str()),
        ("next", form.next().unwrap_or("/")),
    ];
    let to = address(&shared.settings.site.url(), "/.holdfast/redeem", &pairs);
    quiet(see_other(&to))
}

/// At the site again: the code becomes a session of the site. Whatever comes of it, the address with the code is left, so
/// that no script of the site's finds it in a window's location or history.
pub(crate) async fn redeem(
    permit: Permit<SignIn>,
    shared: &Shared,
    connection: &Connection,
    context: &RequestContext,
    parts: &Parts,
) -> Answer {
    let Portal = permit.into_resource();
    if parts.uri.query().is_none() {
        let why = "The way from the portal took too long, was gone before, or began in another browser. Go to the page \
            that you want; it asks for your sign-in again if it needs one.";
        return Err(Rejection::NotProven(why.to_owned()));
    }
    let form = query(parts);
    let next = form.next().unwrap_or("/");
    let code = Token::parse(form.get("code"));
    let binding = cookie::find(parts, cookie::BINDING).and_then(Binding::parse);
    let now = shared.clock.monotonic();
    let handover = &shared.identity.handover;
    // Used up by whatever comes with it: a code that was seen here is worth nothing any more.
    let portal = code.and_then(|code| handover.redeem(&code, binding.as_ref(), now).ok());
    let (Some(portal), Ok(())) = (portal, navigates(parts)) else {
        return quiet(see_other(crate::host::REDEEM));
    };
    let act = shared.act_of(actor(&portal), context);
    let device = view::device(parts, connection.peer.ip());
    let pending = shared
        .change(|snapshot, batch| {
            let new = New {
                person: portal.person,
                portal: Some(&portal),
                method: portal.method(),
                device: &device,
            };
            shared
                .identity
                .sessions
                .begin(snapshot, batch, &act, &Kernel, new)
        })
        .await?;
    let mut response = quiet(see_other(next))?;
    match shared.identity.sessions.admit(pending) {
        Some(token) => cookie::set(&mut response, cookie::SITE, &token.to_text())?,
        // It ended at this moment; to the page, which asks for a sign-in, it would be a round without an end.
        None => return quiet(see_other(crate::host::REDEEM)),
    }
    cookie::clear(&mut response, cookie::BINDING)?;
    Ok(response)
}

/// Refuses what is no navigation of a whole window (Fetch Metadata): a code must never come into the hands of a script, a
/// frame or a worker. A browser that says nothing of it is let through.
fn navigates(parts: &Parts) -> Result<(), Rejection> {
    let field = |name: &str| parts.headers.get(name).map(HeaderValue::as_bytes);
    let is = |name, what: &[u8]| field(name).is_none_or(|value| value == what);
    let ahead = ["sec-purpose", "purpose"].map(field);
    let goes = is("sec-fetch-mode", b"navigate") && is("sec-fetch-dest", b"document");
    if goes && ahead.iter().all(Option::is_none) {
        return Ok(());
    }
    let why = "This address is a step on the way of a sign-in. Open it in a window of its own.";
    Err(Rejection::Refused(why.to_owned()))
}

/// Has the browser tell nobody where it came from.
fn quiet(answer: Answer) -> Answer {
    let mut response = answer?;
    let quiet = HeaderValue::from_static("no-referrer");
    response.headers_mut().insert(REFERRER_POLICY, quiet);
    Ok(response)
}
