//! Reading and writing through the public face: records, batches, ranges, snapshots.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::panic
)]

mod common;

use std::collections::BTreeMap;
use std::ops::Bound;

use common::{BLOBS, Named, Numbered, open};
use holdfast_store::{Batch, Error, Record, Store, Table};
use proptest::prelude::*;
use serde::{Deserialize, Serialize};

fn named(text: &str) -> Named {
    Named { text: text.into() }
}

fn put(store: &Store, key: &[u8], text: &str) {
    let mut batch = Batch::new();
    batch.put(key, &named(text)).unwrap();
    store.commit_blocking(batch).unwrap();
}

#[test]
fn finds_what_was_put_and_nothing_after_deletion() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder);
    assert_eq!(
        store.snapshot().unwrap().find::<Named>(b"ann").unwrap(),
        None
    );
    put(&store, b"ann", "one");
    put(&store, b"ann", "two");
    let found = store.snapshot().unwrap().find::<Named>(b"ann").unwrap();
    assert_eq!(found, Some(named("two")));
    let mut batch = Batch::new();
    batch
        .delete(Named::TABLE, b"ann")
        .delete(Named::TABLE, b"never");
    store.commit_blocking(batch).unwrap();
    assert_eq!(
        store.snapshot().unwrap().find::<Named>(b"ann").unwrap(),
        None
    );
}

#[test]
fn row_that_a_walk_found_is_removed_by_its_key_though_that_is_hashed() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder);
    put(&store, b"ann", "one");
    put(&store, b"ben", "two");
    let rows: Vec<_> = store.snapshot().unwrap().all::<Named>().unwrap().collect();
    for row in rows {
        let (key, found) = row.unwrap();
        if found.record == named("one") {
            let mut batch = Batch::new();
            batch.delete_row(Named::TABLE, key);
            store.commit_blocking(batch).unwrap();
        }
    }
    let snapshot = store.snapshot().unwrap();
    assert_eq!(snapshot.find::<Named>(b"ann").unwrap(), None);
    assert_eq!(snapshot.find(b"ben").unwrap(), Some(named("two")));
}

#[test]
fn blobs_come_back_byte_for_byte() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder);
    let big: Vec<u8> = (0..3_000_000_u32).map(|n| (n % 251) as u8).collect();
    let mut batch = Batch::new();
    batch.put_bytes(BLOBS, b"big", big.clone());
    batch.put_bytes(BLOBS, b"empty", vec![]);
    store.commit_blocking(batch).unwrap();
    let snapshot = store.snapshot().unwrap();
    assert!(**snapshot.bytes(BLOBS, b"big").unwrap().unwrap() == *big);
    assert!(snapshot.bytes(BLOBS, b"empty").unwrap().unwrap().is_empty());
    assert!(snapshot.bytes(BLOBS, b"none").unwrap().is_none());
    assert!(snapshot.contains(BLOBS, b"big").unwrap());
    assert!(!snapshot.contains(BLOBS, b"none").unwrap());
}

#[test]
fn snapshot_does_not_see_later_commits() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder);
    put(&store, b"k", "old");
    let snapshot = store.snapshot().unwrap();
    put(&store, b"k", "new");
    assert_eq!(snapshot.find::<Named>(b"k").unwrap(), Some(named("old")));
    // Not even when the store itself is gone.
    drop(store);
    assert_eq!(snapshot.find::<Named>(b"k").unwrap(), Some(named("old")));
}

#[test]
fn expectations_refuse_the_whole_batch() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder);
    put(&store, b"k", "1");
    let revision = || {
        let snapshot = store.snapshot().unwrap();
        snapshot
            .find_versioned::<Named>(b"k")
            .unwrap()
            .unwrap()
            .revision
    };
    let old = revision();
    let attempt = |expect: &dyn Fn(&mut Batch)| {
        let mut batch = Batch::new();
        batch.put(b"other", &named("x")).unwrap();
        expect(&mut batch);
        store
            .commit_blocking(batch)
            .map(|_| ())
            .map_err(|error| error.is_conflict())
    };
    let table = Named::TABLE;
    assert_eq!(
        attempt(&|batch| {
            batch.expect_absent(table, b"k");
        }),
        Err(true)
    );
    assert_eq!(
        attempt(&|batch| {
            batch.expect_present(table, b"none");
        }),
        Err(true)
    );
    assert_eq!(
        attempt(&|batch| {
            batch.expect_revision(table, b"none", old);
        }),
        Err(true)
    );
    assert!(!store.snapshot().unwrap().contains(table, b"other").unwrap());
    // The same content written again is another revision.
    put(&store, b"k", "1");
    assert_ne!(revision(), old);
    assert_eq!(
        attempt(&|batch| {
            batch.expect_revision(table, b"k", old);
        }),
        Err(true)
    );
    let now = revision();
    assert_eq!(
        attempt(&|batch| {
            batch.expect_revision(table, b"k", now);
        }),
        Ok(())
    );
    assert_eq!(
        attempt(&|batch| {
            batch.expect_present(table, b"k");
        }),
        Ok(())
    );
    assert_eq!(
        attempt(&|batch| {
            batch.expect_absent(table, b"none");
        }),
        Ok(())
    );
}

#[test]
fn hashed_table_lists_its_records_but_has_no_ranges() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder);
    for name in ["ann", "bob", "cid"] {
        put(&store, name.as_bytes(), name);
    }
    let snapshot = store.snapshot().unwrap();
    let mut all: Vec<_> = snapshot
        .all::<Named>()
        .unwrap()
        .map(|row| row.unwrap().1.record.text)
        .collect();
    all.sort();
    assert_eq!(all, ["ann", "bob", "cid"]);
    assert!(matches!(
        snapshot.range::<Named>(..),
        Err(Error::NoOrder { table: "named" })
    ));
    let mut batch = Batch::new();
    assert!(matches!(
        batch.append(&named("x")),
        Err(Error::NoOrder { .. })
    ));
}

#[derive(Serialize, Deserialize, Debug, PartialEq)]
struct NamedV2 {
    text: String,
    length: u64,
}

impl Record for NamedV2 {
    const TABLE: Table = Named::TABLE;
    const VERSION: u16 = 2;

    fn upgrade(version: u16, bytes: &[u8]) -> Result<Self, Error> {
        let old = holdfast_store::decode_as::<Named>(version, bytes)?;
        Ok(Self {
            length: old.text.len() as u64,
            text: old.text,
        })
    }
}

#[test]
fn old_records_are_upgraded_and_newer_ones_named() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder);
    put(&store, b"k", "four");
    let snapshot = store.snapshot().unwrap();
    let upgraded = NamedV2 {
        text: "four".into(),
        length: 4,
    };
    assert_eq!(snapshot.find::<NamedV2>(b"k").unwrap(), Some(upgraded));

    let mut batch = Batch::new();
    batch
        .put(
            b"k",
            &NamedV2 {
                text: "x".into(),
                length: 1,
            },
        )
        .unwrap();
    store.commit_blocking(batch).unwrap();
    let newer = store.snapshot().unwrap().find::<Named>(b"k");
    assert!(
        matches!(newer, Err(Error::NewerRecord { version: 2, .. })),
        "{newer:?}"
    );
}

#[test]
fn oversized_key_is_refused_and_the_store_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder);
    let mut batch = Batch::new();
    batch.put_bytes(BLOBS, vec![0; (64 << 10) + 1], vec![]);
    assert!(matches!(
        store.commit_blocking(batch),
        Err(Error::TooLarge { .. })
    ));
    put(&store, b"k", "fine");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn behaves_like_an_ordered_map(
        writes in proptest::collection::vec((0..12_u8, proptest::option::of(any::<u32>())), 1..30),
        from in 0..12_u8, to in 0..12_u8,
    ) {
        let folder = tempfile::tempdir().unwrap();
        let store = open(&folder);
        let mut model = BTreeMap::new();
        for chunk in writes.chunks(3) {
            let mut batch = Batch::new();
            for (key, value) in chunk {
                match value {
                    Some(value) => {
                        batch.put([*key], &Numbered { value: *value }).unwrap();
                        model.insert(*key, *value);
                    }
                    None => {
                        batch.delete(Numbered::TABLE, [*key]);
                        model.remove(key);
                    }
                }
            }
            store.commit_blocking(batch).unwrap();
        }
        let snapshot = store.snapshot().unwrap();
        let (from, to) = (from.min(to), from.max(to));
        let rows = snapshot
            .range::<Numbered>((Bound::Included(&[from][..]), Bound::Excluded(&[to][..])))
            .unwrap()
            .map(|row| row.map(|(key, found)| (key[0], found.record.value)))
            .collect::<Result<Vec<_>, _>>()
            .unwrap();
        let expected: Vec<_> = model.range(from..to).map(|(key, value)| (*key, *value)).collect();
        prop_assert_eq!(rows, expected);
        let last = snapshot.all::<Numbered>().unwrap().next_back().map(|row| row.unwrap().0);
        prop_assert_eq!(last, model.keys().next_back().map(|key| vec![*key]));
    }
}
