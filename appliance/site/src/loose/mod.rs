//! What in a site's pages its Content-Security-Policy will stop, found at push so that the author hears of it there.
//!
//! A small scanner, not a parser, and only for advice: what it misses is stopped by the browser all the same.

mod evaluates;
mod tag;
mod warnings;

pub(crate) use evaluates::evaluates;
use tag::{Tag, begins, behind, raw_text_end};
pub(crate) use warnings::Warnings;

/// Bytes of a page that are looked at.
const LOOKED_AT: usize = 4 * 1024 * 1024;

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
    /// A page that is not UTF-8, so that its inline scripts are not known.
    pub(crate) not_utf8: bool,
    /// Code made of text: `eval(…)`, `new Function(…)`.
    pub(crate) evaluates: bool,
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
}
