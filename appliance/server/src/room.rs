//! Room in memory for the bodies that clients have yet to take.
//!
//! A client that asks and does not read (HTTP/2 with a window of 0, a stalled HTTP/1.1 connection) keeps its answer in
//! memory. So what all answers hold together is bounded: one chunk for each large blob on its way, and each small blob
//! once, however many clients it is on its way to. Without room a request is refused, and can be repeated.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use bytes::Bytes;
use holdfast_site::{BlobRef, Digest, Reader, Site};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::rejection::Rejection;

/// Blobs above this are read a chunk at a time, and a chunk is no longer than this; smaller ones are read whole and may
/// be kept in the cache.
const CHUNK: u64 = 1024 * 1024;
/// Most large blobs on their way at once; each takes a chunk.
const LARGE: usize = 24;
/// Most KiB of small blobs on their way at once.
const SMALL_KIB: usize = 24 * 1024;
/// Entries of the list of small blobs above which those that nobody holds any more are swept out.
const SWEEP: usize = 1024;

/// What is left of the room.
pub(crate) struct Room {
    large: Arc<Semaphore>,
    small: Arc<Semaphore>,
    /// The small blobs on their way. The cache may have dropped them since, and must not bring a second copy.
    held: Mutex<HashMap<Digest, Weak<Held>>>,
}

/// A part in the room; given back when the last piece of the body is gone.
pub(crate) type Share = Arc<OwnedSemaphorePermit>;

/// A blob that was let in.
pub(crate) enum Admitted {
    /// Its bytes, which keep their place in the room.
    Small(Bytes),
    /// Its reader, with room for one chunk.
    Large(Reader, Share),
}

struct Held {
    bytes: Bytes,
    _room: OwnedSemaphorePermit,
}

/// One client's hold on the bytes.
struct Hold(Arc<Held>);

impl AsRef<[u8]> for Hold {
    fn as_ref(&self) -> &[u8] {
        &self.0.bytes
    }
}

impl Room {
    pub(crate) fn new() -> Self {
        Self {
            large: Arc::new(Semaphore::new(LARGE)),
            small: Arc::new(Semaphore::new(SMALL_KIB)),
            held: Mutex::default(),
        }
    }

    /// Lets a blob's bytes into memory, or says that there is no room now.
    pub(crate) fn admit(&self, site: &Site, blob: BlobRef) -> Result<Admitted, Rejection> {
        let failed = |error: holdfast_site::Error| Rejection::Internal(error.to_string());
        if blob.length > CHUNK {
            let share = Arc::clone(&self.large).try_acquire_owned();
            let share = Arc::new(share.map_err(|_| Rejection::Busy)?);
            let reader = site.reader(blob).map_err(failed)?;
            return Ok(Admitted::Large(reader, share));
        }
        self.small(blob, || site.reader(blob)?.read_all())
            .map(Admitted::Small)
            .map_err(|error| error.map_or(Rejection::Busy, failed))
    }

    /// `Err(None)` means no room.
    fn small<E>(
        &self,
        blob: BlobRef,
        read: impl FnOnce() -> Result<Bytes, E>,
    ) -> Result<Bytes, Option<E>> {
        if let Some(held) = self.held().get(&blob.sha256).and_then(Weak::upgrade) {
            return Ok(Bytes::from_owner(Hold(held)));
        }
        let kib = u32::try_from(blob.length.div_ceil(1024)).map_err(|_| None)?;
        let room = Arc::clone(&self.small)
            .try_acquire_many_owned(kib)
            .map_err(|_| None)?;
        let bytes = read().map_err(Some)?;
        let mut list = self.held();
        // Another request may have read it meanwhile: its copy is the one to share.
        if let Some(held) = list.get(&blob.sha256).and_then(Weak::upgrade) {
            return Ok(Bytes::from_owner(Hold(held)));
        }
        if list.len() > SWEEP {
            list.retain(|_, held| held.strong_count() > 0);
        }
        let held = Arc::new(Held { bytes, _room: room });
        list.insert(blob.sha256, Arc::downgrade(&held));
        Ok(Bytes::from_owner(Hold(held)))
    }

    fn held(&self) -> MutexGuard<'_, HashMap<Digest, Weak<Held>>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Result<Bytes, ()> {
        Ok(Bytes::copy_from_slice(bytes))
    }

    #[test]
    fn a_small_blob_takes_its_room_once_until_its_last_piece_is_gone() {
        let room = Room::new();
        let bytes = vec![7; 3000];
        let blob = BlobRef::of(&bytes);
        let mut first = room.small(blob, || read(&bytes)).unwrap();
        assert_eq!(room.small.available_permits(), SMALL_KIB - 3);
        let again = room.small::<()>(blob, || panic!("read twice")).unwrap();
        assert_eq!((&first[..], &again[..]), (&bytes[..], &bytes[..]));
        assert_eq!(room.small.available_permits(), SMALL_KIB - 3);
        drop(again);
        let piece = first.split_to(10);
        drop(first);
        assert_eq!(room.small.available_permits(), SMALL_KIB - 3);
        drop(piece);
        assert_eq!(room.small.available_permits(), SMALL_KIB);
        assert!(room.small(blob, || Err(())).is_err_and(|e| e.is_some()));
        assert_eq!(room.small.available_permits(), SMALL_KIB);
    }

    #[test]
    fn stalled_small_blobs_cannot_take_more_than_the_room() {
        let room = Room::new();
        let mut kept = Vec::new();
        for n in 0..24_u8 {
            let bytes = vec![n; 1 << 20];
            kept.push(room.small(BlobRef::of(&bytes), || read(b"read")).unwrap());
        }
        let one_more = BlobRef::of(b"x");
        let refused = room.small::<()>(one_more, || panic!("read without room"));
        assert!(refused.is_err_and(|error| error.is_none()));
        kept.pop();
        assert!(room.small(one_more, || read(b"x")).is_ok());
    }
}
