//! The pages that Holdfast shows of itself: status, errors, and the one before a site was pushed.
//!
//! They need no script and no third-party byte. Their one style sheet stands in the page, and their
//! Content-Security-Policy names it by its hash.

mod layout;
mod notice;
mod status;

pub use layout::csp;
pub use notice::{error, welcome};
pub use status::{Status, status};
