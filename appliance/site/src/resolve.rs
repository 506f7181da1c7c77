//! From a request's path to the page that answers it.

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use crate::manifest::{Entry, Manifest};
use crate::path::RequestPath;

/// What a path means on a version of a site.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resolved<'a> {
    /// A page at this canonical path.
    Page {
        /// The manifest's path.
        path: &'a str,
        /// Its entry.
        entry: &'a Entry,
    },
    /// Another spelling of a page's URL; the bool says whether a slash belongs at the end of the stem.
    Moved {
        /// Whether the right spelling ends in a slash.
        folder: bool,
    },
    /// No page; the site's own `404.html` where it has one.
    Missing(Option<(&'a str, &'a Entry)>),
}

/// Finds the page: the file itself, then clean URLs (`/a` is `/a.html`, a folder is its `index.html`).
#[must_use]
pub fn resolve<'a>(manifest: &'a Manifest, request: &RequestPath) -> Resolved<'a> {
    let stem = request.stem();
    let page = |path: &str| manifest.page(path);
    let index = || page(&format!("{stem}/index.html"));
    let found = if request.is_folder() {
        match index() {
            Some((path, entry)) => Some(Resolved::Page { path, entry }),
            None if !stem.is_empty()
                && (page(stem).is_some() || clean(manifest, stem).is_some()) =>
            {
                Some(Resolved::Moved { folder: false })
            }
            None => None,
        }
    } else if let Some((path, entry)) = page(stem).or_else(|| clean(manifest, stem)) {
        Some(Resolved::Page { path, entry })
    } else {
        index().map(|_| Resolved::Moved { folder: true })
    };
    found.unwrap_or_else(|| Resolved::Missing(page("/404.html")))
}

fn clean<'a>(manifest: &'a Manifest, stem: &str) -> Option<(&'a str, &'a Entry)> {
    manifest.page(&format!("{stem}.html"))
}

/// What must be encoded in the path of a `Location` (RFC 3986, section 3.3).
const PATH: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'[')
    .add(b'\\')
    .add(b']')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// The path of a `Location` field for the right spelling of `request`.
#[must_use]
pub fn location(request: &RequestPath, folder: bool) -> String {
    let mut path = utf8_percent_encode(request.stem(), PATH).to_string();
    if folder || path.is_empty() {
        path.push('/');
    }
    path
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;
    use crate::digest::BlobRef;
    use crate::path::PagePath;

    fn manifest(paths: &[&str]) -> Manifest {
        let entry = |path: &str| Entry {
            content_type: "text/html".to_owned(),
            identity: BlobRef::of(path.as_bytes()),
            encodings: std::collections::BTreeMap::new(),
            scripts: Vec::new(),
        };
        Manifest::from_entries(
            paths
                .iter()
                .map(|path| (PagePath::parse(path).unwrap(), entry(path)))
                .collect(),
        )
    }

    #[test]
    fn clean_urls_find_their_page() {
        let site = manifest(&[
            "/index.html",
            "/a.html",
            "/b/index.html",
            "/c",
            "/404.html",
            "/d e/index.html",
        ]);
        let at = |raw: &str| match resolve(&site, &RequestPath::decode(raw).unwrap()) {
            Resolved::Page { path, .. } => path.to_owned(),
            Resolved::Moved { folder } => {
                format!(
                    "-> {}",
                    location(&RequestPath::decode(raw).unwrap(), folder)
                )
            }
            Resolved::Missing(own) => format!("missing {}", own.map_or("", |(path, _)| path)),
        };
        assert_eq!(at("/"), "/index.html");
        assert_eq!(at("/a"), "/a.html");
        assert_eq!(at("/a.html"), "/a.html");
        assert_eq!(at("/a/"), "-> /a");
        assert_eq!(at("/b"), "-> /b/");
        assert_eq!(at("/b/"), "/b/index.html");
        assert_eq!(at("/b/index.html"), "/b/index.html");
        assert_eq!(at("/c/"), "-> /c");
        assert_eq!(at("/d%20e"), "-> /d%20e/");
        assert_eq!(at("/nothing"), "missing /404.html");
    }
}
