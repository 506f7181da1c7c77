//! The body of an upload: blob after blob, each read when its turn comes.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use holdfast_site::{BlobRef, Source};
use hyper::body::{Body, Frame};

use super::connect::BodyFailure;
use super::progress::Progress;
use super::watch::Pieces;

/// Repeated: 32 bytes of SHA-256, 8 bytes of length (little endian), the bytes.
pub struct Upload {
    blobs: VecDeque<(BlobRef, Source)>,
    current: Pieces,
    sent: Arc<AtomicU64>,
    progress: Arc<Progress>,
}

impl Upload {
    /// An upload of these blobs; `sent` counts bytes over several uploads.
    pub fn new(
        blobs: Vec<(BlobRef, Source)>,
        sent: Arc<AtomicU64>,
        progress: Arc<Progress>,
    ) -> Self {
        Self {
            blobs: blobs.into(),
            current: Pieces::new(Bytes::new()),
            sent,
            progress,
        }
    }

    fn next(&mut self) -> Option<Result<Bytes, BodyFailure>> {
        if let Some(piece) = self.current.take() {
            let length = piece.len() as u64;
            let before = self.sent.fetch_add(length, Ordering::Relaxed);
            self.progress.at(before.saturating_add(length));
            return Some(Ok(piece));
        }
        let (blob, source) = self.blobs.pop_front()?;
        let bytes = match source.read(blob) {
            Ok(bytes) => bytes,
            Err(error) => return Some(Err(error.into())),
        };
        self.current = Pieces::new(bytes.into());
        let head = [&blob.sha256.as_bytes()[..], &blob.length.to_le_bytes()].concat();
        Some(Ok(head.into()))
    }
}

impl Body for Upload {
    type Data = Bytes;
    type Error = BodyFailure;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyFailure>>> {
        Poll::Ready(self.next().map(|bytes| bytes.map(Frame::data)))
    }
}
