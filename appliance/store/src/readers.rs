//! Who reads the store, and for how long.
//!
//! redb writes no page anew that a reader may still see. A reader that stays, for a client that takes what it asked for byte
//! by byte, would let the file grow with every commit until the disk is full. So each view of the store ends at the first
//! commit after [`LONGEST`]; who reads in it then is told to take a new one. Where nobody writes, nothing has to end.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use crate::Error;
use crate::engine::Engine;

/// Longest time that one view of the store keeps commits from using pages again.
pub(crate) const LONGEST: Duration = Duration::from_secs(60);

/// Who reads the store now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// Number of snapshots, and of walks over records.
    pub open: usize,
    /// Age of the oldest of them.
    pub oldest: Option<Duration>,
}

/// All readers, the oldest first.
#[derive(Default)]
pub(crate) struct Readers {
    open: Mutex<BTreeMap<(Instant, u64), Weak<dyn Ends>>>,
    next: AtomicU64,
}

trait Ends: Send + Sync {
    fn end(&self);
}

/// What a reader reads in, until it is ended.
struct Held<T>(Mutex<Option<T>>);

impl<T> Held<T> {
    fn lock(&self) -> MutexGuard<'_, Option<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Send> Ends for Held<T> {
    fn end(&self) {
        // Given back after the lock.
        let held = self.lock().take();
        drop(held);
    }
}

/// One reader. While it lives it is counted.
pub(crate) struct Reader<T> {
    held: Arc<Held<T>>,
    place: (Instant, u64),
    // Last, so that what is read in is given back before the engine may close.
    engine: Arc<Engine>,
}

impl<T: Send + 'static> Reader<T> {
    /// `since` is when what it reads in was begun.
    pub(crate) fn new(engine: Arc<Engine>, since: Instant, held: T) -> Self {
        let held = Arc::new(Held(Mutex::new(Some(held))));
        let readers = &engine.readers;
        let place = (since, readers.next.fetch_add(1, Ordering::Relaxed));
        let ends: Arc<dyn Ends> = held.clone();
        readers.open().insert(place, Arc::downgrade(&ends));
        Self {
            held,
            place,
            engine,
        }
    }

    /// When what it reads in was begun.
    pub(crate) fn since(&self) -> Instant {
        self.place.0
    }

    pub(crate) fn engine(&self) -> &Arc<Engine> {
        &self.engine
    }

    /// Reads in it.
    ///
    /// # Errors
    /// [`Error::SnapshotEnded`], else those of `read`.
    pub(crate) fn read<O>(
        &self,
        read: impl FnOnce(&mut T) -> Result<O, Error>,
    ) -> Result<O, Error> {
        read(self.held.lock().as_mut().ok_or(Error::SnapshotEnded)?)
    }
}

impl<T> Drop for Reader<T> {
    fn drop(&mut self) {
        self.engine.readers.open().remove(&self.place);
    }
}

impl Readers {
    /// Ends all readers that began more than [`LONGEST`] before `now`; called before each commit.
    pub(crate) fn end_old(&self, now: Instant) {
        let Some(limit) = now.checked_sub(LONGEST) else {
            return;
        };
        let old: Vec<_> = self
            .open()
            .range(..(limit, u64::MAX))
            .filter_map(|(_, reader)| reader.upgrade())
            .collect();
        old.iter().for_each(|reader| reader.end());
    }

    pub(crate) fn reading(&self, now: Instant) -> Reading {
        let open = self.open();
        let oldest = open.first_key_value();
        Reading {
            open: open.len(),
            oldest: oldest.map(|((since, _), _)| now.saturating_duration_since(*since)),
        }
    }

    fn open(&self) -> MutexGuard<'_, BTreeMap<(Instant, u64), Weak<dyn Ends>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::arithmetic_side_effects)]
mod tests {
    use holdfast_secrets::{KeyRing, RootKey, Suite};
    use serde::{Deserialize, Serialize};

    use super::*;
    use crate::{Batch, Record, Snapshot, Table, opening};

    #[derive(Serialize, Deserialize)]
    struct Page(Vec<u8>);

    impl Record for Page {
        const TABLE: Table = Table::plain("pages");
        const VERSION: u16 = 1;
    }

    fn engine(folder: &std::path::Path) -> Arc<Engine> {
        let root = RootKey::from_bytes(&[7; 32]).unwrap();
        let ring = KeyRing::new(root, Suite::Aes256Gcm);
        Arc::new(opening::open(&folder.join("store.redb"), ring, &mut |_| ()).unwrap())
    }

    /// Writes the same 64 records of 16 KiB anew, 1 MiB a time.
    fn write(engine: &Engine, times: usize) {
        for _ in 0..times {
            let mut batch = Batch::new();
            for number in 0..64_u8 {
                batch.put([number], &Page(vec![number; 16 << 10])).unwrap();
            }
            let batch = batch.seal(&engine.ring).unwrap();
            assert!(engine.apply(&[batch]).iter().all(Result::is_ok));
        }
    }

    fn length(engine: &Engine) -> u64 {
        std::fs::metadata(&engine.path).unwrap().len()
    }

    #[test]
    fn a_view_that_is_kept_too_long_ends_and_what_it_held_is_used_again() {
        let folder = tempfile::tempdir().unwrap();
        let engine = engine(folder.path());
        write(&engine, 4);
        let begun = Instant::now();
        let snapshot = Snapshot::new(Arc::clone(&engine)).unwrap();
        let mut walk = snapshot.all::<Page>().unwrap();
        assert!(walk.next().unwrap().is_ok());
        assert_eq!(engine.readers.reading(begun).open, 2);

        // Younger than the limit: it sees what it saw, and the file grows.
        engine
            .readers
            .end_old(begun + LONGEST - Duration::from_secs(1));
        let before = length(&engine);
        write(&engine, 24);
        let held = length(&engine);
        assert!(held > before + (16 << 20), "{before} {held}");
        assert_eq!(
            snapshot.find::<Page>([9]).unwrap().unwrap().0,
            [9; 16 << 10]
        );

        engine.readers.end_old(Instant::now() + LONGEST);
        write(&engine, 48);
        assert_eq!(length(&engine), held, "pages are used again");

        // Nothing is read any more, and nothing else than was there is told.
        assert!(matches!(
            snapshot.find::<Page>([9]),
            Err(Error::SnapshotEnded)
        ));
        assert!(matches!(snapshot.all::<Page>(), Err(Error::SnapshotEnded)));
        assert!(matches!(walk.next(), Some(Err(Error::SnapshotEnded))));
        assert!(walk.next().is_none());
        let message = Error::SnapshotEnded.to_string();
        assert!(message.ends_with("read it again"), "{message}");

        drop((snapshot, walk));
        assert_eq!(engine.readers.reading(Instant::now()), Reading::default());
    }

    #[test]
    fn every_commit_looks_for_old_readers() {
        let folder = tempfile::tempdir().unwrap();
        let engine = engine(folder.path());
        write(&engine, 1);
        let Some(since) = Instant::now().checked_sub(LONGEST + Duration::from_secs(1)) else {
            // The machine was started less than a minute ago.
            return;
        };
        let (old, young) = (
            Reader::new(Arc::clone(&engine), since, ()),
            Reader::new(Arc::clone(&engine), Instant::now(), ()),
        );
        assert!(engine.readers.reading(Instant::now()).oldest.unwrap() > LONGEST);
        assert!(old.read(|()| Ok(())).is_ok());
        write(&engine, 1);
        assert!(old.read(|()| Ok(())).is_err());
        assert!(young.read(|()| Ok(())).is_ok());
    }
}
