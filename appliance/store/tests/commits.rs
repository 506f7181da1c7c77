//! Group commit: who shares a transaction, who fails, what is durable.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::panic
)]

mod common;

use common::{BLOBS, Numbered, copy, open, path, ring};
use holdfast_store::{Batch, Error, Record, Store};

fn batch(n: u32) -> Batch {
    let mut batch = Batch::new();
    batch.put(n.to_be_bytes(), &Numbered { value: n }).unwrap();
    batch
}

#[tokio::test]
async fn commit_before_the_writer_runs_is_an_error_not_a_hang() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder);
    assert!(matches!(store.commit(batch(1)).await, Err(Error::NoWriter)));
    store.start_writer().unwrap();
    store.commit(batch(1)).await.unwrap();
    // Start-up code may still commit by itself beside the writer.
    let other = store.clone();
    tokio::task::spawn_blocking(move || other.commit_blocking(batch(2)))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        store.snapshot().unwrap().all::<Numbered>().unwrap().count(),
        2
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refused_batch_harms_none_that_waits_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder);
    store.start_writer().unwrap();
    let tasks: Vec<_> = (0..400)
        .map(|n| {
            let store = store.clone();
            tokio::spawn(async move {
                let mut batch = batch(n);
                if n.is_multiple_of(10) {
                    batch.expect_present(BLOBS, b"never");
                } else {
                    batch.put_bytes(BLOBS, n.to_be_bytes(), vec![n as u8; 100]);
                }
                store.commit(batch).await
            })
        })
        .collect();
    for (n, task) in tasks.into_iter().enumerate() {
        match task.await.unwrap() {
            Ok(_) => assert!(!n.is_multiple_of(10)),
            Err(error) => assert!(error.is_conflict() && n.is_multiple_of(10), "{n}: {error}"),
        }
    }
    let snapshot = store.snapshot().unwrap();
    for n in 0..400_u32 {
        let there = snapshot.contains(BLOBS, n.to_be_bytes()).unwrap();
        assert_eq!(there, !n.is_multiple_of(10));
    }
}

#[tokio::test]
async fn more_than_the_queue_holds_goes_through() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder);
    store.start_writer().unwrap();
    let tasks: Vec<_> = (0..4_u8)
        .map(|n| {
            let store = store.clone();
            tokio::spawn(async move {
                let mut batch = Batch::new();
                // One is larger than the whole queue.
                let length = if n == 0 { 17 << 20 } else { 1 << 20 };
                batch.put_bytes(BLOBS, [n], vec![n; length]);
                store.commit(batch).await
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    let snapshot = store.snapshot().unwrap();
    assert_eq!(snapshot.bytes(BLOBS, [0]).unwrap().unwrap().len(), 17 << 20);
}

#[tokio::test]
async fn answered_commit_is_in_the_file_without_closing_it() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder);
    store.start_writer().unwrap();
    for n in 0..5 {
        store.commit(batch(n)).await.unwrap();
        // What a power cut now would leave: the file as it is, never closed.
        let left = copy(&folder);
        let again = Store::open(path(&left), ring(7)).unwrap();
        let found = again
            .snapshot()
            .unwrap()
            .find::<Numbered>(n.to_be_bytes())
            .unwrap();
        assert_eq!(found, Some(Numbered { value: n }));
    }
}

#[tokio::test]
async fn dropped_store_finishes_what_waits_and_closes_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder);
    store.start_writer().unwrap();
    let committing = {
        let store = store.clone();
        tokio::spawn(async move { store.commit(batch(1)).await })
    };
    tokio::task::yield_now().await;
    drop(store);
    committing.await.unwrap().unwrap();
    let again = open(&folder);
    assert!(
        again
            .snapshot()
            .unwrap()
            .contains(Numbered::TABLE, 1_u32.to_be_bytes())
            .unwrap()
    );
}
