//! Whether this start has another configuration than the one before.

use holdfast_audit::{Actor, Event, Kind, Outcome, Timestamp};
use holdfast_store::{Batch, Record, Store, Table};
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::protocol::ConfigurationAnswer;

/// The configuration of the last start.
#[derive(Debug, Serialize, Deserialize)]
struct InForce {
    sha256: String,
}

impl InForce {
    const KEY: &str = "in-force";
}

impl Record for InForce {
    const TABLE: Table = Table::hashed("configuration");
    const VERSION: u16 = 1;
}

/// Keeps the configuration's hash; a change is an event in the same batch. The first start changes nothing.
///
/// # Errors
/// The store's.
pub(crate) fn note(
    store: &Store,
    configuration: &ConfigurationAnswer,
    now: Timestamp,
) -> Result<(), Error> {
    let sha256 = &configuration.sha256;
    let before = store.snapshot()?.find::<InForce>(InForce::KEY)?;
    if before.as_ref().is_some_and(|kept| kept.sha256 == *sha256) {
        return Ok(());
    }
    let mut batch = Batch::new();
    let in_force = InForce {
        sha256: sha256.clone(),
    };
    batch.put(InForce::KEY, &in_force)?;
    if before.is_some() {
        let event = Event {
            time: now,
            kind: Kind::ConfigChanged,
            actor: Actor::Machine,
            resource: sha256.clone(),
            outcome: Outcome::Done,
            request: None,
        };
        holdfast_audit::append(&mut batch, &event)?;
    }
    match store.commit_blocking(batch) {
        // Pages are served even from a full disk; the change is noted at the next start that has room.
        Err(error) if error.is_full() => {
            crate::record::note("config-change-not-kept", &error.to_string());
            Ok(())
        }
        outcome => Ok(outcome.map(drop)?),
    }
}
