//! Listeners, TLS, HTTP and the one request path.
//!
//! [`Server::open`] gathers everything that needs power (store, keys, policies) before the sandbox; [`Server::run`]
//! serves after it, on sockets that were opened by someone else. What happens to a request stands in `request.rs`, top to
//! bottom. [`protocol`], [`pin`] and [`enrolment`] are shared with the command line's side of the device protocol.

mod api;
mod body;
mod certificate;
mod clock;
mod configuration;
mod connection;
mod console;
mod cork;
mod device;
mod ed25519;
pub mod enrolment;
mod error;
mod gather;
mod handlers;
mod headers;
mod host;
mod id;
mod identity;
mod keys;
mod limits;
pub mod machine;
mod people;
pub mod pin;
mod portal;
mod progress;
pub mod protocol;
mod record;
mod rejection;
mod request;
mod room;
mod runs;
mod secret;
mod server;
mod settings;
mod stall;
mod tls;
mod upkeep;
mod worker;

/// For the fuzz targets alone.
#[doc(hidden)]
pub mod fuzz {
    pub use crate::handlers::fuzz::{encoding, range};
    pub use crate::limits::fuzz::{Frame, http1, http2_frames, http2_verdict};
}

pub use clock::{Clock, SystemClock};
pub use console::Show;
pub use ed25519::Ed25519Only;
pub use error::Error;
pub use keys::device_certificate;
pub use limits::{Limits, Rate};
pub use pin::Pin;
pub use runs::{Last, Runs};
pub use server::{Server, last_stored_time};
pub use settings::{Authority, Settings};
pub use tls::DEVICE_ALPN;
