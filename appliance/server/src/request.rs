//! The one request path (law 4), top to bottom:
//!
//! accept → limits → TLS (`connection.rs`) → route → session → resolve → decide → handle → headers → record.
//!
//! A step may answer by a [`Rejection`] or pass on; only the last two touch every answer.

mod operate;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use holdfast_policy::{Portal, PortalAsset, Principal, Report, SignIn, StatusPage, View};
use holdfast_site::RequestPath;
use http::header::{ALLOW, CONNECTION, HeaderValue};
use http::request::Parts;
use http::{Method, Request, Response, StatusCode, Version};
use hyper::body::Incoming;

use crate::body::Body;
use crate::connection::{Connection, Side};
use crate::handlers::{self, Page};
use crate::headers;
use crate::host::{self, Host, Target};
use crate::id::RequestId;
use crate::limits::{Class, Held, shape};
use crate::portal;
use crate::record;
use crate::rejection::{Rejection, Voice};
use crate::server::Shared;
use crate::worker;

/// What is known of one request, made once and passed along.
pub(crate) struct RequestContext {
    /// Name of the request in log, audit and errors.
    pub(crate) id: RequestId,
    /// In which form errors are told, and which headers belong to the answer.
    pub(crate) voice: Voice,
    /// Where people go on from an error.
    pub(crate) home: &'static str,
    /// Who asks, as far as it is known.
    pub(crate) principal: Principal,
    /// Start, on the monotonic clock.
    pub(crate) start: Instant,
    /// Whether the method is HEAD.
    pub(crate) head: bool,
    /// Whether our own script or another program asks, which reads errors as JSON.
    pub(crate) script: bool,
}

type Answer = Result<Response<Body>, Rejection>;

/// Answers a request that came at `start`. Whatever comes in, an answer goes out; with it the room that it takes until
/// the client has it, and the time.
pub(crate) async fn answer(
    shared: &Arc<Shared>,
    connection: &Connection,
    request: Request<Incoming>,
    start: Instant,
) -> (Response<Body>, Option<Held>, Instant) {
    let number = shared.requests.fetch_add(1, Ordering::Relaxed);
    let mut context = RequestContext {
        id: RequestId {
            boot: shared.boot,
            number,
        },
        voice: Voice::Site,
        home: "/",
        principal: Principal::Visitor,
        start,
        head: request.method() == Method::HEAD,
        script: false,
    };
    let (parts, body) = request.into_parts();
    let answer = match &connection.side {
        Side::Web => web(shared, connection, &mut context, &parts, body).await,
        Side::Device(_) => operate::answer(shared, connection, &mut context, &parts, body).await,
    };
    let mut response = match answer {
        Ok(response) => response,
        Err(rejection) => {
            record::refusal(shared, &context, &rejection);
            if let (Rejection::Denied(denied), Side::Device(binding)) =
                (&rejection, &connection.side)
            {
                shared.denied(denied.action(), binding, &context).await;
            }
            rejection.into_response(&context)
        }
    };
    // limits: what is on its way holds memory until the client has taken it
    let web_head = context.head && context.voice != Voice::Api;
    let held = match hold(shared, connection, response.body_mut(), web_head).await {
        Ok(held) => Some(held),
        Err(busy) => {
            let ends = response.headers_mut().remove(CONNECTION);
            response = busy.into_response(&context);
            *response.body_mut() = Body::Empty;
            if let Some(ends) = ends {
                response.headers_mut().insert(CONNECTION, ends);
            }
            None
        }
    };
    headers::add(shared, connection, &context, &mut response);
    let end = shared.clock.monotonic();
    record::access(shared, connection, &parts, &context, &response, end);
    (response, held, end)
}

/// An answer's part in what may be on its way at once. A large one waits a while for its place; the head of one needs none.
async fn hold(
    shared: &Shared,
    connection: &Connection,
    body: &mut Body,
    head: bool,
) -> Result<Held, Rejection> {
    let peer = connection.peer.ip();
    let held = shared.limits.answer(peer)?;
    if let Some(large) = body.large().filter(|_| !head) {
        let place = shared.limits.large.take(peer).await;
        large.admit(place.ok_or(Rejection::Busy)?);
    }
    Ok(held)
}

/// HTTPS as browsers speak it: pages and portal.
async fn web(
    shared: &Arc<Shared>,
    connection: &Connection,
    context: &mut RequestContext,
    parts: &Parts,
    body: Incoming,
) -> Answer {
    // limits
    let host = host::route(&shared.settings, parts);
    if let Ok(host) = host {
        context.voice = Target::Status.voice(host);
        context.script = host.is_for_programs(parts.uri.path());
    }
    let class = match host {
        _ if parts.uri.path() == host::REPORT => Class::Report,
        // What a foreign page sends is refused, and must not use up what the people behind one address have.
        Ok(host)
            if host.is_guessed_at(&parts.method, parts.uri.path())
                && !portal::is_foreign(parts) =>
        {
            Class::SignIn
        }
        _ if !matches!(parts.method, Method::GET | Method::HEAD) => Class::Portal,
        Ok(Host::Portal) => Class::Portal,
        Ok(_) if context.script => Class::Portal,
        _ => Class::Page,
    };
    let rate = shared.limits.request(connection.peer.ip(), class);
    // On HTTP/1.1 before any other refusal: where a request's end is in doubt, the connection must end with it. HTTP/2 frames
    // its bodies itself, and goes on.
    if parts.version != Version::HTTP_2 {
        shape::framing(parts)?;
    }
    rate?;
    shape::framing(parts)?;
    shape::bounded(&shared.limits.limits, parts)?;
    shape::web(parts)?;
    // route
    let host = host?;
    worker::refuse_at_root(host, parts)?;
    let reading = matches!(parts.method, Method::GET | Method::HEAD);
    let known = if reading && host.has_pages() {
        Page::known(shared, &parts.uri)
    } else {
        None
    };
    let (target, path) = match known {
        // Its path was decoded before, on the same host.
        Some(_) => (Target::Page, None),
        None => {
            context.voice = Target::Status.voice(host);
            if let Some(answer) = of_the_whole_server(parts) {
                return answer;
            }
            let path = RequestPath::decode(parts.uri.path()).map_err(Rejection::Path)?;
            context.home = host.home(context.voice);
            (host.target(&path).ok_or(Rejection::NotFound)?, Some(path))
        }
    };
    context.voice = target.voice(host);
    context.home = host.home(context.voice);
    match (&parts.method, target) {
        (&Method::OPTIONS, _) => return allowed(target.methods()),
        (&Method::HEAD, Target::SetOut | Target::Redeem)
        | (&Method::GET | &Method::HEAD, Target::Report) => {
            return Err(Rejection::Method(target.methods()));
        }
        (method, Target::Portal(route)) if route.takes(method) => {}
        (method, Target::Portal(_)) if is_known(method) => {
            return Err(Rejection::Method(target.methods()));
        }
        (&Method::GET | &Method::HEAD, _) | (&Method::POST, Target::Report) => {}
        (method, _) if is_known(method) => return Err(Rejection::Method(target.methods())),
        _ => return Err(Rejection::Unimplemented),
    }
    // session: looked up anew at every request, so that who is signed out is out at once
    let signed = portal::session(shared, host, parts);
    if let Some(signed) = &signed {
        context.principal = shared
            .identity
            .principal(&shared.store, signed.session.person)?;
    }
    let who = &context.principal;
    let policy = &shared.policy;
    let channel = portal::step_up::circumstances(signed.as_ref());
    // resolve → decide → handle
    match target {
        Target::Page => {
            let page = match (known, &path) {
                (Some(page), _) => page,
                (None, Some(path)) => Page::resolve(shared, path, &parts.uri)?,
                (None, None) => return Err(Rejection::NotFound),
            };
            let permit = match policy.decide::<View<Page>>(who, page, &channel) {
                Err(_) if *who == Principal::Visitor => {
                    return portal::sign_in_for(context, parts);
                }
                Err(denied) => {
                    return match (denied.step_up(), &signed) {
                        (Some(step), Some(signed)) => {
                            portal::step_up::lead(shared, host, context, parts, signed, step)
                        }
                        _ => Err(denied.into()),
                    };
                }
                Ok(permit) => permit,
            };
            let mut response = handlers::page(permit, shared, context, parts)?;
            if let Some(signed) = signed {
                // An answer on its way ends with the session.
                response.extensions_mut().insert(signed.session);
            }
            Ok(response)
        }
        Target::Status => {
            let permit = policy.decide::<StatusPage>(who, Portal, &channel)?;
            Ok(handlers::status(permit, shared, context))
        }
        Target::Health => {
            let permit = policy.decide::<StatusPage>(who, Portal, &channel)?;
            Ok(handlers::health(permit))
        }
        Target::Style => {
            let permit = policy.decide::<PortalAsset>(who, Portal, &channel)?;
            Ok(handlers::style(permit))
        }
        Target::Script => {
            let permit = policy.decide::<PortalAsset>(who, Portal, &channel)?;
            Ok(handlers::script(permit))
        }
        Target::SetOut => {
            let permit = policy.decide::<SignIn>(who, Portal, &channel)?;
            portal::set_out(permit, shared, parts)
        }
        Target::Redeem => {
            let permit = policy.decide::<SignIn>(who, Portal, &channel)?;
            portal::redeem(permit, shared, connection, context, parts).await
        }
        Target::Portal(route) => {
            context.script |= portal::is_script(parts) || route.is_for_programs();
            portal::answer(shared, connection, context, parts, body, route, signed).await
        }
        Target::Report => {
            let permit = policy.decide::<Report>(who, Portal, &channel)?;
            handlers::report(permit, shared, context, parts, body).await
        }
    }
}

/// `OPTIONS *` (RFC 9110, section 9.3.7); no other method has this target.
fn of_the_whole_server(parts: &Parts) -> Option<Answer> {
    if parts.uri.path() != "*" {
        return None;
    }
    Some(match parts.method {
        Method::OPTIONS => allowed("GET, HEAD, POST, OPTIONS"),
        _ => Err(Rejection::Path(holdfast_site::PathError::NotAbsolute)),
    })
}

/// Tells the methods that a target knows. Nothing is asked of a policy, since nothing of the target is told.
fn allowed(methods: &'static str) -> Answer {
    let mut response = Response::new(Body::Empty);
    *response.status_mut() = StatusCode::NO_CONTENT;
    let methods = HeaderValue::from_static(methods);
    response.headers_mut().insert(ALLOW, methods);
    Ok(response)
}

/// Whether it is one of RFC 9110, section 9.3, or of RFC 5789, or QUERY, which is registered as well.
fn is_known(method: &Method) -> bool {
    method.as_str() == "QUERY"
        || matches!(
            *method,
            Method::GET
                | Method::HEAD
                | Method::POST
                | Method::PUT
                | Method::DELETE
                | Method::CONNECT
                | Method::OPTIONS
                | Method::TRACE
                | Method::PATCH
        )
}
