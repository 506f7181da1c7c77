//! Versions of the site, and which of them is live.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use bytes::Bytes;
use holdfast_store::{Batch, Record, Snapshot, Store, Table, decode_as};
use serde::{Deserialize, Serialize};

use crate::blobs::{self, Damaged, Reader};
use crate::cache::Cache;
use crate::digest::{BlobRef, Digest};
use crate::error::Error;
use crate::manifest::{FORMAT, Manifest, WireManifest};
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
    /// The format of the manifest. From 2 on, every encoding that it names was checked against its file.
    pub format: u16,
}

/// As record version 1 had it; its manifests are of format 1.
#[derive(Serialize, Deserialize)]
struct VersionV1 {
    manifest: BlobRef,
    created: i64,
    author: String,
    pages: u64,
    bytes: u64,
}

impl Record for VersionV1 {
    const TABLE: Table = Version::TABLE;
    const VERSION: u16 = 1;
}

impl Record for Version {
    const TABLE: Table = Table::plain("site-versions");
    const VERSION: u16 = 2;

    fn upgrade(version: u16, bytes: &[u8]) -> Result<Self, holdfast_store::Error> {
        let old: VersionV1 = decode_as(version, bytes)?;
        Ok(Self {
            manifest: old.manifest,
            created: old.created,
            author: old.author,
            pages: old.pages,
            bytes: old.bytes,
            format: 1,
        })
    }
}

/// Which version is live, and which one was before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Active {
    pub(crate) version: u64,
    pub(crate) before: Option<u64>,
}

/// As record version 1 had it.
#[derive(Serialize, Deserialize)]
struct ActiveV1 {
    version: u64,
}

const ACTIVE: &[u8] = b"active";

impl Record for ActiveV1 {
    const TABLE: Table = Active::TABLE;
    const VERSION: u16 = 1;
}

impl Record for Active {
    const TABLE: Table = Table::plain("site-active");
    const VERSION: u16 = 2;

    fn upgrade(version: u16, bytes: &[u8]) -> Result<Self, holdfast_store::Error> {
        let old: ActiveV1 = decode_as(version, bytes)?;
        Ok(Self {
            version: old.version,
            before: None,
        })
    }
}

/// A version made ready to serve.
#[derive(Debug)]
pub struct Live {
    /// Its number.
    pub version: u64,
    /// What it serves.
    pub manifest: Manifest,
}

impl Live {
    /// The fields that `_headers` sets for the page at a path of the manifest: names in lower case, in the order of the
    /// file, checked at push and again on arrival. [`crate::header_class`] tells what each can do.
    #[must_use]
    pub fn headers(&self, path: &str) -> Vec<(&str, &str)> {
        self.manifest.headers().fields(path)
    }
}

/// A version that is ready to be committed: what to store, and what to serve afterwards.
pub struct Commit {
    /// The change, for the caller to commit together with its audit events.
    pub batch: Batch,
    /// The version's number.
    pub version: u64,
    /// What [`Site::go_live`] takes after the commit, if the version is to go live.
    pub live: Option<Arc<Live>>,
}

/// The site on the appliance: blobs, versions, and the live one in memory.
pub struct Site {
    store: Store,
    cache: Cache,
    live: RwLock<Option<Arc<Live>>>,
    /// Why the live version could not be loaded.
    unloadable: Mutex<Option<String>>,
    damaged: Damaged,
    pub(crate) closing: AtomicBool,
}

impl Site {
    /// Removes what broken uploads left and loads the live version; `cache_bytes` bounds the memory for decrypted blobs. Where
    /// the live version cannot be loaded, none is served until another one goes live ([`Site::unloadable`]).
    ///
    /// # Errors
    /// The store cannot be read, or does not tell which version is live.
    pub fn open(store: Store, cache_bytes: usize) -> Result<Self, Error> {
        blobs::remove_unfinished(&store)?;
        let site = Self {
            store,
            cache: Cache::new(cache_bytes),
            live: RwLock::new(None),
            unloadable: Mutex::new(None),
            damaged: Damaged::default(),
            closing: AtomicBool::new(false),
        };
        if let Some(Active { version, .. }) = active(&site.store.snapshot()?)? {
            match site.load(version) {
                Ok(live) => site.go_live(Arc::new(live)),
                Err(error) => *site.lock_unloadable() = Some(format!("version {version}: {error}")),
            }
        }
        Ok(site)
    }

    /// Why the version that was live when the store was opened cannot be served, until another one is.
    #[must_use]
    pub fn unloadable(&self) -> Option<String> {
        self.lock_unloadable().clone()
    }

    fn lock_unloadable(&self) -> MutexGuard<'_, Option<String>> {
        self.unloadable
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes note of a record that a verification could not open: if it is part of a blob, that blob is asked for at the next
    /// push that has it.
    pub fn note_unopened(&self, table: &str, stored_key: &[u8]) {
        if table == blobs::CHUNKS.name()
            && let Some(data) = stored_key.first_chunk::<16>()
        {
            self.damaged.note(*data);
        }
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

    /// Those of `digests` that are not stored, or known to be damaged, in their order.
    ///
    /// # Errors
    /// The store's.
    pub fn missing(&self, digests: &[Digest]) -> Result<Vec<Digest>, Error> {
        let snapshot = self.store.snapshot()?;
        let mut missing = Vec::new();
        for digest in digests {
            // To open each record as well would only cost where nothing is damaged.
            let there = match self.damaged.is_empty() {
                true => snapshot.contains(blobs::Blob::TABLE, digest.as_bytes())?,
                false => {
                    let found = blobs::find(&snapshot, digest)?;
                    found.is_some_and(|blob| !self.damaged.holds(&blob))
                }
            };
            if !there {
                missing.push(*digest);
            }
        }
        Ok(missing)
    }

    /// Starts to receive blobs.
    #[must_use]
    pub fn upload(&self) -> Upload {
        Upload::new(self.store.clone(), self.damaged.clone())
    }

    /// Checks a foreign manifest against the stored blobs: each is there, and each encoding gives its file back. Reads a
    /// record per blob, and decodes each encoding that no stored version names: not for an event loop.
    ///
    /// # Errors
    /// The first rule that it breaks.
    pub fn check(&self, wire: WireManifest) -> Result<Manifest, Error> {
        let manifest = Manifest::decode(wire)?;
        let snapshot = self.store.snapshot()?;
        for blob in manifest.entries().flat_map(|(_, entry)| entry.blobs()) {
            blobs::check(&snapshot, blob)?;
        }
        drop(snapshot);
        self.check_encodings(&manifest)?;
        Ok(manifest)
    }

    /// Makes checks that run give up, since they would hold up the end of the process.
    pub fn close(&self) {
        self.closing.store(true, Ordering::Relaxed);
    }

    /// Stores a checked manifest and gives the change that makes it a version, and the live one if it is to be, in one
    /// batch: a crash leaves the old version live, or this one. The caller lets no other commit in between.
    ///
    /// # Errors
    /// The store's.
    pub async fn commit(
        &self,
        manifest: Manifest,
        created: i64,
        author: String,
        activate: bool,
    ) -> Result<Commit, Error> {
        let encoded = manifest.to_stored()?;
        let blob = BlobRef::of(&encoded);
        let mut upload = self.upload();
        upload.begin(blob.sha256, blob.length)?;
        upload.write(&encoded).await?;
        upload.end().await?;
        upload.finish().await?;
        let snapshot = self.store.snapshot()?;
        let version = newest(&snapshot)?.saturating_add(1);
        let record = Version {
            manifest: blob,
            created,
            author,
            pages: manifest.len() as u64,
            bytes: manifest.bytes(),
            format: FORMAT,
        };
        let mut batch = Batch::new();
        // A device that publishes on and on leaves room for its own revocation.
        batch.leave_reserve();
        batch.expect_absent(Version::TABLE, version.to_be_bytes());
        batch.put(version.to_be_bytes(), &record)?;
        let live = activate.then(|| Arc::new(Live { version, manifest }));
        if activate {
            activation(&mut batch, &snapshot, version)?;
        }
        Ok(Commit {
            batch,
            version,
            live,
        })
    }

    /// Gives the change that makes a version live. The caller commits it with its audit event, then calls
    /// [`Site::go_live`]; until the commit the old version stays.
    ///
    /// # Errors
    /// [`Error::NoVersion`], a damaged manifest, or the store's.
    pub fn activation(&self, version: u64) -> Result<(Batch, Arc<Live>), Error> {
        let live = Arc::new(self.load(version)?);
        let mut batch = Batch::new();
        batch.expect_present(Version::TABLE, version.to_be_bytes());
        activation(&mut batch, &self.store.snapshot()?, version)?;
        Ok((batch, live))
    }

    /// The version that was live before the live one, also before a restart.
    ///
    /// # Errors
    /// The store's.
    pub fn before(&self) -> Result<Option<u64>, Error> {
        Ok(active(&self.store.snapshot()?)?.and_then(|active| active.before))
    }

    /// A version as it was committed.
    ///
    /// # Errors
    /// [`Error::NoVersion`], or the store's.
    pub fn version(&self, version: u64) -> Result<Version, Error> {
        let found = self.store.snapshot()?.find(version.to_be_bytes())?;
        found.ok_or(Error::NoVersion(version))
    }

    /// Serves `live` from now on.
    pub fn go_live(&self, live: Arc<Live>) {
        *self.lock_unloadable() = None;
        *self.live.write().unwrap_or_else(PoisonError::into_inner) = Some(live);
    }

    /// All versions with their numbers, oldest first.
    ///
    /// # Errors
    /// The store's.
    pub fn versions(&self) -> Result<Vec<(u64, Version)>, Error> {
        let snapshot = self.store.snapshot()?;
        snapshot.all::<Version>()?.map(numbered).collect()
    }

    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    /// The manifest of a version.
    pub(crate) fn manifest(&self, record: &Version) -> Result<Manifest, Error> {
        let encoded = self.stored(record.manifest.sha256)?.read_all()?;
        Manifest::from_stored(record.format, &encoded)
    }

    fn load(&self, version: u64) -> Result<Live, Error> {
        Ok(Live {
            version,
            manifest: self.manifest(&self.version(version)?)?,
        })
    }

    pub(crate) fn stored(&self, digest: Digest) -> Result<Reader, Error> {
        let blob =
            blobs::find(&self.store.snapshot()?, &digest)?.ok_or_else(|| Error::MissingBlob {
                digest: digest.to_string(),
            })?;
        Ok(Reader::stored(
            self.store.clone(),
            blob,
            self.damaged.clone(),
        ))
    }
}

pub(crate) fn active(snapshot: &Snapshot) -> Result<Option<Active>, Error> {
    Ok(snapshot.find(ACTIVE)?)
}

/// Makes `version` the live one, and the present one the one before. Making the live one live again changes nothing.
fn activation(batch: &mut Batch, snapshot: &Snapshot, version: u64) -> Result<(), Error> {
    let before = match active(snapshot)? {
        Some(now) if now.version == version => now.before,
        now => now.map(|now| now.version),
    };
    batch.put(ACTIVE, &Active { version, before })?;
    Ok(())
}

/// The number of the newest version; 0 without any.
fn newest(snapshot: &Snapshot) -> Result<u64, Error> {
    let mut all = snapshot.range::<Version>(..)?;
    let last = all.next_back().transpose()?;
    Ok(match last {
        Some(row) => numbered(Ok(row))?.0,
        None => 0,
    })
}

type Row = Result<(Vec<u8>, holdfast_store::Versioned<Version>), holdfast_store::Error>;

fn numbered(row: Row) -> Result<(u64, Version), Error> {
    let (key, found) = row?;
    let key = <[u8; 8]>::try_from(key.as_slice())
        .map_err(|_| Error::Damaged("a version's number has another length".to_owned()))?;
    Ok((u64::from_be_bytes(key), found.record))
}

#[cfg(test)]
mod tests;
