//! Receiving blobs: each is hashed as it comes and becomes visible only when its hash is right.

use holdfast_store::{Batch, Store};
use sha2::{Digest as _, Sha256};

use crate::blobs::{Blob, CHUNK, CHUNKS, chunk_key, find};
use crate::digest::Digest;
use crate::error::Error;
use crate::scan::MAX_FILE;

/// Bytes that wait for a common commit.
const GROUP: usize = 4 * 1024 * 1024;

/// One upload of any number of blobs. Dropping it loses what was not yet committed, and nothing else.
pub struct Upload {
    store: Store,
    batch: Batch,
    waiting: usize,
    stored: u64,
    current: Option<Current>,
}

struct Current {
    claimed: Digest,
    blob: Blob,
    hasher: Sha256,
    buffer: Vec<u8>,
    chunks: u64,
    /// Chunks of this blob below this number are committed already.
    committed: u64,
    known: bool,
}

impl Upload {
    pub(crate) fn new(store: Store) -> Self {
        Self {
            store,
            batch: Batch::new(),
            waiting: 0,
            stored: 0,
            current: None,
        }
    }

    /// Begins a blob of `length` bytes that claims to hash to `claimed`.
    ///
    /// # Errors
    /// [`Error::BlobTooLong`], or the store's.
    pub fn begin(&mut self, claimed: Digest, length: u64) -> Result<(), Error> {
        if length > MAX_FILE {
            return Err(Error::BlobTooLong {
                digest: claimed.to_string(),
            });
        }
        let known = find(&self.store.snapshot()?, &claimed)?.is_some();
        let mut data = [0; 16];
        getrandom::fill(&mut data).map_err(Error::Random)?;
        self.current = Some(Current {
            claimed,
            blob: Blob { data, length },
            hasher: Sha256::new(),
            buffer: Vec::new(),
            chunks: 0,
            committed: 0,
            known,
        });
        Ok(())
    }

    /// Takes the next bytes of the blob that was begun.
    ///
    /// # Errors
    /// The store's.
    pub async fn write(&mut self, mut bytes: &[u8]) -> Result<(), Error> {
        let Some(current) = &mut self.current else {
            return Ok(());
        };
        current.hasher.update(bytes);
        if current.known {
            return Ok(());
        }
        while !bytes.is_empty() {
            let Some(current) = &mut self.current else {
                return Ok(());
            };
            let room = (CHUNK as usize).saturating_sub(current.buffer.len());
            let (now, rest) = bytes.split_at(room.min(bytes.len()));
            current.buffer.extend_from_slice(now);
            bytes = rest;
            if current.buffer.len() as u64 == CHUNK {
                self.put_chunk();
                self.commit_when(GROUP).await?;
            }
        }
        Ok(())
    }

    /// Ends the blob that was begun.
    ///
    /// # Errors
    /// [`Error::BlobHash`] when it does not hash to its claim (its bytes are removed again), or the store's.
    pub async fn end(&mut self) -> Result<(), Error> {
        self.put_chunk();
        let Some(current) = self.current.take() else {
            return Ok(());
        };
        let right = Digest::from(<[u8; 32]>::from(current.hasher.finalize())) == current.claimed;
        if !right {
            for number in 0..current.chunks {
                self.batch
                    .delete(CHUNKS, chunk_key(&current.blob.data, number));
            }
            if current.committed > 0 {
                self.commit_when(0).await?;
            }
            return Err(Error::BlobHash {
                digest: current.claimed.to_string(),
            });
        }
        if !current.known {
            self.batch.put(current.claimed.as_bytes(), &current.blob)?;
            self.stored = self.stored.saturating_add(1);
        }
        self.commit_when(GROUP).await
    }

    /// Commits what waits and tells how many blobs are new; they are durable then.
    ///
    /// # Errors
    /// The store's.
    pub async fn finish(mut self) -> Result<u64, Error> {
        self.commit_when(0).await?;
        Ok(self.stored)
    }

    fn put_chunk(&mut self) {
        let Some(current) = &mut self.current else {
            return;
        };
        if current.buffer.is_empty() {
            return;
        }
        let chunk = std::mem::take(&mut current.buffer);
        self.waiting = self.waiting.saturating_add(chunk.len());
        self.batch
            .put_bytes(CHUNKS, chunk_key(&current.blob.data, current.chunks), chunk);
        current.chunks = current.chunks.saturating_add(1);
    }

    async fn commit_when(&mut self, at_least: usize) -> Result<(), Error> {
        if self.waiting < at_least || self.batch.is_empty() {
            return Ok(());
        }
        self.waiting = 0;
        self.store.commit(std::mem::take(&mut self.batch)).await?;
        if let Some(current) = &mut self.current {
            current.committed = current.chunks;
        }
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::arithmetic_side_effects)]
mod tests {
    use super::*;
    use crate::Site;
    use crate::digest::BlobRef;
    use holdfast_secrets::{KeyRing, RootKey, Suite};

    #[tokio::test(flavor = "current_thread")]
    async fn a_blob_is_there_when_its_hash_is_right_and_not_before() {
        let dir = tempfile::tempdir().unwrap();
        let ring = KeyRing::new(RootKey::generate().unwrap(), Suite::Aes256Gcm);
        let store = Store::open(dir.path().join("store.redb"), ring).unwrap();
        store.start_writer().unwrap();
        let site = Site::open(store.clone(), 1 << 20).unwrap();
        let bytes: Vec<u8> = (0..6_000_000_u32).map(|n| (n % 251) as u8).collect();
        let blob = BlobRef::of(&bytes);

        let mut lie = site.upload();
        lie.begin(blob.sha256, blob.length).unwrap();
        lie.write(bytes.get(1..).unwrap()).await.unwrap();
        let data = lie.current.as_ref().unwrap().blob.data;
        assert!(
            store
                .snapshot()
                .unwrap()
                .contains(CHUNKS, chunk_key(&data, 0))
                .unwrap()
        );
        assert!(matches!(lie.end().await, Err(Error::BlobHash { .. })));
        assert!(
            !store
                .snapshot()
                .unwrap()
                .contains(CHUNKS, chunk_key(&data, 0))
                .unwrap()
        );
        assert_eq!(site.missing(&[blob.sha256]).unwrap(), [blob.sha256]);

        let mut right = site.upload();
        right.begin(blob.sha256, blob.length).unwrap();
        for piece in bytes.chunks(999_999) {
            right.write(piece).await.unwrap();
        }
        right.end().await.unwrap();
        assert_eq!(right.finish().await.unwrap(), 1);
        assert!(site.missing(&[blob.sha256]).unwrap().is_empty());
        assert_eq!(site.reader(blob).unwrap().read_all().unwrap(), bytes);
    }
}
