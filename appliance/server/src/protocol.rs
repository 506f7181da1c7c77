//! What travels between a device and the appliance, as JSON; see the crate's routes for the paths.

use std::collections::BTreeMap;

use holdfast_audit::Timestamp;
use holdfast_site::{Digest, HeaderRule, RedirectRule, WireEntry};
use serde::{Deserialize, Serialize};

use crate::machine::{LogLine, MachineStatus};
use crate::pin::Pin;
pub use crate::secret::Secret;
pub use people::*;
pub use upkeep::*;

mod people;
mod upkeep;

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
    /// More of the web certificate.
    pub web: CertificateAnswer,
    /// The appliance's time, seconds since 1970.
    pub time: i64,
    /// Seconds since the server started.
    pub serving_s: u64,
    /// The machine around the server; absent where there is none, or it does not answer.
    pub machine: Option<MachineStatus>,
    /// The store and its disk.
    pub store: Option<StoreStatus>,
}

/// The store and its disk, in bytes, and who reads.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StoreStatus {
    /// What the store takes.
    pub bytes: u64,
    /// Room left on the data partition.
    pub room: u64,
    /// Views of the store that are open.
    #[serde(default)]
    pub readers: usize,
    /// Age of the oldest of them, in milliseconds; commits end those above a minute.
    #[serde(default)]
    pub oldest_reader_ms: Option<u64>,
}

/// `GET`, `PUT` and `DELETE /v1/certificate`, the answer: which web certificate is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CertificateAnswer {
    /// Hash of the leaf, as browsers show it.
    pub fingerprint: String,
    /// Where it comes from.
    pub source: CertificateSource,
    /// From when on it is good, seconds since 1970.
    pub not_before: i64,
    /// Until when it is good, seconds since 1970.
    pub not_after: i64,
}

/// Where a web certificate comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CertificateSource {
    /// `holdfast tls install`.
    Installed,
    /// The credentials `holdfast.tls-cert` and `holdfast.tls-key`.
    Given,
    /// The machine made it.
    SelfMade,
}

/// `PUT /v1/certificate`, the request.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CertificateRequest {
    /// The chain in PEM, leaf first.
    pub chain: String,
    /// Its key in PEM.
    pub key: Secret,
}

/// `GET /v1/configuration`, the answer. It holds no secret.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfigurationAnswer {
    /// Every key that `holdfast.toml` sets, such as `origin.site`, with its value as TOML.
    pub settings: BTreeMap<String, String>,
    /// The credentials that have a meaning, and where each came from.
    pub credentials: Vec<CredentialItem>,
    /// Every limit in force by its key of `[limits]`, with its value as TOML: as set, or the default for this machine's
    /// memory.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub limits: BTreeMap<String, String>,
    /// SHA-256 of settings and credentials, and of the given certificate and identity, in hex: it changes with the
    /// configuration.
    pub sha256: String,
}

/// A credential.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CredentialItem {
    /// Its name.
    pub name: String,
    /// Where it came from; absent: it was not passed.
    pub source: Option<String>,
}

/// `GET /v1/devices`, one item of the answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceItem {
    /// Its pin.
    pub device: Pin,
    /// Its name for people.
    pub name: String,
    /// When it was enrolled, seconds since 1970.
    pub enrolled: i64,
    /// Whether it may act; it was revoked otherwise.
    pub active: bool,
    /// Whether it is the one that asks.
    pub this: bool,
}

/// `POST /v1/devices/invitations`, the answer: a one-time code for another device.
#[derive(Debug, Serialize, Deserialize)]
pub struct Invitation {
    /// The code in groups.
    pub code: Secret,
    /// Seconds for which it is good.
    pub expires_s: u64,
    /// The appliance's identity, for the other device to pin.
    pub identity: Pin,
}

/// `POST /v1/devices/revocations`, the request.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RevocationRequest {
    /// Which device.
    pub device: Pin,
    /// Revoke it even if it is the last one.
    #[serde(default)]
    pub force: bool,
}

/// `POST /v1/devices/revocations`, the answer.
#[derive(Debug, Serialize, Deserialize)]
pub struct Revoked {
    /// How many devices may act now.
    pub devices: usize,
}

/// `POST /v1/machine/reboot` and `POST /v1/machine/power-off`, the answer: it is done in a moment.
#[derive(Debug, Serialize, Deserialize)]
pub struct PowerAnswer {
    /// `reboot` or `power-off`.
    pub doing: String,
}

/// `GET /v1/logs`, one line of the answer (`application/x-ndjson`); empty lines say that the connection still holds.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LogItem {
    /// A line of the log.
    Line(LogLine),
    /// The answer ends here for this reason.
    Problem(String),
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
