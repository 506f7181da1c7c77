//! What travels between a device and the appliance, as JSON; see the crate's routes for the paths.

use holdfast_site::{Digest, HeaderRule, RedirectRule, WireEntry};
use serde::{Deserialize, Serialize};

use crate::pin::Pin;

/// `POST /v1/enroll`, the request.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnrolRequest {
    /// By what.
    pub method: Method,
    /// The client's proof, base64.
    pub proof: String,
    /// A name for people, 1 to 64 printable characters.
    pub name: String,
}

/// By what a device enrols.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// The one-time code of the console.
    Code,
    /// The operator's key.
    OperatorKey,
}

/// `POST /v1/enroll`, the answer.
#[derive(Debug, Serialize, Deserialize)]
pub struct EnrolAnswer {
    /// The device's fingerprint.
    pub device: Pin,
    /// The server's proof, base64; empty for the operator's key, where the pinned identity is the proof.
    pub proof: String,
}

/// `GET /v1/status`, the answer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StatusAnswer {
    /// Version of the software.
    pub version: String,
    /// Root hash of the running image.
    pub root_hash: Option<String>,
    /// URL of the site.
    pub site: String,
    /// URL of the portal.
    pub portal: String,
    /// The live version.
    pub live: Option<u64>,
    /// Files of the live version.
    pub pages: usize,
    /// Enrolled devices.
    pub devices: usize,
    /// Pin of the identity key.
    pub identity: Pin,
    /// Fingerprint of the web certificate.
    pub certificate: String,
}

/// `POST /v1/site/missing`, request and answer.
pub type Digests = Vec<Digest>;

/// `POST /v1/site/blobs`, the answer.
#[derive(Debug, Serialize, Deserialize)]
pub struct Stored {
    /// Blobs that were not there before.
    pub stored: u64,
}

/// `POST /v1/site/versions`, the request: a manifest.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CommitRequest {
    /// What the version serves.
    pub entries: Vec<WireEntry>,
    /// The rules of `_redirects`.
    #[serde(default)]
    pub redirects: Vec<RedirectRule>,
    /// The rules of `_headers`.
    #[serde(default)]
    pub headers: Vec<HeaderRule>,
    /// Whether it goes live at once.
    pub activate: bool,
}

/// `POST /v1/site/versions`, the answer.
#[derive(Debug, Serialize, Deserialize)]
pub struct Committed {
    /// The version's number.
    pub version: u64,
}

/// `POST /v1/site/active`, the request: makes a version live.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ActivateRequest {
    /// The version's number.
    pub version: u64,
    /// The version that must be live now, if it matters.
    #[serde(default)]
    pub instead_of: Option<u64>,
}

/// `POST /v1/site/active`, the answer.
#[derive(Debug, Serialize, Deserialize)]
pub struct Activated {
    /// The live version.
    pub version: u64,
    /// The one that was live before.
    pub before: Option<u64>,
}

/// `GET /v1/site/versions`, one item of the answer.
#[derive(Debug, Serialize, Deserialize)]
pub struct VersionItem {
    /// Its number.
    pub version: u64,
    /// Whether it is the live one.
    pub live: bool,
    /// Whether it was the live one before: `holdfast site rollback` goes back to it.
    #[serde(default)]
    pub before: bool,
    /// When it was committed, seconds since 1970.
    pub created: i64,
    /// Who committed it.
    pub author: String,
    /// Number of files.
    pub pages: u64,
    /// Bytes of all files.
    pub bytes: u64,
    /// Format of its manifest, in which `GET /v1/site/versions/N` gives it.
    pub format: u16,
}

/// An error (RFC 9457, `application/problem+json`).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Problem {
    /// Kind of the problem; `about:blank` says no more than the status.
    #[serde(rename = "type")]
    pub kind: String,
    /// Short text.
    pub title: String,
    /// HTTP status.
    pub status: u16,
    /// What happened and what to do next.
    pub detail: String,
    /// The request, as the appliance's log names it.
    pub instance: String,
}
