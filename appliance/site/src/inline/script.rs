//! Where a script ends, whether it runs, and what its text is.

use std::borrow::Cow;

use super::markup::{Tag, is_space};

/// The types of classic scripts (WHATWG MIME Sniffing, section 4.6, "JavaScript MIME type").
const JAVASCRIPT: [&str; 16] = [
    "application/ecmascript",
    "application/javascript",
    "application/x-ecmascript",
    "application/x-javascript",
    "text/ecmascript",
    "text/javascript",
    "text/javascript1.0",
    "text/javascript1.1",
    "text/javascript1.2",
    "text/javascript1.3",
    "text/javascript1.4",
    "text/javascript1.5",
    "text/jscript",
    "text/livescript",
    "text/x-ecmascript",
    "text/x-javascript",
];
/// The other types to which a policy applies (HTML, section 4.12.1.1).
const OTHER: [&str; 3] = ["module", "importmap", "speculationrules"];

/// Whether the element's own text is a script that a policy is asked about.
pub(super) fn runs_inline(tag: &Tag<'_>, foreign: bool) -> bool {
    let sources: &[&str] = if foreign {
        &["href", "xlink:href"]
    } else {
        &["src"]
    };
    if sources.iter().any(|name| tag.attribute(name).is_some()) {
        return false;
    }
    match (tag.attribute("type"), tag.attribute("language")) {
        (Some(""), _) | (None, None | Some("")) => true,
        (Some(kind), _) => {
            let kind = kind.trim_matches(is_space);
            let known = |list: &[&str]| list.iter().any(|one| one.eq_ignore_ascii_case(kind));
            // Character references are not decoded: what may be one of ours counts as one.
            kind.contains('&') || known(&JAVASCRIPT) || known(&OTHER)
        }
        (None, Some(language)) => {
            let kind = format!("text/{language}");
            JAVASCRIPT.iter().any(|one| one.eq_ignore_ascii_case(&kind))
        }
    }
}

/// The text as a browser hashes it: with LF alone (HTML, section 13.2.3.5) and without NUL (section 13.2.5.4). In foreign
/// content, sections of CDATA are text.
pub(super) fn text(written: &str, foreign: bool) -> Cow<'_, str> {
    let mut text = Cow::Borrowed(written);
    if text.contains('\r') {
        text = Cow::Owned(text.replace("\r\n", "\n").replace('\r', "\n"));
    }
    if text.contains('\0') {
        text = Cow::Owned(text.replace('\0', "\u{fffd}"));
    }
    if foreign && text.contains("<![CDATA[") {
        text = Cow::Owned(text.replace("<![CDATA[", "").replace("]]>", ""));
    }
    text
}

/// Length of a script's text up to its end tag (HTML, sections 13.2.5.15 to 13.2.5.31).
pub(super) fn end(text: &str) -> Option<usize> {
    #[derive(PartialEq)]
    enum State {
        Data,
        /// After `<!--`.
        Escaped,
        /// After a `<script` in that, whose end tag is part of the text.
        DoubleEscaped,
    }
    let mut state = State::Data;
    let mut at = 0_usize;
    loop {
        let rest = text.get(at..)?;
        let step = rest.find(['<', '-'])?;
        at = at.saturating_add(step);
        let rest = text.get(at..)?;
        if names(rest, "</", "script") {
            match state {
                State::DoubleEscaped => state = State::Escaped,
                _ => return Some(at),
            }
        } else if state == State::Data && rest.starts_with("<!--") {
            state = State::Escaped;
            // The dashes may be those of its end as well.
            at = at.saturating_add(1);
        } else if state == State::Escaped && names(rest, "<", "script") {
            state = State::DoubleEscaped;
        } else if rest.starts_with("-->") {
            state = State::Data;
        }
        at = at.saturating_add(1);
    }
}

/// Length of a script's text in foreign content, where only CDATA hides an end tag.
pub(super) fn end_in_foreign_content(text: &str) -> Option<usize> {
    let mut at = 0_usize;
    loop {
        let step = text.get(at..)?.find('<')?;
        at = at.saturating_add(step);
        let rest = text.get(at..)?;
        if names(rest, "</", "script") {
            return Some(at);
        }
        let skipped = if rest.starts_with("<![CDATA[") {
            rest.find("]]>")?
        } else {
            1
        };
        at = at.saturating_add(skipped);
    }
}

/// The rest of a page from the end tag on that ends the raw text of an element.
pub(super) fn at_end_tag<'a>(text: &'a str, element: &str) -> Option<&'a str> {
    let mut rest = text;
    loop {
        rest = rest.get(rest.find('<')?..)?;
        if names(rest, "</", element) {
            return Some(rest);
        }
        rest = rest.get(1..)?;
    }
}

/// Whether `text` begins with a tag of this name, which a space, `/` or `>` ends.
fn names(text: &str, opening: &str, name: &str) -> bool {
    let Some(rest) = text.strip_prefix(opening) else {
        return false;
    };
    let Some((found, rest)) = rest.split_at_checked(name.len()) else {
        return false;
    };
    found.eq_ignore_ascii_case(name)
        && rest.starts_with(|c: char| is_space(c) || c == '/' || c == '>')
}
