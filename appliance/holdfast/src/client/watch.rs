//! Whether a request still makes progress: a body that notes when a part of it was taken, and the wait for when none is.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::time::{Instant, sleep_until};

use super::connect::{Body as Boxed, BodyFailure};

/// Bytes handed over at once; small enough that a slow line shows progress.
const PIECE: usize = 64 * 1024;

/// When progress was last made.
#[derive(Clone)]
pub struct Progressing(Arc<Mutex<Instant>>);

impl Default for Progressing {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Instant::now())))
    }
}

impl Progressing {
    /// Progress is made now.
    pub fn made(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    /// Returns when none was made for so long.
    pub async fn stalled(&self, patience: Duration) {
        loop {
            let last = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let Some(end) = last.checked_add(patience) else {
                return std::future::pending().await;
            };
            if end <= Instant::now() {
                return;
            }
            sleep_until(end).await;
        }
    }
}

/// A body that tells when its parts are taken.
pub struct Watched {
    inner: Boxed,
    progress: Progressing,
}

impl Watched {
    /// Watches a body.
    pub fn new(inner: Boxed, progress: Progressing) -> Self {
        Self { inner, progress }
    }
}

impl Body for Watched {
    type Data = Bytes;
    type Error = BodyFailure;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyFailure>>> {
        self.progress.made();
        Pin::new(&mut self.inner).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// Bytes in pieces, with their length told beforehand.
pub struct Pieces(Bytes);

impl Pieces {
    /// A body of these bytes.
    pub fn new(bytes: Bytes) -> Self {
        Self(bytes)
    }

    /// The next piece; none at the end.
    pub fn take(&mut self) -> Option<Bytes> {
        let length = PIECE.min(self.0.len());
        (length > 0).then(|| self.0.split_to(length))
    }
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = BodyFailure;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyFailure>>> {
        Poll::Ready(self.take().map(|piece| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.0.len() as u64)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;

    #[test]
    fn a_request_without_progress_is_given_up_and_one_with_progress_is_not() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let progress = Progressing::default();
            let patience = Duration::from_millis(400);
            let start = Instant::now();
            let working = async {
                for _ in 0..5 {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    progress.made();
                }
                std::future::pending::<()>().await;
            };
            tokio::select! {
                () = working => {}
                () = progress.stalled(patience) => {}
            }
            assert!(start.elapsed() >= Duration::from_millis(850));
        });
    }

    #[test]
    fn pieces_are_the_whole() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        let bytes: Bytes = vec![3; 3 * PIECE + 1].into();
        let watched = Watched::new(Pieces::new(bytes.clone()).boxed(), Progressing::default());
        assert_eq!(watched.size_hint().exact(), Some(bytes.len() as u64));
        let read = runtime.block_on(watched.collect()).unwrap();
        assert_eq!(read.to_bytes(), bytes);
    }
}
