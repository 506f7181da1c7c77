//! What `Store::verify` finds: records that were put back, removed, added, or do not open.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::panic
)]

mod common;

use common::{BLOBS, Named, Numbered, copy, open, path, ring};
use holdfast_store::{Batch, Error, Record, Store, Verdict};
use proptest::prelude::*;
use redb::{ReadableDatabase, TableDefinition};

type Raw = TableDefinition<'static, &'static [u8], &'static [u8]>;
const RAW_BLOBS: Raw = TableDefinition::new("blobs");
const RAW_NUMBERED: Raw = TableDefinition::new("numbered");
const RAW_OWN: Raw = TableDefinition::new("_holdfast");

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

fn verify(store: &Store) -> Verdict {
    store.verify(|_| true).unwrap().unwrap()
}

fn put(store: &Store, key: &[u8], value: u32) {
    let mut batch = Batch::new();
    batch.put(key, &Numbered { value }).unwrap();
    store.commit_blocking(batch).unwrap();
}

/// Two records, the first of which was written twice; and its first writing.
fn with_stale(folder: &tempfile::TempDir) -> Vec<u8> {
    put(&open(folder), b"a", 1);
    let stale = raw(folder, RAW_NUMBERED, b"a");
    put(&open(folder), b"a", 2);
    put(&open(folder), b"b", 3);
    assert!(verify(&open(folder)).is_whole());
    stale
}

fn altered_in(folder: &tempfile::TempDir, table: &str) {
    let found = verify(&open(folder));
    assert_eq!(found.altered, [table], "{found:?}");
    assert!(!found.is_whole());
}

#[test]
fn stale_record_put_back_opens_and_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let stale = with_stale(&folder);
    edit(&folder, RAW_NUMBERED, |table| {
        table.insert(b"a".as_slice(), stale.as_slice()).unwrap();
    });
    let store = open(&folder);
    let found = store.snapshot().unwrap().find::<Numbered>(b"a").unwrap();
    assert_eq!(found, Some(Numbered { value: 1 }), "sealing alone is blind");
    let found = verify(&store);
    assert_eq!(found.unopened_records, 0);
    assert_eq!(found.altered, ["numbered"]);
    let told = store.altered(&found.altered).to_string();
    assert!(told.contains("store altered: table numbered"), "{told}");
    assert!(told.contains("backup"), "{told}");
}

#[test]
fn deleted_record_is_found() {
    let folder = tempfile::tempdir().unwrap();
    with_stale(&folder);
    edit(&folder, RAW_NUMBERED, |table| {
        table.remove(b"b".as_slice()).unwrap();
    });
    altered_in(&folder, "numbered");
}

#[test]
fn deleted_table_is_found() {
    let folder = tempfile::tempdir().unwrap();
    with_stale(&folder);
    let database = redb::Database::open(path(&folder)).unwrap();
    let write = database.begin_write().unwrap();
    assert!(write.delete_table(RAW_NUMBERED).unwrap());
    write.commit().unwrap();
    drop(database);
    altered_in(&folder, "numbered");
}

#[test]
fn record_of_another_store_of_the_same_key_is_found() {
    let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    with_stale(&folder);
    put(&open(&other), b"a", 7);
    put(&open(&other), b"c", 7);
    for key in [b"a", b"c"] {
        let folder_copy = copy(&folder);
        let foreign = raw(&other, RAW_NUMBERED, key);
        edit(&folder_copy, RAW_NUMBERED, |table| {
            table.insert(key.as_slice(), foreign.as_slice()).unwrap();
        });
        altered_in(&folder_copy, "numbered");
    }
}

#[test]
fn table_that_nobody_committed_is_found() {
    let folder = tempfile::tempdir().unwrap();
    with_stale(&folder);
    edit(&folder, TableDefinition::new("strange"), |table| {
        table.insert(b"k".as_slice(), b"v".as_slice()).unwrap();
    });
    altered_in(&folder, "strange");
    let folder = tempfile::tempdir().unwrap();
    with_stale(&folder);
    let database = redb::Database::open(path(&folder)).unwrap();
    let write = database.begin_write().unwrap();
    let numbers: TableDefinition<'_, u64, u64> = TableDefinition::new("numbers");
    write.open_table(numbers).unwrap().insert(1, 1).unwrap();
    write.commit().unwrap();
    drop(database);
    altered_in(&folder, "numbers");
}

#[test]
fn swapped_tables_are_found() {
    let folder = tempfile::tempdir().unwrap();
    with_stale(&folder);
    let mut batch = Batch::new();
    batch.put_bytes(BLOBS, b"a", b"bytes".to_vec());
    open(&folder).commit_blocking(batch).unwrap();
    let database = redb::Database::open(path(&folder)).unwrap();
    let write = database.begin_write().unwrap();
    let aside: Raw = TableDefinition::new("aside");
    write.rename_table(RAW_NUMBERED, aside).unwrap();
    write.rename_table(RAW_BLOBS, RAW_NUMBERED).unwrap();
    write.rename_table(aside, RAW_BLOBS).unwrap();
    write.commit().unwrap();
    drop(database);
    let found = verify(&open(&folder));
    assert_eq!(found.altered, ["blobs", "numbered"]);
    assert_eq!(found.unopened_records, 3);
}

#[test]
fn older_sums_put_back_are_found() {
    let folder = tempfile::tempdir().unwrap();
    put(&open(&folder), b"a", 1);
    let older = raw(&folder, RAW_OWN, b"sums");
    put(&open(&folder), b"a", 2);
    edit(&folder, RAW_OWN, |table| {
        table.insert(b"sums".as_slice(), older.as_slice()).unwrap();
    });
    altered_in(&folder, "numbered");
}

#[test]
fn flipped_bit_anywhere_in_a_value_is_named_by_table_and_key() {
    let folder = tempfile::tempdir().unwrap();
    put(&open(&folder), b"k", 5);
    let value = raw(&folder, RAW_NUMBERED, b"k");
    // Of the ciphertext the sums know nothing: it does not open.
    for at in [0, 1, 5, 6, 30, 42, value.len() - 3, value.len() - 1] {
        let mut flipped = value.clone();
        flipped[at] ^= 1;
        edit(&folder, RAW_NUMBERED, |table| {
            table.insert(b"k".as_slice(), flipped.as_slice()).unwrap();
        });
        let found = verify(&open(&folder));
        assert_eq!(found.unopened_records, 1, "byte {at}: {found:?}");
        assert_eq!(found.unopened[0].table, "numbered");
        assert_eq!(found.unopened[0].stored_key, b"k");
        assert!(!found.is_whole());
        assert_eq!(found.altered.is_empty(), at == 42, "byte {at}");
    }
}

type Change<'a> = &'a dyn Fn(&mut redb::Table<'_, &[u8], &[u8]>);

#[test]
fn seal_that_is_gone_damaged_or_foreign_is_refused_at_opening() {
    let folder = tempfile::tempdir().unwrap();
    with_stale(&folder);
    let whole = std::fs::read(path(&folder)).unwrap();
    let refused = |what: &str, change: Change<'_>| {
        std::fs::write(path(&folder), &whole).unwrap();
        edit(&folder, RAW_OWN, |table| change(table));
        let opened = Store::open(path(&folder), ring(7));
        assert!(
            matches!(opened, Err(Error::Altered { .. })),
            "{what}: {opened:?}"
        );
    };
    refused("no sums", &|table| {
        table.remove(b"sums".as_slice()).unwrap();
    });
    refused("sums that do not open", &|table| {
        table.insert(b"sums".as_slice(), b"x".as_slice()).unwrap();
    });
    refused("no name of the key file", &|table| {
        table.remove(b"key-file".as_slice()).unwrap();
    });
    refused("format 1 with sums", &|table| {
        let one = 1_u32.to_be_bytes();
        table.insert(b"format".as_slice(), one.as_slice()).unwrap();
    });
    // The check value of format 1 is not to be had from a store that never was of format 1.
    std::fs::write(path(&folder), &whole).unwrap();
    edit(&folder, RAW_OWN, |table| {
        let one = 1_u32.to_be_bytes();
        table.insert(b"format".as_slice(), one.as_slice()).unwrap();
        table.remove(b"sums".as_slice()).unwrap();
        let id = table.remove(b"key-file".as_slice()).unwrap();
        let check = id.unwrap().value().to_vec();
        table
            .insert(b"key-check".as_slice(), check.as_slice())
            .unwrap();
    });
    let opened = Store::open(path(&folder), ring(7));
    assert!(matches!(opened, Err(Error::WrongRootKey(_))), "{opened:?}");
}

#[test]
fn store_that_was_found_altered_is_not_opened_again() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder);
    put(&store, b"a", 1);
    let mut batch = Batch::new();
    batch.mark_altered("table numbered");
    store.commit_blocking(batch).unwrap();
    drop(store);
    let opened = Store::open(path(&folder), ring(7));
    let Err(error @ Error::Altered { .. }) = opened else {
        panic!("{opened:?}")
    };
    assert!(error.to_string().contains("table numbered"), "{error}");
}

#[test]
fn refused_batches_and_failed_groups_leave_the_sums_as_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder);
    put(&store, b"a", 1);
    let before = store.checkpoint().unwrap();
    let mut refused = Batch::new();
    refused
        .put(b"a", &Numbered { value: 9 })
        .unwrap()
        .expect_absent(Numbered::TABLE, b"a");
    assert!(store.commit_blocking(refused).unwrap_err().is_conflict());
    assert_eq!(store.checkpoint().unwrap(), before);

    // An append after a key that is no number fails its whole transaction, in which others had changed records already.
    store.start_writer().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let outcomes = runtime.block_on(async {
        let mut waiting = Vec::new();
        for n in 0..60_u32 {
            let mut batch = Batch::new();
            batch.put_bytes(BLOBS, (n % 7).to_be_bytes(), vec![1]);
            match n % 3 {
                0 => {
                    batch.append(&Numbered { value: n }).unwrap();
                }
                1 => {
                    batch.expect_absent(Numbered::TABLE, b"a");
                }
                _ => {
                    batch.delete(BLOBS, ((n + 1) % 7).to_be_bytes());
                }
            }
            let store = store.clone();
            waiting.push(Box::pin(async move { store.commit(batch).await }));
        }
        let mut outcomes = Vec::new();
        std::future::poll_fn(|context| {
            waiting.retain_mut(|commit| match commit.as_mut().poll(context) {
                std::task::Poll::Ready(outcome) => {
                    outcomes.push(outcome.is_ok());
                    false
                }
                std::task::Poll::Pending => true,
            });
            match waiting.is_empty() {
                true => std::task::Poll::Ready(()),
                false => std::task::Poll::Pending,
            }
        })
        .await;
        outcomes
    });
    assert_eq!(outcomes.iter().filter(|done| **done).count(), 20);
    let found = verify(&store);
    assert!(found.is_whole(), "{found:?}");
    drop(store);
    let found = verify(&open(&folder));
    assert!(found.is_whole(), "{found:?}");
}

#[test]
fn verification_goes_on_while_records_change_before_and_behind_it() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder);
    let mut batch = Batch::new();
    for n in 0..1000_u32 {
        batch.put_bytes(BLOBS, n.to_be_bytes(), vec![0; 10]);
    }
    store.commit_blocking(batch).unwrap();
    let mut steps = 0_u32;
    let found = store.verify(|so_far| {
        assert_eq!(so_far.of, 1000 + u64::from(steps));
        let mut batch = Batch::new();
        // Overwritten, removed and added, on both sides of where it stands.
        for n in [0, 300, 600, 999_u32] {
            batch.put_bytes(BLOBS, n.to_be_bytes(), vec![1; 20]);
        }
        batch.delete(BLOBS, (10 + steps).to_be_bytes());
        batch.delete(BLOBS, (900 + steps).to_be_bytes());
        for n in 0..3_u32 {
            let at = if n == 1 { 1 } else { 5000 };
            batch.put_bytes(BLOBS, (at * 10_000 + steps * 3 + n).to_be_bytes(), vec![2]);
        }
        store.commit_blocking(batch).unwrap();
        steps += 1;
        true
    });
    let found = found.unwrap().unwrap();
    assert!(found.is_whole(), "{found:?}");
    assert!(steps >= 4, "it read in {steps} batches");
    assert_eq!(found.commit, u64::from(steps) + 1);
    let asked = store.verify(|_| false).unwrap();
    assert_eq!(asked, None, "ended on demand");
    assert!(verify(&store).is_whole());
}

#[test]
fn checkpoint_names_content_and_commit() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder);
    let empty = store.checkpoint().unwrap();
    assert_eq!((empty.commit, empty.openings.len()), (0, 0));
    put(&store, b"a", 1);
    let first = store.checkpoint().unwrap();
    assert_eq!((first.commit, first.openings.len()), (1, 1));
    drop(store);
    let copy = std::fs::read(path(&folder)).unwrap();
    let go_on = || {
        let store = open(&folder);
        assert_eq!(
            store.checkpoint().unwrap(),
            first,
            "opening alone changes nothing"
        );
        put(&store, b"a", 1);
        store.checkpoint().unwrap()
    };
    let one = go_on();
    std::fs::write(path(&folder), copy).unwrap();
    let other = go_on();
    assert_eq!((one.commit, other.commit), (2, 2));
    assert_ne!(one.digest, other.digest, "two histories of the same length");
    assert_ne!(one.openings, other.openings);
    assert_eq!(one.openings[0], other.openings[0]);
    for n in 0..40 {
        put(&open(&folder), b"a", n);
    }
    let kept = open(&folder).checkpoint().unwrap().openings;
    assert_eq!((kept.len(), kept[31].commit), (32, 41));
}

#[derive(Clone, Debug)]
enum Act {
    Put(u8, u8),
    Named(u8),
    Delete(u8),
    Append(u8),
    Refused(u8),
    Reopen,
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        8 => (any::<u8>(), any::<u8>()).prop_map(|(key, length)| Act::Put(key % 24, length)),
        4 => any::<u8>().prop_map(|key| Act::Named(key % 24)),
        6 => any::<u8>().prop_map(|key| Act::Delete(key % 24)),
        4 => any::<u8>().prop_map(Act::Append),
        2 => any::<u8>().prop_map(|key| Act::Refused(key % 24)),
        1 => Just(Act::Reopen),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn sums_are_those_of_the_records_after_a_thousand_operations(
        acts in proptest::collection::vec(act(), 1000),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let mut store = open(&folder);
        for acts in acts.chunks(10) {
            let mut batch = Batch::new();
            let mut reopen = false;
            for act in acts {
                match act {
                    Act::Put(key, length) => {
                        batch.put_bytes(BLOBS, [*key], vec![*key; usize::from(*length)]);
                    }
                    Act::Named(key) => {
                        batch.put([*key], &Named { text: "x".repeat(usize::from(*key)) }).unwrap();
                    }
                    Act::Delete(key) => {
                        batch.delete(BLOBS, [*key]).delete(Named::TABLE, [*key]);
                    }
                    Act::Append(value) => {
                        batch.append(&Numbered { value: u32::from(*value) }).unwrap();
                    }
                    Act::Refused(key) => {
                        let mut refused = Batch::new();
                        refused.delete(BLOBS, [*key]).expect_present(BLOBS, b"never");
                        prop_assert!(store.commit_blocking(refused).is_err());
                    }
                    Act::Reopen => reopen = true,
                }
            }
            store.commit_blocking(batch).unwrap();
            if reopen {
                drop(store);
                store = open(&folder);
            }
        }
        let rows: Vec<_> = store.snapshot().unwrap().all::<Named>().unwrap().collect();
        let mut batch = Batch::new();
        for row in rows {
            batch.delete_row(Named::TABLE, row.unwrap().0);
        }
        store.commit_blocking(batch).unwrap();
        let found = verify(&store);
        prop_assert!(found.is_whole(), "{:?}", found);
        drop(store);
        let found = verify(&open(&folder));
        prop_assert!(found.is_whole(), "{:?}", found);
    }
}
