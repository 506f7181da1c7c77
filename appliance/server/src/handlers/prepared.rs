//! Entries made ready: what a hit needs, found by the request's path as it was sent.
//!
//! What a path without a query leads to is a function of the live version alone, so it is worked out once: the entry's
//! blobs and, for each encoding, all header fields. A hit clones these, which counts references and formats nothing.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use holdfast_site::{BlobRef, Encoding, Entry};
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, ETAG, HeaderMap, HeaderValue};
use http::{StatusCode, Uri};

use super::encoding::{Accepted, Choice};
use crate::headers;
use crate::rejection::Rejection;
use crate::settings::PageRights;

/// Most bytes, by estimate, of one generation of entries; two are kept.
const BOUND: usize = 2 * 1024 * 1024;
/// What a header field takes beside its value.
const FIELD: usize = 112;

/// An entry made ready.
#[derive(Debug)]
pub(crate) struct Ready {
    /// Its path in the manifest.
    pub(super) path: Box<str>,
    pub(super) status: StatusCode,
    pub(super) content_type: HeaderValue,
    /// As its author wrote it.
    pub(super) identity: Variant,
    encodings: Vec<Variant>,
    /// The header fields that all variants share.
    shared: HeaderMap,
}

/// One encoding of an entry.
#[derive(Debug)]
pub(super) struct Variant {
    encoding: Option<Encoding>,
    pub(super) blob: BlobRef,
    pub(super) etag: HeaderValue,
    head: OnceLock<HeaderMap>,
}

impl Ready {
    /// Works out the headers of an entry. `listed` is what the site's author adds at this path.
    pub(super) fn new(
        rights: PageRights,
        path: &str,
        entry: &Entry,
        status: StatusCode,
        listed: &[(&str, &str)],
    ) -> Result<Self, Rejection> {
        let encodings = entry.encodings.iter();
        Ok(Self {
            path: path.into(),
            status,
            content_type: headers::value(&entry.content_type)?,
            identity: Variant::new(None, entry.identity)?,
            encodings: encodings
                .map(|(encoding, blob)| Variant::new(Some(*encoding), *blob))
                .collect::<Result<_, _>>()?,
            shared: headers::of_entry(rights, entry, listed)?,
        })
    }

    /// All header fields of a variant.
    pub(super) fn head(&self, variant: &Variant) -> HeaderMap {
        let make = || {
            let mut head = self.shared.clone();
            head.insert(ETAG, variant.etag.clone());
            head.insert(CONTENT_LENGTH, HeaderValue::from(variant.blob.length));
            if let Some(encoding) = variant.encoding {
                head.insert(CONTENT_ENCODING, HeaderValue::from_static(encoding.name()));
            }
            head
        };
        variant.head.get_or_init(make).clone()
    }

    /// The variant that a client accepts.
    pub(super) fn negotiate(&self, accepted: &Accepted) -> Result<&Variant, Rejection> {
        let find = |encoding| {
            let mut there = self.encodings.iter();
            there.find(|variant| variant.encoding == Some(encoding))
        };
        match accepted.choose(|encoding| find(encoding).is_some()) {
            Choice::Identity => Ok(&self.identity),
            Choice::Encoded(encoding) => find(encoding).ok_or(Rejection::NotAcceptable),
            Choice::Nothing => Err(Rejection::NotAcceptable),
        }
    }

    /// The variant that has this validator.
    pub(super) fn validated(&self, etag: &[u8]) -> Option<&Variant> {
        let mut all = std::iter::once(&self.identity).chain(&self.encodings);
        all.find(|variant| variant.etag.as_bytes() == etag)
    }

    /// Bytes in memory, with all heads, by estimate.
    fn weight(&self) -> usize {
        let values: usize = self.shared.values().map(HeaderValue::len).sum();
        let fields = self.shared.len().saturating_add(3).saturating_mul(FIELD);
        // Values are shared between the heads, fields are not.
        let heads = self.encodings.len().saturating_add(2);
        values
            .saturating_add(fields.saturating_mul(heads))
            .saturating_add(self.path.len())
            .saturating_add(512)
    }
}

impl Variant {
    fn new(encoding: Option<Encoding>, blob: BlobRef) -> Result<Self, Rejection> {
        // A strong validator (RFC 9110, section 8.8.3): the hash of exactly these bytes, and their encoding.
        let etag = match encoding {
            Some(encoding) => format!("\"{}-{}\"", blob.sha256, encoding.name()),
            None => format!("\"{}\"", blob.sha256),
        };
        Ok(Self {
            encoding,
            blob,
            etag: headers::value(&etag)?,
            head: OnceLock::new(),
        })
    }
}

/// The entries of the live version that were asked for lately, by path as sent.
#[derive(Default)]
pub(crate) struct Prepared(Mutex<Generations>);

#[derive(Default)]
struct Generations {
    /// The version that they are of.
    version: u64,
    young: HashMap<Box<str>, Arc<Ready>>,
    /// Bytes of the young ones, by estimate.
    weight: usize,
    old: HashMap<Box<str>, Arc<Ready>>,
}

impl Prepared {
    /// The entry of a path of this version, if it was found before.
    pub(super) fn find(&self, version: u64, uri: &Uri) -> Option<Arc<Ready>> {
        // A query may lead elsewhere.
        let path = Some(uri.path()).filter(|_| uri.query().is_none())?;
        let mut generations = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if generations.version != version {
            return None;
        }
        if let Some(ready) = generations.young.get(path) {
            return Some(Arc::clone(ready));
        }
        let (path, ready) = generations.old.remove_entry(path)?;
        generations.keep(path, Arc::clone(&ready));
        Some(ready)
    }

    /// Keeps an entry for its path.
    pub(super) fn keep(&self, version: u64, uri: &Uri, ready: &Arc<Ready>) {
        if uri.query().is_some() {
            return;
        }
        let mut generations = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if generations.version != version {
            *generations = Generations {
                version,
                ..Generations::default()
            };
        }
        generations.keep(uri.path().into(), Arc::clone(ready));
    }
}

impl Generations {
    fn keep(&mut self, path: Box<str>, ready: Arc<Ready>) {
        let weight = ready.weight().saturating_add(path.len());
        if self.weight.saturating_add(weight) > BOUND {
            self.old = std::mem::take(&mut self.young);
            self.weight = 0;
        }
        self.weight = self.weight.saturating_add(weight);
        self.young.insert(path, ready);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    const RIGHTS: PageRights = PageRights {
        act: true,
        loosen: false,
    };

    fn ready(path: &str) -> Arc<Ready> {
        let entry = Entry {
            content_type: "text/html; charset=utf-8".to_owned(),
            identity: BlobRef::of(b"some text"),
            encodings: BTreeMap::from([(Encoding::Gzip, BlobRef::of(b"some"))]),
            scripts: Vec::new(),
        };
        Arc::new(Ready::new(RIGHTS, path, &entry, StatusCode::OK, &[]).unwrap())
    }

    #[test]
    fn entries_are_found_by_path_within_their_version_and_without_a_query() {
        let prepared = Prepared::default();
        let uri = |text: &str| text.parse::<Uri>().unwrap();
        prepared.keep(1, &uri("/a"), &ready("/a.html"));
        assert_eq!(&*prepared.find(1, &uri("/a")).unwrap().path, "/a.html");
        assert!(prepared.find(1, &uri("/a?b")).is_none());
        assert!(prepared.find(2, &uri("/a")).is_none());
        prepared.keep(2, &uri("/b?c"), &ready("/b.html"));
        assert!(prepared.find(1, &uri("/a")).is_some());
        prepared.keep(2, &uri("/b"), &ready("/b.html"));
        assert!(prepared.find(1, &uri("/a")).is_none());
    }

    #[test]
    fn prepared_entries_keep_their_bound_and_the_lately_asked() {
        let prepared = Prepared::default();
        let often = "/often".parse::<Uri>().unwrap();
        prepared.keep(1, &often, &ready("/often"));
        for n in 0..3000 {
            let path = format!("/{n}");
            prepared.keep(1, &path.parse().unwrap(), &ready(&path));
            assert!(prepared.find(1, &often).is_some(), "{n}");
        }
        let generations = prepared.0.lock().unwrap();
        let weigh = |one: &HashMap<Box<str>, Arc<Ready>>| -> usize {
            one.iter()
                .map(|(path, ready)| ready.weight() + path.len())
                .sum()
        };
        let (young, old) = (weigh(&generations.young), weigh(&generations.old));
        assert!(young <= BOUND && old <= BOUND, "{young} {old}");
        assert!(!generations.young.contains_key("/0") && !generations.old.contains_key("/0"));
    }

    #[test]
    fn each_encoding_has_a_head_and_a_validator_of_its_own() {
        let ready = ready("/a");
        let gzip = ready.validated(ready.encodings.first().unwrap().etag.as_bytes());
        let (gzip, plain) = (ready.head(gzip.unwrap()), ready.head(&ready.identity));
        assert_ne!(gzip.get(ETAG), plain.get(ETAG));
        assert_eq!(gzip.get(CONTENT_ENCODING).unwrap(), "gzip");
        assert_eq!(gzip.get(CONTENT_LENGTH).unwrap(), "4");
        assert_eq!(plain.get(CONTENT_LENGTH).unwrap(), "9");
        assert!(plain.get(CONTENT_ENCODING).is_none());
        for name in [
            "vary",
            "content-security-policy",
            "x-content-type-options",
            "cache-control",
        ] {
            assert!(
                plain.contains_key(name) && gzip.contains_key(name),
                "{name}"
            );
        }
    }
}
