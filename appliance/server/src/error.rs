//! What keeps the server from starting.

/// Errors of starting. Every text ends in what to do next.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A key or certificate cannot be used.
    #[error("the {what} cannot be used: {why}; pass another one, or leave it out to have one made")]
    Key {
        /// Which one.
        what: &'static str,
        /// What the library said.
        why: String,
    },
    /// TLS could not be set up.
    #[error("TLS cannot be set up: {0}; check the certificate and its key")]
    Tls(#[from] rustls::Error),
    /// No listening socket was given.
    #[error(
        "no listening socket was passed; start this by systemd with a .socket unit, or by `holdfast listen`"
    )]
    NoSocket,
    /// A socket cannot be used.
    #[error("a listening socket cannot be used: {0}; pass a TCP socket that listens")]
    Socket(#[from] std::io::Error),
    /// The policies cannot be used.
    #[error(transparent)]
    Policy(#[from] holdfast_policy::LoadError),
    /// The audit log cannot be used.
    #[error(transparent)]
    Audit(#[from] holdfast_audit::Error),
    /// The site cannot be loaded.
    #[error(transparent)]
    Site(#[from] holdfast_site::Error),
    /// The store cannot be used.
    #[error(transparent)]
    Store(#[from] holdfast_store::Error),
}
