//! Below TLS: keeps back what is encrypted while more is on its way, so that it leaves in one system call.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

/// What can be told to keep back.
pub(crate) trait Cork {
    /// From now on, nothing leaves; or it does again. Whoever corks uncorks before the task's turn is over, for a corked
    /// connection wakes nobody.
    fn cork(&mut self, corked: bool);
}

/// A TCP connection that takes nothing while it is corked. TLS then keeps its records, up to its own bound.
pub(crate) struct Corked {
    tcp: TcpStream,
    corked: bool,
}

impl Corked {
    /// A connection that is not corked yet.
    pub(crate) fn new(tcp: TcpStream) -> Self {
        Self { tcp, corked: false }
    }
}

impl Cork for TlsStream<Corked> {
    fn cork(&mut self, corked: bool) {
        self.get_mut().0.corked = corked;
    }
}

impl AsyncRead for Corked {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Corked {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.corked {
            return Poll::Pending;
        }
        Pin::new(&mut self.tcp).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.corked {
            return Poll::Pending;
        }
        Pin::new(&mut self.tcp).poll_write_vectored(cx, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_shutdown(cx)
    }
}
