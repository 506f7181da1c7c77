//! Making a manifest of a scanned folder: hashing and precompressing in parallel, on the workstation.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::digest::{BlobRef, Digest};
use crate::encoding::Encoding;
use crate::error::Error;
use crate::inline::{MAX_SCRIPTS, script_hashes};
use crate::manifest::{Entry, Manifest};
use crate::media::{content_type, is_compressible, is_html};
use crate::path::PagePath;
use crate::scan::{Found, MAX_FILE, Scan};

/// Files larger than this travel and are served as they are.
const MAX_COMPRESSED: u64 = 32 * 1024 * 1024;

/// Where the bytes of a blob come from.
#[derive(Clone, Debug)]
pub enum Source {
    /// A file of the folder.
    File(PathBuf),
    /// An encoding made here.
    Memory(Vec<u8>),
}

impl Source {
    /// The bytes.
    ///
    /// # Errors
    /// The file could not be read, or is no longer what was hashed.
    pub fn read(&self, blob: BlobRef) -> Result<Vec<u8>, Error> {
        match self {
            Self::Memory(bytes) => Ok(bytes.clone()),
            Self::File(path) => {
                // Whatever is read here travels only if it is what was hashed.
                let bytes = read(path, None)?;
                if BlobRef::of(&bytes) != blob {
                    return Err(changed(path));
                }
                Ok(bytes)
            }
        }
    }
}

/// A folder made ready to push.
#[derive(Debug)]
pub struct Prepared {
    /// What the version serves.
    pub manifest: Manifest,
    /// Where each blob comes from.
    pub sources: HashMap<Digest, (BlobRef, Source)>,
    /// Pages with more inline scripts than a policy can name; some of theirs will not run.
    pub too_many_scripts: Vec<PagePath>,
}

struct Page {
    path: PagePath,
    entry: Entry,
    sources: Vec<(BlobRef, Source)>,
    too_many_scripts: bool,
}

/// Hashes and compresses the files of `scan` on `threads` threads; `progress` hears how many are done.
///
/// # Errors
/// A file that cannot be read.
pub fn prepare(
    scan: &Scan,
    threads: usize,
    progress: &(dyn Fn(usize) + Sync),
) -> Result<Prepared, Error> {
    let next = AtomicUsize::new(0);
    let done = AtomicUsize::new(0);
    let pages = Mutex::new(Ok(Vec::with_capacity(scan.files.len())));
    std::thread::scope(|scope| {
        for _ in 0..threads.max(1) {
            scope.spawn(|| {
                while let Some(found) = scan.files.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let page = prepare_page(found);
                    let mut all = pages
                        .lock()
                        .unwrap_or_else(std::sync::PoisonError::into_inner);
                    match (page, all.as_mut()) {
                        (Ok(page), Ok(all)) => all.push(page),
                        (Err(error), Ok(_)) => *all = Err(error),
                        (_, Err(_)) => return,
                    }
                    drop(all);
                    progress(done.fetch_add(1, Ordering::Relaxed).saturating_add(1));
                }
            });
        }
    });
    let pages = pages
        .into_inner()
        .unwrap_or_else(std::sync::PoisonError::into_inner)?;
    let mut sources = HashMap::new();
    let mut entries = BTreeMap::new();
    let mut too_many_scripts = Vec::new();
    for page in pages {
        if page.too_many_scripts {
            too_many_scripts.push(page.path.clone());
        }
        entries.insert(page.path, page.entry);
        for (blob, source) in page.sources {
            sources.entry(blob.sha256).or_insert((blob, source));
        }
    }
    Ok(Prepared {
        manifest: Manifest::from_entries(entries),
        sources,
        too_many_scripts,
    })
}

fn prepare_page(found: &Found) -> Result<Page, Error> {
    let bytes = read(&found.file, Some(found.identity))?;
    let identity = BlobRef::of(&bytes);
    let content_type = content_type(found.path.as_str());
    let mut sources = vec![(identity, Source::File(found.file.clone()))];
    let mut encodings = BTreeMap::new();
    if is_compressible(&content_type) && identity.length <= MAX_COMPRESSED {
        for encoding in Encoding::ALL {
            if let Some(encoded) = encoding.compress(&bytes) {
                let blob = BlobRef::of(&encoded);
                encodings.insert(encoding, blob);
                sources.push((blob, Source::Memory(encoded)));
            }
        }
    }
    let mut scripts = match std::str::from_utf8(&bytes) {
        Ok(html) if is_html(&content_type) => script_hashes(html),
        _ => Vec::new(),
    };
    let too_many_scripts = scripts.len() > MAX_SCRIPTS;
    scripts.truncate(MAX_SCRIPTS);
    let entry = Entry {
        content_type,
        identity,
        encodings,
        scripts,
    };
    Ok(Page {
        path: found.path.clone(),
        entry,
        sources,
        too_many_scripts,
    })
}

/// Reads a regular file. With `identity` (device and inode) it must still be the one that was found, so that no symbolic
/// link that took its place, or that of a folder above it, can publish a file from outside.
fn read(path: &Path, identity: Option<(u64, u64)>) -> Result<Vec<u8>, Error> {
    let failed = |source| Error::Read {
        path: path.to_owned(),
        source,
    };
    // Looked at first as well: opening a pipe would wait for its other end.
    if !std::fs::symlink_metadata(path).map_err(failed)?.is_file() {
        return Err(changed(path));
    }
    let file = File::open(path).map_err(failed)?;
    let opened = file.metadata().map_err(failed)?;
    let same = identity.is_none_or(|identity| identity == (opened.dev(), opened.ino()));
    if !opened.is_file() || !same {
        return Err(changed(path));
    }
    let mut bytes = Vec::new();
    file.take(MAX_FILE.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    if bytes.len() as u64 > MAX_FILE {
        return Err(Error::Refused {
            path: path.to_owned(),
            reason: "is larger than 512 MiB".to_owned(),
            way_out: "serve so large a file from elsewhere",
        });
    }
    Ok(bytes)
}

fn changed(path: &Path) -> Error {
    Error::Refused {
        path: path.to_owned(),
        reason: "changed while it was being pushed".to_owned(),
        way_out: "wait for your generator to finish and push again",
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::scan::scan;

    #[test]
    fn link_that_takes_a_files_place_after_the_scan_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let (site, secret) = (dir.path().join("site"), dir.path().join("secret"));
        let (folder, page) = (site.join("a"), site.join("a/page"));
        for dir in [&folder, &secret] {
            std::fs::create_dir_all(dir).unwrap();
            std::fs::write(dir.join("page"), "text").unwrap();
        }
        let found = scan(&site).unwrap();
        assert!(prepare(&found, 1, &|_| {}).is_ok());
        std::fs::rename(&page, site.join("a/old")).unwrap();
        std::os::unix::fs::symlink(secret.join("page"), &page).unwrap();
        let refused = |scan| prepare(scan, 1, &|_| {}).unwrap_err().to_string();
        assert!(refused(&found).contains("changed"));
        std::fs::rename(&folder, site.join("b")).unwrap();
        std::os::unix::fs::symlink(&secret, &folder).unwrap();
        assert!(refused(&found).contains("changed"));
    }
}
