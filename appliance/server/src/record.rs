//! One JSON line per request on standard error, without query strings, codes or proofs.

use std::io::Write as _;

use holdfast_policy::Principal;
use http::{Request, Response};
use serde::Serialize;

use crate::body::Body;
use crate::connection::{Connection, Side};
use crate::rejection::Rejection;
use crate::request::RequestContext;
use crate::server::Shared;

/// Most characters of a path or host that are recorded.
const LONGEST: usize = 1024;

/// What is noted before the request is consumed.
pub(crate) struct Line {
    peer: String,
    channel: &'static str,
    protocol: String,
    method: String,
    host: String,
    path: String,
}

#[derive(Serialize)]
struct Access<'a> {
    time: String,
    kind: &'static str,
    request: &'a str,
    peer: &'a str,
    channel: &'a str,
    protocol: &'a str,
    method: &'a str,
    host: &'a str,
    path: &'a str,
    principal: &'a str,
    status: u16,
    bytes: u64,
    micros: u64,
}

/// An event that could not be kept.
#[derive(Serialize)]
struct Lost<'a> {
    kind: &'static str,
    event: &'a holdfast_audit::Event,
    reason: String,
}

#[derive(Serialize)]
struct Refusal<'a> {
    kind: &'static str,
    request: &'a str,
    reason: String,
}

impl Line {
    pub(crate) fn new<B>(connection: &Connection, request: &Request<B>) -> Self {
        let host = request
            .uri()
            .authority()
            .map(http::uri::Authority::as_str)
            .or_else(|| {
                request
                    .headers()
                    .get(http::header::HOST)
                    .and_then(|value| value.to_str().ok())
            });
        Self {
            peer: connection.peer.ip().to_canonical().to_string(),
            channel: match connection.side {
                Side::Web => "web",
                Side::Device(_) => "device",
            },
            protocol: format!("{:?}", request.version()),
            method: clip(request.method().as_str()),
            host: clip(host.unwrap_or_default()),
            path: clip(request.uri().path()),
        }
    }

    pub(crate) fn write(
        self,
        shared: &Shared,
        context: &RequestContext,
        response: &Response<Body>,
    ) {
        let elapsed = shared
            .clock
            .monotonic()
            .saturating_duration_since(context.start);
        let access = Access {
            time: shared.clock.now().to_string(),
            kind: "access",
            request: &context.id,
            peer: &self.peer,
            channel: self.channel,
            protocol: &self.protocol,
            method: &self.method,
            host: &self.host,
            path: &self.path,
            principal: match &context.principal {
                Principal::Visitor => "visitor",
                Principal::Device { fingerprint, .. } => fingerprint,
            },
            status: response.status().as_u16(),
            bytes: response.body().len(),
            micros: u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX),
        };
        write_line(&access);
    }
}

/// Notes why we ourselves failed; refusals that are the client's doing show in the access line.
pub(crate) fn refusal(context: &RequestContext, rejection: &Rejection) {
    if let Rejection::Internal(reason) = rejection {
        write_line(&Refusal {
            kind: "failure",
            request: &context.id,
            reason: reason.clone(),
        });
    }
}

/// Notes an event that found no room in the store.
pub(crate) fn lost(event: &holdfast_audit::Event, error: &holdfast_store::Error) {
    write_line(&Lost {
        kind: "event-not-kept",
        event,
        reason: error.to_string(),
    });
}

/// Notes something that the operator should know and that belongs to no request.
pub(crate) fn note(kind: &'static str, reason: &str) {
    #[derive(Serialize)]
    struct Note<'a> {
        kind: &'static str,
        reason: &'a str,
    }
    write_line(&Note { kind, reason });
}

fn write_line(line: &impl Serialize) {
    let Ok(mut text) = serde_json::to_vec(line) else {
        return;
    };
    text.push(b'\n');
    // Where standard error is gone there is nowhere left to say so.
    let _ = std::io::stderr().lock().write_all(&text);
}

fn clip(text: &str) -> String {
    text.chars().take(LONGEST).collect()
}
