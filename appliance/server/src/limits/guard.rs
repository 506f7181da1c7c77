//! Stands between TLS and hyper: what comes in is looked at before a parser sees it.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

use super::ledger::Earned;
use super::lines::Lines;
use super::rules::{Reason, Rules};

/// Time in which a client may take the error that ends its connection. Closing at once, with its bytes unread, would
/// have the kernel throw away the error.
const PARTING: Duration = Duration::from_secs(1);
/// Most bytes that are taken and forgotten meanwhile.
const FORGOTTEN: usize = 256 * 1024;

/// A connection under watch.
pub(crate) struct Guard<S> {
    io: S,
    watch: Watch,
    leaving: Option<Leaving>,
}

enum Watch {
    Http1(Lines),
    Http2(Box<Rules>),
    Unwatched,
}

/// A connection whose client has been told that it ends, and is given time to hear it.
struct Leaving {
    until: Pin<Box<Sleep>>,
    left: usize,
    shut: bool,
}

impl<S> Guard<S> {
    pub(crate) fn http1(io: S) -> Self {
        Self::new(io, Watch::Http1(Lines::default()))
    }

    pub(crate) fn http2(io: S, earned: Arc<Earned>) -> Self {
        Self::new(io, Watch::Http2(Box::new(Rules::new(earned, now()))))
    }

    /// For the device protocol, between whose ends nobody reads along.
    pub(crate) fn unwatched(io: S) -> Self {
        Self::new(io, Watch::Unwatched)
    }

    fn new(io: S, watch: Watch) -> Self {
        Self {
            io,
            watch,
            leaving: None,
        }
    }

    fn wrote(&mut self, bytes: &[u8]) {
        if let Watch::Http2(rules) = &mut self.watch {
            rules.wrote(bytes);
        }
    }
}

fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

impl<S: AsyncRead + AsyncWrite + Unpin> Guard<S> {
    fn leave(&mut self, cx: &mut Context<'_>, goaway: Option<[u8; 17]>) {
        if let Some(frame) = goaway {
            // Where it does not fit, the client does not read, and nothing can be told to it.
            let _ = Pin::new(&mut self.io).poll_write(cx, &frame);
        }
        self.leaving = Some(Leaving::new());
    }
}

impl Leaving {
    fn new() -> Self {
        Self {
            until: Box::pin(tokio::time::sleep(PARTING)),
            left: FORGOTTEN,
            shut: false,
        }
    }

    /// Ends with an error once the client has gone, or has had its time.
    fn poll<S: AsyncRead + AsyncWrite + Unpin>(
        &mut self,
        io: &mut S,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.shut {
            // Nothing more can be sent than is sent, so that an error changes nothing.
            self.shut = Pin::new(&mut *io).poll_shutdown(cx).is_ready();
        }
        let ended = || Err(io::ErrorKind::ConnectionAborted.into());
        let mut bytes = [0; 4096];
        loop {
            if self.until.as_mut().poll(cx).is_ready() || self.left == 0 {
                return Poll::Ready(ended());
            }
            let mut buffer = ReadBuf::new(&mut bytes);
            let read = ready!(Pin::new(&mut *io).poll_read(cx, &mut buffer));
            let length = buffer.filled().len();
            if read.is_err() || length == 0 {
                return Poll::Ready(ended());
            }
            self.left = self.left.saturating_sub(length);
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Guard<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if let Some(leaving) = &mut this.leaving {
            return leaving.poll(&mut this.io, cx);
        }
        let before = buffer.filled().len();
        ready!(Pin::new(&mut this.io).poll_read(cx, buffer))?;
        let come = buffer.filled_mut().get_mut(before..).unwrap_or_default();
        let verdict = match &mut this.watch {
            _ if come.is_empty() => Ok(()),
            Watch::Http1(lines) => {
                lines.read(come);
                Ok(())
            }
            Watch::Http2(rules) => rules
                .read(come, now)
                .map_err(|reason: Reason| rules.goaway(reason)),
            Watch::Unwatched => Ok(()),
        };
        let Err(goaway) = verdict else {
            return Poll::Ready(Ok(()));
        };
        buffer.set_filled(before);
        this.leave(cx, goaway);
        match &mut this.leaving {
            Some(leaving) => leaving.poll(&mut this.io, cx),
            None => Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into())),
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Guard<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if this.leaving.is_some() {
            return Poll::Ready(Ok(bytes.len()));
        }
        let wrote = ready!(Pin::new(&mut this.io).poll_write(cx, bytes))?;
        this.wrote(bytes.get(..wrote).unwrap_or_default());
        Poll::Ready(Ok(wrote))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let all = parts.iter().map(|part| part.len());
        if this.leaving.is_some() {
            return Poll::Ready(Ok(all.fold(0, usize::saturating_add)));
        }
        let wrote = ready!(Pin::new(&mut this.io).poll_write_vectored(cx, parts))?;
        let mut left = wrote;
        for part in parts {
            let here = left.min(part.len());
            this.wrote(part.get(..here).unwrap_or_default());
            left = left.saturating_sub(here);
        }
        Poll::Ready(Ok(wrote))
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        match this.leaving {
            Some(_) => Poll::Ready(Ok(())),
            None => Pin::new(&mut this.io).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.leaving.is_none() {
            // What waits goes first, at the client's pace: only then does its time to hear of the end begin.
            let _ = ready!(Pin::new(&mut this.io).poll_shutdown(cx));
        }
        let leaving = this.leaving.get_or_insert_with(Leaving::new);
        let _ = ready!(leaving.poll(&mut this.io, cx));
        Poll::Ready(Ok(()))
    }
}
