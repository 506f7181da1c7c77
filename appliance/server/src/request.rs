//! The one request path (law 4), top to bottom:
//!
//! accept → limits → TLS (`connection.rs`) → route → session → resolve → decide → handle → headers → record.
//!
//! A step may answer by a [`Rejection`] or pass on; only the last two touch every answer.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use holdfast_policy::{
    Appliance, Channel, Context, Enrol, Portal, Principal, Publish, ReadStatus, Site, StatusPage,
    View,
};
use holdfast_site::RequestPath;
use http::{Method, Request, Response};
use hyper::body::Incoming;

use crate::api;
use crate::body::Body;
use crate::connection::{Connection, Side};
use crate::device;
use crate::handlers::{self, Page};
use crate::headers;
use crate::host::{self, Host};
use crate::limits::{Class, shape};
use crate::record;
use crate::rejection::{Rejection, Voice};
use crate::server::Shared;

/// What is known of one request, made once and passed along.
pub(crate) struct RequestContext {
    /// Name of the request in log, audit and errors.
    pub(crate) id: String,
    /// In which form errors are told, and which headers belong to the answer.
    pub(crate) voice: Voice,
    /// Who asks, as far as it is known.
    pub(crate) principal: Principal,
    /// Start, on the monotonic clock.
    pub(crate) start: std::time::Instant,
    /// Whether the method is HEAD.
    pub(crate) head: bool,
}

type Answer = Result<Response<Body>, Rejection>;

/// Answers a request. Whatever comes in, an answer goes out.
pub(crate) async fn answer(
    shared: &Arc<Shared>,
    connection: &Connection,
    request: Request<Incoming>,
) -> Response<Body> {
    let number = shared.requests.fetch_add(1, Ordering::Relaxed);
    let mut context = RequestContext {
        id: format!("{:08x}-{number}", shared.boot),
        voice: Voice::Site,
        principal: Principal::Visitor,
        start: shared.clock.monotonic(),
        head: request.method() == Method::HEAD,
    };
    let line = record::Line::new(connection, &request);
    let answer = match &connection.side {
        Side::Web => web(shared, connection, &mut context, &request),
        Side::Device(_) => device(shared, connection, &mut context, request).await,
    };
    let mut response = match answer {
        Ok(response) => response,
        Err(rejection) => {
            record::refusal(&context, &rejection);
            rejection.into_response(&context)
        }
    };
    // limits: what is on its way holds memory until the client has taken it
    match shared.limits.answer(connection.peer.ip(), response.body()) {
        Ok(held) => {
            response.extensions_mut().insert(Arc::new(held));
        }
        Err(busy) => {
            response = busy.into_response(&context);
            *response.body_mut() = Body::Empty;
        }
    }
    headers::add(shared, &context, &mut response);
    line.write(shared, &context, &response);
    response
}

/// HTTPS as browsers speak it: pages and portal.
fn web(
    shared: &Arc<Shared>,
    connection: &Connection,
    context: &mut RequestContext,
    request: &Request<Incoming>,
) -> Answer {
    // limits
    let host = host::route(&shared.settings, request);
    let class = match host {
        _ if *request.method() == Method::POST => Class::Report,
        Ok(Host::Portal) => Class::Portal,
        _ => Class::Page,
    };
    let rate = shared.limits.request(connection.peer.ip(), class);
    // Before any other refusal: where a request's end is in doubt, the connection must end with it.
    shape::web(request)?;
    rate?;
    shape::bounded(&shared.limits.limits, request)?;
    // route
    let host = host?;
    context.voice = match host {
        Host::Site => Voice::Site,
        Host::Portal => Voice::Portal,
    };
    let path = RequestPath::decode(request.uri().path()).map_err(Rejection::Path)?;
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return Err(Rejection::Method("GET, HEAD"));
    }
    // session: nobody can sign in before the portal exists
    let channel = Context {
        channel: Channel::Web,
    };
    // resolve → decide → handle
    match host {
        Host::Site => {
            let page = Page::resolve(shared, &path, request.uri().query())?;
            let permit = shared
                .policy
                .decide::<View<Page>>(&context.principal, page, &channel)?;
            handlers::page(permit, shared, request)
        }
        Host::Portal => {
            let portal = &context.principal;
            let permit = shared
                .policy
                .decide::<StatusPage>(portal, Portal, &channel)?;
            handlers::portal(permit, shared, &path)
        }
    }
}

/// The device protocol.
async fn device(
    shared: &Arc<Shared>,
    connection: &Connection,
    context: &mut RequestContext,
    request: Request<Incoming>,
) -> Answer {
    context.voice = Voice::Api;
    let Side::Device(binding) = &connection.side else {
        return Err(Rejection::NotFound);
    };
    // limits
    let class = match request.uri().path() {
        "/v1/enroll" => Class::Enrol,
        _ => Class::Device,
    };
    shared.limits.request(connection.peer.ip(), class)?;
    shape::bounded(&shared.limits.limits, &request)?;
    // route
    let route = api::Route::find(request.method(), request.uri().path())?;
    // session: looked up anew at every request, so that a revoked device is out at once
    let enrolled = device::is_enrolled(&shared.store.snapshot()?, &binding.client)?;
    context.principal = Principal::Device {
        fingerprint: binding.client.to_string(),
        enrolled,
    };
    let who = &context.principal;
    let channel = Context {
        channel: Channel::Device,
    };
    let policy = &shared.policy;
    // decide → handle
    match route {
        api::Route::Enrol => {
            let permit = policy.decide::<Enrol>(who, Appliance, &channel)?;
            api::enrol(permit, shared, connection, binding, request.into_body()).await
        }
        api::Route::Status => {
            let permit = policy.decide::<ReadStatus>(who, Appliance, &channel)?;
            api::status(permit, shared)
        }
        api::Route::Missing => {
            let permit = policy.decide::<Publish>(who, Site, &channel)?;
            api::missing(permit, shared, request.into_body()).await
        }
        api::Route::Blobs => {
            let permit = policy.decide::<Publish>(who, Site, &channel)?;
            api::blobs(permit, shared, request.into_body()).await
        }
        api::Route::Commit => {
            let permit = policy.decide::<Publish>(who, Site, &channel)?;
            api::commit(permit, shared, context, binding, request.into_body()).await
        }
        api::Route::Versions => {
            let permit = policy.decide::<Publish>(who, Site, &channel)?;
            api::versions(permit, shared)
        }
    }
}
