//! Canonical page paths, and the one strict decoding of a request's path.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Longest path in bytes, the leading slash included.
pub const MAX_PATH: usize = 1024;
/// Longest segment in bytes.
pub const MAX_SEGMENT: usize = 255;

/// Why a text is not a page path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PathError {
    /// The path does not begin with `/`.
    #[error("does not begin with `/`")]
    NotAbsolute,
    /// Two slashes in a row, or a slash at the end of a file's path.
    #[error("has an empty segment")]
    EmptySegment,
    /// A segment `.` or `..`.
    #[error("has a segment `.` or `..`")]
    DotSegment,
    /// More than [`MAX_PATH`] bytes.
    #[error("is longer than 1024 bytes")]
    TooLong,
    /// A segment of more than [`MAX_SEGMENT`] bytes.
    #[error("has a segment longer than 255 bytes")]
    SegmentTooLong,
    /// A control character or a backslash.
    #[error("holds a control character or a backslash")]
    Character,
    /// A `%` that two hex digits do not follow, or that encodes `/`.
    #[error("has a wrong percent-encoding")]
    Encoding,
    /// The bytes are not UTF-8.
    #[error("is not UTF-8")]
    NotUtf8,
    /// A name that Holdfast keeps for itself.
    #[error("is a reserved name")]
    Reserved,
}

/// The path of a file of a site: absolute, decoded, canonical, never reserved.
///
/// # Examples
/// ```
/// use holdfast_site::PagePath;
/// assert!(PagePath::parse("/guide/index.html").is_ok());
/// assert!(PagePath::parse("/guide/../secret").is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PagePath(String);

impl PagePath {
    /// Checks a decoded path, such as `/a/b.html`.
    ///
    /// # Errors
    /// The first rule that it breaks.
    pub fn parse(text: &str) -> Result<Self, PathError> {
        check(text)?;
        if is_reserved(text) {
            return Err(PathError::Reserved);
        }
        Ok(Self(text.to_owned()))
    }

    /// The path with its leading slash.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The key under which two paths clash on systems that ignore case.
    #[must_use]
    pub fn folded(&self) -> String {
        self.0.to_lowercase()
    }
}

impl fmt::Display for PagePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for PagePath {
    type Error = PathError;

    fn try_from(text: String) -> Result<Self, PathError> {
        Self::parse(&text)
    }
}

impl From<PagePath> for String {
    fn from(path: PagePath) -> Self {
        path.0
    }
}

impl std::borrow::Borrow<str> for PagePath {
    fn borrow(&self) -> &str {
        &self.0
    }
}

/// A request's path after its one decoding: canonical but for a slash at the end, which asks for a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestPath {
    /// Without the slash at the end; empty for the root.
    stem: String,
    folder: bool,
}

impl RequestPath {
    /// Decodes the path of a request target (RFC 3986, section 2.1) once and strictly.
    ///
    /// # Errors
    /// What cannot be the path of a page: wrong percent-encoding, an encoded slash, `.`/`..`, empty segments,
    /// control characters, over-long or non-UTF-8 paths.
    pub fn decode(raw: &str) -> Result<Self, PathError> {
        // Encoding at most triples a byte, so nothing longer can decode to a path that fits.
        if raw.len() > MAX_PATH.saturating_mul(3) {
            return Err(PathError::TooLong);
        }
        let decoded = decode_percent(raw)?;
        if decoded == "/" {
            return Ok(Self {
                stem: String::new(),
                folder: true,
            });
        }
        let (stem, folder) = match decoded.strip_suffix('/') {
            Some(stem) => (stem, true),
            None => (decoded.as_str(), false),
        };
        check(stem)?;
        Ok(Self {
            stem: stem.to_owned(),
            folder,
        })
    }

    /// The path without a slash at its end; empty for the root.
    #[must_use]
    pub fn stem(&self) -> &str {
        &self.stem
    }

    /// Whether a folder is asked for (slash at the end).
    #[must_use]
    pub fn is_folder(&self) -> bool {
        self.folder
    }
}

pub(crate) fn decode_percent(raw: &str) -> Result<String, PathError> {
    let mut bytes = Vec::with_capacity(raw.len());
    let mut rest = raw.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digits = [rest.next(), rest.next()].map(|digit| {
            char::from(digit.unwrap_or(b'%'))
                .to_digit(16)
                .and_then(|value| u8::try_from(value).ok())
        });
        let [Some(high), Some(low)] = digits else {
            return Err(PathError::Encoding);
        };
        let decoded = high.wrapping_shl(4) | low;
        if decoded == b'/' {
            return Err(PathError::Encoding);
        }
        bytes.push(decoded);
    }
    String::from_utf8(bytes).map_err(|_| PathError::NotUtf8)
}

fn check(text: &str) -> Result<(), PathError> {
    let Some(rest) = text.strip_prefix('/') else {
        return Err(PathError::NotAbsolute);
    };
    if text.len() > MAX_PATH {
        return Err(PathError::TooLong);
    }
    for segment in rest.split('/') {
        match segment {
            "" => return Err(PathError::EmptySegment),
            "." | ".." => return Err(PathError::DotSegment),
            _ if segment.len() > MAX_SEGMENT => return Err(PathError::SegmentTooLong),
            _ if segment.chars().any(|c| c.is_control() || c == '\\') => {
                return Err(PathError::Character);
            }
            _ => {}
        }
    }
    Ok(())
}

/// Names that no site may serve: Holdfast's own folder, and the files that steer it.
#[must_use]
pub fn is_reserved(path: &str) -> bool {
    let folded = path.to_ascii_lowercase();
    folded == "/.holdfast"
        || folded.starts_with("/.holdfast/")
        || matches!(folded.as_str(), "/_headers" | "/_redirects" | "/site.toml")
        || folded.ends_with(".cedar")
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]
#[allow(clippy::arithmetic_side_effects, clippy::panic)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn wrong_request_paths_are_refused() {
        for (raw, why) in [
            ("a", PathError::NotAbsolute),
            ("*", PathError::NotAbsolute),
            ("//a", PathError::EmptySegment),
            ("/a//", PathError::EmptySegment),
            ("/../a", PathError::DotSegment),
            ("/%2e%2E/a", PathError::DotSegment),
            ("/a/./b", PathError::DotSegment),
            ("/a%2fb", PathError::Encoding),
            ("/a%2", PathError::Encoding),
            ("/a%zz", PathError::Encoding),
            ("/a%+1", PathError::Encoding),
            ("/%00", PathError::Character),
            ("/a%5cb", PathError::Character),
            ("/%ff", PathError::NotUtf8),
        ] {
            assert_eq!(RequestPath::decode(raw), Err(why), "{raw}");
        }
        assert_eq!(
            RequestPath::decode(&format!("/{}", "a".repeat(256))),
            Err(PathError::SegmentTooLong)
        );
        assert_eq!(
            RequestPath::decode(&"/abc".repeat(257)),
            Err(PathError::TooLong)
        );
    }

    #[test]
    fn a_path_is_decoded_once() {
        assert_eq!(
            RequestPath::decode("/%252e%252e/a").unwrap().stem(),
            "/%2e%2e/a"
        );
        let folder = RequestPath::decode("/caf%C3%A9/").unwrap();
        assert_eq!((folder.stem(), folder.is_folder()), ("/café", true));
    }

    #[test]
    fn reserved_names_are_no_pages() {
        for path in [
            "/_headers",
            "/site.toml",
            "/.holdfast/x",
            "/a/b.cedar",
            "/.HOLDFAST/x",
        ] {
            assert_eq!(PagePath::parse(path), Err(PathError::Reserved), "{path}");
        }
        assert!(PagePath::parse("/a/_headers").is_ok());
    }

    proptest! {
        #[test]
        fn decoding_never_yields_a_path_that_leaves_the_site(raw in "/[a%2e5cEF./]{0,40}") {
            if let Ok(path) = RequestPath::decode(&raw) {
                prop_assert!(!path.stem().split('/').skip(1).any(|s| matches!(s, "" | "." | "..")));
            }
        }
    }
}
