//! Stores of every format that ever landed open; `fixtures/` holds one of each, under the root key of 32 bytes of 7.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::panic
)]

mod common;

use common::{BLOBS, Named, Numbered, keys, open, path, ring};
use holdfast_store::{Batch, Error, Pause, Store};
use redb::{ReadableDatabase, ReadableTable};

const FORMAT_1: &[u8] = include_bytes!("fixtures/format-1.redb");
const FORMAT_2: &[u8] = include_bytes!("fixtures/format-2.redb");
const FORMAT_2_KEYS: &[u8] = include_bytes!("fixtures/format-2.keys");
const FORMAT_3: &[u8] = include_bytes!("fixtures/format-3.redb");
const FORMAT_3_KEYS: &[u8] = include_bytes!("fixtures/format-3.keys");
const OWN: redb::TableDefinition<'_, &[u8], &[u8]> = redb::TableDefinition::new("_holdfast");

fn placed(bytes: &[u8]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(path(&folder), bytes).unwrap();
    folder
}

fn holds_what_was_put(store: &Store) {
    let snapshot = store.snapshot().unwrap();
    let named = snapshot.find::<Named>(b"name").unwrap();
    assert_eq!(named.unwrap().text, "kept");
    let bytes = snapshot.bytes(BLOBS, b"k").unwrap().unwrap();
    assert_eq!(**bytes, *b"kept");
    let values: Vec<_> = snapshot
        .all::<Numbered>()
        .unwrap()
        .map(|row| row.unwrap().1.record.value)
        .collect();
    assert_eq!(values, [1, 2]);
}

#[test]
fn store_of_format_1_opens_and_is_raised_once() {
    let folder = placed(FORMAT_1);
    let mut told = Vec::new();
    let store = Store::open_telling(path(&folder), ring(7), |pause| told.push(pause)).unwrap();
    assert_eq!(told, [Pause::Raising { records: 0 }], "it is announced");
    holds_what_was_put(&store);
    let found = store.verify(|_| true).unwrap().unwrap();
    assert!(found.is_whole(), "{found:?}");
    assert_eq!((found.commit, found.read.records), (1, 4));
    assert_eq!(store.rotations_due(), ["blobs", "named", "numbered"]);
    let mut batch = Batch::new();
    batch.delete(BLOBS, b"k");
    store.commit_blocking(batch).unwrap();
    drop(store);
    let again = Store::open_telling(path(&folder), ring(7), |_| panic!("raised twice")).unwrap();
    let found = again.verify(|_| true).unwrap().unwrap();
    assert!(found.is_whole(), "{found:?}");
    assert_eq!(found.commit, 2);
}

#[test]
fn raised_store_is_not_put_back_to_format_1() {
    type Own<'a> = redb::Table<'a, &'static [u8], &'static [u8]>;
    let edit = |folder: &tempfile::TempDir, change: &dyn Fn(&mut Own<'_>)| {
        let database = redb::Database::open(path(folder)).unwrap();
        let transaction = database.begin_write().unwrap();
        change(&mut transaction.open_table(OWN).unwrap());
        transaction.commit().unwrap();
    };
    let folder = placed(FORMAT_1);
    let check = std::cell::RefCell::new(Vec::new());
    edit(&folder, &|own| {
        let found = own.get(b"key-check".as_slice()).unwrap().unwrap();
        check.replace(found.value().to_vec());
    });
    let store = open(&folder);
    for table in store.rotations_due() {
        assert!(store.rotate(&table, |_| true).unwrap());
    }
    drop(store);
    // By who writes to the disk and has an older copy of it, and no key.
    edit(&folder, &|own| {
        let one = 1_u32.to_be_bytes();
        own.insert(b"format".as_slice(), one.as_slice()).unwrap();
        own.remove(b"sums".as_slice()).unwrap();
        own.remove(b"key-file".as_slice()).unwrap();
        own.insert(b"key-check".as_slice(), check.borrow().as_slice())
            .unwrap();
    });
    let opened = Store::open(path(&folder), ring(7));
    assert!(matches!(opened, Err(Error::Keys { .. })), "{opened:?}");
}

#[test]
fn store_of_format_1_is_not_raised_by_another_root_key() {
    let folder = placed(FORMAT_1);
    let opened = Store::open(path(&folder), ring(8));
    assert!(matches!(
        opened,
        Err(holdfast_store::Error::WrongRootKey(_))
    ));
    assert!(!keys(&folder).exists(), "nothing was made");
    holds_what_was_put(&open(&folder));
}

fn number(folder: &tempfile::TempDir) -> u32 {
    let database = redb::Database::open(path(folder)).unwrap();
    let own = database.begin_read().unwrap().open_table(OWN).unwrap();
    let format = own.get(b"format".as_slice()).unwrap().unwrap();
    u32::from_be_bytes(format.value().try_into().unwrap())
}

#[test]
fn stores_of_formats_2_and_3_open_and_are_whole() {
    for (found, store, key_file) in [(2, FORMAT_2, FORMAT_2_KEYS), (3, FORMAT_3, FORMAT_3_KEYS)] {
        let folder = placed(store);
        std::fs::write(keys(&folder), key_file).unwrap();
        assert_eq!(number(&folder), found);
        let store = Store::open_telling(path(&folder), ring(7), |_| panic!("told")).unwrap();
        holds_what_was_put(&store);
        let found = store.verify(|_| true).unwrap().unwrap();
        assert!(found.is_whole(), "{found:?}");
        assert_eq!((found.commit, found.read.records), (1, 4));
        // Values of both formats beside each other, and sealed anew.
        let mut batch = Batch::new();
        batch.put_bytes(BLOBS, b"later", b"put".to_vec());
        store.commit_blocking(batch).unwrap();
        for table in ["blobs", "named", "numbered"] {
            assert!(store.rotate(table, |_| true).unwrap());
        }
        drop(store);
        assert_eq!(number(&folder), 3, "an older program refuses it");
        let store = open(&folder);
        holds_what_was_put(&store);
        let later = store.snapshot().unwrap().bytes(BLOBS, b"later");
        assert_eq!(**later.unwrap().unwrap(), *b"put");
        let found = store.verify(|_| true).unwrap().unwrap();
        assert!(found.is_whole(), "{found:?}");
    }
}

/// Makes the fixture of the newest format: `FIXTURE=PATH cargo test -p holdfast-store --test formats -- --ignored`. It is
/// made once, when a format lands, and never again.
#[test]
#[ignore = "makes a fixture"]
fn make_fixture() {
    let fixture = std::path::PathBuf::from(std::env::var("FIXTURE").unwrap());
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder);
    let mut batch = Batch::new();
    let kept = Named {
        text: "kept".into(),
    };
    batch.put(b"name", &kept).unwrap();
    batch.put_bytes(BLOBS, b"k", b"kept".to_vec());
    batch.append(&Numbered { value: 1 }).unwrap();
    batch.append(&Numbered { value: 2 }).unwrap();
    store.commit_blocking(batch).unwrap();
    drop(store);
    let mut database = redb::Database::open(path(&folder)).unwrap();
    database.compact().unwrap();
    drop(database);
    std::fs::copy(path(&folder), fixture.with_extension("redb")).unwrap();
    std::fs::copy(keys(&folder), fixture.with_extension("keys")).unwrap();
}
