//! Holding all records against the sums that were sealed with the last commit.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use data_encoding::HEXLOWER;
use holdfast_audit::{Actor, Kind, Outcome};
use holdfast_store::{Batch, Verdict, Verifying};

use super::rest;
use crate::protocol::{
    UnopenedItem, VerificationAnswer, VerificationProgress, VerificationVerdict,
};
use crate::record;
use crate::server::Shared;

/// From the start of serving until the first verification, so that starting is not slowed down.
const FIRST: Duration = Duration::from_secs(20);
/// From a verification that could not read everything to the next.
const AGAIN: Duration = Duration::from_secs(600);
/// How long the verdict can be asked for before the server stops, since the store was altered.
const TOLD: Duration = Duration::from_secs(3);

/// The verification that is under way, and what the last one found.
#[derive(Default)]
pub(crate) struct Verification {
    inner: Mutex<Inner>,
    /// Someone waits for it, so it rests less.
    asked: AtomicBool,
}

#[derive(Default)]
struct Inner {
    running: Option<Verifying>,
    ended: u64,
    last: Option<VerificationVerdict>,
}

impl Verification {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How it stands.
    pub(crate) fn told(&self) -> VerificationAnswer {
        let inner = self.lock();
        VerificationAnswer {
            running: inner.running.map(|done| VerificationProgress {
                records: done.records,
                of: done.of,
            }),
            ended: inner.ended,
            last: inner.last.clone(),
        }
    }

    /// Begins one by itself, some time after the start.
    pub(crate) async fn after_start(shared: Arc<Shared>) {
        tokio::time::sleep(FIRST).await;
        Self::begin(&shared);
    }

    /// Begins one that somebody waits for, or joins the one under way.
    pub(crate) fn ask(shared: &Arc<Shared>) {
        shared
            .upkeep
            .verification
            .asked
            .store(true, Ordering::Relaxed);
        Self::begin(shared);
    }

    fn begin(shared: &Arc<Shared>) {
        let mut inner = shared.upkeep.verification.lock();
        if inner.running.is_none() {
            inner.running = Some(Verifying::default());
            let shared = Arc::clone(shared);
            let runtime = tokio::runtime::Handle::current();
            tokio::task::spawn_blocking(move || work(&shared, &runtime));
        }
    }
}

fn work(shared: &Arc<Shared>, runtime: &tokio::runtime::Handle) {
    let mine = &shared.upkeep.verification;
    let mut began = Instant::now();
    let outcome = shared.store.verify(|done| {
        mine.lock().running = Some(done);
        let times = if mine.asked.load(Ordering::Relaxed) {
            1
        } else {
            5
        };
        let goes_on = rest(shared, began.elapsed(), times);
        began = Instant::now();
        goes_on
    });
    let now = shared.clock.now().unix_millis().div_euclid(1000);
    let verdict = match outcome {
        Ok(Some(found)) => {
            if !found.altered.is_empty() {
                runtime.block_on(altered(shared, &found.altered));
            } else if found.unopened_records > 0 {
                let reason = format!("{} records do not open", found.unopened_records);
                record::note(&shared.records, "store-damaged", &reason);
                for record in &found.unopened {
                    shared.site.note_unopened(&record.table, &record.stored_key);
                }
            }
            let unread: Vec<_> = found
                .unread
                .iter()
                .map(|(table, why)| format!("table {table}: {why}"))
                .collect();
            let mut verdict = told(found, now);
            if !unread.is_empty() {
                let reason = unread.join("; ");
                record::note(&shared.records, "store-not-verified", &reason);
                verdict.failed = Some(reason);
            }
            Some(verdict)
        }
        // The server stops.
        Ok(None) => None,
        Err(error) => {
            let reason = error.to_string();
            record::note(&shared.records, "store-not-verified", &reason);
            let mut verdict = told(Verdict::default(), now);
            verdict.failed = Some(reason);
            Some(verdict)
        }
    };
    if verdict
        .as_ref()
        .is_some_and(|verdict| verdict.failed.is_some())
    {
        let shared = Arc::clone(shared);
        runtime.spawn(async move {
            tokio::time::sleep(AGAIN).await;
            Verification::begin(&shared);
        });
    }
    mine.asked.store(false, Ordering::Relaxed);
    let mut inner = mine.lock();
    inner.running = None;
    if let Some(verdict) = verdict {
        inner.ended = inner.ended.saturating_add(1);
        inner.last = Some(verdict);
    }
}

/// Keeps it, so that the store is not opened again, and stops serving: what was put back could be a device that was revoked.
async fn altered(shared: &Arc<Shared>, tables: &[String]) {
    let error = shared.store.altered(tables);
    record::note(&shared.records, "store-altered", &error.to_string());
    let event = shared.event(
        Kind::StoreAltered,
        Actor::Machine,
        &tables.join(" "),
        Outcome::Failed,
    );
    let mut batch = Batch::new();
    batch
        .use_last_reserve()
        .mark_altered(tables.join(", table "));
    if let Err(error) = holdfast_audit::append(&mut batch, &event) {
        record::note(&shared.records, "event-lost", &error.to_string());
    }
    if let Err(error) = shared.store.commit(batch).await {
        record::note(&shared.records, "event-lost", &error.to_string());
    }
    let shared = Arc::clone(shared);
    tokio::spawn(async move {
        tokio::time::sleep(TOLD).await;
        shared.fatal.send_replace(Some(error));
    });
}

fn told(found: Verdict, time: i64) -> VerificationVerdict {
    let unopened = found.unopened.into_iter().map(|record| UnopenedItem {
        table: record.table,
        key: HEXLOWER.encode(&record.stored_key),
        reason: record.reason,
    });
    VerificationVerdict {
        time,
        commit: found.commit,
        records: found.read.records,
        bytes: found.read.bytes,
        altered: found.altered,
        unopened_records: found.unopened_records,
        unopened: unopened.collect(),
        failed: None,
    }
}
