//! `_headers`: more header fields for pages, of names that a site may set.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Fault};

/// Its name.
pub(crate) const FILE: &str = "_headers";
/// Most rules of a site.
const MAX_RULES: usize = 2000;
/// Most of them that have a placeholder or `*`; each is looked at for a page.
const MAX_PATTERNS: usize = 200;
/// Most bytes of a line.
const MAX_LINE: usize = 2000;
/// Most bytes of all names and values of a site together, so that no page's header can be large.
const MAX_BYTES: usize = 32 * 1024;

/// What a field can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeaderClass {
    /// It changes nothing that keeps visitors safe, and is sent as written.
    Plain,
    /// It belongs to what the server sends for safety. `content-security-policy` is sent beside the server's own, so that
    /// it can only tighten; the others replace the server's only where the operator allows it.
    Security,
}

/// How several values of a name go together.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Many {
    /// All are sent.
    List,
    /// The last one counts.
    Last,
}

/// Names that a site may set, in lower case.
const NAMES: &[(&str, HeaderClass, Many)] = {
    use HeaderClass::{Plain, Security};
    use Many::{Last, List};
    &[
        ("access-control-allow-headers", Security, Last),
        ("access-control-allow-methods", Security, Last),
        ("access-control-allow-origin", Security, Last),
        ("access-control-expose-headers", Security, Last),
        ("access-control-max-age", Security, Last),
        ("cache-control", Plain, Last),
        ("content-disposition", Plain, Last),
        ("content-language", Plain, Last),
        ("content-security-policy", Security, List),
        ("content-security-policy-report-only", Security, List),
        ("cross-origin-embedder-policy", Security, Last),
        ("cross-origin-opener-policy", Security, Last),
        ("cross-origin-resource-policy", Security, Last),
        ("link", Plain, List),
        ("origin-agent-cluster", Plain, Last),
        ("permissions-policy", Security, Last),
        ("referrer-policy", Security, Last),
        ("server-timing", Plain, List),
        ("service-worker-allowed", Plain, Last),
        ("sourcemap", Plain, Last),
        ("speculation-rules", Plain, Last),
        ("timing-allow-origin", Plain, List),
        ("x-content-type-options", Security, Last),
        ("x-dns-prefetch-control", Plain, Last),
        ("x-frame-options", Security, Last),
        ("x-permitted-cross-domain-policies", Plain, Last),
        ("x-robots-tag", Plain, List),
        ("x-ua-compatible", Plain, Last),
    ]
};

/// What a field of this name (in lower case) can do; `None` for names that no site may set.
#[must_use]
pub fn header_class(name: &str) -> Option<HeaderClass> {
    known(name).map(|(class, _)| class)
}

fn known(name: &str) -> Option<(HeaderClass, Many)> {
    let at = NAMES
        .binary_search_by_key(&name, |(known, ..)| known)
        .ok()?;
    NAMES.get(at).map(|(_, class, many)| (*class, *many))
}

/// A rule as it travels and is stored; a path of `_headers` with its lines.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeaderRule {
    /// The pages that it is for, such as `/assets/*`.
    pub path: String,
    /// Names in lower case, and values, in their order.
    #[serde(default)]
    pub set: Vec<(String, String)>,
    /// Names that earlier rules set and this one takes away (`! Name`).
    #[serde(default)]
    pub remove: Vec<String>,
}

/// The rules of a version, in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HeaderRules {
    rules: Vec<Rule>,
    /// Rules for one path, by that path.
    exact: HashMap<String, Vec<usize>>,
    /// The others.
    patterns: Vec<usize>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Rule {
    wire: HeaderRule,
    pattern: Pattern,
}

impl HeaderRules {
    /// Checks rules.
    ///
    /// # Errors
    /// The number (from 0) of the first that cannot be kept, and why.
    pub fn build(rules: Vec<HeaderRule>) -> Result<Self, (usize, Fault)> {
        let mut all = Self::default();
        let mut bytes = 0_usize;
        for (number, wire) in rules.into_iter().enumerate() {
            let failed = |fault| (number, fault);
            let pattern = Pattern::parse(&wire.path).map_err(failed)?;
            for (name, value) in &wire.set {
                check_field(name, value).map_err(failed)?;
                bytes = bytes.saturating_add(name.len()).saturating_add(value.len());
            }
            for name in &wire.remove {
                check_name(name).map_err(failed)?;
            }
            let many = all.rules.len() >= MAX_RULES
                || pattern.exact().is_none() && all.patterns.len() >= MAX_PATTERNS;
            if many || bytes > MAX_BYTES {
                let fault = Fault::new(
                    "there are more than 2000 rules, 200 with `*` or placeholders, or 32 KiB of fields",
                    "join rules, or set fewer fields",
                );
                return Err((number, fault));
            }
            match pattern.exact() {
                Some(path) => all.exact.entry(path.to_owned()).or_default().push(number),
                None => all.patterns.push(number),
            }
            all.rules.push(Rule { wire, pattern });
        }
        Ok(all)
    }

    /// The rules as they travel, in their order.
    pub fn rules(&self) -> impl ExactSizeIterator<Item = &HeaderRule> {
        self.rules.iter().map(|rule| &rule.wire)
    }

    /// The fields for the page at a path of the manifest: names in lower case, in the order of the file.
    ///
    /// A rule is for a page when its pattern matches any spelling of the page's URL (`/a.html` and `/a`,
    /// `/b/index.html` and `/b/`), so that no spelling evades it.
    #[must_use]
    pub fn fields(&self, path: &str) -> Vec<(&str, &str)> {
        if self.rules.is_empty() {
            return Vec::new();
        }
        let spellings = spellings(path);
        let spellings = || spellings.iter().copied().flatten();
        let mut numbers: Vec<usize> = spellings()
            .filter_map(|path| self.exact.get(path))
            .flatten()
            .copied()
            .collect();
        let matching = self.patterns.iter().copied().filter(|number| {
            let rule = self.rules.get(*number);
            rule.is_some_and(|rule| spellings().any(|path| rule.pattern.matches(path)))
        });
        numbers.extend(matching);
        numbers.sort_unstable();
        numbers.dedup();
        let mut fields: Vec<(&str, &str)> = Vec::new();
        for rule in numbers.iter().filter_map(|number| self.rules.get(*number)) {
            fields.retain(|(name, _)| !rule.wire.remove.iter().any(|gone| gone == name));
            for (name, value) in &rule.wire.set {
                if known(name).is_some_and(|(_, many)| many == Many::Last) {
                    fields.retain(|(other, _)| other != name);
                }
                fields.push((name, value));
            }
        }
        fields
    }
}

/// The path of a file of the manifest, and the clean URLs that lead to it.
fn spellings(path: &str) -> [Option<&str>; 2] {
    let clean = match path.strip_suffix("index.html") {
        Some(folder) if folder.ends_with('/') => Some(folder),
        _ => path.strip_suffix(".html"),
    };
    [Some(path), clean]
}

/// Text and single-segment holes, then perhaps `*` and the text behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Pattern {
    /// Texts between placeholders; a placeholder is between each two of them.
    texts: Vec<String>,
    /// Behind a `*`, which stands for any text.
    behind: Option<String>,
}

impl Pattern {
    fn parse(path: &str) -> Result<Self, Fault> {
        if !path.starts_with('/') || path.contains(['?', '#']) {
            return Err(Fault::new(
                format!("`{path}` is no path of this site"),
                "begin the line with `/`, without host name and query; fields below it are indented",
            ));
        }
        if path.len() > MAX_LINE {
            return Err(Fault::new(
                "the path has more than 2000 bytes",
                "make it shorter",
            ));
        }
        let (before, behind) = match path.split_once('*') {
            Some((before, behind)) => (before, Some(behind)),
            None => (path, None),
        };
        if behind.is_some_and(|behind| behind.contains('*') || behind.contains("/:")) {
            return Err(Fault::new(
                format!("`{path}` has a `*` or a placeholder behind a `*`"),
                "use one `*`, and placeholders before it",
            ));
        }
        let mut texts = vec![String::new()];
        for (number, segment) in before.split('/').enumerate() {
            if number > 0 {
                push(&mut texts, "/");
            }
            if segment
                .strip_prefix(':')
                .is_some_and(|name| !name.is_empty())
            {
                texts.push(String::new());
            } else {
                push(&mut texts, &decoded(segment)?);
            }
        }
        let behind = behind.map(decoded).transpose()?;
        Ok(Self { texts, behind })
    }

    fn exact(&self) -> Option<&str> {
        match (self.texts.as_slice(), &self.behind) {
            ([text], None) => Some(text),
            _ => None,
        }
    }

    fn matches(&self, path: &str) -> bool {
        let mut rest = path;
        for (number, text) in self.texts.iter().enumerate() {
            if number > 0 {
                let end = rest.find('/').unwrap_or(rest.len());
                if end == 0 {
                    return false;
                }
                rest = rest.get(end..).unwrap_or_default();
            }
            match rest.strip_prefix(text.as_str()) {
                Some(after) => rest = after,
                None => return false,
            }
        }
        match &self.behind {
            Some(behind) => rest.ends_with(behind.as_str()),
            None => rest.is_empty(),
        }
    }
}

fn push(texts: &mut [String], text: &str) {
    if let Some(last) = texts.last_mut() {
        last.push_str(text);
    }
}

fn decoded(text: &str) -> Result<String, Fault> {
    let wrong = |_| {
        Fault::new(
            format!("`{text}` has a wrong percent-encoding"),
            "write the path as a browser's address line shows it",
        )
    };
    crate::path::decode_percent(text).map_err(wrong)
}

fn check_name(name: &str) -> Result<(), Fault> {
    if known(name).is_some() {
        return Ok(());
    }
    let way_out = match name {
        "set-cookie" => "take the line out: pages of a site set no cookies",
        "strict-transport-security" => {
            "take the line out: Holdfast sends its own, for exactly its host name"
        }
        "location" | "refresh" => "write a rule in `_redirects`",
        "content-type" => {
            "a type is set for single files: write the line under a path that matches them"
        }
        "content-encoding" | "content-length" | "transfer-encoding" | "accept-ranges" | "etag"
        | "last-modified" | "vary" | "date" | "age" | "connection" | "keep-alive" | "upgrade"
        | "trailer" | "server" | "alt-svc" | "te" => {
            "take the line out: the server knows what it sends"
        }
        "basic-auth" | "www-authenticate" | "authorization" => {
            "take the line out: a password in a pushed file protects nothing"
        }
        "expires" | "pragma" => "use `Cache-Control`, which says the same",
        "x-xss-protection" | "feature-policy" | "public-key-pins" | "expect-ct" => {
            "take the line out: browsers no longer obey it"
        }
        "report-to" | "reporting-endpoints" | "nel" => {
            "take the line out: reports of visitors' browsers go to the appliance alone"
        }
        "access-control-allow-credentials" => {
            "take the line out: no other site may use a visitor's session here"
        }
        _ => "take the line out, or use one of the names that the site author's guide lists",
    };
    Err(Fault::new(
        format!("`{name}` is no field that a site may set"),
        way_out,
    ))
}

/// Visible ASCII, blanks between (RFC 9110, section 5.5), and no value that undoes what the server promises.
fn check_field(name: &str, value: &str) -> Result<(), Fault> {
    check_name(name)?;
    let printable = value.bytes().all(|byte| (0x20..0x7f).contains(&byte));
    if value.is_empty() || value.trim() != value || !printable || value.len() > MAX_LINE {
        return Err(Fault::new(
            format!("the value of `{name}` is empty, too long, or not plain ASCII"),
            "write at most 2000 printable ASCII characters",
        ));
    }
    if name == "x-content-type-options" && !value.eq_ignore_ascii_case("nosniff") {
        return Err(Fault::new(
            format!("`{name}` has one value"),
            "write `nosniff`, or take the line out: it is always sent",
        ));
    }
    Ok(())
}

/// What [`parse`] found.
#[derive(Debug, Default)]
pub struct ParsedHeaders {
    /// The rules with their lines (from 1).
    pub rules: Vec<(usize, HeaderRule)>,
    /// `Content-Type` of files, which becomes part of their entries.
    pub types: Types,
}

/// Types that `_headers` gives to files.
#[derive(Debug, Default)]
pub struct Types(Vec<(Pattern, String)>);

impl Types {
    /// The type for a file, if a line names one; the last wins.
    #[must_use]
    pub fn find(&self, path: &str) -> Option<&str> {
        let mut matching = self
            .0
            .iter()
            .rev()
            .filter(|(pattern, _)| pattern.matches(path));
        matching.next().map(|(_, kind)| kind.as_str())
    }
}

/// Reads `_headers`: a path on a line of its own, below it indented `Name: value` or `! Name`.
///
/// # Errors
/// The first line that cannot be kept.
pub fn parse(text: &str) -> Result<ParsedHeaders, Error> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut parsed = ParsedHeaders::default();
    let mut open: Option<(usize, HeaderRule)> = None;
    for (number, line) in (1..).zip(text.lines()) {
        let failed = |fault| Error::Line {
            file: FILE,
            line: number,
            fault,
        };
        let trimmed = line.trim();
        if trimmed.is_empty() || trimmed.starts_with('#') {
            continue;
        }
        if line.len() > MAX_LINE {
            let fault = Fault::new("the line has more than 2000 bytes", "make it shorter");
            return Err(failed(fault));
        }
        if line.starts_with([' ', '\t']) {
            let (_, rule) = open.as_mut().ok_or_else(|| {
                failed(Fault::new(
                    "a field stands before any path",
                    "write the path that it is for on a line before it, such as `/*`",
                ))
            })?;
            parse_field(trimmed, rule, &mut parsed.types).map_err(failed)?;
        } else {
            Pattern::parse(trimmed).map_err(failed)?;
            finish(&mut parsed, open.take());
            let rule = HeaderRule {
                path: trimmed.to_owned(),
                set: Vec::new(),
                remove: Vec::new(),
            };
            open = Some((number, rule));
        }
    }
    finish(&mut parsed, open);
    Ok(parsed)
}

fn finish(parsed: &mut ParsedHeaders, rule: Option<(usize, HeaderRule)>) {
    let told = |rule: &HeaderRule| !rule.set.is_empty() || !rule.remove.is_empty();
    parsed.rules.extend(rule.filter(|(_, rule)| told(rule)));
}

fn parse_field(text: &str, rule: &mut HeaderRule, types: &mut Types) -> Result<(), Fault> {
    if let Some(name) = text.strip_prefix('!') {
        let name = name.trim().to_ascii_lowercase();
        check_name(&name)?;
        rule.remove.push(name);
        return Ok(());
    }
    let (name, value) = text.split_once(':').ok_or_else(|| {
        Fault::new(
            format!("`{text}` is no field"),
            "write `Name: value`, or `! Name` to take away what an earlier rule set",
        )
    })?;
    let (name, value) = (name.trim().to_ascii_lowercase(), value.trim().to_owned());
    if name == "content-type" {
        types
            .0
            .push((Pattern::parse(&rule.path)?, checked_type(&value)?));
        return Ok(());
    }
    check_field(&name, &value)?;
    rule.set.push((name, value));
    Ok(())
}

fn checked_type(value: &str) -> Result<String, Fault> {
    if crate::manifest::is_content_type(value) {
        return Ok(value.to_owned());
    }
    Err(Fault::new(
        format!("`{value}` is no content type"),
        "write one such as `application/json`",
    ))
}

#[cfg(test)]
mod tests;
