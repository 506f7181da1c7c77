//! Stores of every format that ever landed open; `fixtures/` holds one of each, under the root key of 32 bytes of 7.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::panic
)]

mod common;

use common::{BLOBS, Named, Numbered, open, path, ring};
use holdfast_store::{Batch, Store};

const FORMAT_1: &[u8] = include_bytes!("fixtures/format-1.redb");
const FORMAT_2: &[u8] = include_bytes!("fixtures/format-2.redb");

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
    let store = Store::open_telling(path(&folder), ring(7), |records| told.push(records)).unwrap();
    assert_eq!(told, [0], "it is announced");
    holds_what_was_put(&store);
    let found = store.verify(|_| true).unwrap().unwrap();
    assert!(found.is_whole(), "{found:?}");
    assert_eq!((found.commit, found.read.records), (1, 4));
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
fn store_of_format_1_is_not_raised_by_another_root_key() {
    let folder = placed(FORMAT_1);
    let opened = Store::open(path(&folder), ring(8));
    assert!(matches!(
        opened,
        Err(holdfast_store::Error::WrongRootKey(_))
    ));
    assert_eq!(std::fs::read(path(&folder)).unwrap().len(), FORMAT_1.len());
    holds_what_was_put(&open(&folder));
}

#[test]
fn store_of_format_2_opens_and_is_whole() {
    let folder = placed(FORMAT_2);
    let store = Store::open_telling(path(&folder), ring(7), |_| panic!("raised")).unwrap();
    holds_what_was_put(&store);
    let found = store.verify(|_| true).unwrap().unwrap();
    assert!(found.is_whole(), "{found:?}");
    assert_eq!((found.commit, found.read.records), (1, 4));
}
