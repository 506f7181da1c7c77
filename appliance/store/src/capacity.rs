//! Tests over a disk of a certain size, which fills: what is refused in which order, what is never refused, and that the
//! engine never meets the end of the disk.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::panic
)]

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex};

use holdfast_secrets::{Belongs, KeyRing, RootKey, Suite};
use redb::{Database, StorageBackend};
use tempfile::TempDir;

use crate::engine::Engine;
use crate::space::{FREEING_CHANGES, Space};
use crate::sums::Sums;
use crate::{Batch, Error, Snapshot, Table, Usage, keys, making, opening};

const BLOBS: Table = Table::plain("blobs");
const DEVICES: Table = Table::hashed("devices");
const BLOCK: u64 = 4096;
const MIB: u64 = 1 << 20;

/// A sparse file on a disk of some blocks: a block is taken by the first write to it, and given back by cutting the file.
#[derive(Clone, Debug)]
struct Disk(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    blocks: HashMap<u64, Vec<u8>>,
    length: u64,
    capacity: u64,
    /// Most blocks that were ever taken.
    most: usize,
    /// Whether a write found no block.
    met_its_end: bool,
}

impl Disk {
    fn of(capacity: u64) -> Self {
        Self(Arc::new(Mutex::new(State {
            blocks: HashMap::new(),
            length: 0,
            capacity,
            most: 0,
            met_its_end: false,
        })))
    }

    fn usage(&self) -> Usage {
        let state = self.0.lock().unwrap();
        let held = state.blocks.len() as u64 * BLOCK;
        Usage {
            bytes: state.length,
            held,
            room: state.capacity - held,
        }
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.lock().unwrap().length)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let state = self.0.lock().unwrap();
        if offset + out.len() as u64 > state.length {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let mut at = offset;
        let mut rest = out;
        while !rest.is_empty() {
            let inside = (at % BLOCK) as usize;
            let take = rest.len().min(BLOCK as usize - inside);
            let (part, after) = rest.split_at_mut(take);
            match state.blocks.get(&(at / BLOCK)) {
                Some(block) => part.copy_from_slice(&block[inside..inside + take]),
                None => part.fill(0),
            }
            at += take as u64;
            rest = after;
        }
        Ok(())
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        let mut state = self.0.lock().unwrap();
        state.length = length;
        state.blocks.retain(|block, _| block * BLOCK < length);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut state = self.0.lock().unwrap();
        let mut at = offset;
        let mut rest = data;
        while !rest.is_empty() {
            let number = at / BLOCK;
            if !state.blocks.contains_key(&number) {
                if (state.blocks.len() as u64 + 1) * BLOCK > state.capacity {
                    state.met_its_end = true;
                    return Err(io::ErrorKind::StorageFull.into());
                }
                state.blocks.insert(number, vec![0; BLOCK as usize]);
                state.most = state.most.max(state.blocks.len());
            }
            let inside = (at % BLOCK) as usize;
            let (part, after) = rest.split_at(rest.len().min(BLOCK as usize - inside));
            let block = state.blocks.get_mut(&number).unwrap();
            block[inside..inside + part.len()].copy_from_slice(part);
            at += part.len() as u64;
            rest = after;
        }
        Ok(())
    }
}

fn ring() -> KeyRing {
    KeyRing::new(RootKey::from_bytes(&[7; 32]).unwrap(), Suite::Aes256Gcm)
}

fn made(folder: &TempDir, capacity: u64) -> Disk {
    let disk = Disk::of(capacity);
    let database = Database::builder()
        .create_with_backend(disk.clone())
        .unwrap();
    let ring = ring();
    let id = keys::attach(&folder.path().join("store"), &ring, Belongs::New).unwrap();
    making::initialise(&database, &id, &Sums::default().seal(&ring).unwrap()).unwrap();
    database.close().unwrap();
    disk
}

fn open(folder: &TempDir, disk: &Disk) -> Arc<Engine> {
    let path = folder.path().join("store");
    let mut engine = opening::with_backend(&path, ring(), disk.clone(), &mut |_| ()).unwrap();
    let seen = disk.clone();
    engine.space = Space::by(Box::new(move || Ok(seen.usage())));
    Arc::new(engine)
}

fn commit(engine: &Engine, batch: Batch) -> Result<(), Error> {
    let sealed = batch.seal(&engine.ring).unwrap();
    engine.apply(&[sealed]).pop().unwrap().map(|_| ())
}

/// Content of a piece that is published, of a length of its own.
fn piece(n: u32) -> Vec<u8> {
    vec![n as u8; 10_000 + (n as usize * 7919) % 250_000]
}

fn publish(engine: &Engine, n: u32) -> Result<(), Error> {
    let mut batch = Batch::new();
    batch.leave_reserve();
    batch.put_bytes(BLOBS, n.to_be_bytes(), piece(n));
    commit(engine, batch)
}

/// Publishes from this number on until there is no room; the number after the last one.
fn publish_all(engine: &Engine, from: u32) -> u32 {
    let mut n = from;
    loop {
        match publish(engine, n) {
            Ok(()) => n += 1,
            Err(error) => {
                assert!(error.is_full(), "{error}");
                return n;
            }
        }
    }
}

/// An enrolment, or what else is small and usual.
fn enrol(engine: &Engine, n: u32) -> Result<(), Error> {
    let mut batch = Batch::new();
    batch.put_bytes(DEVICES, n.to_be_bytes(), vec![n as u8; 20_000]);
    commit(engine, batch)
}

fn revoke(engine: &Engine, n: u32) -> Result<(), Error> {
    let mut batch = Batch::new();
    batch.use_last_reserve();
    batch.put_bytes(DEVICES, n.to_be_bytes(), b"revoked".to_vec());
    batch.put_bytes(Table::plain("events"), n.to_be_bytes(), vec![1; 400]);
    commit(engine, batch)
}

/// Removes pieces as the collection does where room is scarce.
fn remove(engine: &Engine, pieces: std::ops::Range<u32>) -> Result<(), Error> {
    let mut batch = Batch::new();
    batch.use_reserve_to_free();
    assert!(pieces.len() <= FREEING_CHANGES);
    for n in pieces {
        batch.delete(BLOBS, n.to_be_bytes());
    }
    commit(engine, batch)
}

fn holds_pieces(engine: &Arc<Engine>, pieces: std::ops::Range<u32>) {
    let snapshot = Snapshot::new(Arc::clone(engine)).unwrap();
    for n in pieces {
        let found = snapshot.bytes(BLOBS, n.to_be_bytes()).unwrap().unwrap();
        assert_eq!(**found, piece(n), "{n}");
    }
}

fn met_its_end(disk: &Disk) -> bool {
    disk.0.lock().unwrap().met_its_end
}

#[test]
fn publishing_is_refused_first_and_comes_back_by_itself_when_something_was_removed() {
    let folder = tempfile::tempdir().unwrap();
    let disk = made(&folder, 48 * MIB);
    let engine = open(&folder, &disk);
    let end = publish_all(&engine, 0);
    assert!(end > 60, "{end} pieces");
    // What others need goes on, and pages are read.
    enrol(&engine, 1).unwrap();
    revoke(&engine, 1).unwrap();
    holds_pieces(&engine, 0..end);
    // The newest pieces, at the end of the file, stay: the file keeps its length.
    let length = disk.usage().bytes;
    for first in (0..40).step_by(20) {
        remove(&engine, first..first + 20).unwrap();
    }
    // Freed pages are free for others after one more commit.
    enrol(&engine, 2).unwrap();
    let again = publish_all(&engine, end) - end;
    println!("figure: {end} pieces fill the disk; 40 removed; {again} more are taken");
    assert!(again >= 10, "{again} pieces");
    assert_eq!(disk.usage().bytes, length);
    revoke(&engine, 2).unwrap();
    holds_pieces(&engine, 40..end + again);
    assert!(!met_its_end(&disk));
    drop(engine);
    let engine = open(&folder, &disk);
    holds_pieces(&engine, 40..end + again);
    assert!(engine.verify(|_| true).unwrap().unwrap().is_whole());
}

/// Of what was removed before a restart the new process knows nothing until it has verified the store.
#[test]
fn publishing_comes_back_after_a_restart_once_the_store_was_verified() {
    let folder = tempfile::tempdir().unwrap();
    let disk = made(&folder, 48 * MIB);
    let engine = open(&folder, &disk);
    let end = publish_all(&engine, 0);
    // A store that is full of what is needed has no free pages: a verification changes nothing.
    assert!(engine.verify(|_| true).unwrap().unwrap().is_whole());
    let more = publish_all(&engine, end) - end;
    assert!(more <= 2, "{more} more pieces, and nothing was removed");
    let end = end + more;
    for first in (0..40).step_by(20) {
        remove(&engine, first..first + 20).unwrap();
    }
    drop(engine);
    let engine = open(&folder, &disk);
    let length = disk.usage().bytes;
    assert!(publish(&engine, end).unwrap_err().is_full());
    // One that did not come to its end has counted nothing.
    assert!(engine.verify(|_| false).unwrap().is_none());
    assert!(publish(&engine, end).unwrap_err().is_full());
    assert!(engine.verify(|_| true).unwrap().unwrap().is_whole());
    let again = publish_all(&engine, end) - end;
    println!("figure: {end} pieces fill the disk; 40 removed; {again} more after a restart");
    assert!(again >= 5, "{again} pieces");
    assert_eq!(disk.usage().bytes, length);
    revoke(&engine, 2).unwrap();
    holds_pieces(&engine, 40..end + again);
    assert!(!met_its_end(&disk));
}

#[test]
fn each_use_of_the_disk_is_refused_in_turn_and_all_come_back_when_it_grows() {
    let folder = tempfile::tempdir().unwrap();
    let disk = made(&folder, 24 * MIB);
    let engine = open(&folder, &disk);
    let end = publish_all(&engine, 0);
    let enrolled = (0..10_000)
        .take_while(|n| enrol(&engine, *n).is_ok())
        .count() as u32;
    assert!(enrolled > 20, "{enrolled} enrolled");
    assert!(enrol(&engine, enrolled).unwrap_err().is_full());
    assert!(publish(&engine, end).unwrap_err().is_full());
    // Both of the last ones have room: what frees some, and revocations.
    for n in 0..20 {
        revoke(&engine, n).unwrap();
    }
    remove(&engine, 0..FREEING_CHANGES as u32).unwrap();
    // Until those are refused as well, and not by the engine.
    let revoked = (20..100_000).find(|n| revoke(&engine, *n).is_err());
    println!("figure: {end} pieces, {enrolled} enrolled, first revocation refused {revoked:?}");
    assert!(engine.stopped.get().is_none() && !met_its_end(&disk));
    holds_pieces(&engine, FREEING_CHANGES as u32..end);
    disk.0.lock().unwrap().capacity += 24 * MIB;
    publish(&engine, end).unwrap();
    enrol(&engine, enrolled).unwrap();
    revoke(&engine, enrolled).unwrap();
    assert!(engine.verify(|_| true).unwrap().unwrap().is_whole());
}

#[test]
fn rotation_on_a_full_disk_is_refused_before_the_engine_meets_its_end() {
    let folder = tempfile::tempdir().unwrap();
    let disk = made(&folder, 32 * MIB);
    let engine = open(&folder, &disk);
    let end = publish_all(&engine, 0);
    let enrolled = (0..10_000)
        .take_while(|n| enrol(&engine, *n).is_ok())
        .count();
    assert!(enrolled > 20, "{enrolled} enrolled");
    let refused = engine.rotate("blobs", |_| true).unwrap_err();
    assert!(refused.is_full(), "{refused}");
    assert!(engine.stopped.get().is_none() && !met_its_end(&disk));
    holds_pieces(&engine, 0..end);
    revoke(&engine, 1).unwrap();
    disk.0.lock().unwrap().capacity += 16 * MIB;
    assert!(engine.rotate("blobs", |_| true).unwrap());
    holds_pieces(&engine, 0..end);
    assert!(engine.verify(|_| true).unwrap().unwrap().is_whole());
}

/// What a transaction takes from the disk at most, of the room without which it is refused. A value that is changed beside a large one
/// can have the engine write that one anew as well; what every claim leaves free is for that.
#[test]
fn no_transaction_takes_more_than_the_room_without_which_it_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let disk = made(&folder, 1 << 40);
    let engine = open(&folder, &disk);
    let mut state = 1_u64;
    let mut random = |below: u64| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 33) % below
    };
    let mut highest = 0.0_f64;
    for n in 0..300_u64 {
        let mut batch = Batch::new();
        for _ in 0..=random(12) {
            let length = match random(4) {
                0 => random(200),
                1 => random(5_000),
                2 => random(70_000),
                _ => MIB * random(2) + random(400_000),
            };
            let key = (random(200) * 0x9e37_79b9).to_be_bytes();
            match random(4) {
                0 => batch.delete(BLOBS, key),
                1 => batch.put_bytes(DEVICES, key, vec![n as u8; length as usize]),
                _ => batch.put_bytes(BLOBS, key, vec![n as u8; length as usize]),
            };
        }
        let sealed = [batch.seal(&engine.ring).unwrap()];
        let asked = Space::asked(&sealed, disk.usage().bytes);
        let before = {
            let mut state = disk.0.lock().unwrap();
            state.most = state.blocks.len();
            state.most
        };
        engine.apply(&sealed).pop().unwrap().unwrap();
        let taken = (disk.0.lock().unwrap().most - before) as u64 * BLOCK;
        assert!(
            taken <= asked,
            "transaction {n}: {taken} bytes taken, refused below {asked}"
        );
        highest = highest.max(taken as f64 / asked as f64);
    }
    println!("figure: highest part of what was asked for: {highest:.2}");
}
