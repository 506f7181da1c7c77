//! Names of requests.

use std::fmt;

/// A request's name in log, audit and errors: this run's random number and a count, such as `9f03a6c1-17`. Written only
/// where somebody reads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RequestId {
    pub(crate) boot: u32,
    pub(crate) number: u64,
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}-{}", self.boot, self.number)
    }
}
