//! The places that all connections share. When they are taken, the connection that is idle longest gives way.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::progress::Progress;

/// A connection that got on within this time is not asked to give way; else a flood of new ones could throw out each
/// other and everybody else before they have said a word.
const SETTLED: Duration = Duration::from_secs(1);
/// Time between two searches for one that gives way.
const AGAIN: Duration = Duration::from_millis(100);

/// All places.
pub(crate) struct Places {
    free: Arc<Semaphore>,
    taken: Mutex<Taken>,
}

#[derive(Default)]
struct Taken {
    next: u64,
    by: HashMap<u64, Arc<Progress>>,
}

/// A connection's place; given back when dropped.
pub(crate) struct Seat {
    places: Arc<Places>,
    number: u64,
    pub(crate) progress: Arc<Progress>,
    _permit: OwnedSemaphorePermit,
}

impl Places {
    pub(super) fn new(count: usize) -> Arc<Self> {
        Arc::new(Self {
            free: Arc::new(Semaphore::new(count)),
            taken: Mutex::default(),
        })
    }

    /// Waits for a place. None comes only if everybody is busy; then clients wait in the kernel's queue.
    pub(crate) async fn take(self: &Arc<Self>) -> Option<Seat> {
        loop {
            if let Ok(permit) = Arc::clone(&self.free).try_acquire_owned() {
                return Some(self.seat(permit));
            }
            self.displace();
            let permit = Arc::clone(&self.free).acquire_owned();
            if let Ok(permit) = tokio::time::timeout(AGAIN, permit).await {
                return Some(self.seat(permit.ok()?));
            }
        }
    }

    fn seat(self: &Arc<Self>, permit: OwnedSemaphorePermit) -> Seat {
        let progress = Progress::new();
        let mut taken = self.taken();
        let number = taken.next;
        taken.next = number.wrapping_add(1);
        taken.by.insert(number, Arc::clone(&progress));
        drop(taken);
        Seat {
            places: Arc::clone(self),
            number,
            progress,
            _permit: permit,
        }
    }

    /// Asks the connection that is idle longest to leave; tells whether there is one.
    pub(crate) fn displace(&self) -> bool {
        let taken = self.taken();
        let idle = taken.by.values().filter(|progress| !progress.is_leaving());
        let longest = idle
            .filter_map(|progress| Some((progress.idle()?, progress)))
            .filter(|(idle, _)| *idle >= SETTLED)
            .max_by_key(|(idle, _)| *idle);
        longest.inspect(|(_, progress)| progress.leave()).is_some()
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.places.taken().by.remove(&self.number);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn the_connection_that_is_idle_longest_gives_way() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap();
        runtime.block_on(async {
            let places = Places::new(3);
            let first = places.take().await.unwrap();
            let second = places.take().await.unwrap();
            let busy = places.take().await.unwrap();
            let _working = busy.progress.work();
            assert!(!places.displace(), "all have just come");
            tokio::time::sleep(SETTLED.saturating_add(SETTLED / 10)).await;
            first.progress.touch();
            let waiting = Arc::clone(&places);
            let newcomer = tokio::spawn(async move { waiting.take().await });
            second.progress.asked_to_leave().await;
            assert!(!newcomer.is_finished());
            drop(second);
            assert!(newcomer.await.unwrap().is_some());
            assert!(!first.progress.is_leaving() && !busy.progress.is_leaving());
        });
    }
}
