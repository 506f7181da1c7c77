//! The places for large answers: few, since each holds a chunk of memory. Who finds none free waits its turn for a while:
//! first behind its own client's others, then, with a place of its client's, behind other clients. So one client's queue
//! keeps nobody else waiting.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use super::network::{Network, Networks};
use super::settings::Limits;

/// How long a large answer waits for a place.
const WAIT: Duration = Duration::from_secs(5);

/// All places, and those of each client.
pub(crate) struct Large {
    all: Arc<Semaphore>,
    each: usize,
    wide: usize,
    wait: Duration,
    /// As long as there are clients that hold places or wait, twice for IPv6.
    of: Mutex<HashMap<Network, Queue>>,
}

/// The places of one network.
struct Queue {
    places: Arc<Semaphore>,
    /// How many hold one of them or wait for one.
    users: usize,
}

/// A place; given back when dropped.
pub(crate) struct LargePlace {
    /// Before `_entered`, which may forget their queues.
    _held: [Option<OwnedSemaphorePermit>; 3],
    _entered: Entered,
    /// Dropped with the place.
    gone: Option<oneshot::Sender<()>>,
}

/// The use of a network's queues, from the wait on.
struct Entered {
    large: Arc<Large>,
    of: Networks,
}

impl Large {
    /// At most `all` places together, and `each` for an address.
    pub(super) fn new(all: usize, each: usize) -> Arc<Self> {
        Self::with_wait(all, each, WAIT)
    }

    fn with_wait(all: usize, each: usize, wait: Duration) -> Arc<Self> {
        let most = |places: usize| places.min(Semaphore::MAX_PERMITS);
        Arc::new(Self {
            all: Arc::new(Semaphore::new(most(all))),
            each: most(each),
            wide: most(each.saturating_mul(Limits::NETWORK as usize)),
            wait,
            of: Mutex::default(),
        })
    }

    /// A place for one more answer to `peer`, in the order in which they were asked for; `None`: none came free in time.
    pub(crate) async fn take(self: &Arc<Self>, peer: IpAddr) -> Option<LargePlace> {
        let of = Networks::from(peer);
        let (entered, own, wide) = self.enter(of);
        let places = async {
            let own = own.acquire_owned().await.ok()?;
            let wide = match wide {
                Some(wide) => Some(wide.acquire_owned().await.ok()?),
                None => None,
            };
            let all = Arc::clone(&self.all).acquire_owned().await.ok()?;
            Some([Some(own), wide, Some(all)])
        };
        let held = tokio::time::timeout(self.wait, places).await.ok()??;
        Some(LargePlace {
            _held: held,
            _entered: entered,
            gone: None,
        })
    }

    /// The queues of these networks, which are kept until what is given back is dropped.
    fn enter(self: &Arc<Self>, of: Networks) -> (Entered, Arc<Semaphore>, Option<Arc<Semaphore>>) {
        let mut queues = self.of.lock().unwrap_or_else(PoisonError::into_inner);
        let mut queue = |network: Network, places: usize| {
            let queue = queues.entry(network).or_insert_with(|| Queue {
                places: Arc::new(Semaphore::new(places)),
                users: 0,
            });
            queue.users = queue.users.saturating_add(1);
            Arc::clone(&queue.places)
        };
        let own = queue(of.own, self.each);
        let wide = of.wide.map(|network| queue(network, self.wide));
        drop(queues);
        let large = Arc::clone(self);
        (Entered { large, of }, own, wide)
    }
}

impl LargePlace {
    /// Ends, without a word, when the place is given back.
    pub(crate) fn until_gone(&mut self) -> oneshot::Receiver<()> {
        let (gone, wait) = oneshot::channel();
        self.gone = Some(gone);
        wait
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        let queues = &self.large.of;
        let mut queues = queues.lock().unwrap_or_else(PoisonError::into_inner);
        for network in self.of.both() {
            if let Some(queue) = queues.get_mut(&network) {
                queue.users = queue.users.saturating_sub(1);
                if queue.users == 0 {
                    queues.remove(&network);
                }
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn run(test: impl Future<Output = ()>) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build();
        runtime.unwrap().block_on(test);
    }

    fn peer(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn who_finds_no_place_waits_its_turn_behind_its_own_alone() {
        run(async {
            let large = Large::new(3, 2);
            let (one, other) = (peer("192.0.2.1"), peer("192.0.2.2"));
            let first = large.take(one).await.unwrap();
            let second = large.take(one).await.unwrap();
            let wait = |peer| {
                let large = Arc::clone(&large);
                tokio::spawn(async move { large.take(peer).await })
            };
            let (third, fourth) = (wait(one), wait(one));
            tokio::task::yield_now().await;
            assert!(!third.is_finished() && !fourth.is_finished());
            // The queue of one client holds none of the places that all share.
            let others = large.take(other).await.unwrap();
            drop(first);
            let third = third.await.unwrap().unwrap();
            assert!(!fourth.is_finished(), "first come, first served");
            drop((second, third));
            drop(fourth.await.unwrap().unwrap());
            drop(others);
            assert!(large.of.lock().unwrap().is_empty());
            assert_eq!(large.all.available_permits(), 3);
        });
    }

    #[test]
    fn the_wait_is_bounded_and_leaves_nothing_behind() {
        run(async {
            let large = Large::with_wait(8, 1, Duration::from_millis(100));
            let held = large.take(peer("2001:db8::1")).await.unwrap();
            assert!(large.take(peer("2001:db8::2")).await.is_none());
            // Another /64 of the same /48, which has two as a whole.
            let wide = large.take(peer("2001:db8:0:1::1")).await.unwrap();
            assert!(large.take(peer("2001:db8:0:2::1")).await.is_none());
            drop((held, wide));
            assert!(large.of.lock().unwrap().is_empty());
            assert_eq!(large.all.available_permits(), 8);
        });
    }
}
