//! Events and the sealed table that keeps them.
//!
//! An act that matters for security and its [`Event`] are committed in one batch ([`append`]): neither is ever there
//! without the other, and an answer waits for both (law 5). The store's writer numbers the events, so two batches never
//! get the same number. [`list`] reads them in order, from either end.
//!
//! This is the interface that the transparency log will stand behind; today the events are sealed rows, from which
//! someone who writes to the disk could still cut the newest unseen.

mod error;
mod event;
mod log;
mod timestamp;

pub use error::Error;
pub use event::{Actor, Event, Kind, Outcome};
pub use log::{append, list};
pub use timestamp::Timestamp;
