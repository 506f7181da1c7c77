//! The removal, in the background, of versions that are not kept and of blobs that no version names.
//!
//! Versions go at once, blobs only when nobody has pushed for a while, or all who did have committed.

use std::sync::Arc;
use std::time::Duration;

use holdfast_audit::{Actor, Kind, Outcome};
use tokio::sync::Notify;

use super::leases::{Key, LAPSE, Leases};
use super::receive::blocking;
use crate::record;
use crate::rejection::Rejection;
use crate::server::Shared;

/// Time between two batches, so that removal never keeps the store from other work.
const PAUSE: Duration = Duration::from_millis(20);
/// Time after a failure, such as a full disk.
const RETRY: Duration = Duration::from_secs(60);

/// What publishing and removal know of each other.
#[derive(Default)]
pub(crate) struct Collection {
    pub(crate) leases: Leases,
    /// Held while a manifest's encodings are checked.
    pub(crate) checking: tokio::sync::Mutex<()>,
    /// Manifests that are being read.
    pub(crate) reading: Reading,
    /// Something may have become garbage.
    due: Notify,
}

/// How many manifests are read at once.
const READ_AT_ONCE: usize = 2;

/// Places for manifests that are being read.
pub(crate) struct Reading(tokio::sync::Semaphore);

impl Default for Reading {
    fn default() -> Self {
        Self(tokio::sync::Semaphore::new(READ_AT_ONCE))
    }
}

impl std::ops::Deref for Reading {
    type Target = tokio::sync::Semaphore;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl Collection {
    /// Something may have become garbage.
    pub(crate) fn due(&self) {
        self.due.notify_one();
    }
}

impl Shared {
    /// Notes that this connection pushes; no blob that is there now goes before it has committed, or broken off.
    pub(crate) async fn pushes(&self, key: Key) {
        let _alone = self.publishing.lock().await;
        self.collection.leases.take(key, self.clock.monotonic());
        // Should it break off, what it left is looked for.
        self.collection.due();
    }
}

/// Removes what is not kept: at start, after each push and activation, and when a push broke off. Never ends.
pub(crate) async fn keep_collected(shared: Arc<Shared>) {
    // What a push had uploaded before this start was answered as stored: it has time to go on.
    let before = [0; 32];
    shared.pushes(before).await;
    // What a crash left is not known.
    let mut dirty = true;
    loop {
        let wait = match collect(&shared, &mut dirty).await {
            Ok(Done::All) => None,
            Ok(Done::More) => continue,
            // Its commit says when; if it breaks off, nobody does.
            Ok(Done::Busy) => Some(LAPSE),
            Err(error) => {
                let reason = match error {
                    Rejection::Internal(reason) => reason,
                    other => format!("{other:?}"),
                };
                record::note(&shared.records, "not-collected", &reason);
                Some(RETRY)
            }
        };
        let due = shared.collection.due.notified();
        match wait {
            None => due.await,
            Some(RETRY) => tokio::time::sleep(RETRY).await,
            Some(wait) => drop(tokio::time::timeout(wait, due).await),
        }
    }
}

enum Done {
    All,
    /// More garbage is there than one walk lists.
    More,
    /// Someone pushes.
    Busy,
}

/// `dirty` says whether there may be garbage: a walk reads every version, and is not made for nothing.
async fn collect(shared: &Arc<Shared>, dirty: &mut bool) -> Result<Done, Rejection> {
    while expire(shared).await? {
        *dirty = true;
    }
    let leases = &shared.collection.leases;
    let taken = leases.taken();
    let free = leases.is_free(shared.clock.monotonic());
    *dirty |= leases.broke_off();
    if !free {
        return Ok(Done::Busy);
    }
    if !*dirty {
        return Ok(Done::All);
    }
    let looking = Arc::clone(shared);
    let mut garbage = blocking(move || looking.site.garbage()).await??;
    let more = garbage.is_partial();
    while !garbage.is_empty() {
        let alone = shared.publishing.lock().await;
        // A push that began since may have been told that some of it is there.
        if shared.collection.leases.taken() != taken && !garbage.is_inside_a_blob() {
            return Ok(Done::Busy);
        }
        let scarce = shared.store.usage().map_or(true, |usage| usage.is_scarce());
        shared.store.commit(garbage.next_batch(scarce)?).await?;
        drop(alone);
        tokio::time::sleep(PAUSE).await;
    }
    *dirty = more;
    Ok(if more { Done::More } else { Done::All })
}

/// Removes some of the versions that are not kept; tells whether there were any.
async fn expire(shared: &Arc<Shared>) -> Result<bool, Rejection> {
    let _alone = shared.publishing.lock().await;
    let (mut batch, gone) = shared.site.expired(shared.settings.keep_versions)?;
    if gone.is_empty() {
        return Ok(false);
    }
    for number in gone {
        let (kind, done) = (Kind::SiteRemoved, Outcome::Done);
        let event = shared.event(kind, Actor::Machine, &number.to_string(), done);
        holdfast_audit::append(&mut batch, &event)?;
    }
    shared.store.commit(batch).await?;
    Ok(true)
}
