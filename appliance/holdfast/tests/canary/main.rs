//! Secrets that were planted are nowhere in the process's memory once they were erased: keys, plaintext, and what they came from.
//!
//! Runs alone in its own process, under the system's allocator: the one of the server would wipe what a type of ours forgets, and
//! is tried by `appliance/forgets.rs`. What is looked for is kept masked, so that the search does not find itself.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::panic
)]

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use holdfast_secrets::{KeyRing, RecoveryKey, RootKey, Suite};
use holdfast_store::{Batch, Store, Table};
use zeroize::Zeroizing;

const MASK: u8 = 0xa5;
/// Bytes of a secret that are looked for at once.
const PART: usize = 16;
const TABLE: Table = Table::plain("canary");

/// A secret, masked.
struct Planted {
    name: &'static str,
    masked: Vec<u8>,
}

impl Planted {
    fn of(name: &'static str, secret: &[u8]) -> Self {
        let masked = secret.iter().map(|byte| byte ^ MASK).collect();
        Self { name, masked }
    }

    fn random(name: &'static str, length: usize) -> Self {
        let mut masked = vec![0; length];
        getrandom::fill(&mut masked).unwrap();
        Self { name, masked }
    }

    /// The secret, wiped after use.
    fn plain(&self) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(self.masked.iter().map(|byte| byte ^ MASK).collect())
    }

    /// Whether a part of it is there: a free block's first 16 bytes are the allocator's own, so the whole seldom is.
    fn is_in(&self, bytes: &[u8]) -> bool {
        let mut parts = self.masked.chunks_exact(PART);
        parts.any(|part| {
            let same = |window: &[u8]| {
                let mut pairs = window.iter().zip(part);
                pairs.all(|(byte, masked)| byte ^ MASK == *masked)
            };
            let first = part[0] ^ MASK;
            let mut places = (0..bytes.len()).filter(|at| bytes[*at] == first);
            places.any(|at| bytes.len() - at >= PART && same(&bytes[at..at + PART]))
        })
    }
}

/// Which of these are in any memory that this process can write.
fn found(planted: &[Planted]) -> Vec<&'static str> {
    let memory = File::open("/proc/self/mem").unwrap();
    let maps = BufReader::new(File::open("/proc/self/maps").unwrap());
    let mut found = Vec::new();
    // One buffer for all, and no other while it is searched.
    let mut piece = vec![0; 1 << 20];
    let own = piece.as_ptr() as u64..piece.as_ptr() as u64 + piece.len() as u64;
    for line in maps.lines().map(Result::unwrap) {
        let mut fields = line.split_whitespace();
        let (range, rights) = (fields.next().unwrap(), fields.next().unwrap());
        if !rights.starts_with("rw") || line.ends_with("[vvar]") {
            continue;
        }
        let (start, end) = range.split_once('-').unwrap();
        let number = |text| u64::from_str_radix(text, 16).unwrap();
        let (mut at, end) = (number(start), number(end));
        while at < end {
            if own.contains(&at) {
                at = own.end.next_multiple_of(4096);
                continue;
            }
            let mut length = (end - at).min(piece.len() as u64);
            if at < own.start && at + length > own.start {
                length = own.start - at;
            }
            let Ok(read) = memory.read_at(&mut piece[..length as usize], at) else {
                break;
            };
            if read == 0 {
                break;
            }
            for planted in planted {
                if planted.is_in(&piece[..read]) && !found.contains(&planted.name) {
                    found.push(planted.name);
                }
            }
            // Pieces overlap, so that nothing is cut.
            let more = read as u64 == length && at + length < end && length > 4096;
            at += if more { length - 256 } else { read as u64 };
        }
    }
    piece.fill(0);
    found
}

/// A store's life: made, filled, rotated, given a recovery key, read, and its keys destroyed.
fn live(folder: &Path, root: &Planted, content: &Planted, recovery: &mut Option<Planted>) {
    let root = RootKey::from_bytes(root.plain().as_slice().try_into().unwrap()).unwrap();
    let store = Store::open(
        folder.join("store.redb"),
        KeyRing::new(root, Suite::Aes256Gcm),
    )
    .unwrap();
    for number in 0..200_u32 {
        let mut batch = Batch::new();
        batch.put_bytes(TABLE, number.to_be_bytes(), content.plain().to_vec());
        store.commit_blocking(batch).unwrap();
    }
    assert!(store.rotate("canary", |_| true).unwrap());
    let snapshot = store.snapshot().unwrap();
    let read = snapshot.bytes(TABLE, 7_u32.to_be_bytes()).unwrap().unwrap();
    assert!(
        read.iter()
            .zip(&content.masked)
            .all(|(byte, masked)| byte ^ MASK == *masked)
    );
    let text = store.keys().new_recovery_key().unwrap();
    *recovery = Some(Planted::of("recovery key", text.as_bytes()));
    drop(RecoveryKey::parse(&text).unwrap());
    assert!(store.verify(|_| true).unwrap().unwrap().is_whole());
    store.keys().destroy().unwrap();
}

/// What passed over the stack stays there until something else does, as in the server, where that is soon.
#[inline(never)]
fn overwrite_stack() {
    let mut stack = [1_u8; 1 << 20];
    stack.fill(std::hint::black_box(0));
    std::hint::black_box(&mut stack);
}

#[test]
fn erased_secrets_are_nowhere_in_memory() {
    let folder = tempfile::tempdir().unwrap();
    let (root, content) = (
        Planted::random("root key", 32),
        Planted::random("content", 64),
    );
    let mut recovery = None;
    live(folder.path(), &root, &content, &mut recovery);
    overwrite_stack();
    let planted = [root, content, recovery.unwrap()];
    let left = found(&planted);
    assert!(left.is_empty(), "still in memory: {left:?}");
    // The search finds what is there.
    let kept: Vec<_> = planted.iter().map(Planted::plain).collect();
    let mut there = found(&planted);
    there.sort_unstable();
    assert_eq!(there, ["content", "recovery key", "root key"]);
    drop(kept);
    assert!(found(&planted).is_empty(), "and no more when it is dropped");
}
