//! New keys for tables, one table after the other.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use holdfast_audit::{Actor, Kind, Outcome};
use holdfast_store::Resealing;

use super::rest;
use crate::protocol::{RotationFailure, RotationProgress};
use crate::record;
use crate::server::Shared;

/// Failures that are kept.
const FAILURES: usize = 16;

/// The tables whose keys are replaced.
#[derive(Default)]
pub(crate) struct Rotation(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    waiting: Vec<String>,
    /// The thread works.
    works: bool,
    now: Option<(String, Resealing)>,
    failed: Vec<RotationFailure>,
}

impl Rotation {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The one under way, those that wait, and those that failed.
    pub(crate) fn told(&self) -> (Option<RotationProgress>, Vec<String>, Vec<RotationFailure>) {
        let inner = self.lock();
        let now = inner.now.as_ref().map(|(table, done)| RotationProgress {
            table: table.clone(),
            records: done.records,
            of: done.of,
        });
        (now, inner.waiting.clone(), inner.failed.clone())
    }

    /// Gives these tables new keys; a table that waits already waits once.
    pub(crate) fn ask(shared: &Arc<Shared>, tables: Vec<String>) {
        let mut inner = shared.upkeep.rotation.lock();
        for table in tables {
            if !inner.waiting.contains(&table) {
                inner.failed.retain(|failure| failure.table != table);
                inner.waiting.push(table);
            }
        }
        if !inner.works && !inner.waiting.is_empty() {
            inner.works = true;
            let shared = Arc::clone(shared);
            let runtime = tokio::runtime::Handle::current();
            tokio::task::spawn_blocking(move || work(&shared, &runtime));
        }
    }
}

fn work(shared: &Arc<Shared>, runtime: &tokio::runtime::Handle) {
    loop {
        // All of them are due from here on, so that a restart takes up those that wait as well. What fails is met again below.
        let waiting = shared.upkeep.rotation.lock().waiting.clone();
        for table in waiting {
            if let Err(error) = shared.store.begin_rotation(&table) {
                record::note(
                    &shared.records,
                    "key-rotation-not-begun",
                    &error.to_string(),
                );
            }
        }
        let table = {
            let mut inner = shared.upkeep.rotation.lock();
            if inner.waiting.is_empty() {
                inner.works = false;
                return;
            }
            let table = inner.waiting.remove(0);
            inner.now = Some((table.clone(), Resealing::default()));
            table
        };
        let mut began = Instant::now();
        let outcome = shared.store.rotate(&table, |done| {
            if let Some((_, now)) = &mut shared.upkeep.rotation.lock().now {
                *now = done;
            }
            let goes_on = rest(shared, began.elapsed(), 1);
            began = Instant::now();
            goes_on
        });
        let mut failure = None;
        let how = match outcome {
            Ok(true) => Outcome::Done,
            // The server stops; the next start goes on.
            Ok(false) => {
                let mut inner = shared.upkeep.rotation.lock();
                (inner.now, inner.works) = (None, false);
                return;
            }
            Err(error) => {
                let reason = error.to_string();
                record::note(&shared.records, "key-rotation-failed", &reason);
                failure = Some(RotationFailure {
                    table: table.clone(),
                    reason,
                });
                Outcome::Failed
            }
        };
        let event = shared.event(Kind::KeyRotated, Actor::Machine, &table, how);
        if let Err(error) = runtime.block_on(shared.keep(&event)) {
            record::note(&shared.records, "event-lost", &error.to_string());
        }
        let mut inner = shared.upkeep.rotation.lock();
        inner.now = None;
        inner.failed.extend(failure);
        let more = inner.failed.len().saturating_sub(FAILURES);
        inner.failed.drain(..more);
    }
}
