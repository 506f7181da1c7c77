//! Time, passed in (law 8).

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use holdfast_audit::Timestamp;

/// Where the server gets its time from.
pub trait Clock: Send + Sync {
    /// The time of day, never before the floor.
    fn now(&self) -> Timestamp;
    /// A clock that only goes forward, for limits within one run.
    fn monotonic(&self) -> Instant;
}

/// The machine's clocks, with a floor under the time of day.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock {
    floor: Timestamp,
}

impl SystemClock {
    /// A clock that never reads earlier than `floor`: the later of build time and the last stored time.
    #[must_use]
    pub fn new(floor: Timestamp) -> Self {
        Self { floor }
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let millis = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .ok()
            .and_then(|elapsed| i64::try_from(elapsed.as_millis()).ok())
            .and_then(|millis| Timestamp::from_unix_millis(millis).ok());
        millis.map_or(self.floor, |now| now.max(self.floor))
    }

    fn monotonic(&self) -> Instant {
        Instant::now()
    }
}
