//! The one decoding of a request's path.

use holdfast_site::{RequestPath, location};

/// What is accepted cannot leave the site, is decoded once, and comes back from its own URL.
pub(crate) fn request_path(bytes: &[u8]) {
    let Ok(raw) = std::str::from_utf8(bytes) else {
        return;
    };
    let Ok(path) = RequestPath::decode(raw) else {
        return;
    };
    let stem = path.stem();
    assert!(stem.is_empty() || stem.starts_with('/'), "{raw:?}");
    assert!(stem.len() <= 1024, "{raw:?}");
    for segment in stem.split('/').skip(1) {
        assert!(
            !matches!(segment, "" | "." | ".."),
            "{raw:?} leaves the site"
        );
        assert!(
            !segment.contains(|c: char| c.is_control() || c == '\\'),
            "{raw:?}"
        );
    }
    let url = location(&path, path.is_folder());
    assert!(
        url.is_ascii() && !url.contains(['\r', '\n', ' ', '"', '<', '#', '?']),
        "{url:?}"
    );
    assert!(
        !url.starts_with("//"),
        "{raw:?} becomes another host: {url:?}"
    );
    assert_eq!(
        RequestPath::decode(&url).as_ref(),
        Ok(&path),
        "{raw:?} by {url:?}"
    );
}
