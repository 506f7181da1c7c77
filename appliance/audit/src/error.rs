//! What can go wrong with events.

/// Failures of this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] holdfast_store::Error),
    /// A row of the table has no number.
    #[error("an audit event has no number; the store is damaged: restore it from a backup")]
    NoNumber,
    /// The time is outside the years 0000 to 9999 that RFC 3339 can write.
    #[error(
        "the time {0} (milliseconds since 1970) is outside the years 0 to 9999; set the machine's clock"
    )]
    Time(i64),
}
