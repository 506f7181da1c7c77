//! The pages that Holdfast shows of itself: status, errors, and the one before a site was pushed.
//!
//! They need no script and no third-party byte. Their one style sheet has an address of its own ([`style_path`]), and their
//! Content-Security-Policy lets it in by a nonce.

mod layout;
mod notice;
mod status;

pub use layout::{Frame, STYLE, style_path};
pub use notice::{Notice, error, welcome};
pub use status::{Status, status};
