//! Versions of the site, and which of them is live.

use std::sync::{Arc, PoisonError, RwLock};

use bytes::Bytes;
use holdfast_store::{Batch, Record, Snapshot, Store, Table};
use serde::{Deserialize, Serialize};

use crate::blobs::{self, Reader};
use crate::cache::Cache;
use crate::digest::{BlobRef, Digest};
use crate::error::Error;
use crate::manifest::{Manifest, WireManifest};
use crate::upload::Upload;

/// A committed version. Its number is its key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version {
    /// The blob that holds the manifest.
    pub manifest: BlobRef,
    /// When it was committed, seconds since 1970.
    pub created: i64,
    /// Who committed it: the device's fingerprint.
    pub author: String,
    /// Number of pages.
    pub pages: u64,
    /// Bytes of all pages, without encodings.
    pub bytes: u64,
}

impl Record for Version {
    const TABLE: Table = Table::plain("site-versions");
    const VERSION: u16 = 1;
}

/// Which version is live.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Active {
    version: u64,
}

const ACTIVE: &[u8] = b"active";

impl Record for Active {
    const TABLE: Table = Table::plain("site-active");
    const VERSION: u16 = 1;
}

/// A version made ready to serve.
#[derive(Debug)]
pub struct Live {
    /// Its number.
    pub version: u64,
    /// What it serves.
    pub manifest: Manifest,
}

/// The site on the appliance: blobs, versions, and the live one in memory.
pub struct Site {
    store: Store,
    cache: Cache,
    live: RwLock<Option<Arc<Live>>>,
}

impl Site {
    /// Removes what broken uploads left and loads the live version; `cache_bytes` bounds the memory for decrypted blobs.
    ///
    /// # Errors
    /// The live version's manifest is damaged, or the store cannot be read.
    pub fn open(store: Store, cache_bytes: usize) -> Result<Self, Error> {
        blobs::remove_unfinished(&store)?;
        let site = Self {
            store,
            cache: Cache::new(cache_bytes),
            live: RwLock::new(None),
        };
        let active = site.store.snapshot()?.find::<Active>(ACTIVE)?;
        if let Some(Active { version }) = active {
            site.go_live(Arc::new(site.load(version)?));
        }
        Ok(site)
    }

    /// The live version.
    #[must_use]
    pub fn live(&self) -> Option<Arc<Live>> {
        self.live
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// A blob's bytes, if they are in memory.
    #[must_use]
    pub fn cached(&self, digest: &Digest) -> Option<Bytes> {
        self.cache.find(digest)
    }

    /// Keeps the bytes of a blob in memory for [`Site::cached`], within the bound. The caller may have wrapped them, so as
    /// to count what is in memory until the last one who holds them lets go.
    pub fn cache(&self, digest: Digest, bytes: &Bytes) {
        self.cache.keep(digest, bytes);
    }

    /// A reader of a blob as it is stored, past the memory.
    ///
    /// # Errors
    /// [`Error::MissingBlob`], or the store's.
    pub fn stored_reader(&self, digest: Digest) -> Result<Reader, Error> {
        self.stored(digest)
    }

    /// A reader of a blob, from memory where it is hot.
    ///
    /// # Errors
    /// [`Error::MissingBlob`], or the store's.
    pub fn reader(&self, blob: BlobRef) -> Result<Reader, Error> {
        if let Some(bytes) = self.cache.find(&blob.sha256) {
            return Ok(Reader::whole(bytes));
        }
        let reader = self.stored(blob.sha256)?;
        if reader.len() > blobs::CHUNK {
            return Ok(reader);
        }
        let bytes = reader.read_all()?;
        self.cache.keep(blob.sha256, &bytes);
        Ok(Reader::whole(bytes))
    }

    /// Those of `digests` that are not stored, in their order.
    ///
    /// # Errors
    /// The store's.
    pub fn missing(&self, digests: &[Digest]) -> Result<Vec<Digest>, Error> {
        let snapshot = self.store.snapshot()?;
        let mut missing = Vec::new();
        for digest in digests {
            if !snapshot.contains(blobs::Blob::TABLE, digest.as_bytes())? {
                missing.push(*digest);
            }
        }
        Ok(missing)
    }

    /// Starts to receive blobs.
    #[must_use]
    pub fn upload(&self) -> Upload {
        Upload::new(self.store.clone())
    }

    /// Checks a foreign manifest against the stored blobs. Reads one record per blob: not for an event loop.
    ///
    /// # Errors
    /// The first rule that it breaks.
    pub fn check(&self, wire: WireManifest) -> Result<Manifest, Error> {
        let manifest = Manifest::decode(wire)?;
        let snapshot = self.store.snapshot()?;
        for blob in manifest.entries().flat_map(|(_, entry)| entry.blobs()) {
            blobs::check(&snapshot, blob)?;
        }
        Ok(manifest)
    }

    /// Stores a checked manifest and gives the change that makes it a version, for the caller to commit together with
    /// its audit event. The version's number is the batch's one appended record.
    ///
    /// # Errors
    /// The store's.
    pub async fn commit(
        &self,
        manifest: &Manifest,
        created: i64,
        author: String,
    ) -> Result<Batch, Error> {
        let encoded = postcard::to_stdvec(&manifest.to_wire())
            .map_err(|error| Error::Manifest(error.to_string()))?;
        let blob = BlobRef::of(&encoded);
        let mut upload = self.upload();
        upload.begin(blob.sha256, blob.length)?;
        upload.write(&encoded).await?;
        upload.end().await?;
        upload.finish().await?;
        let mut batch = Batch::new();
        batch.append(&Version {
            manifest: blob,
            created,
            author,
            pages: manifest.len() as u64,
            bytes: manifest.bytes(),
        })?;
        Ok(batch)
    }

    /// Gives the change that makes a version live. The caller commits it with its audit event, then calls
    /// [`Site::go_live`]; until the commit the old version stays.
    ///
    /// # Errors
    /// [`Error::NoVersion`], a damaged manifest, or the store's.
    pub fn activation(&self, version: u64) -> Result<(Batch, Arc<Live>), Error> {
        let live = Arc::new(self.load(version)?);
        let mut batch = Batch::new();
        batch.put(ACTIVE, &Active { version })?;
        Ok((batch, live))
    }

    /// Serves `live` from now on.
    pub fn go_live(&self, live: Arc<Live>) {
        *self.live.write().unwrap_or_else(PoisonError::into_inner) = Some(live);
    }

    /// All versions with their numbers, oldest first.
    ///
    /// # Errors
    /// The store's.
    pub fn versions(&self) -> Result<Vec<(u64, Version)>, Error> {
        let mut versions = Vec::new();
        for row in self.store.snapshot()?.all::<Version>()? {
            let (key, found) = row?;
            let key = <[u8; 8]>::try_from(key.as_slice())
                .map_err(|_| Error::Damaged("a version's number has another length".to_owned()))?;
            versions.push((u64::from_be_bytes(key), found.record));
        }
        Ok(versions)
    }

    fn load(&self, version: u64) -> Result<Live, Error> {
        let snapshot: Snapshot = self.store.snapshot()?;
        let record = snapshot
            .find::<Version>(version.to_be_bytes())?
            .ok_or(Error::NoVersion(version))?;
        let encoded = self.stored(record.manifest.sha256)?.read_all()?;
        let wire = postcard::from_bytes(&encoded)
            .map_err(|error| Error::Damaged(format!("manifest of version {version}: {error}")))?;
        Ok(Live {
            version,
            manifest: Manifest::decode(wire)?,
        })
    }

    fn stored(&self, digest: Digest) -> Result<Reader, Error> {
        let blob =
            blobs::find(&self.store.snapshot()?, &digest)?.ok_or_else(|| Error::MissingBlob {
                digest: digest.to_string(),
            })?;
        Ok(Reader::stored(self.store.clone(), blob))
    }
}
