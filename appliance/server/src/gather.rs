//! Gathers what a connection writes until its turn is over, so that many small answers leave in one TLS record and one
//! system call.
//!
//! h2 flushes after each frame, and hyper after each pipelined answer. A flush is therefore only noted here; the
//! connection's task flushes when the connection has nothing more to do in this turn ([`Gather::turns`]). Nothing waits
//! longer than that turn.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Most bytes that are held, for each connection. What comes in larger pieces is not held.
const HELD: usize = 32 * 1024;
/// Most bytes of memory that an idle connection keeps for the next answer.
const KEPT: usize = 4 * 1024;

/// A connection that is written to in larger pieces. Clones are the same connection.
pub(crate) struct Gather<S>(Arc<Mutex<Gathered<S>>>);

struct Gathered<S> {
    io: S,
    held: Vec<u8>,
    /// How much of it has gone.
    sent: usize,
}

impl<S> Gather<S> {
    pub(crate) fn new(io: S) -> Self {
        Self(Arc::new(Mutex::new(Gathered {
            io,
            held: Vec::new(),
            sent: 0,
        })))
    }

    fn lock(&self) -> MutexGuard<'_, Gathered<S>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S> Clone for Gather<S> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<S: AsyncWrite + Unpin> Gather<S> {
    /// Drives a connection to its end, and sends after each turn what was gathered in it.
    pub(crate) async fn turns<C: Future>(&self, mut connection: Pin<&mut C>) {
        std::future::poll_fn(|cx| {
            let turn = connection.as_mut().poll(cx);
            self.send(cx);
            turn.map(drop)
        })
        .await;
    }

    /// Sends what is held, as far as the client takes it. The task is woken when it takes more. An error comes back at
    /// the next write.
    fn send(&self, cx: &mut Context<'_>) {
        let mut gathered = self.lock();
        if gathered.release(cx).is_ready() {
            if gathered.held.capacity() > KEPT {
                gathered.held = Vec::new();
            }
            let _ = Pin::new(&mut gathered.io).poll_flush(cx);
        }
    }
}

impl<S: AsyncWrite + Unpin> Gathered<S> {
    /// Hands on what is held.
    fn release(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(rest) = self.held.get(self.sent..).filter(|rest| !rest.is_empty()) {
            let sent = ready!(Pin::new(&mut self.io).poll_write(cx, rest))?;
            if sent == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.sent = self.sent.saturating_add(sent);
        }
        self.held.clear();
        self.sent = 0;
        Poll::Ready(Ok(()))
    }

    /// Takes what fits, so that full TLS records go out (RFC 8446, section 5.1: at most 16 KiB each).
    fn write(&mut self, cx: &mut Context<'_>, pieces: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        if self.held.len() >= HELD {
            ready!(self.release(cx))?;
        }
        let lengths = pieces.iter().map(|piece| piece.len());
        let length = lengths.fold(0_usize, usize::saturating_add);
        if self.held.is_empty() && length >= HELD {
            return Pin::new(&mut self.io).poll_write_vectored(cx, pieces);
        }
        // All at once where more will come, instead of by doubling.
        let more = self.held.len().saturating_add(length);
        if more > self.held.capacity() {
            let whole = if more > KEPT { HELD } else { KEPT };
            self.held
                .reserve_exact(whole.saturating_sub(self.held.len()));
        }
        let before = self.held.len();
        for piece in pieces {
            let room = HELD.saturating_sub(self.held.len());
            let part = piece.get(..room.min(piece.len())).unwrap_or_default();
            self.held.extend_from_slice(part);
        }
        Poll::Ready(Ok(self.held.len().saturating_sub(before)))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Gather<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.lock().io).poll_read(cx, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Gather<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.lock().write(cx, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.lock().write(cx, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    /// The connection's task flushes at the end of its turn.
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut gathered = self.lock();
        ready!(gathered.release(cx))?;
        Pin::new(&mut gathered.io).poll_shutdown(cx)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use std::pin::pin;

    use tokio::io::AsyncWriteExt as _;

    use super::*;

    /// Takes at most so many bytes at a time, and every other time none.
    struct Slow {
        most: usize,
        ready: bool,
        writes: Vec<Vec<u8>>,
        shut: bool,
    }

    impl Slow {
        fn new(most: usize) -> Self {
            Self {
                most,
                ready: true,
                writes: Vec::new(),
                shut: false,
            }
        }
    }

    impl AsyncWrite for Slow {
        fn poll_write(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            bytes: &[u8],
        ) -> Poll<io::Result<usize>> {
            self.ready = !self.ready;
            if self.ready && self.most < HELD {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            let taken = bytes.len().min(self.most);
            self.writes.push(bytes[..taken].to_vec());
            Poll::Ready(Ok(taken))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            self.shut = true;
            Poll::Ready(Ok(()))
        }
    }

    fn block_on<T>(work: impl Future<Output = T>) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        runtime.unwrap().block_on(work)
    }

    #[test]
    fn small_answers_of_one_turn_leave_in_one_write() {
        let gather = Gather::new(Slow::new(usize::MAX));
        let mut io = gather.clone();
        block_on(gather.turns(pin!(async {
            for answer in 0..20 {
                io.write_all(&[answer; 1000]).await.unwrap();
                io.flush().await.unwrap();
            }
        })));
        let gathered = gather.lock();
        assert_eq!(gathered.io.writes.len(), 1);
        assert_eq!(gathered.io.writes[0].len(), 20_000);
        assert!(
            gathered.held.capacity() <= KEPT,
            "an idle connection keeps little"
        );
    }

    #[test]
    fn shutdown_sends_what_is_held() {
        let gather = Gather::new(Slow::new(7));
        let mut io = gather.clone();
        block_on(async {
            io.write_all(b"the last words").await.unwrap();
            assert!(gather.lock().io.writes.is_empty());
            io.shutdown().await.unwrap();
        });
        assert_eq!(gather.lock().io.writes.concat(), b"the last words");
        assert!(gather.lock().io.shut);
    }

    /// Sizes around the bounds, in turns of three writes, to clients that take little or much at a time.
    #[test]
    fn every_byte_arrives_once_and_in_order() {
        let sizes = [
            0,
            1,
            KEPT - 1,
            KEPT + 1,
            HELD - 1,
            HELD,
            HELD + 1,
            3 * HELD,
            5,
            2 * HELD - 3,
            1000,
        ];
        for most in [1000, KEPT, HELD - 1, HELD, 3 * HELD] {
            for first in 0..sizes.len() {
                let gather = Gather::new(Slow::new(most));
                let mut sent = Vec::new();
                let order: Vec<_> = sizes.iter().cycle().skip(first).take(sizes.len()).collect();
                for part in order.chunks(3) {
                    let mut io = gather.clone();
                    let work = async {
                        for size in part {
                            let bytes: Vec<u8> = (0..**size)
                                .map(|at| ((sent.len() + at) % 251) as u8)
                                .collect();
                            io.write_all(&bytes).await.unwrap();
                            assert!(gather.lock().held.len() <= HELD);
                            sent.extend(bytes);
                        }
                    };
                    block_on(gather.turns(pin!(work)));
                }
                // What the client did not take in the last turn.
                block_on(std::future::poll_fn(|cx| gather.lock().release(cx))).unwrap();
                assert!(gather.lock().io.writes.concat() == sent, "{most} at a time");
            }
        }
    }
}
