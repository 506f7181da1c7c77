//! Keys that change while the store is read and written.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::panic
)]

mod common;

use std::sync::atomic::{AtomicBool, Ordering};

use common::{BLOBS, Named, Numbered, copy, keys, open, path, ring};
use holdfast_secrets::{KeyRing, RecoveryKey, RootKey, Suite};
use holdfast_store::{Batch, Error, Record, Store};
use redb::{ReadableDatabase, ReadableTable, TableDefinition};

const RECORDS: u32 = 1000;

fn filled(folder: &tempfile::TempDir) -> Store {
    let store = open(folder);
    let mut batch = Batch::new();
    for n in 0..RECORDS {
        batch.put_bytes(BLOBS, n.to_be_bytes(), n.to_be_bytes().to_vec());
    }
    batch
        .put(
            b"name",
            &Named {
                text: "kept".into(),
            },
        )
        .unwrap();
    store.commit_blocking(batch).unwrap();
    store
}

fn holds_all(store: &Store) {
    let snapshot = store.snapshot().unwrap();
    for n in 0..RECORDS {
        let bytes = snapshot.bytes(BLOBS, n.to_be_bytes()).unwrap().unwrap();
        assert_eq!(**bytes, n.to_be_bytes());
    }
    assert!(store.verify(|_| true).unwrap().unwrap().is_whole());
}

fn epochs(store: &Store, table: &str) -> Vec<u32> {
    let tables = store.keys().status().tables;
    let found = tables.into_iter().find(|found| found.name == table);
    found.unwrap().epochs
}

/// The epochs that stored values of the table name.
fn stored_epochs(folder: &tempfile::TempDir, table: &str) -> Vec<u32> {
    let table: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new(table);
    let database = redb::Database::open(path(folder)).unwrap();
    let rows = database.begin_read().unwrap().open_table(table).unwrap();
    let epochs = rows.iter().unwrap().map(|row| {
        let (_, value) = row.unwrap();
        u32::from_be_bytes(value.value()[2..6].try_into().unwrap())
    });
    let mut epochs: Vec<_> = epochs.collect();
    epochs.dedup();
    epochs
}

#[test]
fn every_value_is_sealed_anew_and_the_older_key_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let store = filled(&folder);
    let revision = |store: &Store| {
        let found = store.snapshot().unwrap().find_versioned::<Named>(b"name");
        found.unwrap().unwrap().revision
    };
    let before = (copy(&folder), revision(&store));
    let mut steps = 0;
    let mut last = None;
    for table in ["blobs", "named", "_holdfast"] {
        let done = store.rotate(table, |so_far| {
            steps += 1;
            last = Some(so_far);
            true
        });
        assert!(done.unwrap());
        assert_eq!(epochs(&store, table), [2], "{table}");
    }
    assert!(steps >= 4, "it goes by batches: {steps}");
    assert_eq!(store.rotations_due(), [""; 0]);
    assert_eq!(revision(&store), before.1, "the record was not written");
    holds_all(&store);
    drop(store);
    assert_eq!(stored_epochs(&folder, "blobs"), [2]);
    assert_eq!(stored_epochs(&folder, "named"), [2]);
    holds_all(&open(&folder));
    // The state of before, with the key file of now: its values are under a key that is nowhere any more.
    std::fs::copy(path(&before.0), path(&folder)).unwrap();
    let opened = Store::open(path(&folder), ring(7));
    assert!(matches!(opened, Err(Error::Altered { .. })), "{opened:?}");
}

#[test]
fn rotation_that_was_cut_off_is_due_and_goes_on_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let store = filled(&folder);
    assert!(
        !store.rotate("blobs", |_| false).unwrap(),
        "ended on demand"
    );
    assert_eq!(epochs(&store, "blobs"), [1, 2]);
    holds_all(&store);
    drop(store);
    assert_eq!(stored_epochs(&folder, "blobs").len(), 2);
    let store = open(&folder);
    holds_all(&store);
    assert_eq!(store.rotations_due(), ["blobs"]);
    assert!(store.rotate("blobs", |_| true).unwrap());
    assert_eq!(epochs(&store, "blobs"), [2], "no third key was made");
    holds_all(&store);
}

#[test]
fn reading_and_writing_go_on_while_keys_change_and_nothing_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let store = filled(&folder);
    store.start_writer().unwrap();
    let old_view = store.snapshot().unwrap();
    let ended = AtomicBool::new(false);
    let written = std::thread::scope(|scope| {
        let writers: Vec<_> = (0..4_u32)
            .map(|writer| {
                let (store, ended) = (store.clone(), &ended);
                scope.spawn(move || {
                    let runtime = tokio::runtime::Builder::new_current_thread();
                    let runtime = { runtime }.build().unwrap();
                    let mut n = 0;
                    while !ended.load(Ordering::Relaxed) || n < 50 {
                        let mut batch = Batch::new();
                        let key = (writer << 24 | n).to_be_bytes();
                        batch.put(key, &Numbered { value: n }).unwrap();
                        batch.put_bytes(BLOBS, (n % RECORDS).to_be_bytes(), {
                            (n % RECORDS).to_be_bytes().to_vec()
                        });
                        runtime.block_on(store.commit(batch)).unwrap();
                        let read = store.snapshot().unwrap();
                        assert_eq!(read.find::<Numbered>(key).unwrap().unwrap().value, n);
                        n += 1;
                    }
                    n
                })
            })
            .collect();
        for _ in 0..5 {
            for table in [BLOBS.name(), Numbered::TABLE.name(), "_holdfast"] {
                assert!(store.rotate(table, |_| true).unwrap());
            }
        }
        ended.store(true, Ordering::Relaxed);
        writers
            .into_iter()
            .map(|writer| writer.join().unwrap())
            .collect::<Vec<_>>()
    });
    assert_eq!(epochs(&store, "blobs"), [6]);
    // Who began to read under the first key reads on, though it is destroyed.
    for n in 0..RECORDS {
        assert!(old_view.bytes(BLOBS, n.to_be_bytes()).unwrap().is_some());
    }
    drop(old_view);
    holds_all(&store);
    drop(store);
    assert_eq!(stored_epochs(&folder, "blobs"), [6]);
    assert_eq!(stored_epochs(&folder, "numbered"), [6]);
    let store = open(&folder);
    holds_all(&store);
    let snapshot = store.snapshot().unwrap();
    for (writer, count) in written.into_iter().enumerate() {
        for n in 0..count {
            let key = ((writer as u32) << 24 | n).to_be_bytes();
            let found = snapshot.find::<Numbered>(key).unwrap();
            assert_eq!(found.unwrap().value, n);
        }
    }
}

#[test]
fn value_that_does_not_open_keeps_the_older_key() {
    let folder = tempfile::tempdir().unwrap();
    drop(filled(&folder));
    let table: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("blobs");
    let database = redb::Database::open(path(&folder)).unwrap();
    let write = database.begin_write().unwrap();
    {
        let mut rows = write.open_table(table).unwrap();
        let key = 500_u32.to_be_bytes();
        let mut value = rows.get(&key[..]).unwrap().unwrap().value().to_vec();
        value[43] ^= 1;
        rows.insert(&key[..], value.as_slice()).unwrap();
    }
    write.commit().unwrap();
    drop(database);
    let store = open(&folder);
    let refused = store.rotate("blobs", |_| true).unwrap_err();
    assert!(
        matches!(&refused, Error::Unopened { table, record, .. } if table == "blobs" && record == "000001f4"),
        "{refused:?}"
    );
    assert_eq!(epochs(&store, "blobs"), [1, 2]);
    let snapshot = store.snapshot().unwrap();
    let kept = snapshot.bytes(BLOBS, 999_u32.to_be_bytes()).unwrap();
    assert!(kept.is_some());
}

#[test]
fn stale_record_is_still_found_after_it_was_sealed_anew() {
    let folder = tempfile::tempdir().unwrap();
    let table: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("blobs");
    let store = filled(&folder);
    let stale = copy(&folder);
    let mut batch = Batch::new();
    batch.put_bytes(BLOBS, 3_u32.to_be_bytes(), b"newer".to_vec());
    store.commit_blocking(batch).unwrap();
    drop(store);
    let key = 3_u32.to_be_bytes();
    let older = redb::Database::open(path(&stale)).unwrap();
    let older = older.begin_read().unwrap().open_table(table).unwrap();
    let older = older.get(&key[..]).unwrap().unwrap().value().to_vec();
    let database = redb::Database::open(path(&folder)).unwrap();
    let write = database.begin_write().unwrap();
    {
        let mut rows = write.open_table(table).unwrap();
        rows.insert(&key[..], older.as_slice()).unwrap();
    }
    write.commit().unwrap();
    drop(database);
    let store = open(&folder);
    assert!(store.rotate("blobs", |_| true).unwrap());
    let found = store.verify(|_| true).unwrap().unwrap();
    assert_eq!(found.altered, ["blobs"]);
}

#[test]
fn root_key_is_replaced_in_two_starts_and_the_older_one_opens_no_more() {
    let root = |byte| RootKey::from_bytes(&[byte; 32]).unwrap();
    let folder = tempfile::tempdir().unwrap();
    drop(filled(&folder));
    let both = KeyRing::with(Some(root(7)), Some(root(8)), Vec::new(), Suite::Aes256Gcm);
    holds_all(&Store::open(path(&folder), both).unwrap());
    // Until a start with the new one alone was seen, the older one still opens.
    holds_all(&open(&folder));
    let both = KeyRing::with(Some(root(7)), Some(root(8)), Vec::new(), Suite::Aes256Gcm);
    drop(Store::open(path(&folder), both).unwrap());
    holds_all(&Store::open(path(&folder), ring(8)).unwrap());
    let refused = Store::open(path(&folder), ring(7));
    assert!(
        matches!(refused, Err(Error::WrongRootKey(_))),
        "{refused:?}"
    );
    holds_all(&Store::open(path(&folder), ring(8)).unwrap());
}

#[test]
fn recovery_key_opens_the_store_when_the_root_key_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let store = filled(&folder);
    let text = store.keys().new_recovery_key().unwrap();
    drop(store);
    let recovery = RecoveryKey::parse(&text).unwrap();
    let new_root = RootKey::from_bytes(&[9; 32]).unwrap();
    let ring9 = KeyRing::with(
        Some(new_root),
        None,
        vec![Box::new(recovery)],
        Suite::Aes256Gcm,
    );
    holds_all(&Store::open(path(&folder), ring9).unwrap());
    holds_all(&Store::open(path(&folder), ring(9)).unwrap());
}

#[test]
fn without_its_key_file_or_with_a_foreign_one_a_store_does_not_open() {
    let folder = tempfile::tempdir().unwrap();
    let other = tempfile::tempdir().unwrap();
    drop(filled(&folder));
    drop(filled(&other));
    std::fs::copy(keys(&other), keys(&folder)).unwrap();
    let opened = Store::open(path(&folder), ring(7));
    assert!(matches!(opened, Err(Error::Keys { .. })), "{opened:?}");
    std::fs::remove_file(keys(&folder)).unwrap();
    let opened = Store::open(path(&folder), ring(7));
    assert!(matches!(opened, Err(Error::Keys { .. })), "{opened:?}");
    assert!(!keys(&folder).exists(), "no new key file is made");
}

#[test]
fn destroyed_keys_open_nothing_with_any_root_key() {
    let folder = tempfile::tempdir().unwrap();
    let store = filled(&folder);
    let text = store.keys().new_recovery_key().unwrap();
    store.keys().destroy().unwrap();
    let snapshot = store.snapshot().unwrap();
    assert!(snapshot.bytes(BLOBS, 1_u32.to_be_bytes()).is_err());
    drop((snapshot, store));
    let recovery = RecoveryKey::parse(&text).unwrap();
    let both = KeyRing::with(
        Some(RootKey::from_bytes(&[7; 32]).unwrap()),
        None,
        vec![Box::new(recovery)],
        Suite::Aes256Gcm,
    );
    assert!(Store::open(path(&folder), both).is_err());
}
