//! The messages between the server and the machine's unit: one JSON object a line.

use holdfast_server::machine::{Answer, Ask};
use serde::{Deserialize, Serialize};

/// Largest line, in bytes.
pub const MAX_LINE: usize = 16 * 1024;

/// From the server.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Message {
    /// Show this from now on.
    Show(Box<Show>),
    /// The server cannot start, and why.
    Refused(String),
    /// A question of the closed list; the answer carries the same number.
    Ask(Asked),
}

/// A question with its number.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    /// The server's number for it.
    pub id: u64,
    /// The question.
    pub question: Ask,
}

/// The answer to a question.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Answered {
    /// The question's number.
    pub id: u64,
    /// The answer.
    pub answer: Answer,
}

/// To the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Reply {
    /// Whether the message was understood.
    pub ok: bool,
}

/// What the page shows.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Show {
    /// Such as `ready` or `waiting for enrolment`.
    pub state: String,
    /// Fingerprint of the identity key, `SHA256:…`.
    pub identity: Option<String>,
    /// Fingerprint of the web certificate, `SHA256:…`.
    pub certificate: Option<String>,
    /// The enrolment code, while one is valid.
    pub code: Option<String>,
    /// For how long the code is valid from now on, in seconds.
    pub code_expires_s: Option<u64>,
    /// The site's origin.
    pub site: Option<String>,
    /// The portal's origin.
    pub portal: Option<String>,
    /// Version of the server.
    pub version: Option<String>,
    /// Number of enrolled devices.
    pub devices: Option<u64>,
    /// Something that people must know and that only the console can tell.
    pub note: Option<String>,
}
