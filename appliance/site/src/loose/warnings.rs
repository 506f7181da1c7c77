//! What was found, in words that end in what to do.

use std::collections::BTreeMap;

use super::Loose;
use crate::header_rules::{HeaderClass, HeaderRules, header_class};
use crate::path::PagePath;

/// Pages that are named in one warning.
const NAMED: usize = 3;

/// Pages by what was found in them.
#[derive(Debug, Default)]
pub(crate) struct Warnings {
    found: BTreeMap<&'static str, (usize, Vec<String>)>,
    fields: Vec<String>,
}

type Kind = (fn(&Loose) -> bool, &'static str);

const KINDS: [Kind; 8] = [
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
    (
        |l| l.not_utf8,
        "a page that is not UTF-8, whose inline scripts do not run here; save it as UTF-8, or move the scripts into files",
    ),
    (
        |l| l.evaluates,
        "code made of text (`eval(…)`, `new Function(…)`), which does not run here; use a build of the library without it \
         (often called CSP build), or set a `Content-Security-Policy` with `'unsafe-eval'` for these pages in `_headers`, \
         which stands if the operator sets `headers_may_loosen = true` in `[site]` of holdfast.toml",
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

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
