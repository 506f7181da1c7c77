//! Progress of a connection: what has none is ended, so that nobody can hold memory by not reading.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::time::Instant;

/// When a connection last got on: a request began or was answered, or a piece of an answer went out.
///
/// Bytes from the client do not count, else an HTTP/2 client could stay for ever by answering PINGs.
pub(crate) struct Progress {
    start: Instant,
    /// Milliseconds after `start`.
    last: AtomicU64,
    /// Requests that are being handled; what they wait for has its own bounds of time.
    working: AtomicUsize,
}

/// A request that is being handled.
pub(crate) struct Working(Arc<Progress>);

impl Progress {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            start: Instant::now(),
            last: AtomicU64::new(0),
            working: AtomicUsize::new(0),
        })
    }

    pub(crate) fn touch(&self) {
        let millis = u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last.fetch_max(millis, Ordering::Relaxed);
    }

    /// Marks a request as being handled until the mark is dropped.
    pub(crate) fn work(self: &Arc<Self>) -> Working {
        self.touch();
        self.working.fetch_add(1, Ordering::Relaxed);
        Working(Arc::clone(self))
    }

    /// Waits until there was no progress for `limit`.
    pub(crate) async fn stalled(&self, limit: Duration) {
        loop {
            if self.working.load(Ordering::Relaxed) > 0 {
                self.touch();
            }
            let last = Duration::from_millis(self.last.load(Ordering::Relaxed));
            let idle = self.start.elapsed().saturating_sub(last);
            if idle >= limit {
                return;
            }
            tokio::time::sleep(limit.saturating_sub(idle)).await;
        }
    }
}

impl Drop for Working {
    fn drop(&mut self) {
        self.0.touch();
        self.0.working.fetch_sub(1, Ordering::Relaxed);
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
            let working = progress.work();
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
}
