//! Handlers of the device protocol (ALPN `holdfast/1`). Each takes its `Permit` (law 1).

pub(crate) mod certificate;
mod collect;
mod denials;
pub(crate) mod devices;
mod enrol;
pub(crate) mod keys;
mod leases;
mod logs;
pub(crate) mod people;
mod power;
mod publish;
mod receive;
mod status;
pub(crate) mod store;

use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Method, Response};
use serde::Serialize;

pub(crate) use collect::{Collection, keep_collected};
pub(crate) use enrol::enrol;
pub(crate) use logs::logs;
pub(crate) use power::{power_off, reboot};
pub(crate) use publish::{activate, blobs, commit, manifest, missing, versions};
pub(crate) use status::{configuration, status};

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
    Logs,
    Configuration,
    Certificate,
    InstallCertificate,
    RemoveCertificate,
    Devices,
    Invite,
    Revoke,
    /// People.
    People(people::Route),
    Reboot,
    PowerOff,
    Activate,
    Keys,
    RotateKeys,
    RecoveryKey,
    DestroyKeys,
    Checkpoint,
    Verification,
    Verify,
    Compact,
    /// The manifest of this version.
    Manifest(u64),
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
            "/v1/logs" => (&[(Method::GET, Self::Logs)], "GET"),
            "/v1/configuration" => (&[(Method::GET, Self::Configuration)], "GET"),
            "/v1/certificate" => (
                &[
                    (Method::GET, Self::Certificate),
                    (Method::PUT, Self::InstallCertificate),
                    (Method::DELETE, Self::RemoveCertificate),
                ],
                "DELETE, GET, PUT",
            ),
            "/v1/devices" => (&[(Method::GET, Self::Devices)], "GET"),
            "/v1/devices/invitations" => (&[(Method::POST, Self::Invite)], "POST"),
            "/v1/devices/revocations" => (&[(Method::POST, Self::Revoke)], "POST"),
            "/v1/machine/reboot" => (&[(Method::POST, Self::Reboot)], "POST"),
            "/v1/machine/power-off" => (&[(Method::POST, Self::PowerOff)], "POST"),
            "/v1/keys" => (&[(Method::GET, Self::Keys)], "GET"),
            "/v1/keys/rotations" => (&[(Method::POST, Self::RotateKeys)], "POST"),
            "/v1/keys/recovery" => (&[(Method::POST, Self::RecoveryKey)], "POST"),
            "/v1/keys/destruction" => (&[(Method::POST, Self::DestroyKeys)], "POST"),
            "/v1/store/checkpoint" => (&[(Method::GET, Self::Checkpoint)], "GET"),
            "/v1/store/verification" => (
                &[
                    (Method::GET, Self::Verification),
                    (Method::POST, Self::Verify),
                ],
                "GET, POST",
            ),
            "/v1/store/compaction" => (&[(Method::POST, Self::Compact)], "POST"),
            "/v1/site/active" => (&[(Method::POST, Self::Activate)], "POST"),
            _ => match people::Route::find(method, path) {
                Some(found) => return found.map(Self::People),
                None => return Self::find_version(method, path),
            },
        };
        let found = routes
            .iter()
            .find(|(wanted, _)| wanted == method)
            .map(|(_, route)| *route);
        found.ok_or(Rejection::Method(allowed))
    }

    fn find_version(method: &Method, path: &str) -> Result<Self, Rejection> {
        let number = path.strip_prefix("/v1/site/versions/");
        // Digits alone: `u64` would take a sign as well.
        let number = number.filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
        let number = number
            .and_then(|text| text.parse().ok())
            .ok_or(Rejection::NotFound)?;
        if *method != Method::GET {
            return Err(Rejection::Method("GET"));
        }
        Ok(Self::Manifest(number))
    }
}

/// Does work that must not stop half-way when the client goes away, which drops the handler: what is committed must also
/// come into memory.
pub(crate) async fn detached<T: Send + 'static>(
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
