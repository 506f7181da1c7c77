//! Which versions are kept, and the removal of what no kept version names.
//!
//! Kept are the live version, the one before it, and the newest ones. A blob is garbage when none of their manifests
//! names it. The walk that finds garbage keeps no state, so a crash between any two batches only leaves the rest for the
//! next walk, or for the next start.

use std::collections::HashSet;

use holdfast_store::{Batch, FREEING_CHANGES, Record as _};

use crate::blobs::{Blob, CHUNK, CHUNKS, Unfinished, chunk_key};
use crate::digest::Digest;
use crate::error::Error;
use crate::versions::{Site, Version, active};

/// Versions that one batch removes, each with an audit event. The pages of a batch must find room before it gives any, on a disk
/// that was filled up too.
const VERSIONS: usize = FREEING_CHANGES / 3;
/// Rows that one batch removes.
const ROWS: u64 = 64;
/// The same where room is scarce; two changes more may tell of blobs that it does not remove as a whole.
const ROWS_SCARCE: u64 = FREEING_CHANGES as u64 - 2;
/// Blobs that one walk lists; what is beyond waits for the next.
const LISTED: usize = 16 * 1024;

/// Blobs that no kept version names.
#[derive(Debug, Default)]
pub struct Garbage {
    /// Key as the engine holds it, and where the chunks are.
    blobs: Vec<(Vec<u8>, Blob)>,
    /// Chunks of the last of them that are still there, once its record is gone.
    chunks: Option<u64>,
    /// Whether the walk ended before it had seen all.
    more: bool,
}

impl Site {
    /// The change that removes versions that are not kept (some of them, if there are many), with their numbers; for the caller to commit together with
    /// its audit events, while no other version is committed or made live. Their blobs become garbage by it. `keep` is at
    /// least 1, so that no number is ever given out again.
    ///
    /// # Errors
    /// The store's.
    pub fn expired(&self, keep: usize) -> Result<(Batch, Vec<u64>), Error> {
        let active = active(&self.store().snapshot()?)?;
        let held = |number| active.is_some_and(|a| a.version == number || a.before == Some(number));
        let versions = self.versions()?;
        let old = versions.len().saturating_sub(keep.max(1));
        let mut batch = Batch::new();
        batch.use_reserve_to_free();
        let mut gone = Vec::new();
        let numbers = versions.into_iter().take(old).map(|(number, _)| number);
        for number in numbers.filter(|number| !held(*number)).take(VERSIONS) {
            batch.delete(Version::TABLE, number.to_be_bytes());
            gone.push(number);
        }
        Ok((batch, gone))
    }

    /// Finds blobs that no version names. Reads every version and a record per blob: not for an event loop.
    ///
    /// What it gives is true as long as no blob is uploaded or told to a client as present, and no version committed.
    ///
    /// # Errors
    /// A damaged manifest (then nothing is garbage), or the store's.
    pub fn garbage(&self) -> Result<Garbage, Error> {
        let mut named: HashSet<Digest> = HashSet::new();
        for (_, version) in self.versions()? {
            named.insert(version.manifest.sha256);
            let manifest = self.manifest(&version)?;
            let blobs = manifest.entries().flat_map(|(_, entry)| entry.blobs());
            named.extend(blobs.map(|blob| blob.sha256));
        }
        let snapshot = self.store().snapshot()?;
        let mut kept = HashSet::with_capacity(named.len());
        for digest in named {
            if let Some(blob) = crate::blobs::find(&snapshot, &digest)? {
                kept.insert(blob.data);
            }
        }
        let mut garbage = Garbage::default();
        for row in snapshot.all::<Blob>()? {
            let (key, found) = row?;
            if kept.contains(&found.record.data) {
                continue;
            }
            if garbage.blobs.len() >= LISTED {
                garbage.more = true;
                break;
            }
            garbage.blobs.push((key, found.record));
        }
        Ok(garbage)
    }
}

impl Garbage {
    /// Whether nothing is left to remove.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.blobs.is_empty()
    }

    /// Whether a blob's record is gone and some of its chunks are not: what is left of it may go whatever is pushed
    /// meanwhile.
    #[must_use]
    pub fn is_inside_a_blob(&self) -> bool {
        self.chunks.is_some()
    }

    /// Whether there is more than was listed.
    #[must_use]
    pub fn is_partial(&self) -> bool {
        self.more
    }

    /// The next batch; a small one where room is `scarce`.
    ///
    /// # Errors
    /// The store's.
    pub fn next_batch(&mut self, scarce: bool) -> Result<Batch, Error> {
        self.take(if scarce { ROWS_SCARCE } else { ROWS })
    }

    /// A blob's record goes before its chunks or with them: nobody may be told that a blob is there of which a chunk is
    /// missing. What one batch cannot take is noted as an unfinished upload, which the next start removes too.
    fn take(&mut self, most: u64) -> Result<Batch, Error> {
        let mut batch = Batch::new();
        batch.use_reserve_to_free();
        let mut rows = 0;
        while rows < most {
            let Some((key, blob)) = self.blobs.last() else {
                break;
            };
            let mut left = self.chunks.unwrap_or_else(|| {
                batch.delete_row(Blob::TABLE, key.clone());
                rows = rows.saturating_add(1);
                blob.length.div_ceil(CHUNK)
            });
            while left > 0 && rows < most {
                left = left.saturating_sub(1);
                rows = rows.saturating_add(1);
                batch.delete(CHUNKS, chunk_key(&blob.data, left));
            }
            if left > 0 {
                let length = blob.length;
                batch.put(blob.data, &Unfinished { length })?;
                self.chunks = Some(left);
                break;
            }
            if self.chunks.take().is_some() {
                batch.delete(Unfinished::TABLE, blob.data);
            }
            self.blobs.pop();
        }
        Ok(batch)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use holdfast_secrets::{KeyRing, RootKey, Suite};
    use holdfast_store::Store;

    use super::*;
    use crate::digest::BlobRef;

    fn open(dir: &std::path::Path) -> (Store, Site) {
        let ring = KeyRing::new(RootKey::from_bytes(&[7; 32]).unwrap(), Suite::Aes256Gcm);
        let store = Store::open(dir.join("store.redb"), ring).unwrap();
        store.start_writer().unwrap();
        (store.clone(), Site::open(store, 1 << 20).unwrap())
    }

    #[tokio::test(flavor = "current_thread")]
    async fn batches_are_small_where_room_is_scarce() {
        let dir = tempfile::tempdir().unwrap();
        let (store, site) = open(dir.path());
        // Blobs of one, three and thirty chunks, so that batches end within some and begin within others.
        for (number, chunks) in [30, 1, 3, 1, 30, 1, 1, 30].into_iter().enumerate() {
            let bytes = vec![u8::try_from(number).unwrap(); chunks << 20];
            let blob = BlobRef::of(&bytes);
            let mut upload = site.upload();
            upload.begin(blob.sha256, blob.length).unwrap();
            upload.write(&bytes).await.unwrap();
            upload.end().await.unwrap();
            assert_eq!(upload.finish().await.unwrap(), 1);
        }
        let mut garbage = site.garbage().unwrap();
        let mut most = 0;
        while !garbage.is_empty() {
            let batch = garbage.next_batch(true).unwrap();
            assert!(batch.len() <= FREEING_CHANGES, "{} changes", batch.len());
            most = most.max(batch.len());
            store.commit(batch).await.unwrap();
        }
        assert_eq!(most, FREEING_CHANGES, "no smaller than need be");
    }

    #[tokio::test(flavor = "current_thread")]
    async fn blob_whose_chunks_are_going_is_told_as_missing_also_after_a_crash() {
        let dir = tempfile::tempdir().unwrap();
        let bytes = vec![7; 3_000_000];
        let blob = BlobRef::of(&bytes);
        let upload = async |site: &Site| {
            let mut upload = site.upload();
            upload.begin(blob.sha256, blob.length).unwrap();
            upload.write(&bytes).await.unwrap();
            upload.end().await.unwrap();
            upload.finish().await.unwrap()
        };
        let (store, site) = open(dir.path());
        assert_eq!(upload(&site).await, 1);
        let mut garbage = site.garbage().unwrap();
        store.commit(garbage.take(2).unwrap()).await.unwrap();
        assert!(garbage.is_inside_a_blob() && !garbage.is_empty());
        assert_eq!(site.missing(&[blob.sha256]).unwrap(), [blob.sha256]);
        // Uploaded anew meanwhile, it has chunks of its own.
        assert_eq!(upload(&site).await, 1);
        store.commit(garbage.take(64).unwrap()).await.unwrap();
        assert!(garbage.is_empty());
        assert_eq!(site.reader(blob).unwrap().read_all().unwrap(), bytes);

        let mut garbage = site.garbage().unwrap();
        store.commit(garbage.take(2).unwrap()).await.unwrap();
        drop((site, store));
        let (store, site) = open(dir.path());
        assert_eq!(site.missing(&[blob.sha256]).unwrap(), [blob.sha256]);
        assert!(site.garbage().unwrap().is_empty());
        let snapshot = store.snapshot().unwrap();
        assert_eq!(snapshot.all::<Unfinished>().unwrap().count(), 0);
        let Some((_, gone)) = garbage.blobs.last() else {
            unreachable!("one blob was listed")
        };
        for number in 0..3 {
            let key = chunk_key(&gone.data, number);
            assert!(!snapshot.contains(CHUNKS, key).unwrap());
        }
    }
}
