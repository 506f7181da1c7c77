//! Refusals, and what can be wrong with the policies themselves.

use crate::StepUp;

/// The request is refused. Says nothing of the resource, so it may be shown.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{action}` is not permitted ({reason}); {}", reason.way_out())]
pub struct Denied {
    pub(crate) action: &'static str,
    pub(crate) reason: Reason,
    pub(crate) step_up: Option<StepUp>,
}

impl Denied {
    /// Name of the action that was asked for.
    #[must_use]
    pub fn action(&self) -> &'static str {
        self.action
    }

    /// The proof that would have made it a permission, if there is one.
    #[must_use]
    pub fn step_up(&self) -> Option<StepUp> {
        self.step_up
    }

    /// Why it was refused.
    #[must_use]
    pub fn reason(&self) -> Reason {
        self.reason
    }
}

/// Why a request was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// No policy permits it, or one forbids it.
    #[error("no policy permits it")]
    NotPermitted,
    /// The schema knows no such action, or not on such a resource.
    #[error("the schema does not know this request")]
    UnknownRequest,
    /// A policy failed while it was evaluated. One failure refuses, whatever the other policies say.
    #[error("a policy failed")]
    Failed,
}

impl Reason {
    fn way_out(self) -> &'static str {
        match self {
            Self::NotPermitted => "enrol this device, or ask the operator",
            Self::UnknownRequest | Self::Failed => "report this as a fault of the program",
        }
    }
}

/// The fixed policies cannot be used; the process must not serve.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The schema is not valid.
    #[error("the policy schema is not valid: {0}; this build is broken, boot another image")]
    Schema(String),
    /// The policies are not valid, or not under the schema.
    #[error("the policies are not valid: {0}; this build is broken, boot another image")]
    Policies(String),
}
