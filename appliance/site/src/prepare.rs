//! Making a manifest of a scanned folder: hashing and precompressing in parallel, on the workstation.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::digest::{BlobRef, Digest};
use crate::encoding::Encoding;
use crate::error::{Error, Fault};
use crate::header_rules::{self, HeaderRules, ParsedHeaders, Types};
use crate::inline::{MAX_SCRIPTS, script_hashes};
use crate::loose::{Loose, Warnings, evaluates};
use crate::manifest::{Entry, Manifest};
use crate::media::{content_type, is_compressible, is_html, is_script};
use crate::path::PagePath;
use crate::redirects::{self, Redirects};
use crate::scan::{Found, MAX_FILE, Scan};
use crate::source::{Source, Spool};

/// Files larger than this travel and are served as they are.
const MAX_COMPRESSED: u64 = 32 * 1024 * 1024;
/// Most bytes of `_redirects` or `_headers`.
const MAX_RULES_FILE: usize = 4 * 1024 * 1024;

/// A folder made ready to push.
#[derive(Debug)]
pub struct Prepared {
    /// What the version serves.
    pub manifest: Manifest,
    /// Where each blob comes from. Encodings that the appliance made known have no source: it holds them.
    pub sources: HashMap<Digest, (BlobRef, Source)>,
    /// What will not work as its author may expect, in words that end in what to do.
    pub warnings: Vec<String>,
}

/// Encodings that the appliance holds already, by their file: what is not changed is not compressed again.
#[derive(Debug, Default)]
pub struct Known(HashMap<Digest, BTreeMap<Encoding, BlobRef>>);

impl Known {
    /// The encodings that a manifest of the appliance names.
    #[must_use]
    pub fn of(manifest: &Manifest) -> Self {
        let entries = manifest.entries().map(|(_, entry)| entry);
        let encoded = entries.filter(|entry| !entry.encodings.is_empty());
        Self(
            encoded
                .map(|entry| (entry.identity.sha256, entry.encodings.clone()))
                .collect(),
        )
    }
}

/// How to make a folder ready.
pub struct Options<'a> {
    /// Threads that hash and compress.
    pub threads: usize,
    /// Whether encodings are made; a comparison needs none.
    pub compress: bool,
    /// Encodings that need not be made.
    pub known: &'a Known,
    /// The site's own `https://` origin: what pages load from there is theirs.
    pub origin: Option<&'a str>,
    /// Hears how many files are done.
    pub progress: &'a (dyn Fn(usize) + Sync),
}

struct Page {
    path: PagePath,
    entry: Entry,
    sources: Vec<(BlobRef, Source)>,
    loose: Loose,
}

/// Hashes and compresses the files of `scan` on `threads` threads; `progress` hears how many are done.
///
/// # Errors
/// As [`prepare_with`].
pub fn prepare(
    scan: &Scan,
    threads: usize,
    progress: &(dyn Fn(usize) + Sync),
) -> Result<Prepared, Error> {
    let options = Options {
        threads,
        compress: true,
        known: &Known::default(),
        origin: None,
        progress,
    };
    prepare_with(scan, &options)
}

/// Hashes and compresses the files of `scan`, and reads its rules.
///
/// # Errors
/// A file that cannot be read, or a line of `_redirects` or `_headers` that cannot be kept.
pub fn prepare_with(scan: &Scan, options: &Options<'_>) -> Result<Prepared, Error> {
    // Before the long work: a wrong line is told at once.
    let redirects = rules(scan.redirects.as_deref(), redirects::parse)?.unwrap_or_default();
    let ParsedHeaders {
        rules: headers,
        types,
    } = rules(scan.headers.as_deref(), header_rules::parse)?.unwrap_or_default();
    let (lines, redirects) = split(redirects);
    let redirects = Redirects::build(redirects)
        .map_err(|(number, fault)| at_line(redirects::FILE, &lines, number, fault))?;
    let (header_lines, headers) = split(headers);
    let headers = HeaderRules::build(headers)
        .map_err(|(number, fault)| at_line(header_rules::FILE, &header_lines, number, fault))?;

    let spool = Spool::default();
    let pages = pages(scan, options, &types, &spool)?;
    let mut sources = HashMap::new();
    let mut entries = BTreeMap::new();
    let mut warnings = Warnings::default();
    for page in pages {
        warnings.note(&page.path, &page.loose);
        entries.insert(page.path, page.entry);
        for (blob, source) in page.sources {
            sources.entry(blob.sha256).or_insert((blob, source));
        }
    }
    warnings.note_headers(&headers);
    let manifest = Manifest::from_entries(entries)
        .with_rules(redirects, headers)
        .map_err(|(number, fault)| at_line(redirects::FILE, &lines, number, fault))?;
    Ok(Prepared {
        manifest,
        sources,
        warnings: warnings.texts(),
    })
}

/// Reads a file of rules, if there is one.
fn rules<T>(
    path: Option<&Path>,
    parse: impl FnOnce(&str) -> Result<T, Error>,
) -> Result<Option<T>, Error> {
    let Some(path) = path else {
        return Ok(None);
    };
    let refused = |reason: &str, way_out| Error::Refused {
        path: path.to_owned(),
        reason: reason.to_owned(),
        way_out,
    };
    let bytes = read(path, None)?;
    if bytes.len() > MAX_RULES_FILE {
        return Err(refused(
            "is larger than 4 MiB",
            "join rules by placeholders or `*`",
        ));
    }
    let text = String::from_utf8(bytes).map_err(|_| refused("is not UTF-8", "save it as UTF-8"))?;
    parse(&text).map(Some)
}

fn split<T>(rules: Vec<(usize, T)>) -> (Vec<usize>, Vec<T>) {
    rules.into_iter().unzip()
}

fn at_line(file: &'static str, lines: &[usize], number: usize, fault: Fault) -> Error {
    let line = lines.get(number).copied().unwrap_or_default();
    Error::Line { file, line, fault }
}

fn pages(
    scan: &Scan,
    options: &Options<'_>,
    types: &Types,
    spool: &Spool,
) -> Result<Vec<Page>, Error> {
    let next = AtomicUsize::new(0);
    let done = AtomicUsize::new(0);
    let pages = Mutex::new(Ok(Vec::with_capacity(scan.files.len())));
    std::thread::scope(|scope| {
        for _ in 0..options.threads.max(1) {
            scope.spawn(|| {
                while let Some(found) = scan.files.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let page = prepare_page(found, options, types, spool);
                    let mut all = pages.lock().unwrap_or_else(PoisonError::into_inner);
                    match (page, all.as_mut()) {
                        (Ok(page), Ok(all)) => all.push(page),
                        (Err(error), Ok(_)) => *all = Err(error),
                        (_, Err(_)) => return,
                    }
                    drop(all);
                    (options.progress)(done.fetch_add(1, Ordering::Relaxed).saturating_add(1));
                }
            });
        }
    });
    pages.into_inner().unwrap_or_else(PoisonError::into_inner)
}

fn prepare_page(
    found: &Found,
    options: &Options<'_>,
    types: &Types,
    spool: &Spool,
) -> Result<Page, Error> {
    let bytes = read(&found.file, Some(found.identity))?;
    let identity = BlobRef::of(&bytes);
    let path = found.path.as_str();
    let content_type = types
        .find(path)
        .map_or_else(|| content_type(path), str::to_owned);
    let mut sources = vec![(identity, Source::File(found.file.clone()))];
    let mut encodings = BTreeMap::new();
    if options.compress && is_compressible(&content_type) && identity.length <= MAX_COMPRESSED {
        if let Some(known) = options.known.0.get(&identity.sha256) {
            encodings.clone_from(known);
        } else {
            for encoding in Encoding::ALL {
                if let Some(encoded) = encoding.compress(&bytes) {
                    let blob = BlobRef::of(&encoded);
                    encodings.insert(encoding, blob);
                    sources.push((blob, spool.keep(encoded)?));
                }
            }
        }
    }
    let html = std::str::from_utf8(&bytes)
        .ok()
        .filter(|_| is_html(&content_type));
    let mut scripts = html.map(script_hashes).unwrap_or_default();
    let mut loose = html.map_or_else(Loose::default, |html| Loose::of(html, options.origin));
    loose.too_many_scripts = scripts.len() > MAX_SCRIPTS;
    loose.not_utf8 = is_html(&content_type) && html.is_none() && has_script(&bytes);
    loose.evaluates = is_script(&content_type) && evaluates(&bytes);
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
        loose,
    })
}

/// Whether bytes in whatever encoding look like a page with a script in it: the letters, each perhaps beside a zero (UTF-16).
fn has_script(bytes: &[u8]) -> bool {
    let letters = bytes.iter().filter(|byte| **byte != 0);
    let mut matched = 0_usize;
    for byte in letters {
        let wanted = b"<script".get(matched);
        matched = match wanted {
            Some(wanted) if byte.eq_ignore_ascii_case(wanted) => matched.saturating_add(1),
            _ => usize::from(*byte == b'<'),
        };
        if matched == b"<script".len() {
            return true;
        }
    }
    false
}

/// Reads a regular file. With `identity` (device and inode) it must still be the one that was found, so that no symbolic
/// link that took its place, or that of a folder above it, can publish a file from outside.
pub(crate) fn read(path: &Path, identity: Option<(u64, u64)>) -> Result<Vec<u8>, Error> {
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

pub(crate) fn changed(path: &Path) -> Error {
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
    fn pages_in_other_encodings_and_code_made_of_text_are_warned_of() {
        let dir = tempfile::tempdir().unwrap();
        let write =
            |name: &str, bytes: &[u8]| std::fs::write(dir.path().join(name), bytes).unwrap();
        let utf16 = |text: &str| -> Vec<u8> {
            let units = std::iter::once(0xfeff).chain(text.encode_utf16());
            units.flat_map(u16::to_le_bytes).collect()
        };
        write("good.html", "<p>é<script>x()</script>".as_bytes());
        write("latin1.html", b"<p>\xe9<SCRIPT>x()</script>");
        write("utf16.html", &utf16("<p>\u{e9}<script>x()</script>"));
        write("plain.html", b"<p>\xe9 without any script");
        write("vendor.js", b"var f = new Function('return 1')");
        write("own.js", b"function run() {}");
        write("notes.txt", b"eval(1)");
        let prepared = prepare(&scan(dir.path()).unwrap(), 1, &|_| {}).unwrap();
        let about = |what: &str| {
            let mut found = prepared.warnings.iter().filter(|text| text.contains(what));
            let text = found.next().unwrap();
            assert!(found.next().is_none(), "one warning");
            text.split(": ").next().unwrap().to_owned()
        };
        let mut pages: Vec<_> = about("not UTF-8").split(", ").map(str::to_owned).collect();
        pages.sort();
        assert_eq!(pages, ["/latin1.html", "/utf16.html"]);
        assert_eq!(about("new Function"), "/vendor.js");
        assert_eq!(prepared.warnings.len(), 2);
    }

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
