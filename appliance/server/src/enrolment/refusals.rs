//! How many refused enrolments are kept: strangers must not fill the disk with the record of their tries.

use std::time::{Duration, Instant};

/// Most refusals that are kept one by one in a [`PERIOD`].
const KEPT: u32 = 10;
/// After this long the count starts anew.
pub(crate) const PERIOD: Duration = Duration::from_secs(60);

/// The refusals of the running period.
#[derive(Debug, Default)]
pub(crate) struct Refusals {
    since: Option<Instant>,
    kept: u32,
    counted: u64,
}

/// What to do with a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keep {
    /// Keep an event of its own.
    Whole,
    /// It is the first that is only counted: the count is to be kept when the period is over.
    Count,
    /// It was counted with others.
    Counted,
}

impl Refusals {
    /// Takes note of a refusal at `now`.
    pub(crate) fn note(&mut self, now: Instant) -> Keep {
        let over = |since| now.saturating_duration_since(since) >= PERIOD;
        if self.since.is_none_or(over) {
            self.since = Some(now);
            self.kept = 0;
        }
        if self.kept < KEPT {
            self.kept = self.kept.saturating_add(1);
            return Keep::Whole;
        }
        self.counted = self.counted.saturating_add(1);
        if self.counted == 1 {
            Keep::Count
        } else {
            Keep::Counted
        }
    }

    /// Takes the number of those that were only counted.
    pub(crate) fn take(&mut self) -> u64 {
        std::mem::take(&mut self.counted)
    }
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects)]
mod tests {
    use super::*;

    #[test]
    fn ten_refusals_a_minute_are_kept_and_the_rest_counted() {
        let now = Instant::now();
        let mut refusals = Refusals::default();
        for _ in 0..KEPT {
            assert_eq!(refusals.note(now), Keep::Whole);
        }
        assert_eq!(refusals.note(now), Keep::Count);
        for _ in 0..90 {
            assert_eq!(refusals.note(now + PERIOD / 2), Keep::Counted);
        }
        assert_eq!(refusals.take(), 91);
        assert_eq!(refusals.note(now + PERIOD / 2), Keep::Count);
        assert_eq!(refusals.note(now + PERIOD), Keep::Whole);
        assert_eq!((refusals.take(), refusals.take()), (1, 0));
    }
}
