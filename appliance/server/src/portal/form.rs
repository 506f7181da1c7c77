//! What a form or a query says (WHATWG URL, section 5: `application/x-www-form-urlencoded`).

use url::form_urlencoded;
use zeroize::Zeroizing;

/// Fields that are read of one form.
const MOST: usize = 32;

/// The fields of a form or a query. Some may be secrets.
#[derive(Default)]
pub(crate) struct Form(Vec<(String, Zeroizing<String>)>);

impl Form {
    /// Reads the first 32 fields.
    pub(crate) fn parse(bytes: &[u8]) -> Self {
        let pairs = form_urlencoded::parse(bytes).take(MOST);
        Self(
            pairs
                .map(|(name, value)| (name.into_owned(), Zeroizing::new(value.into_owned())))
                .collect(),
        )
    }

    /// The first value of this name, or nothing.
    pub(crate) fn get(&self, name: &str) -> &str {
        self.all(name).next().unwrap_or_default()
    }

    /// All values of this name.
    pub(crate) fn all<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> {
        let name = name.to_owned();
        self.0
            .iter()
            .filter(move |(found, _)| *found == name)
            .map(|(_, value)| value.as_str())
    }

    /// Where to go thereafter, if it is a path of this host.
    pub(crate) fn next(&self) -> Option<&str> {
        Some(self.get("next")).filter(|next| is_path(next))
    }
}

/// Whether it is a path of the same host: no scheme, no host, no backslash that browsers take for a slash, no control.
pub(crate) fn is_path(text: &str) -> bool {
    let mut bytes = text.bytes();
    bytes.next() == Some(b'/')
        && bytes
            .next()
            .is_none_or(|second| second != b'/' && second != b'\\')
        && text.len() <= 2048
        && text
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && byte != b'\\')
}

/// An address with `next` in its query.
pub(crate) fn with_next(to: &str, next: &str) -> String {
    let next: String = form_urlencoded::byte_serialize(next.as_bytes()).collect();
    format!("{to}?next={next}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paths_of_this_host_are_gone_to() {
        for good in ["/", "/a", "/a?b=//c", "/hand-over?challenge=x&to=%2Fa"] {
            assert!(is_path(good), "{good}");
        }
        for bad in [
            "",
            "a",
            "//evil.example",
            "/\\evil.example",
            "https://evil.example",
            "/a\\b",
            "/a\tb",
            "/a b",
            "/\n/x",
            "\\/x",
        ] {
            assert!(!is_path(bad), "{bad}");
        }
        let form = Form::parse(b"next=%2Fa%3Fb&next=//x");
        assert_eq!(form.next(), Some("/a?b"));
        assert_eq!(Form::parse(b"next=//x").next(), None);
        assert_eq!(
            with_next("/sign-in", "/a?b=c&d"),
            "/sign-in?next=%2Fa%3Fb%3Dc%26d"
        );
    }
}
