//! Handlers of the device protocol (ALPN `holdfast/1`). Each takes its `Permit` (law 1).

mod enrol;
mod publish;
mod receive;
mod status;

use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Method, Response};
use serde::Serialize;

pub(crate) use enrol::enrol;
pub(crate) use publish::{blobs, commit, missing, versions};
pub(crate) use status::status;

use crate::body::Body;
use crate::rejection::Rejection;

/// The routes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    Enrol,
    Status,
    Missing,
    Blobs,
    Commit,
    Versions,
}

impl Route {
    pub(crate) fn find(method: &Method, path: &str) -> Result<Self, Rejection> {
        let (routes, allowed): (&[(Method, Self)], _) = match path {
            "/v1/enroll" => (&[(Method::POST, Self::Enrol)], "POST"),
            "/v1/status" => (&[(Method::GET, Self::Status)], "GET"),
            "/v1/site/missing" => (&[(Method::POST, Self::Missing)], "POST"),
            "/v1/site/blobs" => (&[(Method::POST, Self::Blobs)], "POST"),
            "/v1/site/versions" => (
                &[(Method::POST, Self::Commit), (Method::GET, Self::Versions)],
                "GET, POST",
            ),
            _ => return Err(Rejection::NotFound),
        };
        let found = routes
            .iter()
            .find(|(wanted, _)| wanted == method)
            .map(|(_, route)| *route);
        found.ok_or(Rejection::Method(allowed))
    }
}

/// Does work that must not stop half-way when the client goes away, which drops the handler: what is committed must also
/// come into memory.
async fn detached<T: Send + 'static>(
    work: impl Future<Output = Result<T, Rejection>> + Send + 'static,
) -> Result<T, Rejection> {
    let done = tokio::spawn(work).await;
    done.unwrap_or_else(|error| Err(Rejection::Internal(error.to_string())))
}

fn json(answer: &impl Serialize) -> Result<Response<Body>, Rejection> {
    let text =
        serde_json::to_string(answer).map_err(|error| Rejection::Internal(error.to_string()))?;
    let mut response = Response::new(Body::from(text));
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(response)
}
