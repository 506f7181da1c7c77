//! What `Store::open` accepts and refuses.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::panic
)]

mod common;

use std::os::unix::fs::PermissionsExt;
use std::sync::Barrier;

use common::{BLOBS, keys, open, path, ring};
use holdfast_store::{Batch, Error, Store};
use redb::TableDefinition;

fn filled(folder: &tempfile::TempDir) -> Store {
    let store = open(folder);
    let mut batch = Batch::new();
    batch.put_bytes(BLOBS, b"k", b"kept".to_vec());
    store.commit_blocking(batch).unwrap();
    store
}

fn is_kept(store: &Store) -> bool {
    let found = store.snapshot().unwrap().bytes(BLOBS, b"k").unwrap();
    found.is_some_and(|bytes| **bytes == *b"kept")
}

#[test]
fn file_is_private_to_the_user_and_kept_over_reopening() {
    let folder = tempfile::tempdir().unwrap();
    drop(filled(&folder));
    for file in [path(&folder), keys(&folder)] {
        let mode = std::fs::metadata(file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    assert!(is_kept(&open(&folder)));
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().collect();
    assert_eq!(
        left.len(),
        2,
        "nothing but store and key file is left: {left:?}"
    );
}

#[test]
fn second_opener_is_refused_while_the_first_lives() {
    let folder = tempfile::tempdir().unwrap();
    let store = filled(&folder);
    let second = Store::open(path(&folder), ring(7));
    assert!(matches!(second, Err(Error::InUse(_))), "{second:?}");
    store.start_writer().unwrap();
    drop(store);
    assert!(is_kept(&open(&folder)));
}

/// Locks are held by open files: threads that open the store meet as processes do.
#[test]
fn of_many_that_open_a_store_at_once_one_has_it() {
    const OPENERS: usize = 8;
    for round in 0..20 {
        let folder = tempfile::tempdir().unwrap();
        // Every other time there is no store yet, and making it is part of the race.
        let made = round % 2 == 0;
        if made {
            drop(filled(&folder));
        }
        let (begin, end) = (Barrier::new(OPENERS), Barrier::new(OPENERS));
        let opened: Vec<_> = std::thread::scope(|scope| {
            let openers: Vec<_> = (0..OPENERS)
                .map(|_| {
                    scope.spawn(|| {
                        begin.wait();
                        let opened = Store::open(path(&folder), ring(7));
                        end.wait();
                        opened
                    })
                })
                .collect();
            openers
                .into_iter()
                .map(|opener| opener.join().unwrap())
                .collect()
        });
        let (stores, refused): (Vec<_>, Vec<_>) = opened.into_iter().partition(Result::is_ok);
        assert_eq!(stores.len(), 1, "round {round}: {stores:?}, {refused:?}");
        for refused in &refused {
            assert!(matches!(refused, Err(Error::InUse(_))), "{refused:?}");
        }
        drop((stores, refused));
        if !made {
            drop(filled(&folder));
        }
        assert!(is_kept(&open(&folder)));
    }
}

#[test]
fn wrong_root_key_is_named_and_harms_nothing() {
    let folder = tempfile::tempdir().unwrap();
    drop(filled(&folder));
    let wrong = Store::open(path(&folder), ring(8));
    assert!(matches!(wrong, Err(Error::WrongRootKey(_))), "{wrong:?}");
    assert!(is_kept(&open(&folder)));
}

#[test]
fn interrupted_making_leaves_no_obstacle() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(path(&folder), b"").unwrap();
    std::fs::write(folder.path().join("store.new"), vec![0; 5000]).unwrap();
    drop(filled(&folder));
    assert!(is_kept(&open(&folder)));
}

#[test]
fn foreign_files_are_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    for foreign in [
        b"hello, this is no store at all".to_vec(),
        vec![0; 1 << 20],
        vec![b'r', b'x'],
    ] {
        std::fs::write(path(&folder), &foreign).unwrap();
        let opened = Store::open(path(&folder), ring(7));
        assert!(matches!(opened, Err(Error::Foreign { .. })), "{opened:?}");
        assert!(std::fs::read(path(&folder)).unwrap() == foreign);
    }
    std::fs::remove_file(path(&folder)).unwrap();
    drop(redb::Database::create(path(&folder)).unwrap());
    let opened = Store::open(path(&folder), ring(7));
    assert!(matches!(opened, Err(Error::Foreign { .. })), "{opened:?}");
    let nowhere = Store::open(folder.path().join("none/store.redb"), ring(7));
    assert!(matches!(nowhere, Err(Error::Open { .. })), "{nowhere:?}");
}

#[test]
fn newer_format_is_named() {
    let folder = tempfile::tempdir().unwrap();
    drop(filled(&folder));
    let database = redb::Database::open(path(&folder)).unwrap();
    let write = database.begin_write().unwrap();
    let own: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("_holdfast");
    let newer = 4_u32.to_be_bytes();
    write
        .open_table(own)
        .unwrap()
        .insert(b"format".as_slice(), newer.as_slice())
        .unwrap();
    write.commit().unwrap();
    drop(database);
    let opened = Store::open(path(&folder), ring(7));
    assert!(
        matches!(
            opened,
            Err(Error::NewerFormat {
                found: 4,
                known: 3,
                ..
            })
        ),
        "{opened:?}"
    );
}

#[test]
fn truncated_store_is_refused_at_every_length() {
    let folder = tempfile::tempdir().unwrap();
    drop(filled(&folder));
    let whole = std::fs::read(path(&folder)).unwrap();
    let short = [1, 5, 9, 10, 63, 64, 320, 4095, 4096, 8192];
    let lengths = short
        .into_iter()
        .chain((1..32).map(|n| whole.len() * n / 32))
        .chain([whole.len() - 1]);
    for length in lengths {
        std::fs::write(path(&folder), &whole[..length]).unwrap();
        let opened = Store::open(path(&folder), ring(7));
        assert!(
            matches!(opened, Err(Error::Truncated { .. })),
            "{length}: {opened:?}"
        );
    }
    // Nor is one that is gone begun anew, since its keys are there.
    let gone = |what: &str| {
        let opened = Store::open(path(&folder), ring(7));
        let Err(error @ Error::Keys { .. }) = opened else {
            panic!("{what}: {opened:?}")
        };
        assert!(error.to_string().contains("missing or empty"), "{error}");
    };
    std::fs::write(path(&folder), []).unwrap();
    gone("empty");
    std::fs::remove_file(path(&folder)).unwrap();
    gone("missing");
    std::fs::write(path(&folder), &whole).unwrap();
    assert!(is_kept(&open(&folder)));
}
