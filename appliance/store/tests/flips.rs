//! Bytes of the store's file that turned over: whatever the engine makes of it, no altered value is given out, nothing
//! hangs, and what a process ends over is read around by the next one.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::panic
)]

mod common;

use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use common::{BLOBS, copy, open, path, ring};
use holdfast_store::{Batch, Store};

const CHILD: &str = "HOLDFAST_TEST_STORE";
const FROM: &str = "HOLDFAST_TEST_FROM";
/// More of them, and others: for a longer run by hand.
const FLIPS: &str = "HOLDFAST_FLIPS";
const SEED: &str = "HOLDFAST_FLIPS_SEED";
const RECORDS: usize = 300;
/// A child reads this store in a small part of that.
const LIMIT: Duration = Duration::from_secs(60);

fn value(number: usize) -> Vec<u8> {
    let mut value = vec![number as u8; 40 + number * 37 % 5000];
    value[..8].copy_from_slice(&(number as u64).to_be_bytes());
    value
}

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap())
}

/// Reads from a record on, and tells of each; then verifies. Runs only as the other test's child.
#[test]
fn child_that_reads() {
    let Some(path) = std::env::var_os(CHILD) else {
        return;
    };
    let mut out = std::io::stdout();
    let mut tell = |text: String| writeln!(out, "\ntold {text}").unwrap();
    let store = match Store::open(path, ring(7)) {
        Ok(store) => store,
        Err(error) => return tell(format!("closed {error}")),
    };
    let snapshot = store.snapshot().unwrap();
    for at in number(FROM, 0) as usize..RECORDS {
        tell(format!("reading {at}"));
        match snapshot.bytes(BLOBS, at.to_be_bytes()) {
            Ok(Some(found)) if **found == *value(at) => tell(format!("whole {at}")),
            Ok(Some(_)) => tell(format!("WRONG {at}")),
            Ok(None) => tell(format!("missing {at}")),
            Err(error) => tell(format!("refused {at} {error}")),
        }
    }
    drop(snapshot);
    tell("verifying".to_owned());
    match store.verify(|_| true) {
        Ok(Some(verdict)) if verdict.is_whole() => tell("verified".to_owned()),
        Ok(verdict) => tell(format!("found {verdict:?}")),
        Err(error) => tell(format!("found {error}")),
    }
}

/// What a child told, and whether it came to its end by itself.
fn read(store: &Path, from: usize) -> (Vec<String>, bool) {
    let mut output = tempfile::tempfile().unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child_that_reads", "--nocapture"])
        .env(CHILD, store)
        .env(FROM, from.to_string())
        .stdout(output.try_clone().unwrap())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let begun = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if begun.elapsed() > LIMIT {
            child.kill().unwrap();
            child.wait().unwrap();
            panic!("it hangs");
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    let mut text = String::new();
    output.seek(SeekFrom::Start(0)).unwrap();
    output.read_to_string(&mut text).unwrap();
    let told = text.lines().filter_map(|line| line.strip_prefix("told "));
    (told.map(str::to_owned).collect(), status.success())
}

/// How a store with one byte turned over fares.
#[derive(Debug, Default)]
struct Fate {
    whole: usize,
    refused: usize,
    missing: usize,
    ended: usize,
    closed: bool,
    told: bool,
}

fn judge(store: &Path) -> Fate {
    let (mut fate, mut from) = (Fate::default(), 0);
    while from < RECORDS {
        let (told, success) = read(store, from);
        for line in &told {
            assert!(!line.starts_with("WRONG"), "{line}");
            fate.whole += usize::from(line.starts_with("whole"));
            fate.refused += usize::from(line.starts_with("refused"));
            fate.missing += usize::from(line.starts_with("missing"));
            fate.closed |= line.starts_with("closed");
            fate.told |= line.starts_with("found") || line.starts_with("closed");
        }
        let last = told
            .iter()
            .rev()
            .find_map(|line| line.strip_prefix("reading "));
        match (success, last) {
            (true, _) => return fate,
            // It ended before it came to a record: at the opening.
            (false, None) => {
                fate.ended += 1;
                fate.closed = true;
                return fate;
            }
            (false, Some(last)) => {
                fate.ended += 1;
                if told.iter().any(|line| line == "verifying") {
                    return fate;
                }
                from = last.parse::<usize>().unwrap() + 1;
            }
        }
    }
    fate
}

#[test]
fn a_byte_that_turned_over_is_never_served_and_nothing_hangs() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder);
    for group in 0..RECORDS / 50 {
        let mut batch = Batch::new();
        for at in group * 50..(group + 1) * 50 {
            batch.put_bytes(BLOBS, at.to_be_bytes(), value(at));
        }
        store.commit_blocking(batch).unwrap();
    }
    drop(store);
    let sound = judge(&path(&folder));
    assert!(
        sound.whole == RECORDS && sound.ended == 0 && !sound.told,
        "{sound:?}"
    );

    let bytes = std::fs::read(path(&folder)).unwrap();
    let used: Vec<usize> = (0..bytes.len()).filter(|at| bytes[*at] != 0).collect();
    let mut state = number(SEED, 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut random = |below: usize| {
        // Xorshift: any spread will do.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % below as u64) as usize
    };
    let (mut ended, mut closed, mut unseen, flips) = (0, 0, 0, number(FLIPS, 40) as usize);
    for flip in 0..flips {
        // Where the engine's own fields are: the head of the file, and the heads of its pages.
        let at = match flip % 3 {
            0 => used[random(used.iter().position(|at| *at >= 4096).unwrap())],
            1 => used[random(used.len())] / 4096 * 4096 + random(32),
            _ => used[random(used.len())],
        };
        let broken = copy(&folder);
        let file = std::fs::OpenOptions::new()
            .write(true)
            .open(path(&broken))
            .unwrap();
        let bit = 1 << random(8);
        file.write_all_at(&[bytes[at] ^ bit], at as u64).unwrap();
        drop(file);
        let fate = judge(&path(&broken));
        println!("flip {flip}: byte {at} bit {bit}: {fate:?}");
        ended += usize::from(fate.ended > 0);
        closed += usize::from(fate.closed);
        if fate.whole == RECORDS {
            continue;
        }
        // What is not served was refused by name, or found by the verification, or the process ended over it.
        let seen = fate.told || fate.ended > 0;
        unseen += usize::from(!seen);
    }
    println!(
        "figure: {flips} flipped bits: {ended} ended a process, {closed} stores stayed closed, none was served altered"
    );
    assert_eq!(unseen, 0, "records are missing and nothing tells it");
}
