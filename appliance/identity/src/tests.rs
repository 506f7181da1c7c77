//! What the tests inside this crate share.

use std::time::{Duration, Instant};

use holdfast_audit::{Actor, Event, Kind, Timestamp};
use holdfast_secrets::{KeyRing, RootKey, Suite};
use holdfast_store::{Batch, Store};

use crate::{Act, Error, Moment, Random};

/// Randomness of the kernel.
pub(crate) struct Kernel;

impl Random for Kernel {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), Error> {
        getrandom::fill(bytes).map_err(|_| Error::Random)
    }
}

/// A store in a folder that vanishes.
pub(crate) struct World {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) store: Store,
    start: Instant,
}

impl World {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = open(folder.path());
        let start = Instant::now();
        Self {
            folder,
            store,
            start,
        }
    }

    /// Seconds after the beginning.
    pub(crate) fn moment(&self, seconds: u64) -> Moment {
        let millis = 1_800_000_000_000 + i64::try_from(seconds * 1000).unwrap();
        Moment {
            wall: Timestamp::from_unix_millis(millis).unwrap(),
            monotonic: self.start + Duration::from_secs(seconds),
        }
    }

    pub(crate) fn act(&self, seconds: u64) -> Act {
        Act {
            now: self.moment(seconds),
            actor: Actor::Machine,
            request: None,
        }
    }

    /// Does something and commits it.
    pub(crate) fn commit<T>(
        &self,
        act: impl FnOnce(&holdfast_store::Snapshot, &mut Batch) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let snapshot = self.store.snapshot()?;
        let mut batch = Batch::new();
        let outcome = act(&snapshot, &mut batch)?;
        self.store.commit_blocking(batch)?;
        Ok(outcome)
    }

    /// The kinds of all events.
    pub(crate) fn events(&self) -> Vec<Kind> {
        let snapshot = self.store.snapshot().unwrap();
        let all = snapshot.all::<Event>().unwrap();
        all.map(|row| row.unwrap().1.record.kind).collect()
    }

    /// Everything that the store's file holds.
    pub(crate) fn file(&self) -> Vec<u8> {
        std::fs::read(self.folder.path().join("store.redb")).unwrap()
    }
}

pub(crate) fn open(folder: &std::path::Path) -> Store {
    let root = RootKey::from_bytes(&[7; 32]).unwrap();
    let ring = KeyRing::new(root, Suite::Aes256Gcm);
    Store::open(folder.join("store.redb"), ring).unwrap()
}
