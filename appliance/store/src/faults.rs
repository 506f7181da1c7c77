//! Tests over a disk that fails: lost and torn writes at a power cut, errors in the middle of a commit.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::panic
)]

use std::io;
use std::sync::{Arc, Mutex};

use holdfast_secrets::{Belongs, KeyRing, RootKey, Suite};
use proptest::prelude::*;
use redb::{Database, StorageBackend};
use tempfile::TempDir;

use crate::engine::Engine;
use crate::sums::Sums;
use crate::{Batch, Error, Snapshot, Table, keys, making, opening};

const BLOBS: Table = Table::plain("blobs");
const SECTOR: usize = 512;

/// A disk with a volatile cache: what was written since the last flush may be lost, in any part and order.
#[derive(Clone, Debug, Default)]
struct Disk(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    /// What the machine reads.
    now: Vec<u8>,
    /// What is safe.
    flushed: Vec<u8>,
    /// Sectors written since the last flush, in order.
    pending: Vec<(usize, Vec<u8>)>,
    /// Operations until every write and flush fails; none if never.
    fails_in: Option<usize>,
}

impl Disk {
    fn holding(bytes: Vec<u8>) -> Self {
        let (now, flushed) = (bytes.clone(), bytes);
        let state = State {
            now,
            flushed,
            ..State::default()
        };
        Self(Arc::new(Mutex::new(state)))
    }

    /// What a power cut at this moment leaves: of the unflushed sectors those that `keep` says.
    fn after_power_cut(&self, mut keep: impl FnMut() -> bool) -> Self {
        let state = self.0.lock().unwrap();
        let mut left = state.flushed.clone();
        for (at, sector) in &state.pending {
            if keep() {
                if left.len() < at + sector.len() {
                    left.resize(at + sector.len(), 0);
                }
                left[*at..at + sector.len()].copy_from_slice(sector);
            }
        }
        Self::holding(left)
    }

    fn step(state: &mut State) -> io::Result<()> {
        match &mut state.fails_in {
            None => Ok(()),
            Some(0) => Err(io::Error::from(io::ErrorKind::StorageFull)),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
        }
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.lock().unwrap().now.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let state = self.0.lock().unwrap();
        let from = offset as usize;
        let bytes = state.now.get(from..from + out.len());
        out.copy_from_slice(bytes.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    /// Journaled by the file system, so it is not lost once flushed; extending is flushed at once here, and shrinking
    /// too, which is the less kind order.
    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut state = self.0.lock().unwrap();
        Self::step(&mut state)?;
        let len = len as usize;
        state.now.resize(len, 0);
        state.flushed.resize(len, 0);
        state
            .pending
            .retain(|(at, sector)| at + sector.len() <= len);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut state = self.0.lock().unwrap();
        Self::step(&mut state)?;
        state.flushed = state.now.clone();
        state.pending.clear();
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut state = self.0.lock().unwrap();
        Self::step(&mut state)?;
        let from = offset as usize;
        state.now[from..from + data.len()].copy_from_slice(data);
        // Sectors are written whole or not at all, each by itself.
        let mut at = from;
        while at < from + data.len() {
            let end = ((at / SECTOR + 1) * SECTOR).min(from + data.len());
            let sector = data[at - from..end - from].to_vec();
            state.pending.push((at, sector));
            at = end;
        }
        Ok(())
    }
}

fn ring() -> KeyRing {
    KeyRing::new(RootKey::from_bytes(&[7; 32]).unwrap(), Suite::Aes256Gcm)
}

/// An empty store, whose key file lies in the folder.
fn empty(folder: &TempDir) -> Disk {
    let disk = Disk::default();
    let database = Database::builder()
        .create_with_backend(disk.clone())
        .unwrap();
    let ring = ring();
    let id = keys::attach(&folder.path().join("store"), &ring, Belongs::New).unwrap();
    let sums = Sums::default().seal(&ring).unwrap();
    making::initialise(&database, &id, &sums).unwrap();
    database.close().unwrap();
    disk
}

fn open(folder: &TempDir, disk: &Disk) -> Result<Arc<Engine>, Error> {
    let path = folder.path().join("store");
    opening::with_backend(&path, ring(), disk.clone(), &mut |_| ()).map(Arc::new)
}

fn commit(engine: &Engine, n: u32) -> Result<(), Error> {
    let mut batch = Batch::new();
    // Two tables' worth of pages, of changing sizes, so that the file grows and pages are used again.
    batch.put_bytes(
        BLOBS,
        n.to_be_bytes(),
        vec![n as u8; (n as usize % 7) * 3000],
    );
    batch.put_bytes(BLOBS, b"newest", n.to_be_bytes().to_vec());
    if n > 5 {
        batch.delete(BLOBS, (n - 5).to_be_bytes());
    }
    let sealed = batch.seal(&engine.ring).unwrap();
    engine.apply(&[sealed]).pop().unwrap().map(|_| ())
}

fn newest(engine: &Arc<Engine>) -> u32 {
    let snapshot = Snapshot::new(Arc::clone(engine)).unwrap();
    let Some(bytes) = snapshot.bytes(BLOBS, b"newest").unwrap() else {
        return 0;
    };
    let newest = u32::from_be_bytes(bytes.as_slice().try_into().unwrap());
    for n in newest.saturating_sub(4).max(1)..=newest {
        let blob = snapshot.bytes(BLOBS, n.to_be_bytes()).unwrap().unwrap();
        assert_eq!(**blob, vec![n as u8; (n as usize % 7) * 3000]);
    }
    newest
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    /// The power is cut between any two operations on the disk, and any part of what was not flushed is lost.
    #[test]
    fn power_cut_loses_no_answered_commit(
        cut in 1..150_usize,
        kept in proptest::collection::vec(any::<bool>(), 1..64),
        commits in 1..14_u32,
    ) {
        let folder = tempfile::tempdir().unwrap();
    let disk = empty(&folder);
        let engine = open(&folder, &disk).unwrap();
        disk.0.lock().unwrap().fails_in = Some(cut);
        let answered = (1..=commits).take_while(|n| commit(&engine, *n).is_ok()).last().unwrap_or(0);
        let mut kept = kept.iter().copied().cycle();
        let left = disk.after_power_cut(|| kept.next().unwrap());
        let again = open(&folder, &left).unwrap();
        let found = newest(&again);
        // The commit that was under way may be there or not, but only whole.
        prop_assert!(found == answered || found == answered + 1, "{found} found, {answered} answered");
        commit(&again, found + 1).unwrap();
        prop_assert_eq!(newest(&again), found + 1);
    }
}

#[test]
fn failed_write_stops_all_writing_until_the_store_is_opened_anew() {
    let folder = tempfile::tempdir().unwrap();
    let disk = empty(&folder);
    let engine = open(&folder, &disk).unwrap();
    commit(&engine, 1).unwrap();
    disk.0.lock().unwrap().fails_in = Some(3);
    let failed = commit(&engine, 2);
    assert!(matches!(failed, Err(Error::Stopped(_))), "{failed:?}");
    // There is room again, but the engine is not to be trusted any more.
    disk.0.lock().unwrap().fails_in = None;
    let refused = commit(&engine, 2).unwrap_err();
    assert!(matches!(refused, Error::Stopped(_)), "{refused:?}");
    assert!(refused.to_string().contains("started anew"), "{refused}");
    drop(engine);
    let again = open(&folder, &disk).unwrap();
    assert!(newest(&again) >= 1);
    let next = newest(&again) + 1;
    commit(&again, next).unwrap();
}

/// The disk is full, or fails, at each write and flush in turn, in the middle of mixed changes.
#[test]
fn failure_at_any_operation_loses_nothing_answered_and_is_told_to_who_serves() {
    let mut failures = 0;
    for fails_in in 1..150 {
        let folder = tempfile::tempdir().unwrap();
        let disk = empty(&folder);
        let engine = open(&folder, &disk).unwrap();
        disk.0.lock().unwrap().fails_in = Some(fails_in);
        let answered = (1..=10).take_while(|n| commit(&engine, *n).is_ok());
        let answered = answered.last().unwrap_or(0);
        // What is read is right or refused, never half.
        if answered < 10 {
            failures += 1;
            assert!(engine.stopped.get().is_some(), "operation {fails_in}");
            disk.0.lock().unwrap().fails_in = None;
            assert!(matches!(commit(&engine, 11), Err(Error::Stopped(_))));
        }
        drop(engine);
        // The disk is well again, and the process was started anew.
        disk.0.lock().unwrap().fails_in = None;
        let again = open(&folder, &disk).unwrap();
        let found = newest(&again);
        assert!(
            found == answered || found == answered + 1,
            "operation {fails_in}: {found} found, {answered} answered"
        );
        commit(&again, found + 1).unwrap();
        let verdict = again.verify(|_| true).unwrap().unwrap();
        assert!(verdict.is_whole(), "operation {fails_in}: {verdict:?}");
    }
    assert!(failures > 50, "{failures} of the operations failed");
}

/// The disk fails, or the power is cut, at each operation of the opening that makes the file smaller.
#[test]
fn compaction_that_fails_at_any_operation_loses_nothing_and_is_not_tried_again() {
    let folder = tempfile::tempdir().unwrap();
    let disk = empty(&folder);
    let engine = open(&folder, &disk).unwrap();
    for n in 1..=12 {
        commit(&engine, n).unwrap();
    }
    let mut batch = Batch::new();
    batch.compact_at_next_opening();
    let sealed = batch.seal(&engine.ring).unwrap();
    engine.apply(&[sealed]).pop().unwrap().unwrap();
    drop(engine);
    let bytes = disk.0.lock().unwrap().now.clone();
    let mut failures = 0;
    for fails_in in 0.. {
        let disk = Disk::holding(bytes.clone());
        disk.0.lock().unwrap().fails_in = Some(fails_in);
        let done = open(&folder, &disk).is_ok();
        let mut kept = fails_in;
        let cut = disk.after_power_cut(|| {
            kept += 1;
            kept % 3 == 0
        });
        disk.0.lock().unwrap().fails_in = None;
        for left in [disk, cut] {
            // The first one may still have to do it, if not even its beginning was noted; the second one never.
            drop(open(&folder, &left).unwrap());
            let path = folder.path().join("store");
            let again = opening::with_backend(&path, ring(), left.clone(), &mut |pause| {
                panic!("operation {fails_in}: {pause:?}")
            });
            let again = Arc::new(again.unwrap());
            assert_eq!(newest(&again), 12, "operation {fails_in}");
            commit(&again, 13).unwrap();
            let verdict = again.verify(|_| true).unwrap().unwrap();
            assert!(verdict.is_whole(), "operation {fails_in}: {verdict:?}");
        }
        if done {
            break;
        }
        failures += 1;
    }
    println!("figure: {failures} operations of a compaction failed in turn");
    assert!(failures > 20, "{failures} of the operations failed");
}
