//! What is read of the file when the store is opened after a kill.
#![allow(clippy::unwrap_used, clippy::arithmetic_side_effects, clippy::panic)]

use std::fs::OpenOptions;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use holdfast_secrets::{KeyRing, RootKey, Suite};
use redb::backends::FileBackend;
use redb::{Database, StorageBackend};

use crate::engine::definition;
use crate::{Batch, Table, opening};

const BLOBS: Table = Table::plain("blobs");

/// A file, and how many bytes were read of it.
#[derive(Debug)]
struct Counted(FileBackend, Arc<AtomicU64>);

impl Counted {
    fn open(path: &Path) -> (Self, Arc<AtomicU64>) {
        let file = OpenOptions::new().read(true).write(true).open(path);
        let counter = Arc::new(AtomicU64::new(0));
        let counted = Self(FileBackend::new(file.unwrap()).unwrap(), counter.clone());
        (counted, counter)
    }
}

impl StorageBackend for Counted {
    fn len(&self) -> std::io::Result<u64> {
        self.0.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> std::io::Result<()> {
        self.1.fetch_add(out.len() as u64, Ordering::Relaxed);
        self.0.read(offset, out)
    }

    fn set_len(&self, len: u64) -> std::io::Result<()> {
        self.0.set_len(len)
    }

    fn sync_data(&self) -> std::io::Result<()> {
        self.0.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> std::io::Result<()> {
        self.0.write(offset, data)
    }
}

fn ring() -> KeyRing {
    KeyRing::new(RootKey::from_bytes(&[7; 32]).unwrap(), Suite::Aes256Gcm)
}

/// A file that was copied while it was open is as a kill leaves it.
fn killed(folder: &Path, from: &str) {
    std::fs::copy(folder.join(from), folder.join("left.redb")).unwrap();
}

/// Bytes of a store's file, and bytes that are read of it when it is opened after a kill.
fn ours(megabytes: u32) -> (u64, u64) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.redb");
    let engine = opening::open(&path, ring(), &mut |_| ()).unwrap();
    for number in 0..megabytes {
        let mut batch = Batch::new();
        for part in 0..250_u32 {
            let key = [number.to_be_bytes(), part.to_be_bytes()].concat();
            batch.put_bytes(BLOBS, key, vec![7; 4000]);
        }
        let batch = batch.seal(&engine.ring).unwrap();
        assert!(engine.apply(&[batch]).iter().all(Result::is_ok));
    }
    killed(folder.path(), "store.redb");
    let left = folder.path().join("left.redb");
    std::fs::copy(path.with_extension("keys"), left.with_extension("keys")).unwrap();
    let length = std::fs::metadata(&left).unwrap().len();
    let (counted, read) = Counted::open(&left);
    drop(opening::with_backend(&left, ring(), counted, &mut |_| ()).unwrap());
    (length, read.load(Ordering::Relaxed))
}

/// The same of redb as it is unless it is told otherwise.
fn walked(megabytes: u32) -> (u64, u64) {
    let folder = tempfile::tempdir().unwrap();
    let database = Database::create(folder.path().join("plain.redb")).unwrap();
    let transaction = database.begin_write().unwrap();
    {
        let mut rows = transaction.open_table(definition("blobs")).unwrap();
        for number in 0..250 * megabytes {
            let key = number.to_be_bytes();
            rows.insert(key.as_slice(), [7; 4000].as_slice()).unwrap();
        }
    }
    transaction.commit().unwrap();
    killed(folder.path(), "plain.redb");
    let left = folder.path().join("left.redb");
    let length = std::fs::metadata(&left).unwrap().len();
    let (counted, read) = Counted::open(&left);
    drop(Database::builder().create_with_backend(counted).unwrap());
    (length, read.load(Ordering::Relaxed))
}

#[test]
#[cfg_attr(
    debug_assertions,
    ignore = "redb walks the file at each opening in a debug build"
)]
fn opening_after_a_kill_reads_as_little_of_a_large_store_as_of_a_small_one() {
    let ((small, of_small), (large, of_large)) = (ours(1), ours(48));
    println!("figure: of {small} bytes {of_small} were read at opening, of {large} {of_large}");
    assert!(large > 20 * small);
    // What is read more is the list of free pages, some bits for each of 4 KiB.
    assert!(of_large < of_small + large / 1000, "{of_small} {of_large}");
    // This is what would be read without it.
    let (length, read) = walked(8);
    assert!(read > length / 2, "{read} of {length}");
}
