//! From a request's path to the page that answers it.

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use crate::manifest::{Entry, Manifest};
use crate::path::RequestPath;
use crate::redirects::Outcome;
use crate::versions::Live;

/// What a path means on a version of a site.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resolved<'a> {
    /// A page.
    Page {
        /// The manifest's path.
        path: &'a str,
        /// Its entry.
        entry: &'a Entry,
        /// 200; what a rule of `_redirects` says (200, 404, 410); or 404 for the site's own `404.html`.
        status: u16,
    },
    /// Another spelling of a page's URL; the bool says whether a slash belongs at the end of the stem.
    Moved {
        /// Whether the right spelling ends in a slash.
        folder: bool,
    },
    /// A rule of `_redirects` sends the visitor elsewhere.
    Redirect {
        /// 301, 302, 303, 307 or 308.
        status: u16,
        /// The `Location`, encoded.
        location: String,
        /// The rule's pattern, as its author wrote it.
        rule: &'a str,
    },
    /// No page, no rule, and no `404.html`.
    Missing,
}

/// Finds what answers: the file itself, then clean URLs (`/a` is `/a.html`, a folder is its `index.html`), then the rules
/// of `_redirects`, of which those with `!` come before all pages; then `404.html`.
#[must_use]
pub fn resolve<'a>(live: &'a Live, request: &RequestPath, query: Option<&str>) -> Resolved<'a> {
    let manifest = &live.manifest;
    let found = page(manifest, request);
    match manifest.redirects().find(request, query, found.is_some()) {
        Some(Outcome::Redirect {
            status,
            location,
            rule,
        }) => {
            return Resolved::Redirect {
                status,
                location,
                rule,
            };
        }
        Some(Outcome::Page { status, path }) => {
            if let Some((path, entry)) = manifest.page_at(&path) {
                return Resolved::Page {
                    path,
                    entry,
                    status,
                };
            }
        }
        None => {}
    }
    found.unwrap_or_else(|| match manifest.page("/404.html") {
        Some((path, entry)) => Resolved::Page {
            path,
            entry,
            status: 404,
        },
        None => Resolved::Missing,
    })
}

/// What the files alone say.
fn page<'a>(manifest: &'a Manifest, request: &RequestPath) -> Option<Resolved<'a>> {
    let stem = request.stem();
    let at = |path: &str| manifest.page(path);
    let clean = || at(&format!("{stem}.html"));
    let index = || at(&format!("{stem}/index.html"));
    let whole = |(path, entry)| Resolved::Page {
        path,
        entry,
        status: 200,
    };
    if request.is_folder() {
        return match index() {
            Some(found) => Some(whole(found)),
            None if !stem.is_empty() && (at(stem).is_some() || clean().is_some()) => {
                Some(Resolved::Moved { folder: false })
            }
            None => None,
        };
    }
    match at(stem).or_else(clean) {
        Some(found) => Some(whole(found)),
        None => index().map(|_| Resolved::Moved { folder: true }),
    }
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
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::digest::BlobRef;
    use crate::header_rules::HeaderRules;
    use crate::path::PagePath;
    use crate::redirects::{Redirects, parse};

    fn live(paths: &[&str], redirects: &str) -> Live {
        let entry = |path: &str| Entry {
            content_type: "text/html".to_owned(),
            identity: BlobRef::of(path.as_bytes()),
            encodings: std::collections::BTreeMap::new(),
            scripts: Vec::new(),
        };
        let entries = paths
            .iter()
            .map(|path| (PagePath::parse(path).unwrap(), entry(path)));
        let rules = parse(redirects).unwrap().into_iter().map(|(_, rule)| rule);
        let redirects = Redirects::build(rules.collect()).unwrap();
        let manifest = Manifest::from_entries(entries.collect())
            .with_rules(redirects, HeaderRules::default())
            .unwrap();
        Live {
            version: 1,
            manifest,
        }
    }

    fn at(live: &Live, raw: &str) -> String {
        let (path, query) = match raw.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (raw, None),
        };
        let request = RequestPath::decode(path).unwrap();
        match resolve(live, &request, query) {
            Resolved::Page { path, status, .. } => format!("{status} {path}"),
            Resolved::Moved { folder } => format!("-> {}", location(&request, folder)),
            Resolved::Redirect {
                status, location, ..
            } => format!("{status} -> {location}"),
            Resolved::Missing => "missing".to_owned(),
        }
    }

    #[test]
    fn clean_urls_find_their_page() {
        let site = live(
            &[
                "/index.html",
                "/a.html",
                "/b/index.html",
                "/c",
                "/404.html",
                "/d e/index.html",
            ],
            "",
        );
        let at = |raw| at(&site, raw);
        assert_eq!(at("/"), "200 /index.html");
        assert_eq!(at("/a"), "200 /a.html");
        assert_eq!(at("/a.html"), "200 /a.html");
        assert_eq!(at("/a/"), "-> /a");
        assert_eq!(at("/b"), "-> /b/");
        assert_eq!(at("/b/"), "200 /b/index.html");
        assert_eq!(at("/b/index.html"), "200 /b/index.html");
        assert_eq!(at("/c/"), "-> /c");
        assert_eq!(at("/d%20e"), "-> /d%20e/");
        assert_eq!(at("/nothing"), "404 /404.html");
        assert_eq!(self::at(&live(&["/a"], ""), "/b"), "missing");
    }

    #[test]
    fn pages_win_over_rules_and_rules_with_a_mark_over_pages() {
        let site = live(
            &[
                "/index.html",
                "/a.html",
                "/app.html",
                "/gone.html",
                "/new.html",
            ],
            "/a /new\n/app/* /app 200\n/old /gone 410\n/nothing/:x /app.html 404\n",
        );
        assert_eq!(at(&site, "/a"), "200 /a.html");
        assert_eq!(at(&site, "/app/x/y"), "200 /app.html");
        assert_eq!(at(&site, "/app"), "200 /app.html");
        assert_eq!(at(&site, "/old"), "410 /gone.html");
        assert_eq!(at(&site, "/nothing/x"), "404 /app.html");
        let forced = live(&["/app.html", "/new.html"], "/app /new 302!");
        assert_eq!(at(&forced, "/app"), "302 -> /new");
        assert_eq!(at(&forced, "/app/?a=b"), "302 -> /new?a=b");
    }
}
