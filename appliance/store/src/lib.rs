//! Typed, sealed tables over redb, with one group-committing writer.
//!
//! - A [`Record`] belongs to one [`Table`] and is encoded with postcard; raw bytes (blobs) go in and out as they are.
//! - Nothing reaches the engine unsealed (law 3): every value is sealed for its table, key and record version, and keys
//!   that would tell something are keyed hashes ([`Table::hashed`]).
//! - Reads see a [`Snapshot`]. Writes are a [`Batch`], all or nothing, with expectations.
//! - [`Store::commit`] answers when the batch is durable (law 5). Batches that wait together share one transaction.
//! - [`Store::open`] starts no thread; [`Store::start_writer`] does, after the sandbox was entered (law 6).
//!
//! Only this crate sees redb, so another engine can take its place.
//!
//! Values are bound to their place, so none can be altered, moved or exchanged unseen. That whole records were put back to
//! an earlier state, removed or added by someone who writes to the disk shows in a keyed multiset hash of each table, which
//! is sealed with each commit (`sums.rs`) and held against the records by [`Store::verify`]. That the whole file was put back
//! shows to whoever remembers a [`Checkpoint`].

mod batch;
#[cfg(test)]
mod capacity;
mod compaction;
mod engine;
mod error;
#[cfg(test)]
mod faults;
mod keys;
mod making;
mod opening;
mod readers;
mod record;
#[cfg(test)]
mod recovery;
mod reseal;
mod snapshot;
mod space;
mod store;
mod sums;
mod table;
mod upgrade;
mod value;
mod verify;
mod writer;

pub use batch::{Batch, Receipt};
pub use compaction::Pause;
pub use error::Error;
pub use holdfast_secrets::Kind as KeyKind;
pub use readers::Reading;
pub use record::{Record, decode_as};
pub use reseal::Resealing;
pub use snapshot::{Records, Revision, Snapshot, Versioned};
pub use space::{FREEING_CHANGES, Usage};
pub use store::Store;
pub use sums::{Checkpoint, Opening};
pub use table::Table;
pub use verify::{Unopened, Verdict, Verifying};
