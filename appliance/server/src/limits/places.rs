//! The places that all connections share. When they are taken, the connection that is idle longest gives way; if all are
//! busy, one of the client that holds most does, for one that holds far less.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::network::{Network, Networks};
use crate::progress::Progress;

/// A connection that got on within this time is not asked to give way; else a flood of new ones could throw out each
/// other and everybody else before they have said a word.
const SETTLED: Duration = Duration::from_secs(1);
/// How many times what a newcomer would hold somebody must hold to give one up while all are busy.
const FAR_MORE: usize = 4;
/// Time between two searches for one that gives way.
const AGAIN: Duration = Duration::from_millis(100);
/// Time that a connection waits for a place.
const WAIT: Duration = Duration::from_secs(5);
/// Connections that wait at once.
const WAITING: usize = 128;

/// All places.
pub(crate) struct Places {
    free: Arc<Semaphore>,
    waiting: Semaphore,
    taken: Mutex<Taken>,
}

#[derive(Default)]
struct Taken {
    next: u64,
    by: HashMap<u64, (Network, Arc<Progress>)>,
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
            waiting: Semaphore::new(WAITING),
            taken: Mutex::default(),
        })
    }

    /// A place for one more connection of `peer`, for which others may have to give way. Without one, only those wait who
    /// hold none yet, and not for long.
    pub(crate) async fn take(self: &Arc<Self>, peer: IpAddr) -> Option<Seat> {
        let of = Networks::from(peer).own;
        if let Ok(permit) = Arc::clone(&self.free).try_acquire_owned() {
            return Some(self.seat(of, permit));
        }
        let _waiting = self.waiting.try_acquire().ok()?;
        let mut tries = WAIT.as_millis().checked_div(AGAIN.as_millis());
        while let Some(left @ 1..) = tries {
            if !self.displace(Some(peer)) && self.holds(of) {
                return None;
            }
            let permit = Arc::clone(&self.free).acquire_owned();
            if let Ok(permit) = tokio::time::timeout(AGAIN, permit).await {
                return Some(self.seat(of, permit.ok()?));
            }
            tries = left.checked_sub(1);
        }
        None
    }

    fn holds(&self, network: Network) -> bool {
        self.taken().by.values().any(|(of, _)| *of == network)
    }

    fn seat(self: &Arc<Self>, of: Network, permit: OwnedSemaphorePermit) -> Seat {
        let progress = Progress::new();
        let mut taken = self.taken();
        let number = taken.next;
        taken.next = number.wrapping_add(1);
        taken.by.insert(number, (of, Arc::clone(&progress)));
        drop(taken);
        Seat {
            places: Arc::clone(self),
            number,
            progress,
            _permit: permit,
        }
    }

    /// Asks one connection to leave, for another one of `newcomer`; tells whether there is one to ask.
    pub(crate) fn displace(&self, newcomer: Option<IpAddr>) -> bool {
        let taken = self.taken();
        // As many as wait are enough to go.
        let going = taken
            .by
            .values()
            .filter(|(_, progress)| progress.is_leaving());
        let waiting = WAITING.saturating_sub(self.waiting.available_permits());
        if going.count() >= waiting.max(1) {
            return true;
        }
        let staying = || {
            taken
                .by
                .values()
                .filter(|(_, progress)| !progress.is_leaving())
        };
        let idle = |progress: &Progress| progress.idle().unwrap_or_default();
        let mut counts = HashMap::<Network, usize>::new();
        for (network, _) in staying() {
            let count = counts.entry(*network).or_default();
            *count = count.saturating_add(1);
        }
        let count = |network: &Network| counts.get(network).copied().unwrap_or_default();
        let own = newcomer.map_or(0, |peer| count(&Networks::from(peer).own));
        // Nobody gives way to one that holds more.
        let settled = staying()
            .filter(|(network, progress)| idle(progress) >= SETTLED && count(network) >= own);
        let longest = settled.max_by_key(|(_, progress)| idle(progress));
        let chosen = longest.or_else(|| {
            let (greedy, most) = counts.iter().max_by_key(|(_, count)| **count)?;
            let far_more = *most > own.saturating_add(1).saturating_mul(FAR_MORE);
            let of_greedy = staying().filter(|(network, _)| far_more && network == greedy);
            of_greedy.max_by_key(|(_, progress)| idle(progress))
        });
        chosen.inspect(|(_, progress)| progress.leave()).is_some()
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

    fn run(test: impl Future<Output = ()>) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build();
        runtime.unwrap().block_on(test);
    }

    fn peer(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    #[test]
    fn the_connection_that_is_idle_longest_gives_way() {
        run(async {
            let places = Places::new(3);
            let first = places.take(peer(1)).await.unwrap();
            let second = places.take(peer(1)).await.unwrap();
            let busy = places.take(peer(1)).await.unwrap();
            let _working = busy.progress.work(std::time::Instant::now());
            assert!(!places.displace(Some(peer(2))), "all have just come");
            tokio::time::sleep(SETTLED.saturating_add(SETTLED / 10)).await;
            first.progress.touch();
            let waiting = Arc::clone(&places);
            let newcomer = tokio::spawn(async move { waiting.take(peer(2)).await });
            second.progress.asked_to_leave().await;
            assert!(!newcomer.is_finished());
            drop(second);
            assert!(newcomer.await.unwrap().is_some());
            assert!(!first.progress.is_leaving() && !busy.progress.is_leaving());
        });
    }

    #[test]
    fn one_that_keeps_many_busy_gives_one_up_to_one_that_has_few() {
        run(async {
            let places = Places::new(16);
            let mut seats = Vec::new();
            for number in 0..16 {
                let seat = places.take(peer(u8::from(number < 6))).await.unwrap();
                seats.push((seat.progress.work(std::time::Instant::now()), seat));
            }
            // The client 0 holds ten, the client 1 holds six; all are busy.
            assert!(
                !places.displace(Some(peer(0))),
                "nobody gives way to the greediest"
            );
            assert!(
                !places.displace(Some(peer(1))),
                "nor to one that holds hardly less"
            );
            assert!(places.displace(Some(peer(2))));
            assert!(places.displace(Some(peer(2))), "that one is about to go");
            let left: Vec<_> = seats
                .iter()
                .map(|(_, seat)| seat.progress.is_leaving())
                .collect();
            assert_eq!(left.iter().filter(|left| **left).count(), 1);
            assert!(
                left.iter().skip(6).any(|left| *left),
                "one of the greediest"
            );
        });
    }
}
