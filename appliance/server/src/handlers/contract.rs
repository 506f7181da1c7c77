//! What a path of the live version means, in the words of this crate.

use holdfast_site::{Entry, Live, RequestPath};

/// What a request's path leads to.
#[allow(dead_code, reason = "redirects come with the site's rules")]
pub(super) enum Resolved<'a> {
    /// An entry, under its path in the manifest. 200, or what a rule says (404, 410), or 404 for the site's own page.
    Page {
        path: &'a str,
        entry: &'a Entry,
        status: u16,
    },
    /// Another spelling of a page's URL; whether the right one ends in a slash.
    Moved { folder: bool },
    /// A rule's redirect: its Location, encoded, and the pattern that it is for.
    Redirect {
        status: u16,
        location: String,
        rule: &'a str,
    },
    /// Nothing.
    Missing,
}

/// Finds what the path leads to.
pub(super) fn resolve<'a>(
    live: &'a Live,
    request: &RequestPath,
    _query: Option<&str>,
) -> Resolved<'a> {
    use holdfast_site::Resolved as Found;
    match holdfast_site::resolve(&live.manifest, request) {
        Found::Page { path, entry } => Resolved::Page {
            path,
            entry,
            status: 200,
        },
        Found::Moved { folder } => Resolved::Moved { folder },
        Found::Missing(Some((path, entry))) => Resolved::Page {
            path,
            entry,
            status: 404,
        },
        Found::Missing(None) => Resolved::Missing,
    }
}

/// The headers that the site's author adds at a path.
pub(super) fn headers<'a>(_live: &'a Live, _path: &str) -> Vec<(&'a str, &'a str)> {
    Vec::new()
}
