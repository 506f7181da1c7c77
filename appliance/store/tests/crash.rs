//! A process that is killed while it commits: every commit that it had an answer for is there, whole.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::panic
)]

mod common;

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use common::{BLOBS, Numbered, path, ring};
use holdfast_store::{Batch, Store};

const CHILD: &str = "HOLDFAST_TEST_STORE";

/// Commits until it is killed, and prints each number after its answer. Runs only as the other test's child.
#[test]
fn child_that_commits_until_killed() {
    let Some(path) = std::env::var_os(CHILD) else {
        return;
    };
    let store = Store::open(path, ring(7)).unwrap();
    for n in store.snapshot().unwrap().all::<Numbered>().unwrap().count() as u32.. {
        let mut batch = Batch::new();
        batch.put(n.to_be_bytes(), &Numbered { value: n }).unwrap();
        batch.put_bytes(BLOBS, n.to_be_bytes(), vec![n as u8; 10_000]);
        store.commit_blocking(batch).unwrap();
        writeln!(std::io::stdout().lock(), "answered {n}").unwrap();
    }
}

#[test]
fn answered_commits_survive_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let mut answered = None;
    for round in 0..4 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child_that_commits_until_killed", "--nocapture"])
            .env(CHILD, path(&folder))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut numbers = lines
            .map_while(Result::ok)
            .filter_map(|line| line.split_once("answered ")?.1.trim().parse::<u32>().ok());
        answered = numbers.by_ref().take(5 + round * 7).last().or(answered);
        child.kill().unwrap();
        child.wait().unwrap();
        // What it still printed before it died counts as answered.
        answered = numbers.last().or(answered);

        let store = Store::open(path(&folder), ring(7)).unwrap();
        let snapshot = store.snapshot().unwrap();
        let rows = snapshot.all::<Numbered>().unwrap().count() as u32;
        assert!(
            rows > answered.unwrap(),
            "{rows} rows, {answered:?} answered"
        );
        for n in 0..rows {
            let found = snapshot.find::<Numbered>(n.to_be_bytes()).unwrap();
            assert_eq!(found, Some(Numbered { value: n }));
            // Both halves of a batch, or neither.
            let blob = snapshot.bytes(BLOBS, n.to_be_bytes()).unwrap().unwrap();
            assert!(blob.iter().all(|byte| *byte == n as u8) && blob.len() == 10_000);
        }
        assert!(!snapshot.contains(BLOBS, rows.to_be_bytes()).unwrap());
    }
}
