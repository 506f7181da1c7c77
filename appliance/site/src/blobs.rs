//! Blobs in the store: a record that finds the blob by its hash, and sealed chunks of a little less than 1 MiB.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use holdfast_store::{Batch, Record, Snapshot, Store, Table};
use serde::{Deserialize, Serialize};

use crate::digest::{BlobRef, Digest};
use crate::error::Error;

/// Bytes of a chunk; only a blob's last one is shorter. One page less than 1 MiB: the engine rounds a value with what
/// sealing, key and page header add to it up to the next power of two of pages, so that a whole 1 MiB would take 2.
pub(crate) const CHUNK: u64 = 1024 * 1024 - 4096;
/// Chunks that one transaction removes, more or less.
const REMOVED_AT_ONCE: u64 = 64;
/// Chunks, by the blob's random data id and the chunk's number, big endian.
pub(crate) const CHUNKS: Table = Table::plain("site-chunks");

/// Where a blob's chunks are. Kept under the blob's hash, which is hashed again with a key: a plain SHA-256 would tell
/// a thief of the disk which known files the site holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Blob {
    /// First part of the chunks' keys. Random, so that a wrong upload can never write over a right blob.
    pub(crate) data: [u8; 16],
    pub(crate) length: u64,
}

impl Record for Blob {
    const TABLE: Table = Table::hashed("site-blobs");
    const VERSION: u16 = 1;
}

pub(crate) fn chunk_key(data: &[u8; 16], number: u64) -> Vec<u8> {
    [&data[..], &number.to_be_bytes()].concat()
}

pub(crate) fn find(snapshot: &Snapshot, digest: &Digest) -> Result<Option<Blob>, Error> {
    Ok(snapshot.find::<Blob>(digest.as_bytes())?)
}

/// Data ids of blobs that could not be read since the store was opened. Whoever pushes one of these is asked for it again, and
/// it takes the place of the damaged one.
#[derive(Clone, Default)]
pub(crate) struct Damaged(Arc<Mutex<HashSet<[u8; 16]>>>);

/// Most of them. What is above is known after those were mended, when it is read again.
const DAMAGED: usize = 10_000;

impl Damaged {
    fn lock(&self) -> MutexGuard<'_, HashSet<[u8; 16]>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn note(&self, data: [u8; 16]) {
        let mut known = self.lock();
        if known.len() < DAMAGED {
            known.insert(data);
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    pub(crate) fn holds(&self, blob: &Blob) -> bool {
        self.lock().contains(&blob.data)
    }
}

/// Reads a blob's bytes, a chunk at a time.
#[derive(Clone)]
pub struct Reader {
    content: Content,
}

#[derive(Clone)]
enum Content {
    Whole(Bytes),
    Stored {
        store: Store,
        blob: Blob,
        damaged: Damaged,
    },
}

impl Reader {
    pub(crate) fn whole(bytes: Bytes) -> Self {
        Self {
            content: Content::Whole(bytes),
        }
    }

    pub(crate) fn stored(store: Store, blob: Blob, damaged: Damaged) -> Self {
        Self {
            content: Content::Stored {
                store,
                blob,
                damaged,
            },
        }
    }

    /// Number of bytes of the blob.
    #[must_use]
    pub fn len(&self) -> u64 {
        match &self.content {
            Content::Whole(bytes) => bytes.len() as u64,
            Content::Stored { blob, .. } => blob.length,
        }
    }

    /// Whether the blob has no bytes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes from `position` on: all that are there, or those up to the end of the chunk. Empty at the end.
    ///
    /// # Errors
    /// The store cannot be read, or a chunk is missing or damaged.
    pub fn read_at(&self, position: u64) -> Result<Bytes, Error> {
        if position >= self.len() {
            return Ok(Bytes::new());
        }
        match &self.content {
            Content::Whole(bytes) => Ok(after(bytes.clone(), position)),
            Content::Stored {
                store,
                blob,
                damaged,
            } => {
                let snapshot = store.snapshot()?;
                let (number, inside) = (position / CHUNK, position % CHUNK);
                let found = chunk(&snapshot, blob, number);
                if found.is_err() {
                    damaged.note(blob.data);
                }
                Ok(after(found?, inside))
            }
        }
    }

    /// The whole blob at once; for manifests and small blobs.
    ///
    /// # Errors
    /// As [`Reader::read_at`].
    pub fn read_all(&self) -> Result<Bytes, Error> {
        let first = self.read_at(0)?;
        if first.len() as u64 == self.len() {
            return Ok(first);
        }
        let mut all = first.to_vec();
        while (all.len() as u64) < self.len() {
            all.extend_from_slice(&self.read_at(all.len() as u64)?);
        }
        Ok(Bytes::from(all))
    }
}

fn after(mut bytes: Bytes, position: u64) -> Bytes {
    let position = usize::try_from(position)
        .unwrap_or(usize::MAX)
        .min(bytes.len());
    bytes.split_off(position)
}

fn chunk(snapshot: &Snapshot, blob: &Blob, number: u64) -> Result<Bytes, Error> {
    let damaged = |what: &str| Error::Damaged(format!("chunk {number} of a blob {what}"));
    let mut bytes = snapshot
        .bytes(CHUNKS, chunk_key(&blob.data, number))?
        .ok_or_else(|| damaged("is missing"))?;
    let start = number.saturating_mul(CHUNK);
    if bytes.len() as u64 != blob.length.saturating_sub(start).min(CHUNK) {
        return Err(damaged("has another length"));
    }
    // The bytes go on to be served to anyone who may see them; wiping them here would protect nothing.
    Ok(Bytes::from(std::mem::take(&mut *bytes)))
}

/// A blob of which chunks are there and its record is not yet, or not any more, by its data id. What of these is there
/// when the store is opened was left behind by an upload that broke, or by a removal.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Unfinished {
    /// Bytes that the blob was to have.
    pub(crate) length: u64,
}

impl Record for Unfinished {
    const TABLE: Table = Table::plain("site-unfinished");
    const VERSION: u16 = 1;
}

/// Removes the chunks of broken uploads. For start-up, before anything is uploaded.
pub(crate) fn remove_unfinished(store: &Store) -> Result<(), Error> {
    let left: Vec<_> = store
        .snapshot()?
        .all::<Unfinished>()?
        .collect::<Result<_, _>>()?;
    let mut batch = Batch::new();
    let mut waiting = 0_u64;
    for (key, found) in left {
        let data = <[u8; 16]>::try_from(key.as_slice())
            .map_err(|_| Error::Damaged("a data id has another length".to_owned()))?;
        let chunks = found.record.length.div_ceil(CHUNK);
        for number in 0..chunks {
            batch.delete(CHUNKS, chunk_key(&data, number));
        }
        batch.delete(Unfinished::TABLE, data);
        waiting = waiting.saturating_add(chunks);
        if waiting >= REMOVED_AT_ONCE {
            waiting = 0;
            remove(store, std::mem::take(&mut batch))?;
        }
    }
    remove(store, batch)
}

fn remove(store: &Store, batch: Batch) -> Result<(), Error> {
    if batch.is_empty() {
        return Ok(());
    }
    match store.commit_blocking(batch) {
        // Even removing takes room for a moment. Without it the pages are served all the same; the next start tries again.
        Err(error) if !error.is_full() => Err(error.into()),
        _ => Ok(()),
    }
}

/// Checks that a manifest's blob is stored with the length it tells.
pub(crate) fn check(snapshot: &Snapshot, wanted: BlobRef) -> Result<(), Error> {
    let digest = wanted.sha256.to_string();
    match find(snapshot, &wanted.sha256)? {
        None => Err(Error::MissingBlob { digest }),
        Some(blob) if blob.length != wanted.length => Err(Error::BlobLength {
            digest,
            stored: blob.length,
            claimed: wanted.length,
        }),
        Some(_) => Ok(()),
    }
}
