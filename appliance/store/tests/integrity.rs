//! Values that were altered or moved behind the store's back.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::panic
)]

mod common;

use common::{BLOBS, Numbered, open, path};
use holdfast_store::{Batch, Error};
use redb::{ReadableDatabase, TableDefinition};

type Raw = TableDefinition<'static, &'static [u8], &'static [u8]>;
const RAW_BLOBS: Raw = TableDefinition::new("blobs");
const RAW_NUMBERED: Raw = TableDefinition::new("numbered");

fn edit(
    folder: &tempfile::TempDir,
    table: Raw,
    change: impl FnOnce(&mut redb::Table<'_, &[u8], &[u8]>),
) {
    let database = redb::Database::open(path(folder)).unwrap();
    let write = database.begin_write().unwrap();
    change(&mut write.open_table(table).unwrap());
    write.commit().unwrap();
}

fn raw(folder: &tempfile::TempDir, table: Raw, key: &[u8]) -> Vec<u8> {
    let database = redb::Database::open(path(folder)).unwrap();
    let read = database.begin_read().unwrap();
    let table = read.open_table(table).unwrap();
    table.get(key).unwrap().unwrap().value().to_vec()
}

#[test]
fn flipped_bit_in_any_stored_byte_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut batch = Batch::new();
    batch.put(b"k", &Numbered { value: 5 }).unwrap();
    open(&folder).commit_blocking(batch).unwrap();
    let value = raw(&folder, RAW_NUMBERED, b"k");
    for at in 0..value.len() {
        let mut altered = value.clone();
        altered[at] ^= 1;
        edit(&folder, RAW_NUMBERED, |table| {
            table.insert(b"k".as_slice(), altered.as_slice()).unwrap();
        });
        let found = open(&folder).snapshot().unwrap().find::<Numbered>(b"k");
        assert!(
            matches!(found, Err(Error::Sealed { .. })),
            "byte {at}: {found:?}"
        );
    }
}

#[test]
fn swapped_records_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut batch = Batch::new();
    batch
        .put_bytes(BLOBS, b"a", b"one".to_vec())
        .put_bytes(BLOBS, b"b", b"two".to_vec());
    open(&folder).commit_blocking(batch).unwrap();
    let (a, b) = (raw(&folder, RAW_BLOBS, b"a"), raw(&folder, RAW_BLOBS, b"b"));
    edit(&folder, RAW_BLOBS, |table| {
        table.insert(b"a".as_slice(), b.as_slice()).unwrap();
        table.insert(b"b".as_slice(), a.as_slice()).unwrap();
    });
    edit(&folder, RAW_NUMBERED, |table| {
        table.insert(b"a".as_slice(), a.as_slice()).unwrap();
    });
    let store = open(&folder);
    let snapshot = store.snapshot().unwrap();
    for key in [b"a", b"b"] {
        assert!(matches!(
            snapshot.bytes(BLOBS, key),
            Err(Error::Sealed { .. })
        ));
    }
    assert!(snapshot.find::<Numbered>(b"a").is_err());
}

#[test]
fn damaged_record_in_an_expectation_fails_its_batch_alone() {
    let folder = tempfile::tempdir().unwrap();
    let mut batch = Batch::new();
    batch.put(b"k", &Numbered { value: 5 }).unwrap();
    let store = open(&folder);
    store.commit_blocking(batch).unwrap();
    let snapshot = store.snapshot().unwrap();
    let revision = snapshot
        .find_versioned::<Numbered>(b"k")
        .unwrap()
        .unwrap()
        .revision;
    drop((snapshot, store));
    edit(&folder, RAW_NUMBERED, |table| {
        table.insert(b"k".as_slice(), b"short".as_slice()).unwrap();
    });
    let store = open(&folder);
    let table = <Numbered as holdfast_store::Record>::TABLE;
    let mut batch = Batch::new();
    batch.expect_revision(table, b"k", revision);
    assert!(matches!(
        store.commit_blocking(batch),
        Err(Error::Sealed { .. })
    ));
    let mut batch = Batch::new();
    batch.put(b"k", &Numbered { value: 6 }).unwrap();
    store.commit_blocking(batch).unwrap();
}

#[test]
fn neither_content_nor_hashed_key_is_in_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let secret = "a very recognisable secret";
    let mut batch = Batch::new();
    let named = common::Named {
        text: secret.into(),
    };
    batch.put(b"recognisable key", &named).unwrap();
    batch.put_bytes(BLOBS, b"plain key", secret.as_bytes().to_vec());
    open(&folder).commit_blocking(batch).unwrap();
    let file = std::fs::read(path(&folder)).unwrap();
    let holds = |text: &[u8]| file.windows(text.len()).any(|part| part == text);
    assert!(!holds(secret.as_bytes()));
    assert!(!holds(b"recognisable key"));
    assert!(holds(b"plain key"), "the search itself works");
}
