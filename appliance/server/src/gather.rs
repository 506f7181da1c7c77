//! Gathers what a connection writes until its turn is over, so that many small answers leave in one TLS record, and many
//! records in one system call.
//!
//! h2 flushes after each frame, and hyper after each pipelined answer. A flush is therefore only noted here; the
//! connection's task flushes when the connection has nothing more to do in this turn ([`Gather::turns`]). Nothing waits
//! longer than that turn.
//!
//! Bytes that fill records go to TLS without a copy; only what is left for the next record is copied.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::cork::Cork;

/// Most bytes of a TLS record (RFC 8446, section 5.1). Fewer than that are held, for each connection.
const RECORD: usize = 16 * 1024;
/// Most records of a connection's that are encrypted and wait for the kernel to take them.
pub(crate) const RECORDS: usize = 3;
/// Most bytes of memory that an idle connection keeps for the next answer.
const KEPT: usize = 4 * 1024;
/// Most pieces of one write that are looked at. hyper writes the rest again.
const PIECES: usize = 16;

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

impl<S: AsyncWrite + Cork + Unpin> Gather<S> {
    /// Drives a connection to its end, and sends after each turn what was gathered in it.
    pub(crate) async fn turns<C: Future>(&self, mut connection: Pin<&mut C>) -> C::Output {
        std::future::poll_fn(|cx| {
            let turn = connection.as_mut().poll(cx);
            self.send(cx);
            turn
        })
        .await
    }

    /// Sends all that waits, however long the client takes for it, and closes. For a connection that has ended: hyper
    /// takes what was gathered for sent.
    pub(crate) async fn drain(&self) {
        std::future::poll_fn(|cx| {
            let mut gathered = self.lock();
            ready!(gathered.release(cx))?;
            ready!(Pin::new(&mut gathered.io).poll_flush(cx))?;
            Pin::new(&mut gathered.io).poll_shutdown(cx)
        })
        .await
        .unwrap_or(());
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

impl<S> Gathered<S> {
    fn waiting(&self) -> &[u8] {
        self.held.get(self.sent..).unwrap_or_default()
    }

    /// Notes that `sent` bytes of what is held have gone.
    fn went(&mut self, sent: usize) {
        self.sent = self.sent.saturating_add(sent);
        if self.sent >= self.held.len() {
            self.held.clear();
            self.sent = 0;
        }
    }

    /// Holds the pieces but for their first `skip` bytes.
    fn hold(&mut self, pieces: &[IoSlice<'_>], skip: usize, length: usize) {
        self.held.drain(..self.sent.min(self.held.len()));
        self.sent = 0;
        // All at once where more will come, instead of by doubling.
        let more = self.held.len().saturating_add(length);
        if more > self.held.capacity() {
            let whole = if more > KEPT { RECORD.max(more) } else { KEPT };
            self.held
                .reserve_exact(whole.saturating_sub(self.held.len()));
        }
        let mut skip = skip;
        for piece in pieces {
            let part = piece.get(skip.min(piece.len())..).unwrap_or_default();
            skip = skip.saturating_sub(piece.len());
            self.held.extend_from_slice(part);
        }
    }
}

impl<S: AsyncWrite + Cork + Unpin> Gathered<S> {
    /// Hands on what is held.
    fn release(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.waiting().is_empty() {
            let rest = self.held.get(self.sent..).unwrap_or_default();
            let sent = ready!(Pin::new(&mut self.io).poll_write(cx, rest))?;
            if sent == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.went(sent);
        }
        Poll::Ready(Ok(()))
    }

    /// Takes what fits, so that full TLS records go out.
    fn write(&mut self, cx: &mut Context<'_>, pieces: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let pieces = pieces.get(..pieces.len().min(PIECES)).unwrap_or_default();
        let lengths = pieces.iter().map(|piece| piece.len());
        let length = lengths.fold(0_usize, usize::saturating_add);
        loop {
            let waiting = self.waiting().len();
            let all = waiting.saturating_add(length);
            if all < RECORD {
                self.hold(pieces, 0, length);
                return Poll::Ready(Ok(length));
            }
            let records = all.saturating_sub(all.checked_rem(RECORD).unwrap_or_default());
            // No more than TLS holds, so that it does not fill up with a piece of a record.
            let records = records.min(RECORDS.saturating_mul(RECORD));
            let sent = ready!(self.hand_on(cx, pieces, records))?;
            let taken = sent.saturating_sub(waiting);
            self.went(sent.min(waiting));
            if all.saturating_sub(sent) < RECORD {
                self.hold(pieces, taken, length.saturating_sub(taken));
                return Poll::Ready(Ok(length));
            }
            if taken > 0 {
                return Poll::Ready(Ok(taken));
            }
        }
    }

    /// Hands on the first `records` bytes of what is held and of the pieces, as many as TLS takes; says how many. They
    /// are encrypted, but leave when TLS takes no more, or when the turn is over.
    fn hand_on(
        &mut self,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
        records: usize,
    ) -> Poll<io::Result<usize>> {
        let held = self.held.get(self.sent..).unwrap_or_default();
        let mut slices = [IoSlice::new(&[]); PIECES + 1];
        let mut left = records;
        let parts = std::iter::once(held).chain(pieces.iter().map(|piece| &**piece));
        for (slice, part) in slices.iter_mut().zip(parts) {
            let part = part.get(..left.min(part.len())).unwrap_or_default();
            left = left.saturating_sub(part.len());
            *slice = IoSlice::new(part);
        }
        loop {
            self.io.cork(true);
            let taken = Pin::new(&mut self.io).poll_write_vectored(cx, &slices);
            self.io.cork(false);
            match taken {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(taken) => return Poll::Ready(taken),
                // Full: what is encrypted goes first.
                Poll::Pending => ready!(Pin::new(&mut self.io).poll_flush(cx))?,
            }
        }
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

impl<S: AsyncWrite + Cork + Unpin> AsyncWrite for Gather<S> {
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

    /// Takes at most so many bytes at a time, and every other time none. Corked, it keeps a bounded number as TLS does.
    struct Slow {
        most: usize,
        ready: bool,
        corked: bool,
        kept: Vec<u8>,
        writes: Vec<Vec<u8>>,
        shut: bool,
    }

    impl Slow {
        fn new(most: usize) -> Self {
            Self {
                most,
                ready: true,
                corked: false,
                kept: Vec::new(),
                writes: Vec::new(),
                shut: false,
            }
        }

        fn send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            while !self.kept.is_empty() {
                self.ready = !self.ready;
                if self.ready && self.most < 2 * RECORD {
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                let left = self.kept.split_off(self.kept.len().min(self.most));
                self.writes.push(std::mem::replace(&mut self.kept, left));
            }
            Poll::Ready(Ok(()))
        }
    }

    impl Cork for Slow {
        fn cork(&mut self, corked: bool) {
            self.corked = corked;
        }
    }

    impl AsyncWrite for Slow {
        fn poll_write(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            bytes: &[u8],
        ) -> Poll<io::Result<usize>> {
            let taken = bytes
                .len()
                .min((4 * RECORD).saturating_sub(self.kept.len()));
            self.kept.extend_from_slice(&bytes[..taken]);
            if !self.corked {
                let _ = self.send(cx);
            }
            match taken {
                0 => Poll::Pending,
                _ => Poll::Ready(Ok(taken)),
            }
        }

        fn poll_write_vectored(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            pieces: &[IoSlice<'_>],
        ) -> Poll<io::Result<usize>> {
            let all: Vec<u8> = pieces.iter().flat_map(|piece| piece.to_vec()).collect();
            self.as_mut().poll_write(cx, &all)
        }

        fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            self.send(cx)
        }

        fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            ready!(self.send(cx))?;
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
    fn a_long_answer_leaves_in_few_writes_without_a_copy() {
        let gather = Gather::new(Slow::new(usize::MAX));
        let mut io = gather.clone();
        block_on(gather.turns(pin!(async {
            for frame in 0..7 {
                io.write_all(&[frame; 9]).await.unwrap();
                io.write_all(&[frame; RECORD]).await.unwrap();
                assert!(gather.lock().held.len() < 100, "only what is over is held");
            }
        })));
        let lengths: Vec<_> = gather.lock().io.writes.iter().map(Vec::len).collect();
        assert_eq!(lengths, [4 * RECORD, 3 * RECORD + 63]);
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
            RECORD - 1,
            RECORD,
            RECORD + 1,
            3 * RECORD,
            5,
            2 * RECORD - 3,
            1000,
        ];
        for most in [1000, KEPT, RECORD - 1, RECORD, 3 * RECORD] {
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
                            assert!(gather.lock().held.len() < RECORD);
                            sent.extend(bytes);
                        }
                    };
                    block_on(gather.turns(pin!(work)));
                }
                // What the client did not take in the last turn.
                block_on(std::future::poll_fn(|cx| {
                    let mut gathered = gather.lock();
                    ready!(gathered.release(cx))?;
                    Pin::new(&mut gathered.io).poll_flush(cx)
                }))
                .unwrap();
                assert!(gather.lock().io.writes.concat() == sent, "{most} at a time");
            }
        }
    }
}
