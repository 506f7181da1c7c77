//! Start tags, as far as advice needs them.

/// A start tag.
pub(super) struct Tag {
    pub(super) name: String,
    /// Names in lower case, and values.
    pub(super) attributes: Vec<(String, String)>,
    /// Bytes up to and with its `>`.
    pub(super) length: usize,
}

impl Tag {
    /// Reads a start tag (HTML, section 13.2.5) at the beginning of `text`; nothing for anything else.
    pub(super) fn read(text: &str) -> Option<Self> {
        let inner = text.strip_prefix('<')?;
        let end = inner.find(|c: char| !c.is_ascii_alphanumeric())?;
        let (name, mut rest) = inner.split_at(end);
        if !name.starts_with(|c: char| c.is_ascii_alphabetic()) {
            return None;
        }
        let mut attributes = Vec::new();
        loop {
            rest = rest.trim_start_matches(|c: char| c.is_ascii_whitespace() || c == '/');
            if let Some(after) = rest.strip_prefix('>') {
                return Some(Self {
                    name: name.to_ascii_lowercase(),
                    attributes,
                    length: text.len().saturating_sub(after.len()),
                });
            }
            let stop = |c: char| c.is_ascii_whitespace() || matches!(c, '=' | '>' | '/');
            // A `=` at the very beginning belongs to the name.
            let end = rest.char_indices().skip(1).find(|(_, c)| stop(*c))?.0;
            let (attribute, after) = rest.split_at(end);
            let spaced = after.trim_start();
            let (value, after) = match spaced.strip_prefix('=') {
                Some(value) => attribute_value(value.trim_start())?,
                None => ("", after),
            };
            attributes.push((attribute.to_ascii_lowercase(), value.to_owned()));
            rest = after;
        }
    }
}

fn attribute_value(text: &str) -> Option<(&str, &str)> {
    for quote in ['"', '\''] {
        if let Some(inner) = text.strip_prefix(quote) {
            return inner.split_once(quote);
        }
    }
    let end = text.find(|c: char| c.is_ascii_whitespace() || c == '>')?;
    Some(text.split_at(end))
}

pub(super) fn behind<'a>(text: &'a str, end: &str) -> &'a str {
    text.split_once(end).map_or("", |(_, rest)| rest)
}

/// The text from the end tag of a raw text element on.
pub(super) fn raw_text_end<'a>(text: &'a str, name: &str) -> &'a str {
    let mut rest = text;
    while let Some((_, after)) = rest.split_once("</") {
        if begins(after, name) {
            return after;
        }
        rest = after;
    }
    ""
}

pub(super) fn begins(text: &str, prefix: &str) -> bool {
    text.get(..prefix.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}
