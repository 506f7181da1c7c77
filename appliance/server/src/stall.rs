//! The deadline of each answer on HTTP/2.
//!
//! A connection gets on while any of its answers does, so one that is left lying would be kept by tiny requests beside it.
//! Here each stream is looked at by itself: one whose answer has handed over nothing for a while is cut (RST_STREAM), unless
//! the connection as a whole is taken fast enough for all its answers that wait; then it only waits for its turn.
//!
//! A large answer keeps its place until its last piece is taken, which may be after its stream's task is done: h2 has the
//! piece then, and a window that is shut keeps it there. Nobody can cut such a stream any more, so its connection has to go.
//!
//! What is answered at once meets none of this: the clock is asked for at the first turn that leaves an answer unfinished.

use std::cell::Cell;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::{Instant, Sleep};

use crate::limits::{Earned, Limits};
use crate::progress::Progress;

tokio::task_local! {
    static ANSWER: Answer;
}

/// What is known of a stream's answer.
#[derive(Default)]
struct Answer {
    /// 0 until there is one; from then on one more than the pieces that went out.
    pieces: Cell<u64>,
    /// Ends when the place of a large one is given back.
    place: Cell<Option<oneshot::Receiver<()>>>,
}

/// Runs the streams of one connection.
#[derive(Clone)]
pub(crate) struct Streams(Arc<Connection>);

struct Connection {
    earned: Arc<Earned>,
    progress: Arc<Progress>,
    /// Answers that wait for the client.
    waiting: AtomicU64,
    idle: Duration,
    /// Bytes a second for each of them.
    least: u64,
}

/// A time in which the client has to take something.
struct Deadline<'a> {
    connection: &'a Connection,
    begun: Instant,
    pieces: u64,
    written: u64,
    timer: Pin<Box<Sleep>>,
}

/// Notes that the stream of this task has its answer.
pub(crate) fn answered() {
    count();
}

/// Notes that a piece of this task's answer went out.
pub(crate) fn piece_went_out() {
    count();
}

/// On HTTP/1.1, where an answer is alone on its connection, nothing is counted.
fn count() {
    let _ = ANSWER.try_with(|answer| answer.pieces.set(answer.pieces.get().saturating_add(1)));
}

/// Notes that this task's answer holds a place of the large ones, until `gone` ends.
pub(crate) fn holds(gone: oneshot::Receiver<()>) {
    let _ = ANSWER.try_with(|answer| answer.place.set(Some(gone)));
}

impl Streams {
    pub(crate) fn new(earned: Arc<Earned>, progress: Arc<Progress>, limits: &Limits) -> Self {
        Self(Arc::new(Connection {
            earned,
            progress,
            waiting: AtomicU64::new(0),
            idle: limits.idle_time,
            least: limits.least_pace,
        }))
    }

    /// Drives a stream to its end, or for as long as it gets on.
    async fn watch(self, stream: impl Future<Output = ()>) {
        {
            // Dropped at the end of this block: that is what cuts a stream, and lets go of its body.
            let mut stream = pin!(stream);
            let mut deadline = None;
            std::future::poll_fn(|context| {
                if stream.as_mut().poll(context).is_ready() {
                    return Poll::Ready(());
                }
                match ANSWER.with(|answer| answer.pieces.get()) {
                    0 => Poll::Pending,
                    pieces => deadline
                        .get_or_insert_with(|| Deadline::new(&self.0, pieces))
                        .poll(pieces, context),
                }
            })
            .await;
        }
        if let Some(gone) = ANSWER.with(|answer| answer.place.take()) {
            self.0.see_off(gone).await;
        }
    }
}

impl<F: Future<Output = ()> + Send + 'static> hyper::rt::Executor<F> for Streams {
    fn execute(&self, stream: F) {
        tokio::spawn(ANSWER.scope(Answer::default(), self.clone().watch(stream)));
    }
}

impl<'a> Deadline<'a> {
    fn new(connection: &'a Connection, pieces: u64) -> Self {
        connection.waiting.fetch_add(1, Ordering::Relaxed);
        Self {
            connection,
            begun: Instant::now(),
            pieces,
            written: connection.earned.written(),
            timer: Box::pin(tokio::time::sleep(connection.idle)),
        }
    }

    /// Ready when the time is over and nothing was taken in it.
    fn poll(&mut self, pieces: u64, context: &mut Context<'_>) -> Poll<()> {
        while self.timer.as_mut().poll(context).is_ready() {
            let now = Instant::now();
            let written = self.connection.earned.written();
            if pieces == self.pieces && !self.connection.keeps_up(self, now, written) {
                return Poll::Ready(());
            }
            (self.begun, self.pieces, self.written) = (now, pieces, written);
            let next = now.checked_add(self.connection.idle).unwrap_or(now);
            self.timer.as_mut().reset(next);
        }
        Poll::Pending
    }
}

impl Drop for Deadline<'_> {
    fn drop(&mut self) {
        self.connection.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Connection {
    /// Waits until an answer that was handed over has given back its place; ends the connection if it does not in time.
    async fn see_off(&self, mut gone: oneshot::Receiver<()>) {
        loop {
            let deadline = Deadline::new(self, 0);
            if tokio::time::timeout(self.idle, &mut gone).await.is_ok() {
                return;
            }
            if !self.keeps_up(&deadline, Instant::now(), self.earned.written()) {
                return self.progress.leave();
            }
        }
    }

    /// Whether what the client has taken since the deadline's beginning is enough for all answers that wait.
    fn keeps_up(&self, deadline: &Deadline<'_>, now: Instant, written: u64) -> bool {
        let seconds = now.saturating_duration_since(deadline.begun).as_secs();
        let each = self.least.saturating_mul(seconds.max(1));
        let due = each.saturating_mul(self.waiting.load(Ordering::Relaxed));
        written.saturating_sub(deadline.written) >= due
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const IDLE: Duration = Duration::from_millis(200);

    fn streams() -> Streams {
        let limits = Limits {
            idle_time: IDLE,
            ..Limits::default()
        };
        Streams::new(Arc::default(), Progress::new(), &limits)
    }

    fn run(test: impl Future<Output = ()>) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build();
        runtime.unwrap().block_on(test);
    }

    /// For how long this stream is kept, if it does not end by itself.
    async fn kept(streams: &Streams, stream: impl Future<Output = ()>) -> Duration {
        let start = Instant::now();
        let watched = ANSWER.scope(Answer::default(), streams.clone().watch(stream));
        let _ = tokio::time::timeout(IDLE.saturating_mul(10), watched).await;
        start.elapsed()
    }

    #[test]
    fn an_answer_that_lies_is_cut_and_one_that_gets_on_is_not() {
        run(async {
            let streams = streams();
            let lies = kept(&streams, async {
                answered();
                std::future::pending::<()>().await;
            });
            assert!(lies.await < IDLE.saturating_mul(5));
            let gets_on = kept(&streams, async {
                answered();
                loop {
                    tokio::time::sleep(IDLE / 4).await;
                    piece_went_out();
                }
            });
            assert!(gets_on.await >= IDLE.saturating_mul(10));
            // What is not answered yet has bounds of its own.
            let works = kept(&streams, std::future::pending());
            assert!(works.await >= IDLE.saturating_mul(10));
            assert_eq!(streams.0.waiting.load(Ordering::Relaxed), 0);
        });
    }

    #[test]
    fn a_connection_whose_last_pieces_lie_is_asked_to_leave() {
        run(async {
            let streams = streams();
            // Its place is given back in time.
            let (place, gone) = oneshot::channel::<()>();
            let taken = kept(&streams, async {
                answered();
                holds(gone);
                drop(place);
            });
            assert!(taken.await < IDLE);
            assert!(!streams.0.progress.is_leaving());
            let (_place, gone) = oneshot::channel::<()>();
            let lies = kept(&streams, async {
                answered();
                holds(gone);
            });
            assert!(lies.await < IDLE.saturating_mul(5));
            assert!(streams.0.progress.is_leaving());
        });
    }

    #[test]
    fn an_answer_waits_for_its_turn_while_the_connection_keeps_up() {
        run(async {
            let streams = streams();
            let earned = Arc::clone(&streams.0.earned);
            let busy = tokio::spawn(async move {
                loop {
                    earned.wrote(1024);
                    tokio::time::sleep(IDLE / 8).await;
                }
            });
            let waits = || async {
                answered();
                std::future::pending::<()>().await;
            };
            assert!(kept(&streams, waits()).await >= IDLE.saturating_mul(10));
            busy.abort();
            assert!(kept(&streams, waits()).await < IDLE.saturating_mul(5));
        });
    }
}
