//! The body of an answer: nothing, bytes, or a large blob read a chunk at a time. All go out in small pieces.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use holdfast_site::Reader;
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use tokio::sync::mpsc;

use crate::progress::Progress;
use crate::room::{Admitted, Share};

/// Most bytes that are handed to the connection at once. What it takes and cannot send waits in memory.
const PIECE: usize = 64 * 1024;

/// A body. A blob that fails half-way ends the connection, so that no cut answer looks whole.
pub(crate) enum Body {
    Empty,
    Bytes(Bytes),
    Large(Large),
    /// Pieces as they come, of a length that nobody knows beforehand.
    Stream(mpsc::Receiver<Bytes>),
}

/// Bytes `position..end` of a large blob.
pub(crate) struct Large {
    reader: Reader,
    position: u64,
    end: u64,
    /// What was read and not yet handed on.
    chunk: Bytes,
    share: Share,
}

/// A copy of a part of a chunk, which keeps the body's room for as long as the connection holds it.
struct Piece {
    bytes: Bytes,
    _share: Share,
}

impl AsRef<[u8]> for Piece {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Body {
    pub(crate) fn len(&self) -> u64 {
        match self {
            Self::Empty => 0,
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Large(large) => large.end.saturating_sub(large.position),
            // Not known; nothing is recorded of it.
            Self::Stream(_) => 0,
        }
    }

    /// Bytes `start..end` of a blob.
    pub(crate) fn blob(admitted: Admitted, start: u64, end: u64) -> Self {
        match admitted {
            Admitted::Small(mut bytes) => {
                let at = |position| usize::try_from(position).unwrap_or(usize::MAX);
                bytes.truncate(at(end));
                let start = at(start).min(bytes.len());
                Self::Bytes(bytes.split_off(start))
            }
            Admitted::Large(reader, share) => Self::Large(Large {
                reader,
                position: start,
                end,
                chunk: Bytes::new(),
                share,
            }),
        }
    }

    fn next(&mut self) -> Option<Result<Bytes, holdfast_site::Error>> {
        if self.len() == 0 {
            return None;
        }
        match self {
            Self::Empty => None,
            Self::Bytes(bytes) => Some(Ok(bytes.split_to(bytes.len().min(PIECE)))),
            Self::Large(large) => Some(large.next()),
            Self::Stream(_) => None,
        }
    }
}

impl Large {
    /// Reads at most 1 MiB; decrypting that takes about a millisecond, less than handing it to another thread would.
    fn next(&mut self) -> Result<Bytes, holdfast_site::Error> {
        if self.chunk.is_empty() {
            self.chunk = self.reader.read_at(self.position)?;
        }
        let left = usize::try_from(self.end.saturating_sub(self.position)).unwrap_or(usize::MAX);
        let part = self.chunk.split_to(PIECE.min(left).min(self.chunk.len()));
        if part.is_empty() {
            return Err(holdfast_site::Error::Damaged(
                "a blob ends too early".to_owned(),
            ));
        }
        self.position = self.position.saturating_add(part.len() as u64);
        // A slice would keep the whole chunk in memory, next to the following one.
        Ok(Bytes::from_owner(Piece {
            bytes: Bytes::copy_from_slice(&part),
            _share: Arc::clone(&self.share),
        }))
    }
}

impl From<String> for Body {
    fn from(text: String) -> Self {
        Self::Bytes(text.into())
    }
}

/// A body on its connection: each piece that goes out is progress.
pub(crate) struct Outgoing {
    pub(crate) body: Body,
    pub(crate) progress: Arc<Progress>,
}

impl HttpBody for Outgoing {
    type Data = Bytes;
    type Error = holdfast_site::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        self.progress.touch();
        if let Body::Stream(pieces) = &mut self.body {
            let piece = std::task::ready!(pieces.poll_recv(context));
            return Poll::Ready(piece.map(|bytes| Ok(Frame::data(bytes))));
        }
        let piece = self.body.next();
        Poll::Ready(piece.map(|bytes| bytes.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.len() == 0 && !matches!(self.body, Body::Stream(_))
    }

    fn size_hint(&self) -> SizeHint {
        match self.body {
            Body::Stream(_) => SizeHint::default(),
            _ => SizeHint::with_exact(self.body.len()),
        }
    }
}
