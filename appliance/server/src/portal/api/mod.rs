//! `/api/v1`: what the pages of the portal do, for programs: JSON, errors by RFC 9457, described by OpenAPI.
//!
//! [`operations`] names every operation with who may ask, what it takes and what it answers; the routes, the checks before each act
//! and the [`document`] are made of it. The acts are those of the pages.

mod account;
mod admin;
mod document;
mod operations;
mod paging;
mod table;
mod types;

use bytes::Bytes;
use holdfast_identity::passkeys::FRESH;
use holdfast_identity::sessions::Method as Proof;
use holdfast_policy::{ManagePeople, Portal, PortalAsset, StepUp, UseAccount};
use holdfast_site::RequestPath;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Method, Response, StatusCode};
use hyper::body::Incoming;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Answer, Call, Signed, guard};
use crate::body::Body;
use crate::rejection::Rejection;
use paging::Query;
use table::{Operation, Who};
pub(crate) use table::{allowed, find};

/// Where it begins, within the portal.
pub(crate) const ROOT: &str = "/api/";

/// One request to the API, after all that holds for every one of them.
struct Asked<'a> {
    call: &'a Call<'a>,
    signed: &'a Signed,
    operation: &'static Operation,
    /// The segments of the path that the template leaves open.
    open: Vec<String>,
    query: Query,
    body: Bytes,
}

/// Answers what `path`, one of the table's, names.
pub(super) async fn answer(call: &Call<'_>, path: &'static str, body: Incoming) -> Answer {
    let method = match call.parts.method {
        Method::HEAD => &Method::GET,
        ref method => method,
    };
    let operation = table::operation(path, method).ok_or(Rejection::NotFound)?;
    let (who, policy) = (&call.context.principal, &call.shared.policy);
    let channel = super::step_up::circumstances(call.signed.as_ref());
    if operation.who == Who::Anyone {
        let permit = policy.decide::<PortalAsset>(who, Portal, &channel)?;
        return document::answer(permit);
    }
    let signed = call.signed.as_ref().ok_or(Rejection::SignedOut)?;
    let asked = |body| {
        Ok::<_, Rejection>(Asked {
            call,
            signed,
            operation,
            open: open(call, path)?,
            query: Query::parse(call.parts.uri.query(), operation.paged)?,
            body,
        })
    };
    if operation.who == Who::Admin {
        let permit = policy.decide::<ManagePeople<Portal>>(who, Portal, &channel)?;
        let body = before(call, signed, operation, body).await?;
        admin::answer(permit, &asked(body)?).await
    } else {
        let permit = policy.decide::<UseAccount>(who, Portal, &channel)?;
        let body = before(call, signed, operation, body).await?;
        account::answer(permit, &asked(body)?).await
    }
}

/// What must hold before an act.
async fn before(
    call: &Call<'_>,
    signed: &Signed,
    operation: &Operation,
    body: Incoming,
) -> Result<Bytes, Rejection> {
    let body = guard::pass_program(call, operation.takes.is_some(), body).await?;
    signed.still()?;
    if operation.fresh {
        fresh(signed)?;
    }
    Ok(body)
}

/// Asks for a proof of the last five minutes, as RFC 9470 says it.
fn fresh(signed: &Signed) -> Result<(), Rejection> {
    let proven = signed.session.require(Proof::Recovery, FRESH);
    let step = StepUp {
        totp: false,
        max_age: u32::try_from(FRESH.as_secs()).unwrap_or(u32::MAX),
    };
    proven.map_err(|_| Rejection::StepUp(step))
}

/// What stands in the places that the template leaves open.
fn open(call: &Call<'_>, template: &str) -> Result<Vec<String>, Rejection> {
    let path = RequestPath::decode(call.parts.uri.path()).map_err(Rejection::Path)?;
    let path = path.stem().strip_prefix(call.base()).unwrap_or_default();
    let pairs = template.split('/').zip(path.split('/'));
    let open = pairs.filter(|(name, _)| name.starts_with('{'));
    Ok(open.map(|(_, text)| text.to_owned()).collect())
}

impl Asked<'_> {
    /// The first open place of the path.
    fn first(&self) -> &str {
        self.open.first().map_or("", String::as_str)
    }

    /// The second one.
    fn second(&self) -> &str {
        self.open.get(1).map_or("", String::as_str)
    }

    /// The body, if it is one of this shape. What it holds is not told again: it may be a secret.
    fn read<T: DeserializeOwned>(&self) -> Result<T, Rejection> {
        serde_json::from_slice(&self.body).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            if error.is_data() {
                Rejection::Refused(format!(
                    "At line {line}, column {column} the body is not what this address takes. See `/api/v1/openapi.json` for what \
                     it does."
                ))
            } else {
                Rejection::Body(format!("It is no JSON at line {line}, column {column}."))
            }
        })
    }

    /// The answer that the table says, with this in its body.
    fn tell(&self, answer: &impl Serialize) -> Answer {
        let text = serde_json::to_string(answer)
            .map_err(|error| Rejection::Internal(error.to_string()))?;
        let mut response = Response::new(Body::from(text));
        *response.status_mut() = self.status();
        let kind = HeaderValue::from_static("application/json");
        response.headers_mut().insert(CONTENT_TYPE, kind);
        Ok(response)
    }

    /// The answer to an act that needs no words.
    fn done(&self) -> Answer {
        let mut response = Response::new(Body::Empty);
        *response.status_mut() = self.status();
        Ok(response)
    }

    fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.operation.status).unwrap_or(StatusCode::OK)
    }
}
