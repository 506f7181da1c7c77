//! Records of what happened, one JSON line each on standard error, without query strings, codes or proofs.
//!
//! Lines are put into a bounded buffer, which a thread of its own writes out, at the latest 250 ms after the first of
//! them. So no request waits for the reader of standard error. If that one stalls, the buffer fills; further lines are
//! counted, and the count is written when there is room again.

mod line;
mod writer;

use std::io::Write;
use std::time::Instant;

use http::Response;
use http::request::Parts;
use serde::Serialize;

use holdfast_policy::Principal;

use crate::body::Body;
use crate::connection::{Connection, Side};
use crate::rejection::Rejection;
use crate::request::RequestContext;
use crate::server::Shared;
use line::Line;
pub(crate) use writer::Records;

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
    request: String,
    reason: &'a str,
}

/// Notes a request that was answered at `end`.
pub(crate) fn access(
    shared: &Shared,
    connection: &Connection,
    parts: &Parts,
    context: &RequestContext,
    response: &Response<Body>,
    end: Instant,
) {
    let elapsed = end.saturating_duration_since(context.start);
    let authority = parts.uri.authority().map(http::uri::Authority::as_str);
    let field = parts.headers.get(http::header::HOST);
    let host = authority.or_else(|| field.and_then(|value| value.to_str().ok()));
    let now = shared.clock.now();
    shared.records.push(now, |time, text| {
        Line::begin(text, "time")
            .raw(time)
            .raw("\",\"kind\":\"access\",\"request\":\"")
            .show(&context.id)
            .raw("\",\"peer\":\"")
            .show(&connection.peer.ip().to_canonical())
            .raw(match connection.side {
                Side::Web => "\",\"channel\":\"web\",\"protocol\":\"",
                Side::Device(_) => "\",\"channel\":\"device\",\"protocol\":\"",
            })
            .debug(&parts.version)
            .raw("\",\"method\":")
            .text(parts.method.as_str())
            .raw(",\"host\":")
            .text(host.unwrap_or_default())
            .raw(",\"path\":")
            .text(parts.uri.path())
            .raw(",\"principal\":")
            .text(match &context.principal {
                Principal::Visitor => "visitor",
                Principal::Person { id, .. } => id,
                Principal::Device { fingerprint, .. } => fingerprint,
            })
            .raw(",\"status\":")
            .show(&response.status().as_u16())
            .raw(",\"bytes\":")
            .show(&response.body().len())
            .raw(",\"micros\":")
            .show(&elapsed.as_micros())
            .end();
    });
}

/// Notes why we ourselves failed; refusals that are the client's doing show in the access line.
pub(crate) fn refusal(shared: &Shared, context: &RequestContext, rejection: &Rejection) {
    if let Rejection::Internal(reason) = rejection {
        shared.records.note(&Refusal {
            kind: "failure",
            request: context.id.to_string(),
            reason,
        });
    }
}

/// Notes an event that found no room in the store.
pub(crate) fn lost(
    records: &Records,
    event: &holdfast_audit::Event,
    error: &holdfast_store::Error,
) {
    records.note(&Lost {
        kind: "event-not-kept",
        event,
        reason: error.to_string(),
    });
}

/// Notes something at the start, before there is a buffer and anyone who would wait.
pub(crate) fn note_at_start(kind: &'static str, reason: &str) {
    let line = serde_json::json!({ "kind": kind, "reason": reason }).to_string() + "\n";
    // In one piece, so that it is one write.
    let _ = std::io::stderr().write_all(line.as_bytes());
}

/// Notes something that the operator should know and that belongs to no request.
pub(crate) fn note(records: &Records, kind: &'static str, reason: &str) {
    #[derive(Serialize)]
    struct Note<'a> {
        kind: &'static str,
        reason: &'a str,
    }
    records.note(&Note { kind, reason });
}

/// Notes how many connections were closed at once since the last such line.
pub(crate) fn shed(records: &Records, time: &str, connections: u64) {
    let kind = "connections-shed";
    records.note(&serde_json::json!({ "time": time, "kind": kind, "connections": connections }));
}
