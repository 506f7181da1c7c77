//! What a load does, and what it found.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::target::{Group, Target};

/// How a load speaks with the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    /// HTTP/1.1 on open connections, `depth` requests at once on each (RFC 9112, section 9.3.2).
    Http1,
    /// HTTP/2, `depth` streams at once on each connection (RFC 9113).
    Http2,
    /// A new connection each time, closed after the handshake (RFC 8446, section 2).
    Handshake,
}

/// A load.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Spec {
    /// The server.
    pub target: Target,
    /// The key exchange.
    pub group: Group,
    /// The protocol.
    pub kind: Kind,
    /// The path asked for.
    pub path: String,
    /// The file with the content that must come.
    pub body: PathBuf,
    /// Connections at once.
    pub connections: usize,
    /// Requests at once on each.
    pub depth: usize,
    /// Milliseconds before the measurement, at least.
    pub warm: u64,
    /// Milliseconds of the measurement. 0: the connections ask once, then stay open without a request until the
    /// standard input ends.
    pub measure: u64,
}

/// What a load found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Answers, or handshakes, within the measurement.
    pub done: u64,
    /// Its length in seconds.
    pub seconds: f64,
    /// CPU seconds that the server used in it.
    pub server: f64,
    /// Session tickets that came on one connection.
    pub tickets: u32,
}
