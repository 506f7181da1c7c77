//! Work of which little may be under way at once, such as the hash of a password, which takes 19 MiB.

use std::net::IpAddr;
use std::sync::Arc;

use tokio::sync::Semaphore;

use crate::limits::Shares;
use crate::rejection::Rejection;

/// A queue for work on threads of its own: so many at once, so many that wait, and of each network only some of them.
pub(crate) struct Turns {
    free: Arc<Semaphore>,
    places: Arc<Shares>,
}

impl Turns {
    /// `at_once` are worked on; `all` are there, with those that wait, and `each` of one address.
    pub(crate) fn new(at_once: usize, all: usize, each: usize) -> Self {
        Self {
            free: Arc::new(Semaphore::new(at_once)),
            places: Shares::new(all, each),
        }
    }

    /// Does the work of `peer` when its turn has come. Who leaves while waiting gives the place up; what has begun keeps its
    /// turn to its end, whether somebody still waits for it or not.
    ///
    /// # Errors
    /// [`Rejection::Busy`] if too many wait already, or too many of this network. Nothing was begun then.
    pub(crate) async fn take<T: Send + 'static>(
        &self,
        peer: IpAddr,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Rejection> {
        let place = self.places.enter(peer).ok_or(Rejection::Busy)?;
        let turn = Arc::clone(&self.free).acquire_owned().await;
        let turn = turn.map_err(|_| Rejection::Busy)?;
        let done = tokio::task::spawn_blocking(move || {
            // Both belong to the work, which goes on without whoever asked for it.
            let _held = (turn, place);
            work()
        });
        let done = done.await;
        done.map_err(|error| Rejection::Internal(error.to_string()))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::arithmetic_side_effects)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
    use std::time::Duration;

    use holdfast_identity::passwords;

    use super::*;
    use crate::identity::Kernel;

    fn run(test: impl Future<Output = ()>) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build();
        runtime.unwrap().block_on(test);
    }

    fn peer(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    /// How many were under way at once, at most, and how many came to their end.
    #[derive(Default)]
    struct Seen {
        now: AtomicUsize,
        most: AtomicUsize,
        done: AtomicUsize,
    }

    impl Seen {
        fn hash(&self, challenge: &passwords::Challenge) {
            let now = self.now.fetch_add(1, SeqCst) + 1;
            self.most.fetch_max(now, SeqCst);
            passwords::stretch("a password of somebody", challenge).unwrap();
            self.now.fetch_sub(1, SeqCst);
            self.done.fetch_add(1, SeqCst);
        }
    }

    #[test]
    fn who_sends_a_password_and_leaves_has_no_more_hashes_made_at_once() {
        run(async {
            let turns = Arc::new(Turns::new(1, 64, 8));
            let seen = Arc::new(Seen::default());
            let challenge = passwords::make("correct horse battery", "mira", &Kernel).unwrap();
            for number in 0..12 {
                let (turns, seen, challenge) =
                    (Arc::clone(&turns), Arc::clone(&seen), challenge.clone());
                let client = tokio::spawn(async move {
                    let work = move || seen.hash(&challenge);
                    turns.take(peer(number), work).await
                });
                // Each stays until its turn has come or not, and goes.
                tokio::time::sleep(Duration::from_millis(5)).await;
                client.abort();
                assert!(client.await.is_err_and(|error| error.is_cancelled()));
            }
            let last = Arc::clone(&seen);
            let stays = turns.take(peer(99), move || last.hash(&challenge)).await;
            assert!(stays.is_ok());
            assert_eq!(seen.most.load(SeqCst), 1, "one at a time");
            let done = seen.done.load(SeqCst);
            assert!(
                (2..13).contains(&done),
                "who left while waiting cost nothing: {done}"
            );
        });
    }

    #[test]
    fn one_network_cannot_take_all_places() {
        run(async {
            let turns = Arc::new(Turns::new(1, 4, 2));
            let (go, wait) = std::sync::mpsc::channel::<()>();
            let begin = |peer: IpAddr, work: Box<dyn FnOnce() + Send>| {
                let turns = Arc::clone(&turns);
                tokio::spawn(async move { turns.take(peer, work).await })
            };
            let first = begin(peer(1), Box::new(move || wait.recv().unwrap()));
            let second = begin(peer(1), Box::new(|| ()));
            tokio::time::sleep(Duration::from_millis(20)).await;
            let soon = |peer| tokio::time::timeout(Duration::from_secs(1), turns.take(peer, || ()));
            let third = soon(peer(1)).await;
            assert!(matches!(third, Ok(Err(Rejection::Busy))), "it has its two");
            let other = begin(peer(2), Box::new(|| ()));
            let left = begin(peer(3), Box::new(|| ()));
            tokio::time::sleep(Duration::from_millis(20)).await;
            let full = soon(peer(4)).await;
            assert!(matches!(full, Ok(Err(Rejection::Busy))), "all have theirs");
            // Who leaves gives the place to another.
            left.abort();
            assert!(left.await.is_err());
            let next = begin(peer(4), Box::new(|| ()));
            go.send(()).unwrap();
            for task in [first, second, other, next] {
                assert!(task.await.unwrap().is_ok());
            }
        });
    }
}
