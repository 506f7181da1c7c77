//! What is done to the whole store while it serves: sealing it under new keys, and holding it against its sums.
//!
//! Both read all records in small batches on a thread of their own, and rest after each, so that requests wait for one
//! batch at most.

mod rotation;
mod verification;

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

pub(crate) use rotation::Rotation;
pub(crate) use verification::Verification;

use crate::server::Shared;

/// Longest sleep at once, so that a stop is noticed.
const SLICE: Duration = Duration::from_millis(50);
/// Longest rest after a batch.
const LONGEST: Duration = Duration::from_millis(500);

/// Both kinds of work.
#[derive(Default)]
pub(crate) struct Upkeep {
    pub(crate) rotation: Rotation,
    pub(crate) verification: Verification,
}

/// Rests so many times as long as the batch took. `false` when the server is to stop.
fn rest(shared: &Shared, batch: Duration, times: u32) -> bool {
    let until = batch.saturating_mul(times).min(LONGEST);
    let began = Instant::now();
    loop {
        if shared.ending.load(Ordering::Relaxed) {
            return false;
        }
        let left = until.saturating_sub(began.elapsed());
        if left.is_zero() {
            return true;
        }
        std::thread::sleep(left.min(SLICE));
    }
}
