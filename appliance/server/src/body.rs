//! The body of an answer: nothing, bytes, or a blob read a chunk at a time.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use holdfast_site::Reader;
use hyper::body::{Body as HttpBody, Frame, SizeHint};

/// A body. A blob that fails half-way ends the connection, so that no cut answer looks whole.
pub(crate) enum Body {
    Empty,
    Bytes(Bytes),
    Blob {
        reader: Reader,
        position: u64,
        end: u64,
    },
}

impl Body {
    pub(crate) fn len(&self) -> u64 {
        match self {
            Self::Empty => 0,
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Blob { position, end, .. } => end.saturating_sub(*position),
        }
    }

    /// Bytes `start..end` of a blob.
    pub(crate) fn blob(reader: Reader, start: u64, end: u64) -> Self {
        Self::Blob {
            reader,
            position: start,
            end,
        }
    }
}

impl From<String> for Body {
    fn from(text: String) -> Self {
        Self::Bytes(text.into())
    }
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = holdfast_site::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let frame = match &mut *self {
            Self::Empty => None,
            Self::Bytes(bytes) => Some(Ok(std::mem::take(bytes))),
            Self::Blob {
                reader,
                position,
                end,
            } => next(reader, position, *end),
        };
        if !matches!(*self, Self::Blob { .. }) {
            *self = Self::Empty;
        }
        Poll::Ready(frame.map(|bytes| bytes.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        self.len() == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.len())
    }
}

/// Reads at most 1 MiB; decrypting that takes about a millisecond, less than handing it to another thread would.
fn next(
    reader: &Reader,
    position: &mut u64,
    end: u64,
) -> Option<Result<Bytes, holdfast_site::Error>> {
    (*position < end).then(|| read(reader, position, end))
}

fn read(reader: &Reader, position: &mut u64, end: u64) -> Result<Bytes, holdfast_site::Error> {
    let mut bytes = reader.read_at(*position)?;
    if bytes.is_empty() {
        return Err(holdfast_site::Error::Damaged(
            "a blob ends too early".to_owned(),
        ));
    }
    let wanted = usize::try_from(end.saturating_sub(*position)).unwrap_or(usize::MAX);
    bytes.truncate(wanted);
    *position = position.saturating_add(bytes.len() as u64);
    Ok(bytes)
}
