//! Connections that were closed before anything else, counted for the log.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Time between two lines in the log: those who are refused must not fill it.
const EVERY: Duration = Duration::from_secs(60);

/// The count since the last line.
#[derive(Default)]
pub(crate) struct Shed(Mutex<Count>);

#[derive(Default)]
struct Count {
    told: Option<Instant>,
    since: u64,
}

impl Shed {
    /// Counts one at `now`; gives the count when it is to be told.
    pub(crate) fn note(&self, now: Instant) -> Option<u64> {
        let mut count = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        count.since = count.since.saturating_add(1);
        let due = |told| now.saturating_duration_since(told) >= EVERY;
        if !count.told.is_none_or(due) {
            return None;
        }
        count.told = Some(now);
        Some(std::mem::take(&mut count.since))
    }
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects)]
mod tests {
    use super::*;

    #[test]
    fn a_minute_has_one_line() {
        let shed = Shed::default();
        let now = Instant::now();
        assert_eq!(shed.note(now), Some(1));
        for _ in 0..100 {
            assert_eq!(shed.note(now + EVERY / 2), None);
        }
        assert_eq!(shed.note(now + EVERY), Some(101));
    }
}
