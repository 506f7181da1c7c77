//! Progress of a connection: what has none is ended, so that nobody can hold memory by not reading.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use crate::limits::Limits;

/// Requests over a rate after which a connection is ended: whoever goes on like this does not listen.
const REFUSALS: u32 = 200;

/// When a connection last got on: a request began or was answered, or a piece of an answer went out.
///
/// Bytes from the client do not count, else an HTTP/2 client could stay for ever by answering PINGs.
pub(crate) struct Progress {
    start: Instant,
    /// Milliseconds after `start`.
    last: AtomicU64,
    /// Requests that are being handled; what they wait for has its own bounds of time.
    working: AtomicUsize,
    /// Requests that were over a rate.
    refused: AtomicU32,
    leaving: AtomicBool,
    leave: Notify,
}

/// A request that is being handled.
pub(crate) struct Working {
    progress: Arc<Progress>,
    /// When it ended, where that is known before the drop.
    done: Option<Instant>,
}

/// How fast something is taken or sent, one window of time after the other.
pub(crate) struct Pace {
    start: Instant,
    taken: u64,
    /// Bytes a second.
    least: u64,
    /// The time that is looked at as a whole.
    window: Duration,
}

impl Progress {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            start: Instant::now(),
            last: AtomicU64::new(0),
            working: AtomicUsize::new(0),
            refused: AtomicU32::new(0),
            leaving: AtomicBool::new(false),
            leave: Notify::new(),
        })
    }

    pub(crate) fn touch(&self) {
        self.touch_at(Instant::now());
    }

    /// Notes progress at a time that somebody has read from the clock already.
    fn touch_at(&self, now: Instant) {
        let since = now.saturating_duration_since(self.start);
        let millis = u64::try_from(since.as_millis()).unwrap_or(u64::MAX);
        self.last.fetch_max(millis, Ordering::Relaxed);
    }

    /// Marks a request as being handled, from `now` on until the mark is dropped.
    pub(crate) fn work(self: &Arc<Self>, now: std::time::Instant) -> Working {
        self.touch_at(Instant::from_std(now));
        self.working.fetch_add(1, Ordering::Relaxed);
        Working {
            progress: Arc::clone(self),
            done: None,
        }
    }

    /// For how long there was no progress; `None` while a request is being handled.
    pub(crate) fn idle(&self) -> Option<Duration> {
        let last = Duration::from_millis(self.last.load(Ordering::Relaxed));
        let idle = self.start.elapsed().saturating_sub(last);
        (self.working.load(Ordering::Relaxed) == 0).then_some(idle)
    }

    /// Waits until there was no progress for `limit`.
    pub(crate) async fn stalled(&self, limit: Duration) {
        loop {
            let Some(idle) = self.idle() else {
                self.touch();
                tokio::time::sleep(limit).await;
                continue;
            };
            if idle >= limit {
                return;
            }
            tokio::time::sleep(limit.saturating_sub(idle)).await;
        }
    }

    /// Asks the connection to end, for another one's sake.
    pub(crate) fn leave(&self) {
        self.leaving.store(true, Ordering::Relaxed);
        // Kept for a waiter that comes later.
        self.leave.notify_one();
    }

    pub(crate) fn is_leaving(&self) -> bool {
        self.leaving.load(Ordering::Relaxed)
    }

    /// Waits until the connection is asked to end.
    pub(crate) async fn asked_to_leave(&self) {
        self.leave.notified().await;
    }

    /// Counts a request that was over a rate.
    pub(crate) fn refused(&self) {
        if self.refused.fetch_add(1, Ordering::Relaxed) >= REFUSALS {
            self.leave();
        }
    }
}

impl Working {
    /// Ends the mark, at a time that was read from the clock already.
    pub(crate) fn done(mut self, now: std::time::Instant) {
        self.done = Some(Instant::from_std(now));
    }
}

impl Drop for Working {
    fn drop(&mut self) {
        self.progress
            .touch_at(self.done.unwrap_or_else(Instant::now));
        self.progress.working.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Pace {
    /// At the least pace of these limits, over each `idle_time` from `start` on.
    pub(crate) fn new(limits: &Limits, start: std::time::Instant) -> Self {
        Self {
            start: Instant::from_std(start),
            taken: 0,
            least: limits.least_pace,
            window: limits.idle_time,
        }
    }

    /// Leaves out the time since `since`, in which the other side had nothing to do.
    pub(crate) fn leave_out(&mut self, since: Instant) {
        self.start = self
            .start
            .checked_add(since.elapsed())
            .unwrap_or(self.start);
    }

    /// Whether what came before was taken fast enough for `more` to be handed over: in each window by itself, so that
    /// nobody lives on what was taken fast at the beginning.
    pub(crate) fn keeps_up(&mut self, more: u64) -> bool {
        let elapsed = self.start.elapsed();
        if elapsed < self.window {
            self.taken = self.taken.saturating_add(more);
            return true;
        }
        let kept = self.taken >= elapsed.as_secs().saturating_mul(self.least);
        (self.start, self.taken) = (Instant::now(), more);
        kept
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_is_stalled_only_without_work_and_pieces() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap();
        runtime.block_on(async {
            let limit = Duration::from_millis(200);
            let progress = Progress::new();
            let working = progress.work(std::time::Instant::now());
            let watched = Arc::clone(&progress);
            let stalled = tokio::spawn(async move { watched.stalled(limit).await });
            tokio::time::sleep(limit.saturating_mul(3)).await;
            assert!(!stalled.is_finished(), "a request is being handled");
            drop(working);
            let start = Instant::now();
            stalled.await.unwrap();
            assert!(start.elapsed() <= limit.saturating_mul(3));
            progress.touch();
            let soon = tokio::time::timeout(limit / 4, progress.stalled(limit)).await;
            assert!(soon.is_err(), "a piece has just gone out");
        });
    }

    #[test]
    fn an_answer_that_is_taken_too_slowly_is_ended() {
        let mut pace = Pace::new(&Limits::default(), std::time::Instant::now());
        let begun = |seconds| Instant::now().checked_sub(Duration::from_secs(seconds));
        assert!(pace.keeps_up(65_536), "the first window is free");
        assert!(pace.keeps_up(3_000_000));
        pace.start = begun(61).unwrap();
        assert!(pace.keeps_up(65_536));
        // What was taken fast before counts no more: 64 KiB are enough for 64 seconds.
        pace.start = begun(64).unwrap();
        assert!(pace.keeps_up(65_536));
        pace.start = begun(66).unwrap();
        assert!(!pace.keeps_up(65_536));
    }

    #[test]
    fn time_that_is_left_out_neither_counts_against_a_client_nor_for_it() {
        let ago = |seconds| {
            Instant::now()
                .checked_sub(Duration::from_secs(seconds))
                .unwrap()
        };
        let mut pace = Pace::new(&Limits::default(), std::time::Instant::now());
        // Ten minutes, of which all but a half was ours.
        pace.start = ago(630);
        pace.leave_out(ago(600));
        assert!(pace.keeps_up(1), "thirty seconds of its own");
        // Its own time goes on to count.
        pace.start = ago(670);
        pace.taken = 0;
        pace.leave_out(ago(600));
        assert!(!pace.keeps_up(1), "seventy seconds without a byte");
    }

    #[test]
    fn who_does_not_heed_a_rate_is_sent_away() {
        let progress = Progress::new();
        for _ in 0..REFUSALS {
            progress.refused();
        }
        assert!(!progress.is_leaving());
        progress.refused();
        assert!(progress.is_leaving());
    }
}
