//! Room in memory for the bodies that clients have yet to take.
//!
//! A client that asks and does not read (HTTP/2 with a window of 0, a stalled HTTP/1.1 connection) keeps its answer in
//! memory. So what all answers and the cache hold together is bounded: one chunk for each large blob on its way, and the
//! small blobs that are in memory, each from the moment it is read until the cache and the last client have let it go. One
//! that is in memory already costs no more room, however many clients it is on its way to. Without room a request is
//! refused, and can be repeated. A large one waits for its place first (`limits/large.rs`).

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use holdfast_site::{BlobRef, Reader, Site};

use crate::limits::{LargePlace, Limits};
use crate::rejection::Rejection;

/// Blobs above this are read a chunk at a time, and a chunk is no longer than this; smaller ones are read whole and may
/// be kept in the cache.
const CHUNK: u64 = 1024 * 1024;

/// What is left of the room.
pub(crate) struct Room {
    /// Bytes of small blobs in memory.
    small: Arc<AtomicU64>,
    most: u64,
}

/// A part in the room; given back when the last piece of the body is gone.
pub(crate) type Share = Arc<LargePlace>;

/// A blob that was let in.
pub(crate) enum Admitted {
    /// Its bytes, which keep their place in the room.
    Small(Bytes),
    /// Its reader, which needs a place before it reads.
    Large(Reader),
}

/// A place for some bytes.
struct Place {
    bytes: u64,
    of: Arc<AtomicU64>,
}

/// Bytes in their place: it is given back with the last reference to them.
struct Held {
    bytes: Bytes,
    _place: Place,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.of.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

impl Room {
    /// Room for what the cache holds, and for what clients hold beyond it.
    pub(crate) fn new(limits: &Limits) -> Self {
        let most = limits.cache_bytes.saturating_add(limits.small_bytes);
        Self {
            small: Arc::default(),
            most: u64::try_from(most).unwrap_or(u64::MAX),
        }
    }

    /// Lets a blob's bytes into memory, or says that there is no room now.
    pub(crate) fn admit(&self, site: &Site, blob: BlobRef) -> Result<Admitted, Rejection> {
        if let Some(bytes) = site.cached(&blob.sha256) {
            return Ok(Admitted::Small(bytes));
        }
        let failed = |error: holdfast_site::Error| Rejection::Internal(error.to_string());
        if blob.length > CHUNK {
            let reader = site.stored_reader(blob.sha256).map_err(failed)?;
            return Ok(Admitted::Large(reader));
        }
        let place = self.place(blob.length).ok_or(Rejection::Busy)?;
        let read = site
            .stored_reader(blob.sha256)
            .and_then(|reader| reader.read_all());
        let bytes = place.hold(read.map_err(failed)?);
        site.cache(blob.sha256, &bytes);
        Ok(Admitted::Small(bytes))
    }

    fn place(&self, bytes: u64) -> Option<Place> {
        let of = Arc::clone(&self.small);
        let more = |held: u64| held.checked_add(bytes).filter(|held| *held <= self.most);
        of.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more)
            .ok()?;
        Some(Place { bytes, of })
    }
}

impl Place {
    fn hold(self, bytes: Bytes) -> Bytes {
        Bytes::from_owner(Held {
            bytes,
            _place: self,
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn room(cache_bytes: usize) -> Room {
        Room::new(&Limits {
            cache_bytes,
            ..Limits::default()
        })
    }

    fn held(room: &Room) -> u64 {
        room.small.load(Ordering::Relaxed)
    }

    #[test]
    fn a_small_blob_takes_its_room_once_until_its_last_piece_is_gone() {
        let room = room(0);
        let bytes = room.place(3000).unwrap().hold(Bytes::from(vec![7; 3000]));
        assert_eq!(held(&room), 3000);
        let (cached, mut sent) = (bytes.clone(), bytes);
        let piece = sent.split_to(10);
        drop((cached, sent));
        assert_eq!((held(&room), piece.len()), (3000, 10));
        drop(piece);
        assert_eq!(held(&room), 0);
        // One that could not be read gives its place back.
        drop(room.place(5000));
        assert_eq!(held(&room), 0);
    }

    #[test]
    fn stalled_small_blobs_cannot_take_more_than_the_room() {
        let room = room(CHUNK as usize);
        let mut kept = Vec::new();
        // The cache's megabyte, and 24 that clients hold.
        for _ in 0..25 {
            kept.push(room.place(CHUNK).unwrap());
        }
        assert!(room.place(1).is_none());
        assert_eq!(held(&room), 25 * CHUNK);
        kept.pop();
        assert!(room.place(CHUNK).is_some());
        drop(kept);
        assert_eq!(held(&room), 0);
    }
}
