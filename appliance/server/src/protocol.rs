//! What travels between a device and the appliance, as JSON; see the crate's routes for the paths.

use holdfast_audit::Timestamp;
use holdfast_site::{Digest, WireEntry};
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
    /// How the run before this one ended; absent on the first.
    #[serde(default)]
    pub last_exit: Option<LastExit>,
}

/// How a run of the server ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastExit {
    /// In words, such as `clean stop` or `signal SYS (a forbidden system call)`.
    pub how: String,
    /// Whether it was asked to stop, and did.
    pub clean: bool,
    /// When, by the machine's clock; absent if nothing was recorded.
    pub time: Option<Timestamp>,
    /// The service manager's name of the run; absent if nothing was recorded.
    pub run: Option<String>,
}

impl LastExit {
    /// As an audit event names it.
    #[must_use]
    pub fn resource(&self) -> String {
        let mut text = self.how.clone();
        if let Some(time) = self.time {
            text.push_str(&format!(", {time}"));
        }
        if let Some(run) = &self.run {
            text.push_str(&format!(", run {run}"));
        }
        text
    }
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
    /// Whether it goes live at once.
    pub activate: bool,
}

/// `POST /v1/site/versions`, the answer.
#[derive(Debug, Serialize, Deserialize)]
pub struct Committed {
    /// The version's number.
    pub version: u64,
}

/// `GET /v1/site/versions`, one item of the answer.
#[derive(Debug, Serialize, Deserialize)]
pub struct VersionItem {
    /// Its number.
    pub version: u64,
    /// Whether it is the live one.
    pub live: bool,
    /// When it was committed, seconds since 1970.
    pub created: i64,
    /// Who committed it.
    pub author: String,
    /// Number of files.
    pub pages: u64,
    /// Bytes of all files.
    pub bytes: u64,
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
