//! No thread before the sandbox (law 6). Alone in its file, so that no other test's threads are counted.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::panic
)]

mod common;

use common::{BLOBS, open};
use holdfast_store::{Batch, Error};

#[test]
fn opening_starts_no_thread_and_the_writer_starts_once() {
    let threads = || std::fs::read_dir("/proc/self/task").unwrap().count();
    let before = threads();
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder);
    let mut batch = Batch::new();
    batch.put_bytes(BLOBS, b"k", vec![1]);
    store.commit_blocking(batch).unwrap();
    assert!(store.snapshot().unwrap().contains(BLOBS, b"k").unwrap());
    assert_eq!(threads(), before);
    store.start_writer().unwrap();
    assert_eq!(threads(), before + 1);
    assert!(matches!(store.start_writer(), Err(Error::WriterStart(_))));
    drop(store);
    // The kernel may list a thread for a moment after it was joined.
    while threads() != before {
        std::thread::yield_now();
    }
}
