//! What in a site's pages its Content-Security-Policy will stop, found at push so that the author hears of it there.
//!
//! A small scanner, not a parser, and only for advice: what it misses is stopped by the browser all the same.

use std::collections::BTreeMap;

use crate::header_rules::{HeaderClass, HeaderRules, header_class};
use crate::path::PagePath;

/// Bytes of a page that are looked at.
const LOOKED_AT: usize = 4 * 1024 * 1024;
/// Pages that are named in one warning.
const NAMED: usize = 3;

/// How the names of event handlers go on behind `on` (HTML, section 8.1.8.2).
const EVENTS: [&str; 41] = [
    "abort",
    "after",
    "anim",
    "before",
    "blur",
    "canplay",
    "change",
    "click",
    "close",
    "contextmenu",
    "copy",
    "cut",
    "dblclick",
    "drag",
    "drop",
    "error",
    "focus",
    "hash",
    "input",
    "invalid",
    "key",
    "load",
    "message",
    "mouse",
    "offline",
    "online",
    "page",
    "paste",
    "play",
    "pointer",
    "pop",
    "reset",
    "resize",
    "scroll",
    "select",
    "submit",
    "toggle",
    "touch",
    "transition",
    "unload",
    "wheel",
];

/// What a page holds that its policy stops.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Loose {
    /// `onclick=` and the like.
    handlers: bool,
    /// `javascript:` URLs.
    script_urls: bool,
    /// Scripts or style sheets from other hosts.
    foreign_code: bool,
    /// Pictures, media or frames from other hosts.
    foreign_media: bool,
    /// Forms that send to other hosts.
    foreign_forms: bool,
    /// More inline scripts than a policy can name.
    pub(crate) too_many_scripts: bool,
}

impl Loose {
    /// Looks at a page; `origin` is the site's own.
    pub(crate) fn of(html: &str, origin: Option<&str>) -> Self {
        let mut end = html.len().min(LOOKED_AT);
        while !html.is_char_boundary(end) {
            end = end.saturating_sub(1);
        }
        let mut rest = html.get(..end).unwrap_or_default();
        let mut loose = Self::default();
        while let Some(open) = rest.find('<') {
            rest = rest.get(open..).unwrap_or_default();
            if let Some(comment) = rest.strip_prefix("<!--") {
                rest = behind(comment, "-->");
                continue;
            }
            let Some(tag) = Tag::read(rest) else {
                rest = rest.get(1..).unwrap_or_default();
                continue;
            };
            loose.note(&tag, origin);
            rest = rest.get(tag.length..).unwrap_or_default();
            if matches!(tag.name.as_str(), "script" | "style" | "textarea" | "title") {
                rest = raw_text_end(rest, &tag.name);
            }
        }
        loose
    }

    fn note(&mut self, tag: &Tag, origin: Option<&str>) {
        let value = |wanted: &str| {
            let found = tag.attributes.iter().find(|(name, _)| name == wanted);
            found.map_or("", |(_, value)| value.as_str())
        };
        let foreign = |url: &str| is_foreign(url, origin);
        for (name, value) in &tag.attributes {
            let event = name.strip_prefix("on");
            self.handlers |=
                event.is_some_and(|event| EVENTS.iter().any(|begin| event.starts_with(begin)));
            let url = matches!(name.as_str(), "href" | "src" | "action" | "formaction");
            self.script_urls |= url && begins(value.trim_start(), "javascript:");
        }
        match tag.name.as_str() {
            "script" => self.foreign_code |= foreign(value("src")),
            "link" if value("rel").to_ascii_lowercase().contains("stylesheet") => {
                self.foreign_code |= foreign(value("href"));
            }
            "img" | "source" | "video" | "audio" | "track" | "iframe" | "embed" => {
                self.foreign_media |= foreign(value("src"));
            }
            "object" => self.foreign_media |= foreign(value("data")),
            "form" => self.foreign_forms |= foreign(value("action")),
            _ => {}
        }
    }
}

/// Pages by what was found in them.
#[derive(Debug, Default)]
pub(crate) struct Warnings {
    found: BTreeMap<&'static str, (usize, Vec<String>)>,
    fields: Vec<String>,
}

const KINDS: [(fn(&Loose) -> bool, &str); 6] = [
    (
        |l| l.handlers,
        "inline event handlers (`onclick=` and the like), which do not run here; move the code into a script and attach \
         it with `addEventListener`",
    ),
    (
        |l| l.script_urls,
        "`javascript:` URLs, which do not run here; use a button and a script",
    ),
    (
        |l| l.foreign_code,
        "scripts or style sheets from other hosts, which are not loaded here; copy them into the site",
    ),
    (
        |l| l.foreign_media,
        "pictures, media or frames from other hosts, which are not loaded here; copy them into the site, or link to them",
    ),
    (
        |l| l.foreign_forms,
        "forms that send to other hosts, which browsers do not send from here; link to the form instead",
    ),
    (
        |l| l.too_many_scripts,
        "more than 48 inline scripts, of which the rest do not run; move them into a file",
    ),
];

impl Warnings {
    pub(crate) fn note(&mut self, path: &PagePath, loose: &Loose) {
        for (is_found, text) in KINDS {
            if is_found(loose) {
                let (count, named) = self.found.entry(text).or_default();
                *count = count.saturating_add(1);
                if named.len() < NAMED {
                    named.push(path.to_string());
                }
            }
        }
    }

    /// Notes fields of `_headers` that stand only where the operator allows it.
    pub(crate) fn note_headers(&mut self, headers: &HeaderRules) {
        let names = headers.rules().flat_map(|rule| &rule.set);
        let mut names: Vec<&str> = names
            .map(|(name, _)| name.as_str())
            .filter(|name| header_class(name) == Some(HeaderClass::Security))
            // These come beside the server's own, or are the same.
            .filter(|name| {
                !name.starts_with("content-security") && *name != "x-content-type-options"
            })
            .collect();
        names.sort_unstable();
        names.dedup();
        self.fields.extend(names.into_iter().map(|name| {
            format!(
                "_headers: the server's own `{name}` stands; ask the operator for `headers_may_loosen = true` in \
                 `[site]` of holdfast.toml if yours has to"
            )
        }));
    }

    pub(crate) fn texts(self) -> Vec<String> {
        let found = self.found.into_iter().map(|(text, (count, named))| {
            let more = count.saturating_sub(named.len());
            let more = if more > 0 {
                format!(" and {more} more")
            } else {
                String::new()
            };
            format!("{}{more}: {text}", named.join(", "))
        });
        found.chain(self.fields).collect()
    }
}

/// A start tag.
struct Tag {
    name: String,
    /// Names in lower case, and values.
    attributes: Vec<(String, String)>,
    /// Bytes up to and with its `>`.
    length: usize,
}

impl Tag {
    /// Reads a start tag (HTML, section 13.2.5) at the beginning of `text`; nothing for anything else.
    fn read(text: &str) -> Option<Self> {
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

fn behind<'a>(text: &'a str, end: &str) -> &'a str {
    text.split_once(end).map_or("", |(_, rest)| rest)
}

/// The text from the end tag of a raw text element on.
fn raw_text_end<'a>(text: &'a str, name: &str) -> &'a str {
    let mut rest = text;
    while let Some((_, after)) = rest.split_once("</") {
        if begins(after, name) {
            return after;
        }
        rest = after;
    }
    ""
}

fn begins(text: &str, prefix: &str) -> bool {
    text.get(..prefix.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

fn is_foreign(url: &str, origin: Option<&str>) -> bool {
    let url = url.trim();
    let absolute = begins(url, "https://") || begins(url, "http://") || url.starts_with("//");
    let own = origin.and_then(|origin| url.strip_prefix(origin));
    absolute && !own.is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?', '#']))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_the_policy_stops_is_found() {
        let of = |html| Loose::of(html, Some("https://www.example.org"));
        assert!(of("<button onclick=\"go()\">x</button>").handlers);
        assert!(of("<BODY OnLoad=go()>").handlers);
        assert!(of("<a href=' javascript:go()'>x</a>").script_urls);
        assert!(of("<script src=https://cdn.example/x.js></script>").foreign_code);
        assert!(of("<link rel=\"stylesheet\" href='//cdn.example/x.css'>").foreign_code);
        assert!(of("<img src=\"https://cdn.example/x.png\">").foreign_media);
        assert!(of("<form action='https://forms.example/'>").foreign_forms);
        assert!(of("<script>1</script><p><a onfocus=x>").handlers);
        for fine in [
            "<script>if (a < b) { document.write('<a onclick=x>') }</script>",
            "<!-- <a onclick=x> --><p>onclick=x</p>",
            "<a href='https://example.com/'>x</a><a data-on=x once=y>",
            "<script src=/x.js></script><script src=https://www.example.org/y.js></script>",
            "<title><a onclick=x></title><img src=x.png>",
            "<a title='>' href=x>",
            "<",
            "<a",
            "<a b='",
            "é<é",
        ] {
            assert_eq!(of(fine), Loose::default(), "{fine}");
        }
        assert!(of("<script src=https://www.example.org.evil/y.js></script>").foreign_code);
    }

    #[test]
    fn warnings_name_some_pages_and_count_the_rest() {
        let mut warnings = Warnings::default();
        let loose = Loose {
            handlers: true,
            ..Loose::default()
        };
        for page in 0..5 {
            let path = PagePath::parse(&format!("/{page}.html")).unwrap();
            warnings.note(&path, &loose);
        }
        let texts = warnings.texts();
        assert_eq!(texts.len(), 1);
        let text = texts.first().unwrap();
        assert!(
            text.starts_with("/0.html, /1.html, /2.html and 2 more: inline event"),
            "{text}"
        );
        assert!(text.contains("addEventListener"));
    }
}
