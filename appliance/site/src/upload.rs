//! Receiving blobs: each is hashed as it comes and becomes visible only when its hash is right.

use std::collections::HashSet;

use holdfast_store::{Batch, Record as _, Store};
use sha2::{Digest as _, Sha256};

use crate::blobs::{Blob, CHUNK, CHUNKS, Damaged, Unfinished, chunk_key};
use crate::digest::Digest;
use crate::error::Error;
use crate::scan::MAX_FILE;

/// Bytes that wait for a common commit.
const GROUP: usize = 4 * 1024 * 1024;

/// One upload of any number of blobs. Dropping it loses what was not yet committed, and nothing else; the chunks of a blob
/// that was not ended are removed when the store is next opened.
pub struct Upload {
    store: Store,
    damaged: Damaged,
    batch: Batch,
    waiting: usize,
    /// Blobs whose records wait in `batch`.
    ended: HashSet<Digest>,
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
    pub(crate) fn new(store: Store, damaged: Damaged) -> Self {
        Self {
            store,
            damaged,
            batch: Batch::new(),
            waiting: 0,
            ended: HashSet::new(),
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
        let known = self.knows(&claimed)?;
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
        // Another upload may have ended the same blob meanwhile. Its chunks stay, since its record is what finds them.
        let known = current.known || self.knows(&current.claimed)?;
        if current.committed > 0 {
            self.batch.delete(Unfinished::TABLE, current.blob.data);
        }
        if !right || known {
            for number in 0..current.chunks {
                self.batch
                    .delete(CHUNKS, chunk_key(&current.blob.data, number));
            }
        }
        if !right {
            if current.committed > 0 {
                self.commit_when(0).await?;
            }
            return Err(Error::BlobHash {
                digest: current.claimed.to_string(),
            });
        }
        if !known {
            self.expect_same(&current.claimed)?;
            self.ended.insert(current.claimed);
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

    /// Whether it is there, and not damaged as far as is known.
    fn knows(&self, digest: &Digest) -> Result<bool, Error> {
        let found = self.store.snapshot()?.find::<Blob>(digest.as_bytes())?;
        let whole = found.is_some_and(|blob| !self.damaged.holds(&blob));
        Ok(self.ended.contains(digest) || whole)
    }

    /// Expects that no other upload ends the same blob between the look and the commit: then nothing of this batch is done and
    /// the client repeats it. What is left of a damaged one goes when the store is next opened.
    fn expect_same(&mut self, digest: &Digest) -> Result<(), Error> {
        let snapshot = self.store.snapshot()?;
        let Some(old) = snapshot.find_versioned::<Blob>(digest.as_bytes())? else {
            self.batch.expect_absent(Blob::TABLE, digest.as_bytes());
            return Ok(());
        };
        self.batch
            .expect_revision(Blob::TABLE, digest.as_bytes(), old.revision);
        let length = old.record.length;
        self.batch.put(old.record.data, &Unfinished { length })?;
        Ok(())
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

    /// What waits. However small it is: a device that uploads on and on leaves room for its own revocation.
    fn waiting_batch(&mut self) -> Batch {
        let mut batch = std::mem::take(&mut self.batch);
        batch.leave_reserve();
        batch
    }

    async fn commit_when(&mut self, at_least: usize) -> Result<(), Error> {
        if self.waiting < at_least || self.batch.is_empty() {
            return Ok(());
        }
        self.waiting = 0;
        if let Some(current) = &self.current
            && current.committed == 0
            && current.chunks > 0
        {
            let length = current.blob.length;
            self.batch.put(current.blob.data, &Unfinished { length })?;
        }
        let batch = self.waiting_batch();
        self.store.commit(batch).await?;
        self.ended.clear();
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

    fn bytes() -> Vec<u8> {
        (0..6_000_000_u32).map(|n| (n % 251) as u8).collect()
    }

    fn open(dir: &std::path::Path) -> Store {
        let ring = KeyRing::new(RootKey::from_bytes(&[7; 32]).unwrap(), Suite::Aes256Gcm);
        Store::open(dir.join("store.redb"), ring).unwrap()
    }

    fn start(dir: &std::path::Path) -> (Store, Site) {
        let store = open(dir);
        store.start_writer().unwrap();
        (store.clone(), Site::open(store, 1 << 20).unwrap())
    }

    /// Begins a blob and sends all of it; tells where its chunks go.
    async fn send(upload: &mut Upload, blob: BlobRef, bytes: &[u8]) -> [u8; 16] {
        upload.begin(blob.sha256, blob.length).unwrap();
        upload.write(bytes).await.unwrap();
        upload.current.as_ref().unwrap().blob.data
    }

    fn has_chunk(store: &Store, data: &[u8; 16], number: u64) -> bool {
        let snapshot = store.snapshot().unwrap();
        snapshot.contains(CHUNKS, chunk_key(data, number)).unwrap()
    }

    fn unfinished(store: &Store) -> usize {
        let left = store.snapshot().unwrap().all::<Unfinished>().unwrap();
        left.count()
    }

    #[tokio::test(flavor = "current_thread")]
    async fn broken_upload_leaves_nothing_behind_after_the_next_start() {
        let dir = tempfile::tempdir().unwrap();
        let (store, site) = start(dir.path());
        let bytes = bytes();
        let blob = BlobRef::of(&bytes);
        let mut whole = site.upload();
        send(&mut whole, blob, &bytes).await;
        whole.end().await.unwrap();
        whole.finish().await.unwrap();
        let other = vec![5; 6_000_000];
        let mut broken = site.upload();
        let data = send(&mut broken, BlobRef::of(&other), &other).await;
        assert!(has_chunk(&store, &data, 0));
        drop((broken, site, store));

        let store = open(dir.path());
        assert!(has_chunk(&store, &data, 0));
        let site = Site::open(store.clone(), 1 << 20).unwrap();
        assert!((0..6).all(|number| !has_chunk(&store, &data, number)));
        assert_eq!(unfinished(&store), 0);
        assert_eq!(site.reader(blob).unwrap().read_all().unwrap(), bytes);
    }

    #[tokio::test(flavor = "current_thread")]
    async fn what_is_published_leaves_the_reserve_to_others() {
        let dir = tempfile::tempdir().unwrap();
        let (store, site) = start(dir.path());
        let mut upload = site.upload();
        send(&mut upload, BlobRef::of(b"tiny"), b"tiny").await;
        upload.end().await.unwrap();
        let batch = upload.waiting_batch();
        assert!(!batch.is_empty() && batch.leaves_reserve());
        let entry = crate::manifest::Entry {
            content_type: "text/plain".to_owned(),
            identity: BlobRef::of(b"tiny"),
            encodings: Default::default(),
            scripts: Vec::new(),
        };
        let path = crate::path::PagePath::parse("/tiny.txt").unwrap();
        let manifest = crate::Manifest::from_entries([(path, entry)].into());
        let commit = site.commit(manifest, 1, String::new(), true).await.unwrap();
        assert!(commit.batch.leaves_reserve());
        // Going back to a version that is there is no way to fill the disk, and must work on a full one.
        store.commit(commit.batch).await.unwrap();
        assert!(!site.activation(1).unwrap().0.leaves_reserve());
    }

    #[tokio::test(flavor = "current_thread")]
    async fn the_same_blob_by_two_uploads_is_kept_once() {
        let dir = tempfile::tempdir().unwrap();
        let (store, site) = start(dir.path());
        let bytes = bytes();
        let blob = BlobRef::of(&bytes);
        let mut data = Vec::new();
        let mut uploads = [site.upload(), site.upload()];
        for upload in &mut uploads {
            data.push(send(upload, blob, &bytes).await);
        }
        let mut stored = 0;
        for mut upload in uploads {
            upload.end().await.unwrap();
            // Again in the same upload, before the first is committed.
            send(&mut upload, blob, &bytes).await;
            upload.end().await.unwrap();
            stored += upload.finish().await.unwrap();
        }
        assert_eq!(stored, 1);
        assert!((0..6).all(|n| has_chunk(&store, data.first().unwrap(), n)));
        assert!((0..6).all(|n| !has_chunk(&store, data.last().unwrap(), n)));
        assert_eq!(unfinished(&store), 0);
        assert_eq!(site.reader(blob).unwrap().read_all().unwrap(), bytes);
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_blob_is_there_when_its_hash_is_right_and_not_before() {
        let dir = tempfile::tempdir().unwrap();
        let (store, site) = start(dir.path());
        let bytes = bytes();
        let blob = BlobRef::of(&bytes);

        let mut lie = site.upload();
        let data = send(&mut lie, blob, bytes.get(1..).unwrap()).await;
        assert!(has_chunk(&store, &data, 0));
        assert!(matches!(lie.end().await, Err(Error::BlobHash { .. })));
        assert!(!has_chunk(&store, &data, 0));
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
