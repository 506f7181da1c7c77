//! The manifest: what a version serves at each path, and its strict decoding.

use std::collections::{BTreeMap, HashSet};

use serde::{Deserialize, Serialize};

use crate::digest::BlobRef;
use crate::encoding::Encoding;
use crate::error::{Error, Fault};
use crate::header_rules::{HeaderRule, HeaderRules};
use crate::inline::MAX_SCRIPTS;
use crate::path::PagePath;
use crate::redirects::{RedirectRule, Redirects};
use crate::scan::MAX_FILE;

/// The format of manifests that are stored now: 2, with rules. Format 1 held entries alone.
pub(crate) const FORMAT: u16 = 2;
/// Most pages of a site.
pub const MAX_ENTRIES: usize = 500_000;

/// What is served at one path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// The `Content-Type` field.
    pub content_type: String,
    /// The file as its author wrote it.
    pub identity: BlobRef,
    /// Smaller encodings of the same bytes.
    #[serde(default)]
    pub encodings: BTreeMap<Encoding, BlobRef>,
    /// CSP source expressions of the page's inline scripts.
    #[serde(default)]
    pub scripts: Vec<String>,
}

impl Entry {
    /// All blobs of the entry, identity first.
    pub fn blobs(&self) -> impl Iterator<Item = BlobRef> + '_ {
        std::iter::once(self.identity).chain(self.encodings.values().copied())
    }
}

/// What a version of a site serves, by path, and the rules for what else it answers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Manifest {
    entries: BTreeMap<PagePath, Entry>,
    redirects: Redirects,
    headers: HeaderRules,
}

/// A manifest as it comes from outside; a list, since a map would hide repeated paths.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WireManifest {
    /// Pages in any order.
    pub entries: Vec<WireEntry>,
    /// The rules of `_redirects`, in their order.
    #[serde(default)]
    pub redirects: Vec<RedirectRule>,
    /// The rules of `_headers`, in their order.
    #[serde(default)]
    pub headers: Vec<HeaderRule>,
}

/// The fields of a stored manifest of format 1.
#[derive(Deserialize)]
struct StoredV1 {
    entries: Vec<WireEntry>,
}

/// One page of a [`WireManifest`].
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WireEntry {
    /// Canonical path, unchecked.
    pub path: String,
    /// The entry, unchecked.
    pub entry: Entry,
}

impl Manifest {
    /// Builds a manifest of entries that are right by construction (on the workstation).
    #[must_use]
    pub fn from_entries(entries: BTreeMap<PagePath, Entry>) -> Self {
        Self {
            entries,
            ..Self::default()
        }
    }

    /// The manifest with these rules, checked against its pages.
    ///
    /// # Errors
    /// The first rule that leads to no page or to a chain without end: its number from 0, and why.
    pub fn with_rules(
        mut self,
        redirects: Redirects,
        headers: HeaderRules,
    ) -> Result<Self, (usize, Fault)> {
        redirects.check(&|stem| self.has_page(stem))?;
        self.redirects = redirects;
        self.headers = headers;
        Ok(self)
    }

    /// The rules of `_redirects`.
    #[must_use]
    pub fn redirects(&self) -> &Redirects {
        &self.redirects
    }

    /// The rules of `_headers`.
    #[must_use]
    pub fn headers(&self) -> &HeaderRules {
        &self.headers
    }

    /// The page that a path without a slash at its end leads to: the file, its clean URL, or the folder's index.
    #[must_use]
    pub fn page_at(&self, stem: &str) -> Option<(&str, &Entry)> {
        self.page(stem)
            .or_else(|| self.page(&format!("{stem}.html")))
            .or_else(|| self.page(&format!("{stem}/index.html")))
    }

    fn has_page(&self, stem: &str) -> bool {
        self.page_at(stem).is_some()
    }

    /// The entry at a path.
    #[must_use]
    pub fn entry(&self, path: &str) -> Option<&Entry> {
        self.entries.get(path)
    }

    /// The entry at a path, with the path as the manifest holds it.
    #[must_use]
    pub fn page(&self, path: &str) -> Option<(&str, &Entry)> {
        self.entries
            .get_key_value(path)
            .map(|(path, entry)| (path.as_str(), entry))
    }

    /// All entries, by path.
    pub fn entries(&self) -> impl Iterator<Item = (&PagePath, &Entry)> {
        self.entries.iter()
    }

    /// Number of pages.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is no page.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Bytes of all pages without encodings.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.entries
            .values()
            .fold(0, |sum, entry| sum.saturating_add(entry.identity.length))
    }

    /// The form that travels and is stored.
    #[must_use]
    pub fn to_wire(&self) -> WireManifest {
        let entries = self
            .entries
            .iter()
            .map(|(path, entry)| WireEntry {
                path: path.to_string(),
                entry: entry.clone(),
            })
            .collect();
        WireManifest {
            entries,
            redirects: self.redirects.rules().cloned().collect(),
            headers: self.headers.rules().cloned().collect(),
        }
    }

    /// The bytes that are stored, in the present format.
    ///
    /// # Errors
    /// [`Error::Manifest`] if it cannot be encoded.
    pub fn to_stored(&self) -> Result<Vec<u8>, Error> {
        postcard::to_stdvec(&self.to_wire()).map_err(|error| Error::Manifest(error.to_string()))
    }

    /// Reads what was stored in this format, as strictly as what comes from outside.
    ///
    /// # Errors
    /// [`Error::Damaged`] if the bytes are not of the format, or the first rule that they break.
    pub fn from_stored(format: u16, bytes: &[u8]) -> Result<Self, Error> {
        let damaged = |error: postcard::Error| Error::Damaged(format!("a manifest: {error}"));
        let wire = match format {
            1 => WireManifest {
                entries: whole::<StoredV1>(bytes).map_err(damaged)?.entries,
                redirects: Vec::new(),
                headers: Vec::new(),
            },
            FORMAT => whole(bytes).map_err(damaged)?,
            newer => {
                return Err(Error::Manifest(format!(
                    "its format {newer} is newer than this program"
                )));
            }
        };
        Self::decode(wire)
    }

    /// Checks a foreign manifest: canonical paths that do not clash, sane types and lengths.
    ///
    /// Whether the blobs exist is for [`crate::Site::commit`] to say.
    ///
    /// # Errors
    /// The first rule that it breaks.
    pub fn decode(wire: WireManifest) -> Result<Self, Error> {
        if wire.entries.is_empty() || wire.entries.len() > MAX_ENTRIES {
            return Err(Error::Manifest(
                "a site has between 1 and 500000 pages".to_owned(),
            ));
        }
        let mut folded = HashSet::new();
        let mut entries = BTreeMap::new();
        for WireEntry { path, entry } in wire.entries {
            let page = PagePath::parse(&path).map_err(|source| Error::ManifestPath {
                path: path.clone(),
                source,
            })?;
            if !folded.insert(page.folded()) {
                return Err(Error::Manifest(format!(
                    "path `{path}` comes twice, or in two cases"
                )));
            }
            check_entry(&path, &entry)?;
            entries.insert(page, entry);
        }
        let refused = |kind| {
            move |(number, fault): (usize, Fault)| Error::Rule {
                kind,
                number: number.saturating_add(1),
                fault,
            }
        };
        let redirects = Redirects::build(wire.redirects).map_err(refused("redirect"))?;
        let headers = HeaderRules::build(wire.headers).map_err(refused("header"))?;
        Self::from_entries(entries)
            .with_rules(redirects, headers)
            .map_err(refused("redirect"))
    }
}

/// Decodes all of the bytes.
fn whole<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, postcard::Error> {
    match postcard::take_from_bytes(bytes)? {
        (value, []) => Ok(value),
        _ => Err(postcard::Error::DeserializeBadEncoding),
    }
}

/// Whether this can stand in a `Content-Type` field (RFC 9110, section 8.3.1), in the bounds of an entry.
pub(crate) fn is_content_type(kind: &str) -> bool {
    let printable = kind.bytes().all(|byte| (0x20..0x7f).contains(&byte));
    !kind.is_empty() && kind.len() <= 127 && printable && kind.contains('/')
}

fn check_entry(path: &str, entry: &Entry) -> Result<(), Error> {
    if !is_content_type(&entry.content_type) {
        return Err(Error::Manifest(format!(
            "content type of `{path}` is not one"
        )));
    }
    if entry.blobs().any(|blob| blob.length > MAX_FILE) {
        return Err(Error::Manifest(format!("`{path}` is larger than 512 MiB")));
    }
    if entry
        .encodings
        .values()
        .any(|blob| blob.length >= entry.identity.length)
    {
        return Err(Error::Manifest(format!(
            "an encoding of `{path}` is not smaller than the file"
        )));
    }
    if entry.scripts.len() > MAX_SCRIPTS || !entry.scripts.iter().all(|hash| is_hash_source(hash)) {
        return Err(Error::Manifest(format!(
            "script hashes of `{path}` are not a list of at most 48"
        )));
    }
    Ok(())
}

/// `sha256-` and 44 characters of base64 (CSP level 3, section 2.3.1): nothing that could end a directive.
fn is_hash_source(text: &str) -> bool {
    text.strip_prefix("sha256-").is_some_and(|value| {
        value.len() == 44
            && value
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'='))
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;

    fn entry(length: u64) -> Entry {
        Entry {
            content_type: "text/html; charset=utf-8".to_owned(),
            identity: BlobRef {
                length,
                ..BlobRef::of(b"x")
            },
            encodings: BTreeMap::new(),
            scripts: Vec::new(),
        }
    }

    fn decode(paths: &[&str], entry: &Entry) -> Result<Manifest, Error> {
        let entries = paths
            .iter()
            .map(|path| WireEntry {
                path: (*path).to_owned(),
                entry: entry.clone(),
            })
            .collect();
        Manifest::decode(WireManifest {
            entries,
            redirects: Vec::new(),
            headers: Vec::new(),
        })
    }

    #[test]
    fn foreign_manifests_are_decoded_strictly() {
        assert!(decode(&["/index.html", "/a/b.html"], &entry(1)).is_ok());
        for paths in [
            &["a"][..],
            &["/a/../b"],
            &["/a", "/a"],
            &["/a", "/A"],
            &["/_headers"],
            &[],
        ] {
            assert!(decode(paths, &entry(1)).is_err(), "{paths:?}");
        }
        assert!(decode(&["/a"], &entry(MAX_FILE + 1)).is_err());
        let header_split = Entry {
            content_type: "text/html\r\nX: y".to_owned(),
            ..entry(1)
        };
        assert!(decode(&["/a"], &header_split).is_err());
        let directive = Entry {
            scripts: vec!["sha256-'; script-src *".to_owned()],
            ..entry(1)
        };
        assert!(decode(&["/a"], &directive).is_err());
        let grown = Entry {
            encodings: BTreeMap::from([(Encoding::Gzip, BlobRef::of(b"xx"))]),
            ..entry(1)
        };
        assert!(decode(&["/a"], &grown).is_err());
    }
}
