//! The portal: where people join, sign in, and see to what is theirs; and where admins see to everybody's.
//!
//! A request comes here with its session, if it has one, and the browser's own cookie. What changes anything is a POST that
//! has passed the [`guard`]. Pages are rendered by [`holdfast_site::pages`]; what needs the passkey gesture is JSON, spoken
//! by the one script.

mod account;
mod admin;
mod api;
mod ceremony;
pub(crate) mod cookie;
mod form;
mod guard;
mod hand_over;
mod join;
mod machine;
mod password;
mod proof;
mod recover;
mod route;
mod second_factor;
mod sign_in;
pub(crate) mod step_up;
mod view;

use std::net::IpAddr;
use std::sync::Arc;

use holdfast_identity::passkeys::Binding;
use holdfast_identity::sessions::{Session, Token};
use holdfast_policy::{ManagePeople, Portal, Principal, SignIn, UseAccount};
use http::header::{HeaderValue, LOCATION};
use http::request::Parts;
use http::{Method, Response, StatusCode};
use hyper::body::Incoming;

use crate::body::Body;
use crate::connection::Connection;
use crate::headers;
use crate::host::Host;
use crate::rejection::Rejection;
use crate::request::RequestContext;
use crate::server::Shared;
pub(crate) use account::method as method_name;
pub(crate) use api::ROOT as API;
pub(crate) use hand_over::{redeem, set_out};
pub(crate) use route::Route;

/// A session, with the token by which it was found.
#[derive(Clone)]
pub(crate) struct Signed {
    pub(crate) token: Token,
    pub(crate) session: Arc<Session>,
}

/// One request to the portal.
pub(crate) struct Call<'a> {
    pub(crate) shared: &'a Arc<Shared>,
    pub(crate) context: &'a RequestContext,
    pub(crate) parts: &'a Parts,
    pub(crate) peer: IpAddr,
    pub(crate) signed: Option<Signed>,
    /// Binds ceremonies and forms to the browser; a fresh one is set by the answer.
    pub(crate) browser: Binding,
    /// Whether `browser` is fresh.
    pub(crate) fresh: bool,
}

type Answer = Result<Response<Body>, Rejection>;

/// The session of a request: of the portal on its host, of the site on the other one.
pub(crate) fn session(shared: &Shared, host: Host, parts: &Parts) -> Option<Signed> {
    let name = match host {
        Host::Site => cookie::SITE,
        Host::Portal | Host::Both => cookie::PORTAL,
    };
    let token = Token::parse(cookie::find(parts, name)?)?;
    let session = shared.identity.sessions.find(&token, shared.moment())?;
    // One kind is never good in the place of the other.
    (session.portal.is_some() == (host == Host::Site)).then_some(Signed { token, session })
}

/// Answers a request to the portal.
pub(crate) async fn answer(
    shared: &Arc<Shared>,
    connection: &Connection,
    context: &RequestContext,
    parts: &Parts,
    body: Incoming,
    route: Route,
    signed: Option<Signed>,
) -> Answer {
    let known = cookie::find(parts, cookie::BROWSER).and_then(Binding::parse);
    let fresh = known.is_none();
    let browser = match known {
        Some(browser) => browser,
        None => Binding::fresh(&crate::identity::Kernel)?,
    };
    let call = Call {
        shared,
        context,
        parts,
        peer: connection.peer.ip(),
        signed,
        browser,
        fresh,
    };
    let mut answer = dispatch(&call, route, body).await;
    if let (true, Ok(response)) = (call.fresh, &mut answer) {
        cookie::set(response, cookie::BROWSER, &call.browser.to_text())?;
    }
    answer
}

async fn dispatch(call: &Call<'_>, route: Route, body: Incoming) -> Answer {
    let (who, policy) = (&call.context.principal, &call.shared.policy);
    let channel = step_up::circumstances(call.signed.as_ref());
    match route {
        Route::SignIn(route) => {
            let permit = policy.decide::<SignIn>(who, Portal, &channel)?;
            let body = guard::pass(call, body).await?;
            match route {
                route::SignIn::Join(route) => join::answer(permit, call, route, &body).await,
                route::SignIn::HandOver => hand_over::answer(permit, call),
                route => sign_in::answer(permit, call, route, &body).await,
            }
        }
        Route::Account(route) => {
            let Some(signed) = &call.signed else {
                return call.sign_in_first();
            };
            let permit = policy.decide::<UseAccount>(who, Portal, &channel)?;
            let body = guard::pass(call, body).await?;
            signed.still()?;
            account::answer(permit, call, signed, route, &body).await
        }
        Route::Admin(route) => {
            let Some(signed) = &call.signed else {
                return call.sign_in_first();
            };
            let permit = policy.decide::<ManagePeople<Portal>>(who, Portal, &channel)?;
            let body = guard::pass(call, body).await?;
            signed.still()?;
            admin::answer(permit, call, signed, route, &body).await
        }
        Route::Api(path) => api::answer(call, path, body).await,
    }
}

impl Call<'_> {
    /// Where the portal's paths begin: nothing, or the folder that it has on a host of both.
    pub(crate) fn base(&self) -> &'static str {
        self.context.home.trim_end_matches('/')
    }

    /// The path that was asked for, with its query.
    pub(crate) fn path(&self) -> &str {
        self.parts
            .uri
            .path_and_query()
            .map_or("/", |path| path.as_str())
    }

    /// Whether an admin is signed in.
    pub(crate) fn is_admin(&self) -> bool {
        is_admin(&self.context.principal)
    }

    /// Leads someone who is not signed in through the sign-in and back to here. What was sent by a form is lost, and that
    /// is said.
    fn sign_in_first(&self) -> Answer {
        if self.parts.method == Method::POST {
            return Err(Rejection::SignedOut);
        }
        see_other(&form::with_next(
            &format!("{}/sign-in", self.base()),
            self.path(),
        ))
    }
}

/// Whether someone governs.
fn is_admin(who: &Principal) -> bool {
    let Principal::Person { roles, .. } = who else {
        return false;
    };
    roles.iter().any(|role| role == "admin")
}

/// A redirect that is always fetched by GET (RFC 9110, section 15.4.4).
pub(crate) fn see_other(to: &str) -> Answer {
    let mut response = Response::new(Body::Empty);
    *response.status_mut() = StatusCode::SEE_OTHER;
    let to = headers::value(to)?;
    response.headers_mut().insert(LOCATION, to);
    Ok(response)
}

/// An answer to our own script.
pub(crate) fn json(value: &serde_json::Value) -> Response<Body> {
    let mut response = Response::new(Body::from(value.to_string()));
    let kind = HeaderValue::from_static("application/json");
    response
        .headers_mut()
        .insert(http::header::CONTENT_TYPE, kind);
    response
}

impl Signed {
    /// Refuses if the session was ended while the body was on its way.
    fn still(&self) -> Result<(), Rejection> {
        match self.session.has_ended() {
            true => Err(Rejection::SignedOut),
            false => Ok(()),
        }
    }

    /// Sets the portal's cookie.
    pub(crate) fn set(response: &mut Response<Body>, token: &Token) -> Result<(), Rejection> {
        cookie::set(response, cookie::PORTAL, &token.to_text())
    }
}

/// Whether our own script asks.
pub(crate) fn is_script(parts: &Parts) -> bool {
    let kind = parts.headers.get(http::header::CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    kind.trim()
        .to_ascii_lowercase()
        .starts_with("application/json")
}

/// Whether a browser says that what it sends is no act of ours: it comes from another page, or asks for the end of a hand-over
/// otherwise than a window does. Neither is let through to anything that can be guessed ([`guard`], [`hand_over`]).
pub(crate) fn is_foreign(parts: &Parts) -> bool {
    let field = |name: &str| parts.headers.get(name).map(HeaderValue::as_bytes);
    match parts.method {
        Method::POST => field("sec-fetch-site").is_some_and(|site| site != b"same-origin"),
        _ => field("sec-fetch-mode").is_some_and(|mode| mode != b"navigate"),
    }
}

/// Whether a window goes there, as far as the browser says.
fn goes_there(parts: &Parts) -> bool {
    let field = |name: &str| {
        parts
            .headers
            .get(name)
            .and_then(|value| value.to_str().ok())
    };
    match field("sec-fetch-mode") {
        Some(mode) => mode == "navigate" && field("sec-fetch-dest") == Some("document"),
        None => field("accept").is_some_and(|accept| accept.contains("text/html")),
    }
}

/// Answers someone of whom nothing is known and who may not see a page: a browser that goes there is led through the
/// sign-in and back, anything else is told.
pub(crate) fn sign_in_for(context: &RequestContext, parts: &Parts) -> Answer {
    let next = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    if !goes_there(parts) || context.head || !form::is_path(next) {
        return Err(Rejection::SignInFirst);
    }
    see_other(&form::with_next(crate::host::SET_OUT, next))
}
