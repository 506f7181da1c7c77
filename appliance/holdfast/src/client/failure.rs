//! Failures that have an exit code of their own (`holdfast --help` lists them).

use std::process::ExitCode;

/// The appliance cannot be reached, is not the one that is meant, or the connection broke.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Unreachable(pub String);

/// The appliance refused.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Refused(pub String);

/// The exit code of a failure; any other is 1.
pub fn exit_code(error: &(dyn std::error::Error + 'static)) -> ExitCode {
    if error.is::<Unreachable>() {
        ExitCode::from(3)
    } else if error.is::<Refused>() {
        ExitCode::from(4)
    } else {
        ExitCode::FAILURE
    }
}
