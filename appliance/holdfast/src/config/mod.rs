//! The configuration: `holdfast.toml` and the secrets beside it.
//!
//! [`Config::parse`] reads the text alone; [`Credentials::read`] reads a directory of credentials, as systemd hands it to
//! the service or as set-up gathered it. Everything is checked here, once: what comes out needs no further checks.
//! Each refusal says where, what, and the way out.

mod credentials;
mod error;
mod file;
mod limits;
mod network;
mod origin;
mod roots;

#[cfg(test)]
mod tests;

pub use credentials::{Credentials, MAX_CREDENTIAL_BYTES, Name};
pub use error::ConfigError;
pub use file::Config;
pub use limits::in_force;
pub use network::MacAddress;
pub use origin::Origin;
