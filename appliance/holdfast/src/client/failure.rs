//! Failures that have an exit code of their own (`holdfast --help` lists them).

use std::process::ExitCode;

use http::StatusCode;

/// The appliance cannot be reached, is not the one that is meant, or the connection broke.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Unreachable(pub String);

/// The appliance refused.
#[derive(Debug, thiserror::Error)]
#[error("{text}")]
pub struct Refused {
    /// What it answered.
    pub status: StatusCode,
    text: String,
}

impl Refused {
    /// What it answered, and what that means for people.
    pub fn new(status: StatusCode, text: String) -> Self {
        Self { status, text }
    }
}

/// What is stored is not what was committed.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Altered(pub String);

/// The exit code of a failure; any other is 1.
pub fn exit_code(error: &(dyn std::error::Error + 'static)) -> ExitCode {
    if error.is::<Unreachable>() {
        ExitCode::from(3)
    } else if error.is::<Refused>() {
        ExitCode::from(4)
    } else if error.is::<Altered>() {
        ExitCode::from(5)
    } else {
        ExitCode::FAILURE
    }
}
