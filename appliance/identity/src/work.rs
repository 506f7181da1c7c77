//! Counts of what costs time, for tests that want two ways to cost the same. Each thread has its own.

use std::cell::Cell;

/// What is counted: look-ups in the store, openings under a person's key, keyed hashes, signature checks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Work {
    pub(crate) looks: u32,
    pub(crate) opens: u32,
    pub(crate) hashes: u32,
    pub(crate) checks: u32,
}

thread_local! {
    static DONE: Cell<Work> = const { Cell::new(Work { looks: 0, opens: 0, hashes: 0, checks: 0 }) };
}

fn count(more: impl FnOnce(&mut Work)) {
    let mut done = DONE.get();
    more(&mut done);
    DONE.set(done);
}

/// Counts a look-up in the store.
pub(crate) fn looks() {
    count(|work| work.looks += 1);
}

/// Counts an opening under a person's key.
pub(crate) fn opens() {
    count(|work| work.opens += 1);
}

/// Counts a keyed hash.
pub(crate) fn hashes() {
    count(|work| work.hashes += 1);
}

/// Counts a check of a signature.
pub(crate) fn checks() {
    count(|work| work.checks += 1);
}

/// What was done since the last call, in this thread.
pub(crate) fn take() -> Work {
    DONE.take()
}
