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
//! Values are bound to their place, so none can be altered, moved or exchanged unseen. What sealing single values cannot
//! show is that whole records, or the whole file, were put back to an earlier state or removed by someone who writes to
//! the disk; that is the audit log's task.

mod batch;
mod engine;
mod error;
#[cfg(test)]
mod faults;
mod making;
mod opening;
mod record;
mod snapshot;
mod space;
mod store;
mod table;
mod value;
mod writer;

pub use batch::{Batch, Receipt};
pub use error::Error;
pub use record::{Record, decode_as};
pub use snapshot::{Records, Revision, Snapshot, Versioned};
pub use space::{FREEING_CHANGES, Usage};
pub use store::Store;
pub use table::Table;
