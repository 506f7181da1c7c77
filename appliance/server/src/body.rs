//! The body of an answer: nothing, bytes, a large blob read a chunk at a time, or parts of a blob with text between them.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use holdfast_identity::sessions::Session;
use holdfast_site::Reader;
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use tokio::sync::mpsc;

use crate::limits::{Held, LargePlace};
use crate::progress::{Pace, Progress};
use crate::room::{Admitted, Share};
use crate::stall;

/// Most bytes of a large blob that are handed to the connection at once: a copy, which waits in memory until it is sent.
const PIECE: usize = 64 * 1024;
/// Most bytes of a small blob that are handed over at once. They are in memory anyway; but each piece counts as progress,
/// so that slow clients need more than one.
const SMALL_PIECE: usize = 128 * 1024;

/// A body. A blob that fails half-way ends the connection, so that no cut answer looks whole.
pub(crate) enum Body {
    Empty,
    Bytes(Bytes),
    Large(Large),
    /// Pieces as they come, of a length that nobody knows beforehand.
    Stream(mpsc::Receiver<Bytes>),
    Parts(Box<Parts>),
}

/// A part of an answer of several.
pub(crate) enum Segment {
    /// Text between the ranges.
    Bytes(Bytes),
    /// Bytes `start..end` of the blob.
    Range(u64, u64),
}

/// Segments of a blob.
pub(crate) struct Parts {
    segments: VecDeque<Segment>,
    /// The reader, where the blob is a large one, at what is left of the range before.
    large: Option<Large>,
    left: u64,
}

/// Bytes `position..end` of a large blob.
pub(crate) struct Large {
    reader: Reader,
    position: u64,
    end: u64,
    /// What was read and not yet handed on.
    chunk: Bytes,
    /// Its place; nothing is read without.
    share: Option<Share>,
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
            // Not known; nothing is recorded of it.
            Self::Stream(_) => 0,
            Self::Large(large) => large.left(),
            Self::Parts(parts) => parts.left,
        }
    }

    /// Bytes `start..end` of a blob.
    pub(crate) fn blob(admitted: Admitted, start: u64, end: u64) -> Self {
        match admitted {
            Admitted::Small(bytes) => Self::Bytes(slice(&bytes, start, end)),
            Admitted::Large(reader) => Self::Large(Large::new(reader, start, end)),
        }
    }

    /// Text and ranges of a blob by turns.
    pub(crate) fn segments(admitted: Admitted, segments: VecDeque<Segment>) -> Self {
        let left = segments
            .iter()
            .map(Segment::len)
            .fold(0, u64::saturating_add);
        let (segments, large) = match admitted {
            Admitted::Small(bytes) => {
                let slices = segments.into_iter().map(|segment| match segment {
                    Segment::Range(start, end) => Segment::Bytes(slice(&bytes, start, end)),
                    text => text,
                });
                (slices.collect(), None)
            }
            Admitted::Large(reader) => (segments, Some(Large::new(reader, 0, 0))),
        };
        Self::Parts(Box::new(Parts {
            segments,
            large,
            left,
        }))
    }

    /// What needs one of the places for large blobs, if it does.
    pub(crate) fn large(&mut self) -> Option<&mut Large> {
        match self {
            Self::Large(large) => Some(large),
            Self::Parts(parts) => parts.large.as_mut(),
            Self::Empty | Self::Bytes(_) | Self::Stream(_) => None,
        }
    }

    fn next(&mut self) -> Option<Result<Bytes, holdfast_site::Error>> {
        if self.len() == 0 {
            return None;
        }
        match self {
            Self::Empty => None,
            Self::Bytes(bytes) => Some(Ok(bytes.split_to(bytes.len().min(SMALL_PIECE)))),
            Self::Large(large) => Some(large.next()),
            Self::Stream(_) => None,
            Self::Parts(parts) => Some(parts.next()),
        }
    }
}

fn slice(bytes: &Bytes, start: u64, end: u64) -> Bytes {
    let at = |position| usize::try_from(position).unwrap_or(usize::MAX);
    let end = at(end).min(bytes.len());
    bytes.slice(at(start).min(end)..end)
}

impl Segment {
    pub(crate) fn len(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Range(start, end) => end.saturating_sub(*start),
        }
    }
}

impl Parts {
    fn next(&mut self) -> Result<Bytes, holdfast_site::Error> {
        loop {
            if let Some(large) = self.large.as_mut().filter(|large| large.left() > 0) {
                let piece = large.next()?;
                return Ok(self.sent(piece));
            }
            match (self.segments.pop_front(), self.large.as_mut()) {
                (Some(Segment::Bytes(bytes)), _) => return Ok(self.sent(bytes)),
                (Some(Segment::Range(start, end)), Some(large)) => large.go_to(start, end),
                _ => return Err(ends_early()),
            }
        }
    }

    fn sent(&mut self, piece: Bytes) -> Bytes {
        self.left = self.left.saturating_sub(piece.len() as u64);
        piece
    }
}

impl Large {
    fn new(reader: Reader, start: u64, end: u64) -> Self {
        Self {
            reader,
            position: start,
            end,
            chunk: Bytes::new(),
            share: None,
        }
    }

    /// Gives it its place.
    pub(crate) fn admit(&mut self, mut place: LargePlace) {
        stall::holds(place.until_gone());
        self.share = Some(Arc::new(place));
    }

    fn left(&self) -> u64 {
        self.end.saturating_sub(self.position)
    }

    fn go_to(&mut self, start: u64, end: u64) {
        (self.position, self.end) = (start, end);
        self.chunk = Bytes::new();
    }

    /// Reads at most 1 MiB; decrypting that takes about a millisecond, less than handing it to another thread would.
    fn next(&mut self) -> Result<Bytes, holdfast_site::Error> {
        let Some(share) = &self.share else {
            return Err(no_place());
        };
        let share = Arc::clone(share);
        if self.chunk.is_empty() {
            self.chunk = self.reader.read_at(self.position)?;
        }
        let left = usize::try_from(self.left()).unwrap_or(usize::MAX);
        let part = self.chunk.split_to(PIECE.min(left).min(self.chunk.len()));
        if part.is_empty() {
            return Err(ends_early());
        }
        self.position = self.position.saturating_add(part.len() as u64);
        // A slice would keep the whole chunk in memory, next to the following one.
        Ok(Bytes::from_owner(Piece {
            bytes: Bytes::copy_from_slice(&part),
            _share: share,
        }))
    }
}

fn ends_early() -> holdfast_site::Error {
    holdfast_site::Error::Damaged("a blob ends too early".to_owned())
}

fn no_place() -> holdfast_site::Error {
    holdfast_site::Error::Damaged("a large blob has no place in memory".to_owned())
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
    pub(crate) pace: Pace,
    /// The answer's part in what may be on its way at once.
    pub(crate) _held: Option<Held>,
    /// The session that the answer was permitted by: not a byte goes out after its end.
    pub(crate) session: Option<Arc<Session>>,
}

impl HttpBody for Outgoing {
    type Data = Bytes;
    type Error = Box<dyn std::error::Error + Send + Sync>;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        self.progress.touch();
        if self
            .session
            .as_ref()
            .is_some_and(|session| session.has_ended())
        {
            return Poll::Ready(Some(Err("the session has ended".into())));
        }
        if let Body::Stream(pieces) = &mut self.body {
            let piece = std::task::ready!(pieces.poll_recv(context));
            return Poll::Ready(piece.map(|bytes| Ok(Frame::data(bytes))));
        }
        let Some(piece) = self.body.next() else {
            return Poll::Ready(None);
        };
        let bytes = piece?;
        let length = bytes.len() as u64;
        stall::piece_went_out();
        if !self.pace.keeps_up(length) {
            return Poll::Ready(Some(Err("the client takes the answer too slowly".into())));
        }
        Poll::Ready(Some(Ok(Frame::data(bytes))))
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
