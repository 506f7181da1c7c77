//! Making the file smaller.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::panic
)]

mod common;

use common::{BLOBS, Numbered, open, path, ring};
use holdfast_store::{Batch, Pause, Store};

fn length(folder: &tempfile::TempDir) -> u64 {
    std::fs::metadata(path(folder)).unwrap().len()
}

#[test]
fn file_is_made_smaller_once_when_it_was_asked_for_and_keeps_all() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder);
    for n in 0..40_u32 {
        let mut batch = Batch::new();
        batch.put_bytes(BLOBS, n.to_be_bytes(), vec![n as u8; 500_000]);
        batch.put(n.to_be_bytes(), &Numbered { value: n }).unwrap();
        store.commit_blocking(batch).unwrap();
    }
    // The ends of the file stay in use, so that it cannot be cut.
    for n in 1..39_u32 {
        let mut batch = Batch::new();
        batch.delete(BLOBS, n.to_be_bytes());
        store.commit_blocking(batch).unwrap();
    }
    let commit = store.checkpoint().unwrap().commit;
    let mut batch = Batch::new();
    batch.compact_at_next_opening();
    store.commit_blocking(batch).unwrap();
    drop(store);
    let before = length(&folder);
    let mut told = Vec::new();
    let store = Store::open_telling(path(&folder), ring(7), |pause| told.push(pause)).unwrap();
    let [
        Pause::Compacting { bytes },
        Pause::Compacted { bytes: after, .. },
    ] = told[..]
    else {
        panic!("{told:?}")
    };
    assert_eq!(bytes, before);
    assert!(after < before / 4, "{before} bytes became {after}");
    let snapshot = store.snapshot().unwrap();
    for n in [0_u32, 39] {
        let kept = snapshot.bytes(BLOBS, n.to_be_bytes()).unwrap().unwrap();
        assert_eq!(**kept, vec![n as u8; 500_000]);
    }
    for n in 0..40_u32 {
        let found = snapshot.find::<Numbered>(n.to_be_bytes()).unwrap();
        assert_eq!(found, Some(Numbered { value: n }));
    }
    drop(snapshot);
    assert!(store.verify(|_| true).unwrap().unwrap().is_whole());
    assert!(store.checkpoint().unwrap().commit > commit);
    drop(store);
    drop(Store::open_telling(path(&folder), ring(7), |pause| panic!("again: {pause:?}")).unwrap());
}
