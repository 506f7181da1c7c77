//! The tokenizer's states that decide what is a tag (HTML, section 13.2.5).

use super::script;

/// A `script` element.
pub(super) struct Token<'a> {
    pub(super) tag: Tag<'a>,
    /// From its start tag to its end tag, as written.
    pub(super) text: &'a str,
    /// Whether it stands in SVG or MathML.
    pub(super) foreign: bool,
}

/// A start or end tag.
pub(super) struct Tag<'a> {
    name: &'a str,
    /// Names and values as written; the first of a name counts.
    attributes: Vec<(&'a str, &'a str)>,
    closes_itself: bool,
}

impl<'a> Tag<'a> {
    pub(super) fn attribute(&self, name: &str) -> Option<&'a str> {
        let mut found = self.attributes.iter();
        found
            .find(|(one, _)| one.eq_ignore_ascii_case(name))
            .map(|(_, value)| *value)
    }

    fn is(&self, names: &[&str]) -> bool {
        names
            .iter()
            .any(|name| self.name.eq_ignore_ascii_case(name))
    }
}

/// Elements whose content is text up to their end tag (section 13.2.6.4). `noscript` is one where scripts may run.
const RAW: [&str; 8] = [
    "style", "textarea", "title", "noscript", "iframe", "xmp", "noembed", "noframes",
];
/// Where foreign content begins.
const FOREIGN: [&str; 2] = ["svg", "math"];
/// Where HTML begins again inside of it.
const INTEGRATION: [&str; 9] = [
    "foreignobject",
    "desc",
    "title",
    "mi",
    "mo",
    "mn",
    "ms",
    "mtext",
    "annotation-xml",
];
/// Elements of HTML that end foreign content (section 13.2.6.5).
const BREAKOUT: [&str; 44] = [
    "b",
    "big",
    "blockquote",
    "body",
    "br",
    "center",
    "code",
    "dd",
    "div",
    "dl",
    "dt",
    "em",
    "embed",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "head",
    "hr",
    "i",
    "img",
    "li",
    "listing",
    "menu",
    "meta",
    "nobr",
    "ol",
    "p",
    "pre",
    "ruby",
    "s",
    "small",
    "span",
    "strong",
    "strike",
    "sub",
    "sup",
    "table",
    "tt",
    "u",
    "ul",
    "var",
];

/// What stands open and changes how markup is read: elements of [`FOREIGN`], and of [`INTEGRATION`] inside of these.
struct Open<'a> {
    name: &'a str,
    foreign: bool,
}

/// A page that is being read.
pub(super) struct Markup<'a> {
    rest: &'a str,
    open: Vec<Open<'a>>,
}

impl<'a> Markup<'a> {
    pub(super) fn new(html: &'a str) -> Self {
        Self {
            rest: html,
            open: Vec::new(),
        }
    }

    /// The next `script` element that is closed.
    pub(super) fn next_script(&mut self) -> Option<Token<'a>> {
        loop {
            let at = self.rest.find('<')?;
            self.skip(at);
            if let Some(comment) = self.rest.strip_prefix("<!--") {
                self.rest = after_comment(comment)?;
            } else if let Some(text) = self
                .rest
                .strip_prefix("<![CDATA[")
                .filter(|_| self.foreign())
            {
                self.rest = after(text, "]]>")?;
            } else if self.rest.starts_with("<!") || self.rest.starts_with("<?") {
                self.rest = after(self.rest, ">")?;
            } else if let Some(tag) = self.rest.strip_prefix("</") {
                if tag.starts_with(|c: char| c.is_ascii_alphabetic()) {
                    let (tag, rest) = tag_at(tag)?;
                    self.rest = rest;
                    self.close(&tag);
                } else {
                    self.rest = after(tag, ">")?;
                }
            } else if self
                .rest
                .get(1..)
                .is_some_and(|tag| tag.starts_with(|c: char| c.is_ascii_alphabetic()))
            {
                self.skip(1);
                let (tag, rest) = tag_at(self.rest)?;
                self.rest = rest;
                if let Some(token) = self.start(tag)? {
                    return Some(token);
                }
            } else {
                self.skip(1);
            }
        }
    }

    /// Takes a start tag and, where its content is text, that too. The outer `None` is the end of the page.
    #[allow(clippy::option_option)]
    fn start(&mut self, tag: Tag<'a>) -> Option<Option<Token<'a>>> {
        if self.foreign() && tag.is(&BREAKOUT) {
            self.open.clear();
        }
        let foreign = self.foreign();
        if tag.is(&["script"]) {
            if foreign && tag.closes_itself {
                return Some(None);
            }
            let length = if foreign {
                script::end_in_foreign_content(self.rest)?
            } else {
                script::end(self.rest)?
            };
            let text = self.rest.get(..length)?;
            self.skip(length);
            return Some(Some(Token { tag, text, foreign }));
        }
        if foreign {
            let html = tag.is(&INTEGRATION);
            if !tag.closes_itself && (html || tag.is(&FOREIGN)) {
                let name = tag.name;
                self.open.push(Open {
                    name,
                    foreign: !html,
                });
            }
        } else if tag.is(&FOREIGN) {
            if !tag.closes_itself {
                let name = tag.name;
                self.open.push(Open {
                    name,
                    foreign: true,
                });
            }
        } else if tag.is(&["plaintext"]) {
            return None;
        } else if tag.is(&RAW) {
            self.rest = script::at_end_tag(self.rest, tag.name)?;
        }
        Some(None)
    }

    fn close(&mut self, tag: &Tag<'_>) {
        let opened = self.open.iter().rposition(|open| tag.is(&[open.name]));
        if let Some(opened) = opened {
            self.open.truncate(opened);
        }
    }

    fn foreign(&self) -> bool {
        self.open.last().is_some_and(|open| open.foreign)
    }

    fn skip(&mut self, bytes: usize) {
        self.rest = self.rest.get(bytes..).unwrap_or_default();
    }
}

fn after<'a>(text: &'a str, end: &str) -> Option<&'a str> {
    text.split_once(end).map(|(_, rest)| rest)
}

/// What follows a comment whose `<!--` is gone already (sections 13.2.5.43 to 13.2.5.52).
fn after_comment(text: &str) -> Option<&str> {
    let short = text.strip_prefix('>').or_else(|| text.strip_prefix("->"));
    if short.is_some() {
        return short;
    }
    let ends = ["-->", "--!>"].map(|end| text.find(end).map(|at| at.saturating_add(end.len())));
    let end = ends.into_iter().flatten().min()?;
    text.get(end..)
}

/// Reads a tag from its name on (sections 13.2.5.8 and 13.2.5.32 to 13.2.5.40); gives what follows it, too.
fn tag_at(text: &str) -> Option<(Tag<'_>, &str)> {
    let (name, mut rest) = split(text, |c| is_space(c) || c == '/' || c == '>');
    let mut tag = Tag {
        name,
        attributes: Vec::new(),
        closes_itself: false,
    };
    loop {
        rest = rest.trim_start_matches(is_space);
        if let Some(after) = rest.strip_prefix('>') {
            return Some((tag, after));
        }
        if let Some(after) = rest.strip_prefix('/') {
            tag.closes_itself = after.starts_with('>');
            rest = after;
            continue;
        }
        // A `=` at the beginning belongs to the name.
        let first = rest.chars().next()?.len_utf8();
        let (more, _) = split(rest.get(first..)?, |c| {
            is_space(c) || matches!(c, '/' | '>' | '=')
        });
        let length = first.saturating_add(more.len());
        let (name, after) = (rest.get(..length)?, rest.get(length..)?);
        rest = after.trim_start_matches(is_space);
        let mut value = "";
        if let Some(after) = rest.strip_prefix('=') {
            let after = after.trim_start_matches(is_space);
            (value, rest) = match after.chars().next()? {
                quote @ ('"' | '\'') => after.get(1..)?.split_once(quote)?,
                _ => split(after, |c| is_space(c) || c == '>'),
            };
        }
        tag.attributes.push((name, value));
    }
}

fn split(text: &str, at: impl Fn(char) -> bool) -> (&str, &str) {
    let end = text.find(at).unwrap_or(text.len());
    text.split_at(end)
}

pub(super) fn is_space(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\x0c' | '\r' | ' ')
}
